"""One step along a path of solutions: predict, and correct in the plane normal to the last tangent."""

import equinox as eqx
import jax
import jax.numpy as jnp
import lineax as lx
from jax.flatten_util import ravel_pytree

from .. import _check
from .._trees import all_finite
from .._typing import Array, Bool, Callable, Float, Int, PyTree, Scalar
from ..linalg import Auto
from ._bordered import solve_bordered
from ._family import AbstractFamily, evaluated, relative_size, root_mean_squares
from ._method import tolerance_within_reach
from ._tangent import row_sizes


ROUNDING = 8
GROWTH = 2.0
UNSOLVED = 0.1


class ArcLength(eqx.Module):
    """Settings of `follow`: how exact the points of a path are, and how long the steps between them.

    **Arguments:**

    - `rtol`: relative residual wanted at each point; None for 1e-9 in float64, 1e-4 in float32.
    - `linear_solver`: a `lineax.AbstractLinearSolver`; all solves of a step are with one matrix, which is indefinite behind
      a limit point.
    - `first`: change of λ in the first step; None for a tenth of the way to λ = `until`. Without such an end its sign is
      the direction.
    - `turn`: angle (radians) between successive tangents that is aimed at; twice as much is refused.
    - `corrections`: Newton steps of a corrector that are aimed at; `max_corrections`: at which the step is cut back.
    - `growth`: factor by which a step may exceed the one before.
    - `shortest`: step length, beside how far the path has led, below which it is given up.
    - `modes`: how many eigenvectors of J nearest 0 are followed, to notice branch points; 0 for none.
    """

    rtol: float | None = eqx.field(static=True, default=None)
    linear_solver: lx.AbstractLinearSolver = Auto()
    first: float | None = eqx.field(static=True, default=None)
    turn: float = eqx.field(static=True, default=0.35)
    corrections: int = eqx.field(static=True, default=3)
    max_corrections: int = eqx.field(static=True, default=8)
    growth: float = eqx.field(static=True, default=2.0)
    shortest: float = eqx.field(static=True, default=1e-6)
    modes: int = eqx.field(static=True, default=5)

    def __check_init__(self):
        _check.tolerance("rtol", self.rtol)
        for name in ("turn", "shortest"):
            if not 0 < getattr(self, name) < 1:
                raise ValueError(f"`{name}` must lie between 0 and 1, got {getattr(self, name)!r}.")
        if self.first is not None and not (self.first != 0 and abs(self.first) < float("inf")):
            raise ValueError(f"`first` must be a finite number other than 0, got {self.first!r}.")
        if not self.growth > 1:
            raise ValueError(f"`growth` must be above 1, got {self.growth!r}.")
        for name, least in (("corrections", 1), ("max_corrections", 2), ("modes", 0)):
            if not isinstance(getattr(self, name), int) or getattr(self, name) < least:
                raise ValueError(f"`{name}` must be a whole number of {least} or more, got {getattr(self, name)!r}.")

    def tolerance(self, dtype) -> float:
        """Return the relative tolerance for numbers of type `dtype`; refuse one that rounding puts out of reach."""
        return tolerance_within_reach(self.rtol, dtype, 1e-9)


class Point(eqx.Module):
    """A solution on a path, its tangent (dy/ds, dλ/ds), and the rows that span the eigenvectors of J nearest 0."""

    y: PyTree
    load: Scalar
    tangent: PyTree
    rate: Scalar
    modes: Float[Array, "m n"]


class Aim(eqx.Module):
    """Where to look for the next point.

    **Attributes:**

    - `weights`: of near, its tangent, far and its tangent in the predicted point.
    - `sizes`: of each field of y, and of λ: what counts as a change of 1; fields of size 0 do not count.
    - `least`: Newton steps at least.
    """

    weights: Float[Array, "4"]
    sizes: Float[Array, " f"]
    least: Int[Array, ""]


class Reached(eqx.Module):
    """What a step led to."""

    point: Point
    good: Bool[Array, ""]
    projected: Float[Array, "2 m m"]
    observed: PyTree
    size: Scalar
    counts: Int[Array, "4"]
    """Newton steps, residual evaluations, factorisations, steps of linear solvers."""


class _State(eqx.Module):
    point: Point
    projected: Float[Array, "2 m m"]
    rows: PyTree
    size: Scalar
    moved: Scalar
    settled: Bool[Array, ""]
    done: Bool[Array, ""]
    good: Bool[Array, ""]
    counts: Int[Array, "4"]


