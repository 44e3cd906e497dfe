"""Preconditioned conjugate gradients, for matrices too large to factorise."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import lineax as lx
from jax.flatten_util import ravel_pytree

from .. import _check
from .._trees import norm
from ._operator import SparseOperator
from ._pattern import matrix_vector, padded_product
from ._preconditioned import Preconditioned
from ._preconditioner import AbstractPreconditioner, Jacobi
from ._solver import AbstractSymmetricSolver


ROUNDS = 6
EARLIEST = 20
"""Steps before which no pace is judged."""


class ConjugateGradients(AbstractSymmetricSolver):
    """Solve A x = b for a symmetric positive definite A, sparse or `Preconditioned`.

    x_k minimises ‖x − A⁻¹b‖_A over the Krylov space of M⁻¹A and M⁻¹b

    The right-hand side is scaled to length 1, so that a tiny b (a loss times 1e-8) does not move the result. Success is
    judged by the true residual b − A x; where the recursion has drifted from it, it is begun anew from there. Less than the
    rounding of A x, 8 ε ‖|A| |x|‖, is not asked for, unless that is more than √ε; of what has no
    entries that is not known, and ε^¼ is enough where no step gains any more: for a step of Newton's method it is.

    **Arguments:**

    - `rtol`: wanted ‖b − A x‖ / ‖b‖; a solve may ask for another one by `options={"rtol": …}`.
    - `max_steps`: number of iterations at most.
    - `patience`: give up, as if they were used up, where the pace so far does not lead there within so many iterations;
      None for never.
    - `preconditioner`: M; None for the one that A recommends (multigrid for large meshes: some 20 iterations at any
      size), `Jacobi` if there is none (iterations grow as 1/h).

    **Results:** `max_steps_reached`; `breakdown` where A or M is seen not to be positive definite, numbers are not finite
    or no further progress is made.

    Reference: Y. Saad, Iterative Methods for Sparse Linear Systems, SIAM 2003, algorithm 9.1.
    """

    rtol: float = eqx.field(static=True, default=1e-10)
    max_steps: int = eqx.field(static=True, default=10_000)
    patience: int | None = eqx.field(static=True, default=None)
    preconditioner: AbstractPreconditioner | None = None

    def __check_init__(self):
        _check.tolerance("rtol", self.rtol)

    def init(self, operator, options):
        """Check that A is one this solver is for."""
        if not isinstance(operator, SparseOperator | Preconditioned):
            name = type(operator).__name__
            raise ValueError(
                f"`ConjugateGradients` needs a `SparseOperator` or a `Preconditioned` one, got a `{name}`."
            )
        if not lx.is_symmetric(operator):
            raise ValueError("`ConjugateGradients` needs a symmetric matrix, and this one is not tagged symmetric.")
        return operator if isinstance(operator, SparseOperator) else lx.linearise(operator)

    def compute(self, state, vector, options: dict[str, Any]):
        """Iterate until the true residual is small, A or M shows itself indefinite, or the steps are used up."""
        b, unravel = ravel_pytree(vector)
        m = next(m for m in (self.preconditioner, state.preconditioner, Jacobi()) if m is not None)
        sparse, prepared = isinstance(state, SparseOperator), m.prepare(state)
        padded = state.as_rows() if sparse else None
        flat = lambda v: ravel_pytree(state.mv(unravel(v)))[0]
        product = (lambda v: padded_product(state.pattern, padded, v)) if sparse else flat
        size = norm(b)
        unit = b / jnp.where(size > 0, size, 1.0)
        rtol = jnp.asarray(options.get("rtol", self.rtol), b.dtype)
        apply = lambda r: m.apply(prepared, r)
        goes_on = self._goes_on(rtol)
        iterate = lambda r, step: _iterate(product, apply, r, rtol, step, goes_on)
        x, error, steps, indefinite = rounds(iterate, product, unit, rtol, goes_on)
        R = lx.RESULTS
        if sparse:
            positive = jnp.all(state.data[state.pattern.diagonal] > 0)
            floor = jax.lax.cond(error > 2 * rtol, lambda: rounding_level(state, x), lambda: jnp.zeros_like(error))
        else:
            positive, floor = True, float(jnp.finfo(b.dtype).eps) ** 0.25
        good = (error <= jnp.maximum(2 * rtol, floor)) & positive & ~indefinite
        result = R.where(good, R.successful, R.where(goes_on(error, steps), R.breakdown, R.max_steps_reached))
        return unravel(x * size), result, {"num_steps": steps, "factorisations": jnp.zeros((), jnp.int32)}

    def _goes_on(self, rtol):
        """(‖r‖ beside ‖b‖, steps taken) → whether there is patience for more."""

        def goes_on(error, step):
            more = step < self.max_steps
            if self.patience is None:
                return more
            pace = jnp.log(rtol) / self.patience
            return more & ((step < EARLIEST) | ~(jnp.log(error) > pace * step.astype(pace.dtype)))

        return goes_on


def rounding_level(operator: SparseOperator, x):
    """What rounding alone may leave of b − A x for ‖b‖ = 1; never more than √ε, for a singular A makes x huge."""
    eps = jnp.finfo(x.dtype).eps
    terms = matrix_vector(operator.pattern, jnp.abs(operator.data), jnp.abs(x))
    return jnp.minimum(8 * eps * jnp.linalg.norm(terms), eps**0.5).astype(x.dtype)


def rounds(iterate, product, b, rtol, goes_on):
    """Iterate from the true residual, again if need be; return (x, ‖b − A x‖, steps, whether A or M is not positive)."""

    def unfinished(carry):
        _, r, before, step, count, bad = carry
        error = jnp.linalg.norm(r)
        return (error > 2 * rtol) & (error < 0.5 * before) & goes_on(error, step) & (count < ROUNDS) & ~bad

    def body(carry):
        x, r, _, step, count, _ = carry
        d, step, bad = iterate(r, step)
        return x + d, b - product(x + d), jnp.linalg.norm(r), step, count + 1, bad

    zero = jnp.zeros((), jnp.int32)
    begin = (jnp.zeros_like(b), b, jnp.asarray(jnp.inf, b.dtype), zero, zero, jnp.zeros((), bool))
    x, r, _, step, _, bad = jax.lax.while_loop(unfinished, body, begin)
    return x, jnp.linalg.norm(r), step, bad


def _iterate(product, apply, b, rtol, step, goes_on):
    """Conjugate gradients from x = 0; (x, steps, whether A or M is not positive)."""

    def unfinished(carry):
        _, r, _, _, step, bad = carry
        error = jnp.linalg.norm(r)
        return (error > rtol) & goes_on(error, step) & ~bad

    def body(carry):
        x, r, p, before, step, _ = carry
        z = apply(r)
        rz = r @ z
        p = z + rz / before * p
        ap = product(p)
        curvature = p @ ap
        bad = ~((rz > 0) & (curvature > 0) & jnp.isfinite(rz) & jnp.isfinite(curvature))
        alpha = jnp.where(bad, 0.0, rz / jnp.where(bad, 1.0, curvature))
        return x + alpha * p, r - alpha * ap, p, rz, step + 1, bad

    nothing = jnp.zeros_like(b)
    begin = (nothing, b, nothing, jnp.asarray(jnp.inf, b.dtype), step, jnp.zeros((), bool))
    x, _, _, _, step, bad = jax.lax.while_loop(unfinished, body, begin)
    return x, step, bad
