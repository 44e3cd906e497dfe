"""Steady states where Newton's method does not lead: in time, by ever longer steps."""

import equinox as eqx
import jax
import jax.numpy as jnp

from .. import _check
from .._hidden import compiled, on_host
from .._result import RESULTS
from .._typing import PyTree
from ..grids import AbstractGridProblem
from ..implicit import AbstractAdjoint, Newton, NotConverged, Solution, relative_norm, solve
from ..physics import AbstractBalance
from ._backward_euler import BackwardEuler
from ._kinds import evolution_of
from ._march import check_fits, solving
from ._stepper import Memory


LEAST, CUTBACK, SMALLEST = 0.5, 0.25, 1e-8


@on_host("Settling")
def settle(
    problem: AbstractBalance | AbstractGridProblem,
    state: PyTree,
    first_step: float,
    *,
    growth: float = 2.0,
    steps: int = 200,
    near: float = 1e-3,
    method: Newton | None = None,
    adjoint: AbstractAdjoint | None = None,
    throw: bool = True,
) -> Solution:
    r"""Find a steady state by pseudo-transient continuation: backward Euler, whose steps grow as the state comes to rest.

    [S(u₁) − S(u₀)] / h + R(u₁) = 0,     h ← h · min(growth, max(½, ‖R(u₀)‖ / ‖R(u₁)‖))

    What is stable in time is found from any state that leads there, and no unstable state is. As soon as R, relative to
    what is summed up in it, is below `near`, `solve` takes the last steps; a step that cannot be solved is tried again with
    a quarter of its length. A loop on the host over one compiled step.

    **Arguments:**

    - `problem`: a balance law that stores something, by its first time derivative; or one on a grid.
    - `state`: where to begin, as for `march`: (v, p) of a flow on a mesh, numbers are spread.
    - `first_step`: h at the beginning: for flows a length over a velocity.
    - `growth`: how much longer a step is than the last at most.
    - `steps`: how many there are at most.
    - `near`: relative residual below which `solve` is tried; a tenth of it from each failure on.
    - `method`, `adjoint`: as for `solve`.
    - `throw`: raise on failure; otherwise look at `result`.

    **Returns:** the `Solution` of the last `solve`. It has no derivatives; those are of `solve(problem, guess=value)`.

    **Raises:** `NotConverged` with `steps_used_up` where the state did not come to rest, as in a flow that oscillates;
    `reached` is the last one. `ValueError` for arguments that do not fit.

    Reference: C. T. Kelley, D. E. Keyes, SIAM J. Numer. Anal. 35 (1998) 508.
    """
    evolution = evolution_of(problem)
    check_fits(BackwardEuler(), evolution)
    h = float(_check.positive("first_step", first_step))
    if not growth > 1 or not isinstance(steps, int) or steps < 1:
        raise ValueError(f"`growth` must exceed 1 and `steps` be a whole number of 1 or more, got {growth}, {steps!r}.")
    _check.tolerance("near", near)
    method = evolution.method() if method is None else method
    options = dict(method=Newton() if method is None else method, adjoint=adjoint, throw=False)
    u, unrest, smallest = _begun(problem, state), jnp.inf, SMALLEST * h
    for _ in range(steps):
        after, good, left = _advance(evolution, u, jnp.asarray(h), method)
        if not bool(good):
            h = CUTBACK * h
            if h < smallest:
                break
            continue
        u, h, unrest = after, h * min(growth, max(LEAST, float(unrest / left) if left > 0 else growth)), left
        if left <= near:
            found = solve(problem, u, **options)
            if found.certificate.converged:
                return found
            near = near / 10
    found = solve(problem, u, **options)
    if not bool(found.certificate.converged):
        found = eqx.tree_at(lambda s: (s.result, s.reached), found, (RESULTS.steps_used_up, u))
        if throw:
            raise NotConverged(f"{RESULTS[RESULTS.steps_used_up]} The relative residual is {float(unrest):.2g}.", found)
    return found


def _begun(problem, state):
    if isinstance(problem, AbstractGridProblem):
        return problem.consistent(state)
    like = problem.value(problem.unknowns(None))
    spread = jax.tree.map(lambda a, b: jnp.broadcast_to(jnp.asarray(a, b.dtype), b.shape), state, like)
    return problem.value(problem.unknowns(spread))


@compiled
def _advance(evolution, u, h, method):
    """One step: the state after it, whether it was solved, and how far that is from rest."""
    now = evolution.remembering(evolution.history(), h)
    found = BackwardEuler().step(now, Memory(u), jnp.zeros_like(h), h, solving(evolution, method, None))
    problem, after = evolution.at(h), found.memory.u
    at_rest = problem.evaluate(problem.unknowns(after))
    return after, found.result == RESULTS.successful, relative_norm(at_rest.residual, at_rest.scale)
