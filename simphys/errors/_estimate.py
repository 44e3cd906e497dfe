"""The error of a goal because of the mesh, by a dual-weighted residual on a richer space."""

import time
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import lineax as lx
import numpy as np

from .._hidden import compiled, on_host
from .._typing import Array, Callable, PyTree, Scalar
from ..fem import altered
from ..implicit import Solution, solve
from ..physics import AbstractBalance, NodalForces
from ._asking import check_asks
from ._enriched import Enrichment
from ._goals import ResultantValue, placed
from ._two_grid import solved
from ._unassembled import MOST_UNKNOWNS, enriched, solved_unassembled


RTOL = 1e-2
"""Relative residual of the linear problems where these are iterated: a hundredth of the estimate."""


class Estimate(eqx.Module):
    """What `estimate_error` finds.

    **Attributes:**

    - `value`: J(u_h), the goal on the mesh as it is.
    - `error`: estimate of J(u) − J(u_h), its sign included.
    - `corrected`: their sum.
    - `effectivity_hint`: what the goal changes by on the way to the richer space's next Newton iterate, relative to
      `error`: 1 for linear problems and goals; far from it the error is too large for its estimate to be more than an order
      of magnitude.
    - `indicators`: each cell's part of `error`, (cell,); they sum up to it, but for differences of quadrature.
    - `algebraic`: the part of the error that solving the equations of the mesh more exactly would remove.
    - `degree`: of the richer space.
    - `seconds`: what it took.
    """

    value: float
    error: float
    corrected: float
    effectivity_hint: float
    indicators: Array
    algebraic: float
    degree: int
    seconds: float

    def __str__(self):
        return f"{self.value:.8g} ± {abs(self.error):.2g} (mesh), corrected {self.corrected:.8g}"

    __repr__ = __str__


def estimate_error(goal: Callable[[AbstractBalance, PyTree], Scalar]) -> Callable[..., Estimate]:
    r"""Estimate how wrong a goal is because of the mesh.

    J(u) − J(u_h) ≈ J⁺(P u_h) − J(u_h) − ⟨z, R⁺(P u_h)⟩,   (∂R⁺/∂u)ᵀ z = ∂J⁺/∂u

    R⁺ is the residual on the space of one degree more, P u_h the solution in it: one residual and one linear solve there.

    **Arguments:**

    - `goal`: (problem, value) → scalar, differentiable in the value; it must ask the problem for its space
      (`problem.space.evaluate(value, sensors)`, `problem.resultant(value, "right")[0]`), never for numbers of nodes. Or
      a `PointValue` or `ResultantValue`, which find their place on any mesh.

    **Returns:** a function (problem, solution=None, enrichment=None) → `Estimate`; without a `Solution` the problem is
    solved, an `Enrichment` that was made before serves all problems of one structure.

    **Raises:** `ValueError` for a goal that is no scalar or not differentiable (integers, comparisons, a slope that is not
    finite), and for problems without a richer space.

    Reference: R. Becker, R. Rannacher, Acta Numerica 10 (2001) 1.
    """
    if not callable(goal):
        raise ValueError(f"`goal` must be a function (problem, value) → scalar, got {goal!r}.")

    @on_host("An estimate")
    def estimate(
        problem: AbstractBalance, solution: Solution | PyTree | None = None, enrichment: Enrichment | None = None
    ) -> Estimate:
        if not isinstance(problem, AbstractBalance):
            raise ValueError(f"`problem` must be a balance law on a mesh, got {type(problem).__name__}.")
        solution = solve(problem) if solution is None else solution
        value = solution.value if isinstance(solution, Solution) else solution
        begun = time.perf_counter()
        here = placed(goal, problem)
        _check_goal(here, problem, value)
        enrichment = enriched(problem) if enrichment is None else enrichment
        if here is goal and not isinstance(goal, ResultantValue):
            check_asks(goal, enrichment, problem, value)
        found, enrichment = compared(here, _Richer(here), enrichment, problem, value, stepped=not problem.linear)
        _check_slope(here, problem, value, found)
        if not bool(found.solved):
            raise ValueError("The dual problem on the richer space has no solution: is the problem at a limit point?")
        now, error = float(found.now), float(found.there - found.now + found.weighted)
        hint = float(found.after - found.now) / error if error and not problem.linear else 1.0
        return Estimate(
            now, error, now + error, hint, np.asarray(found.indicators), float(found.algebraic),
            enrichment.degree, time.perf_counter() - begun,
        )  # fmt: skip

    return estimate