@eqx.filter_jit
def advance(family: AbstractFamily, method: ArcLength, observe: Callable | None, near, far, aim) -> Reached:
    """Correct the predicted point in the plane normal to near's tangent, and find the tangent there.

    F(y, λ) = 0,   ⟨t, (y, λ) − (y, λ)_predicted⟩ = 0

    The one compiled program of a path. The tangent is that of the last matrix, one Newton step before the point.
    """
    weights = weigh(near.y, aim.sizes)
    row = jax.tree.map(lambda w, t: w * t, weights, near.tangent)
    corner = near.rate / aim.sizes[-1] ** 2
    y, load = predicted(near, far, aim.weights)
    dtype = load.dtype
    start = _State(
        Point(y, load, near.tangent, near.rate, near.modes),
        jnp.full((2, *(len(near.modes),) * 2), jnp.nan, dtype),
        jax.tree.map(jnp.zeros_like, y),
        jnp.full((), jnp.inf, dtype),
        jnp.full((), jnp.inf, dtype),
        jnp.zeros((), bool),
        jnp.zeros((), bool),
        jnp.zeros((), bool),
        jnp.zeros(4, jnp.int32),
    )

    def body(state):
        found, rate = evaluated(family, state.point.y, state.point.load)
        size = relative_size(found, state.rows)
        finite = all_finite((found.residual, rate)) & jnp.isfinite(size)
        steps = state.counts[0]
        enough = (size <= method.tolerance(dtype)) | state.settled
        good = finite & enough & (steps >= aim.least)
        failed = ~finite | (steps >= method.max_corrections)
        judged = eqx.tree_at(
            lambda s: (s.size, s.good, s.done, s.counts),
            state,
            (size, good, good | failed, state.counts.at[1].add(1)),
        )
        go_on = lambda: _corrected(family, method, judged, (found.residual, rate), (row, corner), (weights, aim.sizes))
        return jax.lax.cond(judged.done, lambda: judged, go_on)

    end = jax.lax.while_loop(lambda state: ~state.done, body, start)
    problem, _ = family.at(end.point.load)
    seen = None if observe is None else observe(problem, problem.value(end.point.y))
    return Reached(end.point, end.good, end.projected, seen, end.size, end.counts)


def _corrected(family, method, state, equation, plane, metric) -> _State:
    """One Newton step, the tangent by the same matrix, and whether to give up."""
    (weights, sizes), (row, corner), at = metric, plane, state.point
    problem, args = family.at(at.load)
    operator = problem.jacobian(at.y, args)
    flat_row, unravel = ravel_pytree(row)
    found = solve_bordered(operator, method.linear_solver, *equation, flat_row, corner, at.modes)
    step, response = unravel(found.step), unravel(found.response)
    y, load = jax.tree.map(jnp.add, at.y, step), at.load + found.load_step
    moved = jnp.sqrt(inner(weights, sizes, (step, found.load_step), (step, found.load_step)))
    tiny = jnp.all(root_mean_squares(step) <= ROUNDING * jnp.finfo(load.dtype).eps * root_mean_squares(y))
    # The path goes on to where the plane's normal points.
    tangent, rate = jax.tree.map(jnp.negative, response), jnp.ones_like(load)
    length = jnp.sqrt(inner(weights, sizes, (tangent, rate), (tangent, rate)))
    ahead = sum(jax.tree.leaves(jax.tree.map(jnp.vdot, row, tangent))) + corner * rate
    length = jnp.where(ahead < 0, -length, length)
    tangent, rate = jax.tree.map(lambda t: t / length, tangent), rate / length
    steps = state.counts[0]
    astray = (found.error > UNSOLVED) | ~jnp.isfinite(moved) | ((moved > GROWTH * state.moved) & ~tiny)
    counts = state.counts + jnp.stack([jnp.ones_like(steps), 0 * steps, found.factorisations, found.linear_steps])
    rows = row_sizes(operator, at.y, None)
    return _State(
        Point(y, load, tangent, rate, found.modes),
        found.projected,
        rows,
        state.size,
        moved,
        tiny,
        astray,
        jnp.zeros((), bool),
        counts,
    )


def weigh(y: PyTree, sizes) -> PyTree:
    """Return for each field of y the weight of its squares: their mean in units of the field's size, over all fields."""
    leaves, structure = jax.tree.flatten(y)
    weight = lambda leaf, size: jnp.where(size > 0, 1 / (len(leaves) * max(leaf.size, 1) * size**2), 0.0)
    found = [weight(leaf, size).astype(leaf.dtype) for leaf, size in zip(leaves, sizes[:-1], strict=True)]
    return jax.tree.unflatten(structure, found)


def inner(weights, sizes, a, b) -> Scalar:
    """Return ⟨a, b⟩ of two changes (y, λ)."""
    each = jax.tree.map(lambda w, x, y: w * jnp.vdot(x, y), weights, a[0], b[0])
    return sum(jax.tree.leaves(each)) + a[1] * b[1] / sizes[-1] ** 2


def predicted(near: Point, far: Point, weights) -> tuple[PyTree, Scalar]:
    """Return the combination of two points and their tangents."""
    a, b, c, d = weights
    mix = lambda p, s, q, t: a * p + b * s + c * q + d * t
    y = jax.tree.map(mix, near.y, near.tangent, far.y, far.tangent)
    return y, mix(near.load, near.rate, far.load, far.rate)
