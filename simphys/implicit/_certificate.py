"""What a solve and a gradient say about themselves."""

import equinox as eqx
import jax
import jax.numpy as jnp

from .._notebook import Displayed
from .._result import RESULTS
from .._told import Told
from .._touching import Touching
from .._trees import norm
from .._typing import Array, Bool, Float, Int, PyTree, Scalar


class Certificate(Told):
    """Evidence that y is a root: its residual, recomputed at the very point that is returned.

    residual = max over fields of ‖F_f(y)‖ / s_f
    """

    residual: Scalar
    """Relative residual at the returned point."""
    tolerance: Scalar
    """Relative residual that was asked for."""
    converged: Bool[Array, ""]
    history: Float[Array, " steps"]
    """Relative residuals of the accepted iterates, NaN where there was none."""
    load_factor: Scalar
    """Fraction of the load at which the returned point is an equilibrium (1: the problem as posed)."""
    weakly_active: Int[Array, ""]
    """How many points stand at a kink of their law (to 1e-6; float32: 1e-3): derivatives are one-sided there."""
    tangent_defect: Scalar
    """max_r |J v − ∂F/∂y v|_r / (|J v| + |∂F/∂y v|)_r for a random v: J as assembled last, ∂F/∂y v by differentiating F.

    ∂F/∂y is that of the returned point where this is enough (6e-6; float32: 5e-3), else that of the point of J. NaN where
    no matrix was made that could be another's.
    """
    touching: Touching | None = None
    """Pairs in contact and the smallest gap, of bodies that may touch each other or themselves."""


class Stats(Told):
    """Counts of the work done by a solve."""

    newton_steps: Int[Array, ""]
    residual_evaluations: Int[Array, ""]
    factorisations: Int[Array, ""]
    linear_steps: Int[Array, ""]
    """Iterations of linear solvers: Krylov steps, or steps with a stale factor."""
    cutbacks: Int[Array, ""]
    """How often a load step was shortened."""
    solver: str = eqx.field(static=True, default="")
    """How linear systems were solved, and why so."""


class Solution(Told, Displayed):
    """The result of `solve`.

    **Attributes:**

    - `value`: what was asked for, e.g. the displacement of every node; NaN where `result` is a failure, as are derivatives
      through it, unless their cotangent is exactly 0.
    - `result`: an item of `RESULTS`.
    - `certificate`: recomputed residual, tolerance, history.
    - `stats`: counts.
    - `reached`: the best point found, whatever `result` is. It has no derivative, but for that of `Unrolled`.
    """

    value: PyTree
    result: RESULTS
    certificate: Certificate
    stats: Stats
    reached: PyTree

    def best(self) -> PyTree:
        """Return `value`, and where there is none `reached`: finite, for computations that are discarded by `result`."""
        good = self.result == RESULTS.successful
        end = jax.lax.stop_gradient(self.reached)
        return jax.tree.map(lambda v, r: jnp.where(good, v, r), self.value, end)


class AdjointCertificate(Told):
    """Evidence that a gradient is one: what the tangent or adjoint solves behind it reported.

    residual² = Σ ‖Jᵀλ − v‖² / ‖v‖² over all adjoint solves; it bounds the worst of them.
    """

    solves: Scalar
    """Number of adjoint systems solved (summed over lanes of `vmap`); 0 if none was seen."""
    failures: Scalar
    """How many of them missed their tolerance."""
    not_roots: Scalar
    """How many of them stood at a point that was not a root."""
    residual: Scalar
    forward_effect: Scalar
    """Σ λᵀF(y*): first-order effect of the forward residuals on the value."""
    linear_steps: Scalar
    factorisations: Scalar
    error: Scalar
    """Estimate of the gradient's relative error: the adjoint's residual, and the distance of y* from the true root.

    error² = Σ (‖Jᵀλ − v‖ / ‖v‖ + (‖λ‖ / ‖v‖) ‖F(y*)‖ / ‖y*‖)², its order only, for unknowns that have one unit.
    """
    nearly_singular: Scalar
    """How many adjoint solves were further from the true root than their `trust`."""
    mismatched: Scalar
    """How many, of those that have a `trust`, were held to a tolerance that the forward residual makes pointless."""
    wrong_tangents: Scalar
    """How many were to be solved with a matrix that is not the derivative of the residual."""
    weakly_active: Scalar
    """How many points stood at a kink of their law, summed over all adjoint systems: the gradient is one-sided there."""

    @property
    def result(self) -> RESULTS:
        """Status of the gradient."""
        bad = RESULTS.where(self.nearly_singular > 0, RESULTS.nearly_singular, RESULTS.successful)
        bad = RESULTS.where(self.failures > 0, RESULTS.adjoint_failed, bad)
        bad = RESULTS.where(self.wrong_tangents > 0, RESULTS.tangent_wrong, bad)
        return RESULTS.where(self.not_roots > 0, RESULTS.not_a_root, bad)


REPORT_SIZE = 12


def adjoint_certificate(report: Float[Array, "12"]) -> AdjointCertificate:
    """Name the entries of the report that came back as a cotangent."""
    report = jnp.pad(report, (0, REPORT_SIZE - report.shape[0]))
    solves, failures, not_roots, squares, effect, steps, factorisations, errors, *rest = report
    root = jnp.sqrt
    return AdjointCertificate(
        solves, failures, not_roots, root(squares), effect, steps, factorisations, root(errors), *rest
    )


def weakly_active(switches: tuple[Array, ...]) -> Int[Array, ""]:
    """Count the points that have a switching function of 0."""
    count = jnp.zeros((), jnp.int32)
    for s in switches:
        tolerance = 1e-6 if jnp.finfo(s.dtype).eps < 1e-12 else 1e-3
        count = count + jnp.sum(jnp.abs(s) <= tolerance, dtype=jnp.int32)
    return count


def sized(scale: PyTree, residual: PyTree, rows: PyTree) -> PyTree:
    """Return the scales of fields; for 0, an equation in which nothing is summed up, the size of its rows |J v|.

    Before there was a Jacobian (`rows` 0), that of the residual itself.
    """

    def one(s, r, row):
        if jnp.ndim(s):
            return s
        row = norm(row).astype(s.dtype)
        return jnp.where(s != 0, s, jnp.where(row != 0, row, norm(r).astype(s.dtype)))

    return jax.tree.map(one, scale, residual, rows)


def relative_norm(residual: PyTree, scale: PyTree) -> Scalar:
    """Return max_f ‖F_f‖ / s_f; a field whose residual and scale both vanish counts as 0.

    A field may have a scale for each of its numbers: the largest |F_i| / s_i is its own then. Beside a scale that has
    overflown every residual would vanish: it gives NaN.
    """

    def one(r, s):
        size = jnp.abs(r) if jnp.ndim(s) else norm(r)
        relative = jnp.where(size == 0, 0.0, size / jnp.maximum(s, jnp.finfo(size.dtype).tiny))
        return jnp.max(jnp.where(jnp.isfinite(s), relative, jnp.nan), initial=0.0).astype(size.dtype)

    return jnp.max(jnp.stack(jax.tree.leaves(jax.tree.map(one, residual, scale))))