class _Richer(eqx.Module):
    """A goal as one of the richer problem."""

    goal: Callable

    def __call__(self, enrichment, problem, rich, value):
        return self.goal(rich, value)


def _check_goal(goal, problem, value):
    found = check_real(goal, problem, value)
    if not hasattr(found, "shape") or found.shape != ():
        raise ValueError(f"`goal` must return a real scalar, got {found}.")
    try:
        eqx.filter_eval_shape(lambda p, v: jax.grad(lambda v: goal(p, v))(v), problem, value)
    except (ValueError, NotImplementedError) as error:
        raise ValueError(f"`goal` is not differentiable: {str(error).splitlines()[0]}") from error


def _check_slope(goal, problem, value, found: "Comparison"):
    """Raise `ValueError` for a goal without a derivative at the solution."""
    slope, now = float(found.slope), float(found.now)
    if not np.isfinite(now):
        raise ValueError(f"`goal` is {now} at the solution.")
    if not np.isfinite(slope):
        raise ValueError("`goal` is not differentiable at the solution: its derivative is not finite there.")
    if slope == 0:
        moved = jax.tree.map(lambda u: 1.37 * u, value)
        if float(found.there) != now or float(goal(problem, moved)) != now:
            raise ValueError(
                "`goal` is not differentiable: its derivative is 0 everywhere though its value changes with the solution "
                "(a comparison, a rounding or a number of something?)."
            )
        raise ValueError("`goal` does not depend on the solution: its derivative is 0 everywhere.")


def check_real(goal, problem, value):
    """Return the shapes of what a goal reads; raise `ValueError` for what are no real numbers, of which nothing has a
    derivative or an error."""
    try:
        found = eqx.filter_eval_shape(goal, problem, value)
    except (jax.errors.TracerArrayConversionError, jax.errors.ConcretizationTypeError) as error:
        raise ValueError(
            "`goal` is not differentiable: it makes plain numbers of the solution (`float`, `if`, NumPy). Use `jax.numpy`."
        ) from error
    real = lambda leaf: hasattr(leaf, "dtype") and jnp.issubdtype(leaf.dtype, jnp.floating)
    if not jax.tree.leaves(found) or not all(map(real, jax.tree.leaves(found))):
        raise ValueError(f"`goal` must return real numbers (others have no derivative), got {found}.")
    return found


class Comparison(NamedTuple):
    """What is read off a solution on the mesh and on the richer space.

    **Attributes:**

    - `now`: on the mesh; `there`: of P u_h on the richer space; `after`: after one Newton step there.
    - `weighted`: −⟨z, R⁺⟩, z the dual of the first number that is read; `slope`: the size of its derivative.
    - `indicators`: each cell's part of that number's error; `algebraic`: what the mesh's own equations leave of it.
    - `solved`: whether both linear problems were.
    """

    now: PyTree
    there: PyTree
    after: PyTree
    weighted: Scalar
    slope: Scalar
    indicators: Array
    algebraic: Scalar
    solved: Array


