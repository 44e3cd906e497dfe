"""The linear solve behind every gradient: differentiable, transposable, and checked by its own true residual."""

import equinox as eqx
import equinox.internal as eqxi
import jax
import jax.numpy as jnp
import lineax as lx
from jax.interpreters import ad

from .._result import RESULTS
from .._trees import norm
from .._typing import Array, Bool, Int, PyTree
from ._adjoint import AbstractAdjoint
from ._symmetry import symmetry_defect


POINTLESS = 1e3


class _Check(eqx.Module):
    """What the check needs beside the system: F(y*) for λᵀF, whether y* is a root, whether J is F's derivative, and y*.

    And what it hands on: how many points are at a kink of their law.
    """

    residual: PyTree
    is_root: Bool[Array, ""]
    tangent: Bool[Array, ""]
    point: PyTree | None
    kinks: Int[Array, ""]


class _Policy(eqx.Module):
    """Static part of a checked solve."""

    solver: lx.AbstractLinearSolver
    rtol: float | None = eqx.field(static=True)
    trust: float | None = eqx.field(static=True)
    throw: bool = eqx.field(static=True)
    transposed: bool = eqx.field(static=True)
    reverse: bool = eqx.field(static=True)
    """Whether v is a cotangent: where it is 0 nothing was asked, and nothing failed."""


def checked_solve(
    operator, vector, probe, residual, is_root, policy: AbstractAdjoint, throw: bool, point=None, tangent=True, kinks=0
):
    """Return x = J⁻¹ v, differentiable and transposable any number of times, each of these solves checked.

    ‖J x − v‖ ≤ rtol ‖v‖

    Where that fails, or where y* is not a root, x is NaN (or an error is raised), but for a cotangent v of 0: x = 0 then.
    Lineax's own derivative rules
    would raise, and could not tell why; hence a primitive of our own, with the same rules and Lineax's solvers.

    **Arguments:**

    - `operator`: J as a Lineax operator.
    - `vector`: v.
    - `probe`: dummy zero input whose cotangent is the report of the adjoint solve.
    - `residual`: F(y*), for the first-order effect λᵀF of the forward residual.
    - `is_root`: whether y* is a root.
    - `policy`: holds the linear solver and `rtol`.
    - `throw`: raise on failure instead of answering NaN.
    - `point`: y*, by whose size the effect of F(y*) on it is judged; None where that does not matter.
    - `tangent`: whether J is the derivative of F.
    - `kinks`: how many points stand at a kink of their law, for the report.
    """
    if not any(leaf.size for leaf in jax.tree.leaves(vector)):
        return vector  # a body that is prescribed everywhere has no unknowns
    check = jax.lax.stop_gradient(_Check(residual, is_root, jnp.asarray(tangent), point, jnp.asarray(kinks)))
    # Products of the tangent operator are taken with J's arrays; the solver itself is no one's parameter.
    held = lambda leaf: jax.lax.stop_gradient(leaf) if eqx.is_array(leaf) else leaf
    static = _Policy(jax.tree.map(held, policy.linear_solver), policy.rtol, policy.trust, throw, False, False)
    # Each lane of `vmap` reports for itself: the probe must be mapped over wherever the system is.
    lane = 0 * jax.tree.leaves(vector)[0].ravel()[0].astype(probe.dtype)
    probe = jnp.where(is_root, probe, probe) + lane
    return eqxi.filter_primitive_bind(_checked_solve_p, operator, vector, probe, check, static)[0]


def _impl(operator, vector, probe, check, policy):
    dtype = jnp.result_type(*jax.tree.leaves(vector))
    rtol = policy.rtol if policy.rtol is not None else (1e-8 if jnp.finfo(dtype).eps < 1e-12 else 1e-3)
    # Solvers stop at absolute tolerances and break down on tiny numbers: hand them a unit vector.
    size = norm(vector)
    unit = jax.tree.map(lambda v: v / jnp.where(size > 0, size, 1), vector)
    x, _, stats = policy.solver.compute(policy.solver.init(operator, {}), unit, {})
    error = norm(jax.tree.map(jnp.subtract, operator.mv(x), unit))
    if policy.transposed and lx.is_symmetric(operator):
        # Jᵀ was taken to be J on the word of a tag, which the residual above believes as well.
        error = jnp.where(symmetry_defect(operator) <= 10 * float(jnp.finfo(dtype).eps) ** 0.6, error, jnp.inf)
    missed = ~(error <= rtol) & (size != 0)
    away = _distance(unit, x, check)
    doubtful = ~(away <= policy.trust) & (size != 0) if policy.trust is not None else jnp.zeros((), bool)
    asked = (size != 0) | (not policy.reverse)
    if policy.throw:
        x = RESULTS.not_a_root.error_if(x, ~check.is_root & asked)
        x = RESULTS.tangent_wrong.error_if(x, ~check.tangent & check.is_root & asked)
        x = RESULTS.adjoint_failed.error_if(x, missed & check.is_root)
        x = RESULTS.nearly_singular.error_if(x, doubtful & ~missed & check.is_root)
    failed = missed | doubtful | ~check.is_root | ~check.tangent
    x = jax.tree.map(lambda leaf: jnp.where(failed & asked, jnp.nan, jnp.where(size == 0, 0, leaf * size)), x)
    if policy.transposed:
        pointless = (away > POINTLESS * rtol) & ~failed & (policy.trust is not None)
        found = dict(missed=missed, doubtful=doubtful, pointless=pointless, error=error, away=away)
        probe = _report(probe, check, x, size, stats, **found)
    return x, probe


