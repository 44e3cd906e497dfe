"""Equations with several solutions: which one this is, and whether it is still the same."""

import equinox as eqx
import jax
import jax.numpy as jnp
import lineax as lx
from jax.flatten_util import ravel_pytree

from .._told import Told
from .._trees import norm
from .._typing import Any, Array, Bool, PyTree, Scalar
from ..implicit import AbstractRootProblem
from ..linalg import Auto


LARGEST = 2_000
JUMP = 0.5
NOISE = 1e-5


class Branch(Told):
    """What tells solutions of one equation apart.

    **Attributes:**

    - `orientation`: sign of det J. It changes at every simple fold and not between folds; its sum over all solutions is
      fixed as long as none escapes to infinity.
    - `conditioning`: smallest singular value of J beside the largest: 0 at a fold.
    """

    orientation: Scalar
    conditioning: Scalar


def branch(problem: AbstractRootProblem, value: PyTree, args: Any = None) -> Branch:
    """Say which kind of solution this is.

    **Arguments:**

    - `problem`: the root problem.
    - `value`: its solution, of at most 2,000 unknowns: the Jacobian is made dense.
    - `args`: as in `solve`.

    **Raises:** `ValueError` for more unknowns.

    Reference: E. Allgower, K. Georg, Introduction to Numerical Continuation Methods, SIAM 2003, chapters 8 and 11.
    """
    flat, unravel = ravel_pytree(problem.unknowns(value))
    if flat.size > LARGEST:
        raise ValueError(f"`branch` makes the Jacobian dense, of at most {LARGEST:,} unknowns; got {flat.size:,}.")
    J = jax.jacfwd(lambda flat: ravel_pytree(problem.residual(unravel(flat), args))[0])(flat)
    singular = jnp.linalg.svd(J, compute_uv=False)
    return Branch(jnp.linalg.slogdet(J).sign, singular[-1] / jnp.where(singular[0] > 0, singular[0], 1.0))


class BranchJump(Told):
    """How far a step from one solution to another is from what the tangents at both foretell.

    **Attributes:**

    - `defect`: ‖Δz − ½(t₀ + t₁)‖ / max(‖Δz‖, ‖½(t₀ + t₁)‖): O(|Δθ|²) along a smooth branch, 1 for a jump; NaN where a
      tangent could not be found (at a fold).
    - `distance`: ‖Δz‖ / ‖z₁‖.
    - `jumped`: whether the defect is above one half, and the distance more than the solves' tolerances explain.
    """

    defect: Scalar
    distance: Scalar
    jumped: Bool[Array, ""]


def branch_jump(
    before: AbstractRootProblem,
    value_before: PyTree,
    after: AbstractRootProblem,
    value_after: PyTree,
    args_before: Any = None,
    args_after: Any = None,
    *,
    noise: float = NOISE,
    linear_solver: lx.AbstractLinearSolver | None = None,
) -> BranchJump:
    """Compare the step from one solution to the next with the tangents of the branch at both, as between steps of training.

    tᵢ = −Jᵢ⁻¹ (∂F/∂θ)ᵢ Δθ,   z₁ − z₀ = ½ (t₀ + t₁) + O(|Δθ|³)

    **Arguments:**

    - `before`, `after`: the problem with the old parameters and with the new ones, of one structure.
    - `value_before`, `value_after`: their solutions.
    - `args_before`, `args_after`: as in `solve`.
    - `noise`: relative distance up to which solutions count as the same: some times the solves' error.
    - `linear_solver`: for the tangents; `linalg.Auto()` by default.

    **Returns:** a `BranchJump`.
    """
    start, end = before.unknowns(value_before), after.unknowns(value_after)
    solver = Auto(rtol=1e-6) if linear_solver is None else linear_solver
    old, new = (before, args_before), (after, args_after)
    if jax.tree.structure(old) != jax.tree.structure(new):
        raise ValueError("`before` and `after` must be of one structure, and so must their `args`; they differ.")
    change = jax.tree.map(lambda a, b: b - a if eqx.is_inexact_array(a) else None, old, new)
    t0, t1 = (_tangent(at, y, change, solver) for at, y in ((old, start), (new, end)))
    moved = jax.tree.map(jnp.subtract, end, start)
    foretold = jax.tree.map(lambda a, b: 0.5 * (a + b), t0, t1)
    size = jnp.maximum(norm(moved), norm(foretold))
    defect = norm(jax.tree.map(jnp.subtract, moved, foretold)) / jnp.where(size > 0, size, 1.0)
    distance = norm(moved) / jnp.where(norm(end) > 0, norm(end), 1.0)
    return BranchJump(defect, distance, ~(defect <= JUMP) & (distance > noise))


def _tangent(at, y, change, solver):
    free, fixed = eqx.partition(at, jax.tree.map(lambda c: c is not None, change, is_leaf=lambda c: c is None))

    def residual(free):
        problem, args = eqx.combine(free, fixed)
        return problem.residual(y, args)

    _, rate = jax.jvp(residual, (free,), (change,))
    problem, args = at
    found = lx.linear_solve(problem.jacobian(y, args), jax.tree.map(jnp.negative, rate), solver, throw=False)
    good = found.result == lx.RESULTS.successful
    return jax.tree.map(lambda leaf: jnp.where(good, leaf, jnp.nan), found.value)
