"""Paths of solutions, followed by their arc length through limit points and past branch points."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from .._frozen import thawed
from .._hidden import on_host
from .._keyed import keyed
from .._progress import Progress, told
from .._result import RESULTS
from .._trees import any_traced
from .._typing import Any, Callable, PyTree
from ..linalg import describe
from ._arclength import ArcLength, Point
from ._certificate import Stats
from ._family import Blended, family_of
from ._path import CriticalPoint, Path, shown, stacked
from ._problem import AbstractRootProblem
from ._solve import NotConverged, solve
from ._trail import Trail
from ._walk import Walk


@told("path")
@on_host("Following a path")
def follow(
    problem: AbstractRootProblem | Callable,
    guess: PyTree | None = None,
    args: Any = None,
    *,
    start: AbstractRootProblem | None = None,
    begin: float = 0.0,
    until: float | None = 1.0,
    steps: int = 100,
    observe: Callable | None = None,
    stop: Callable | None = None,
    branch: CriticalPoint | None = None,
    perturbation: float | None = None,
    method: ArcLength | None = None,
    throw: bool = True,
    progress: Progress = None,
) -> Path:
    r"""Follow the solutions of F(y, λ; θ) = 0 by their arc length, through limit points and past branch points.

    [ J    ∂F/∂λ ] [δy]     [F]
    [ tᵀ    t_λ  ] [δλ] = − [0],   J, ∂F/∂λ at the point reached, (t, t_λ) the last tangent

    Pseudo-arclength continuation (Riks, Crisfield, Keller): the path is extrapolated by its last tangents, and corrected by
    Newton's method in the plane normal to the tangent, with two solves by one factor of J in each step. Step lengths
    follow the turning of the tangent and the number of Newton steps. A loop on the host over one compiled program.

    **Arguments:**

    - `problem`: what has a solution for each λ. A balance law: the path leads from its unloaded state (λ = 0) to the
      problem as posed (1) and beyond, θ(λ) = (1 − λ) θ₀ + λ θ. A `RootProblem`: λ is its `args`. A function λ ↦ root
      problem, in which any parameter may depend on λ (`lambda load: eqx.tree_at(where, problem, load)`).
    - `guess`: of the solution's value where the path begins.
    - `args`: of the problem's methods; for a `RootProblem`, a function λ ↦ args.
    - `start`: a problem of the same structure that `guess` solves, in place of the unloaded one.
    - `begin`: λ at which the path of a `RootProblem` or of a function begins.
    - `until`: λ at which it ends, by a plain `solve`; None for a path that `steps` or `stop` end.
    - `steps`: points at most; without reaching `until` or being stopped this is a failure.
    - `observe`: function (problem, value) → arrays that are recorded at each point.
    - `stop`: function of the last `Step` (`number`, `load`, `length`, `rate`, `negative`, `observed`, `limit_points`,
      `branch_points`) that ends the path where it returns True.
    - `branch`: a `CriticalPoint` of an earlier path of the same problem, to begin a path there that leaves along its mode.
    - `perturbation`: by how much the largest unknown changes along the mode in the first step then; its sign is the side.
    - `method`: an `ArcLength`.
    - `throw`: raise on failure; otherwise look at `result`.
    - `progress`: True, False, or a function that is told lines; by default one on terminals and in notebooks after 2 s.

    **Returns:** a `Path`. It has no derivatives; those of the end are `solve`'s: `solve(problem, guess=path.value)`, or at
    another λ `solve(path.problem, path.value, path.args)`.

    **Raises:** `NotConverged`, whose `solution` is the `Path` so far (of the beginning: a `Solution`). `ValueError` for
    arguments that do not fit, and under transformations.

    Reference: E. Riks, Int. J. Solids Struct. 15 (1979) 529; M. A. Crisfield, Computers & Structures 13 (1981) 55;
    H. B. Keller, in Applications of Bifurcation Theory, Academic Press 1977, 359.
    """
    problem, args, start = thawed((problem, args, start))
    _refuse_traced((problem, guess, args, start, branch))
    _check_ends(until, steps, branch, perturbation)
    method = ArcLength() if method is None else method
    family, observe = family_of(problem, args, start), keyed(observe)
    if isinstance(family, Blended) and begin != 0:
        raise ValueError(
            f"`begin` is of equations in which λ is a parameter; the path of this one begins at 0, got {begin!r}."
        )
    if start is not None and guess is None:
        raise ValueError("`start` needs `guess`: the value of its solution.")
    if branch is None:
        y, load, found = _beginning(family, guess, begin, throw)
    else:
        y, load, found = branch.point.y, branch.point.load, None
    trail = _departed(Walk(family, method, observe, load.dtype), y, load, until, branch, perturbation, found)
    trail.walk_on(steps, stop, progress)
    return _finished(trail, throw)


def _refuse_traced(given):
    if any_traced(given):
        raise ValueError(
            "`follow` runs on the host and has no derivative: something that it is given is a traced value of the "
            "transformation around it. Follow the path first; the solution at its end is differentiated by "
            "`solve(problem, guess=path.value)`."
        )


def _check_ends(until, steps, branch, perturbation):
    if not isinstance(steps, int) or steps < 1:
        raise ValueError(f"`steps` must be a whole number of 1 or more, got {steps!r}.")
    if until is not None and not np.isfinite(until):
        raise ValueError(f"`until` must be a finite load factor or None, got {until!r}.")
    if (branch is None) != (perturbation is None) or perturbation == 0:
        raise ValueError("`branch` and `perturbation`, a size other than 0, belong together.")
    if branch is not None and not isinstance(branch, CriticalPoint):
        raise ValueError(f"`branch` must be one of a path's `branch_points`, got {branch!r}.")


def _beginning(family, guess, begin, throw):
    """Return the unknowns of a solution where the path begins, λ there, and the `Solution` if that was to be found."""
    if isinstance(family, Blended):
        y = family.at(jnp.zeros(()))[0].unknowns(guess)
        return y, jnp.zeros((), jnp.result_type(*jax.tree.leaves(y))), None
    unknowns = lambda dtype: family.exactly(begin, dtype)[0].unknowns(guess)
    dtype = jnp.result_type(*jax.tree.leaves(unknowns(jnp.result_type(float))))
    problem, args = family.exactly(begin, dtype)
    found = solve(problem, guess, args, throw=throw)
    return problem.unknowns(found.reached), jnp.asarray(begin, dtype), found


def _departed(walk, y, load, until, branch, perturbation, found) -> Trail:
    """Return a trail that has begun, at a branch point or else in the direction of λ."""
    method, zero = walk.method, jax.tree.map(jnp.zeros_like, y)
    if branch is not None:
        towards = jax.tree.map(lambda d: d * np.sign(perturbation), branch.direction)
        trail = Trail(walk, Point(y, load, towards, jnp.zeros_like(load), branch.point.modes), until)
        trail.leave(branch, perturbation)
        return trail
    way = None if until is None else until - float(load)
    if way == 0:
        raise ValueError(f"The path begins at λ = {until!r}, where it is to end.")
    first = method.first if method.first is not None else 0.1 * (way or 1.0)
    first = first if way is None else np.sign(way) * min(abs(first), abs(way))
    size = sum(leaf.size for leaf in jax.tree.leaves(y))
    modes = np.linalg.qr(np.random.default_rng(0).standard_normal((size, min(method.modes, size))))[0].T
    real = lambda x: jnp.asarray(x, load.dtype)
    trail = Trail(walk, Point(y, load, zero, real(np.sign(first)), real(modes)), until)
    if found is not None:
        walk.counts[0] += int(found.stats.newton_steps)
        trail.result = found.result
    if trail.result == RESULTS.successful:
        trail.depart(first)
    return trail


def _finished(trail: Trail, throw: bool) -> Path:
    """Solve at λ = `until`, if that was met, and put the path together."""
    walk, point, solution = trail.walk, trail.near, None
    load = float(point.load)
    if trail.goal is not None:
        load = float(trail.until)
        problem, args = walk.family.exactly(load, walk.dtype)
        solution = solve(problem, problem.value(trail.goal.y), args, throw=False)
        walk.counts[0] += int(solution.stats.newton_steps)
        point = eqx.tree_at(lambda p: p.y, trail.goal, problem.unknowns(solution.reached))
        trail.result = solution.result
    problem, args = walk.family.exactly(load, walk.dtype)
    value, _, observed = shown(walk.family, walk.observe, point.y, point.load, point.tangent)
    trail.end_at(point, observed, solution is not None)
    good = trail.result == RESULTS.successful
    counts = (jnp.asarray(n, jnp.int32) for n in (*walk.counts, walk.cutbacks))
    path = Path(
        *stacked(trail.records, walk.dtype),
        tuple(trail.limits),
        tuple(trail.branches),
        value if solution is None or not good else solution.value,
        load,
        problem,
        args,
        solution,
        trail.result,
        Stats(*counts, describe(walk.method.linear_solver, eqx.filter_eval_shape(problem.jacobian, point.y, args))),
    )
    if throw and not good:
        reached = f" λ = {load:.6g} was reached, after {len(trail.records) - 1} steps."
        raise NotConverged(str(RESULTS[trail.result]) + reached, path)
    return path
