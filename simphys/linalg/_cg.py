"""Conjugate gradients with Jacobi preconditioning, for matrices too large to factorise."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import lineax as lx
from jax.flatten_util import ravel_pytree

from ._operator import SparseOperator
from ._pattern import padded_data, padded_product


class ConjugateGradients(lx.AbstractLinearSolver[SparseOperator]):
    """Solve A x = b for a symmetric positive definite sparse A, preconditioned by its diagonal.

    The iteration works on the system scaled to unit diagonal and unit right-hand side, so that neither the units of
    A nor a tiny b (a loss times 1e-8) move the result; success is judged by the true residual b − A x.

    **Arguments:**

    - `rtol`: wanted ‖b − A x‖ / ‖b‖.
    - `max_steps`: number of iterations at most; about √κ of them are needed, and κ grows as h⁻² on a mesh.

    Reference: Y. Saad, Iterative Methods for Sparse Linear Systems, SIAM 2003, algorithm 9.1.
    """

    rtol: float = eqx.field(static=True, default=1e-10)
    max_steps: int = eqx.field(static=True, default=10_000)

    def init(self, operator, options):
        """Check that A is one this solver is for."""
        del options
        if not isinstance(operator, SparseOperator):
            raise ValueError(
                f"`ConjugateGradients` needs a `simphys.linalg.SparseOperator`, got a `{type(operator).__name__}`."
            )
        if not lx.is_symmetric(operator):
            raise ValueError("`ConjugateGradients` needs a symmetric matrix, and this one is not tagged symmetric.")
        return operator

    def compute(self, state, vector, options: dict[str, Any]):
        """Iterate until the true residual is small, A shows itself indefinite, or the steps are used up."""
        del options
        b, unravel = ravel_pytree(vector)
        pattern, data = state.pattern, state.data
        diagonal = data[pattern.diagonal]
        root = jnp.sqrt(jnp.where(diagonal > 0, diagonal, 1.0))
        padded = padded_data(pattern, data)
        product = lambda v: padded_product(pattern, padded, v / root) / root
        size = jnp.linalg.norm(b)
        rhs = b / jnp.where(size > 0, size, 1.0)
        x, steps, indefinite = _iterate(product, rhs / root, root, self.rtol, self.max_steps)
        x = x / root
        error = jnp.linalg.norm(rhs - padded_product(pattern, padded, x))
        good = (error <= 2 * self.rtol) & jnp.all(diagonal > 0) & ~indefinite
        R = lx.RESULTS
        result = R.where(good, R.successful, R.where(steps >= self.max_steps, R.max_steps_reached, R.breakdown))
        return unravel(x * size), result, {"num_steps": steps, "factorisations": jnp.zeros((), jnp.int32)}

    def transpose(self, state, options):
        """A is symmetric."""
        return state, options

    def conj(self, state, options):
        """A is real."""
        return state, options

    def assume_full_rank(self):
        """A singular A is a failure."""
        return True


def _iterate(product, b, root, rtol, max_steps):
    """Plain conjugate gradients; the residual is measured unscaled, as ‖root r‖, and recomputed every 50 steps."""
    tiny = jnp.finfo(b.dtype).tiny

    def unfinished(carry):
        x, r, p, rr, step, indefinite = carry
        return (jnp.linalg.norm(root * r) > rtol) & (step < max_steps) & ~indefinite & jnp.isfinite(rr)

    def body(carry):
        x, r, p, rr, step, _ = carry
        ap = product(p)
        curvature = p @ ap
        indefinite = curvature <= tiny
        alpha = jnp.where(indefinite, 0.0, rr / jnp.where(indefinite, 1.0, curvature))
        x = x + alpha * p
        r = jax.lax.cond(step % 50 == 49, lambda: b - product(x), lambda: r - alpha * ap)
        new = r @ r
        return x, r, r + new / jnp.maximum(rr, tiny) * p, new, step + 1, indefinite

    start = (jnp.zeros_like(b), b, b, b @ b, jnp.zeros((), jnp.int32), jnp.zeros((), bool))
    x, _, _, _, step, indefinite = jax.lax.while_loop(unfinished, body, start)
    return x, step, indefinite
