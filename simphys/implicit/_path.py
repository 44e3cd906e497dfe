"""What following a path of solutions leads to."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

from .._result import RESULTS
from .._told import listing
from .._typing import Any, Array, Callable, Float, Int, PyTree, Scalar
from ._arclength import Point
from ._certificate import Solution, Stats
from ._family import AbstractFamily
from ._problem import AbstractRootProblem


class CriticalPoint(eqx.Module):
    """A point of a path at which the tangent J is singular: a limit point or a branch point.

    **Attributes:**

    - `load`, `length`: λ and the arc length.
    - `value`: of the solution there; `observed`: what `observe` reads off it.
    - `mode`: the change of `value` along J's null vector, of which the largest unknown is 1.
    - `point`, `direction`, `sizes`: where and how `follow(branch=…)` begins.
    """

    load: Scalar
    length: Scalar
    value: PyTree
    observed: PyTree
    mode: PyTree
    point: Point
    direction: PyTree
    sizes: Float[Array, " f"]

    def __repr__(self):
        return listing(self)


class Path(eqx.Module):
    """A path of solutions F(y, λ) = 0.

    **Attributes:**

    - `loads`: λ at each point, (k,); the first is where the path began.
    - `lengths`: arc length, ∫ √(dλ² + |dy|²), each field of y in units of its change (root mean square) per λ at the
      beginning; (k,).
    - `rates`: dλ/ds in a metric that follows the path: its sign changes at limit points; (k,).
    - `negative`: how many of the eigenvalues of J that are followed are below 0; (k,).
    - `observed`: what `observe` returned at each point, stacked; None without it.
    - `limit_points`, `branch_points`: tuples of `CriticalPoint`, in their order.
    - `value`: of the solution at the end of the path; `load`: λ there, a Python number.
    - `problem`, `args`: the problem whose solution that is.
    - `solution`: the `Solution` of a plain `solve` at λ = `until`; None where the path ended elsewhere.
    - `result`: an item of `RESULTS`.
    - `stats`: counts; `newton_steps` are of all correctors and plain solves together.
    """

    loads: Float[Array, " k"]
    lengths: Float[Array, " k"]
    rates: Float[Array, " k"]
    negative: Int[Array, " k"]
    observed: PyTree
    limit_points: tuple[CriticalPoint, ...]
    branch_points: tuple[CriticalPoint, ...]
    value: PyTree
    load: float = eqx.field(static=True)
    problem: AbstractRootProblem
    args: Any
    solution: Solution | None
    result: RESULTS
    stats: Stats

    def __repr__(self):
        return listing(self)


class Step(eqx.Module):
    """What the user's `stop` is asked about: the last point of a path, and how many critical points there were."""

    number: int
    load: float
    length: float
    rate: float
    negative: int
    observed: PyTree
    limit_points: int
    branch_points: int

    def __repr__(self):
        return listing(self)


@eqx.filter_jit
def shown(family: AbstractFamily, observe: Callable | None, y: PyTree, load: Scalar, direction: PyTree):
    """Return the value at y and λ, its change along a direction, and what is observed."""
    problem, _ = family.at(load)
    value, change = jax.jvp(problem.value, (y,), (direction,))
    return value, change, None if observe is None else observe(problem, value)


def critical(family, observe, point: Point, direction, length: float, sizes) -> CriticalPoint:
    """Return the record of a point at which J has the null vector `direction`, flat."""
    _, unravel = ravel_pytree(point.y)
    largest = direction[np.argmax(np.abs(direction))]
    direction = unravel(jnp.asarray(direction / largest, point.load.dtype))
    value, mode, observed = shown(family, observe, point.y, point.load, direction)
    real = lambda x: jnp.asarray(x, point.load.dtype)
    return CriticalPoint(point.load, real(length), value, observed, mode, point, direction, real(sizes))


def stacked(records: list, dtype) -> tuple[Array, Array, Array, Array, PyTree]:
    """Return the columns of a path's records (λ, s, dλ/ds, negative, observed)."""
    loads, lengths, rates, negative, observed = zip(*records, strict=True)
    seen = jax.tree.map(lambda *each: jnp.stack(each), *observed)
    real = lambda x: jnp.asarray(np.asarray(x), dtype)
    return real(loads), real(lengths), real(rates), jnp.asarray(negative, jnp.int32), seen