def _distance(unit, x, check):
    """Estimate the distance of y* from the true root: ‖J⁻¹‖ ‖F‖ / ‖y‖, with ‖J⁻¹‖ as seen by this very solve."""
    if check.point is None:
        return jnp.zeros_like(norm(unit))
    moved, size = norm(x) / norm(unit) * norm(check.residual), norm(check.point)
    return jnp.where(moved == 0, 0.0, moved / jnp.where(size > 0, size, 1.0))


def _report(probe, check, x, size, stats, *, missed, doubtful, pointless, error, away):
    """Numbers that may be added over solves and over lanes; `AdjointCertificate` names them."""
    dtype, room = probe.dtype, probe.shape[0]
    # A probe made before wrong tangents had a place of their own counts them among the failures.
    missed = missed | (~check.tangent & (size != 0)) if room == 10 else missed
    effect = sum(jax.tree.leaves(jax.tree.map(lambda a, f: jnp.vdot(a, f), x, check.residual)))
    seen = (size != 0).astype(dtype)
    limited = lambda error: jnp.where(jnp.isfinite(error), error, 1.0).astype(dtype)
    count = lambda name: jnp.asarray(stats.get(name, 0)).astype(dtype)
    entries = (
        seen,
        missed.astype(dtype),
        seen * (~check.is_root).astype(dtype),
        seen * limited(error) ** 2,
        jnp.where(jnp.isfinite(effect), effect, 0.0).astype(dtype),
        count("num_steps"),
        count("factorisations"),
        seen * limited(error + away) ** 2,
        (doubtful & ~missed).astype(dtype),
        seen * pointless.astype(dtype),
        seen * (~check.tangent).astype(dtype),
        seen * check.kinks.astype(dtype),
    )
    return jnp.stack(entries[:room])


@eqxi.filter_primitive_def
def _abstract_eval(operator, vector, probe, check, policy):
    return jax.tree.map(lambda leaf: jax.core.ShapedArray(leaf.shape, leaf.dtype), (vector, probe))


@eqxi.filter_primitive_jvp
def _jvp(primals, tangents):
    """J x = v gives J ẋ = v̇ − J̇ x; the probe is carried along unchanged."""
    operator, vector, probe, check, policy = primals
    t_operator, t_vector, t_probe, _, _ = tangents
    x, out = eqxi.filter_primitive_bind(_checked_solve_p, *primals)
    rhs = jax.tree.map(eqxi.materialise_zeros, vector, t_vector, is_leaf=lambda t: t is None)
    if any(t is not None for t in jax.tree.leaves(t_operator, is_leaf=lambda t: t is None)):
        _, change = eqx.filter_jvp(lambda operator: operator.mv(x), (operator,), (t_operator,))
        # Where y* is no root, x says nothing of it; what it is must not reach the parameters as 0 · NaN.
        # No change at all: J does not depend on what moves.
        less = lambda r, c: r if c is None else jnp.where(check.is_root, r - c, r)
        rhs = jax.tree.map(less, rhs, change)
    t_probe = eqxi.materialise_zeros(probe, t_probe)
    t_x, t_out = eqxi.filter_primitive_bind(_checked_solve_p, operator, rhs, t_probe, check, policy)
    return (x, out), (t_x, t_out)


@eqxi.filter_primitive_transpose(materialise_zeros=True)
def _transpose(inputs, cotangents):
    """v̄ = J⁻ᵀ x̄; the probe's cotangent is the report."""
    operator, vector, probe, check, policy = inputs
    x_bar, out_bar = cotangents
    x_bar = jax.tree.map(_materialise, operator.in_structure(), x_bar)
    out_bar = _materialise(jax.ShapeDtypeStruct(probe.aval.shape, probe.aval.dtype), out_bar)
    flipped = _Policy(policy.solver, policy.rtol, policy.trust, policy.throw, not policy.transposed, True)
    v_bar, report = eqxi.filter_primitive_bind(_checked_solve_p, operator.transpose(), x_bar, out_bar, check, flipped)
    nothing = lambda tree: jax.tree.map(lambda _: None, tree)
    keep = lambda v, bar: bar if isinstance(v, ad.UndefinedPrimal) else None
    undefined = lambda v: isinstance(v, ad.UndefinedPrimal)
    v_bar = jax.tree.map(keep, vector, v_bar, is_leaf=undefined)
    return nothing(operator), v_bar, keep(probe, report), nothing(check), nothing(policy)


def _materialise(structure, cotangent):
    return eqxi.materialise_zeros(structure, cotangent, allow_struct=True)


_checked_solve_p = eqxi.create_vprim(
    "checked_solve", eqxi.filter_primitive_def(_impl), _abstract_eval, _jvp, _transpose
)
eqxi.register_impl_finalisation(_checked_solve_p)