@compiled
def compare(
    own: Callable, richer: Callable, enrichment: Enrichment, problem: AbstractBalance, value, *, stepped: bool = True
) -> Comparison:
    """Read numbers off a solution on both spaces.

    **Arguments:**

    - `own`: (problem, value) → numbers, of the problem on its mesh.
    - `richer`: (enrichment, problem, rich, value) → the same, of a value of the richer problem.
    - `stepped`: whether `after` is wanted: a Newton step takes a linear solve more.
    """
    rich = enrichment(problem)
    y = rich.unknowns(enrichment.prolonged(value))
    # As the constraints have it, which interpolation alone may miss.
    start = rich.value(y)
    first = lambda rich, value: jnp.ravel(jax.tree.leaves(richer(enrichment, problem, rich, value))[0])[0]
    slope = jax.grad(lambda y: first(rich, rich.value(y)))(y)
    forces, _, _ = rich.forces(_fields(start))
    residual = rich.split(rich.system.reduction.reduce(forces, rich.spaces, rich.constraints))
    dual, step, good = _both((enrichment, problem, rich, value), y, slope, residual if stepped else None)
    weighted = -_inner(dual, residual)
    weights = tuple(map(jnp.subtract, enrichment.changes(rich, dual), _reactions(first, rich, start)))
    # What the mesh itself could test with tells nothing of where it is too coarse.
    below = _conformed(problem, [down(z) for down, z in zip(enrichment.downs, weights, strict=True)])
    fine = (z - up(y) for z, up, y in zip(weights, enrichment.maps, below, strict=True))
    held = (r if (h := space.hanging) is None else h.folded(r) for r, space in zip(forces, rich.spaces, strict=True))
    indicators = enrichment.by_cell([-z * r for z, r in zip(fine, held, strict=True)])
    algebraic = -_inner(enrichment.down(problem, rich, dual), problem.residual(problem.unknowns(value)))
    read = lambda value: richer(enrichment, problem, rich, value)
    after = read(rich.value(jax.tree.map(jnp.add, y, step)) if stepped else start)
    size = sum(jnp.sum(jnp.abs(s)) for s in jax.tree.leaves(slope))
    return Comparison(own(problem, value), read(start), after, weighted, size, indicators, algebraic, good)


def compared(own, richer, enrichment: Enrichment, problem, value, *, stepped: bool = True):
    """`compare`, and once more with a matrix where a solve without one has failed; with the enrichment that was used."""
    found = compare(own, richer, enrichment, problem, value, stepped=stepped)
    size = sum(space.n_dofs for space in enrichment.spaces)
    if enrichment.matrix or bool(found.solved) or size > MOST_UNKNOWNS[enrichment.spaces[0].mesh.dim]:
        return found, enrichment
    enrichment = Enrichment(problem)
    return compare(own, richer, enrichment, problem, value, stepped=stepped), enrichment


def _both(known, y, slope, residual):
    """The dual and, with a residual, the Newton step; by one factor where the tangent is symmetric."""
    (enrichment, _, rich, _), to_step = known, jax.tree.map(jnp.negative, residual)
    vectors = (slope,) if residual is None else (slope, to_step)
    if not enrichment.matrix:
        found, good = solved_unassembled(*known, y, vectors)
        return found[0], found[-1], good
    operator = rich.jacobian(y)
    if lx.is_symmetric(operator) or residual is None:
        found, good = solved(*known, operator if lx.is_symmetric(operator) else operator.T, vectors, RTOL)
        return found[0], found[-1], good
    (dual,), first = solved(*known, operator.T, (slope,), RTOL)
    (step,), second = solved(*known, operator, (to_step,), RTOL)
    return dual, step, first & second


def _conformed(problem, fields):
    """Fields whose values at nodes that hang are those of the larger cells beside them."""
    hanging = (space.hanging for space in problem.spaces)
    return [u if h is None else h.conformed(u) for u, h in zip(fields, hanging, strict=True)]


def _inner(a, b):
    return sum(jnp.vdot(x, y) for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True))


def _fields(value):
    return value if isinstance(value, tuple) else (value,)


def _reactions(goal, rich, value):
    """How a goal depends on the forces of constraints, for each field: on what added nodal forces would take away."""

    def loaded(forces):
        added = (NodalForces(f, field) for field, f in enumerate(forces))
        return goal(altered(rich, loads=(*rich.loads, *added)), value)

    none = tuple(jnp.zeros_like(field) for field in _fields(value))
    return jax.tree.map(jnp.negative, jax.grad(loaded)(none))
