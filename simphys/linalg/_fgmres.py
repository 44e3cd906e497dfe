"""Flexible GMRES with restarts, for matrices that are not symmetric."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import lineax as lx
from jax.flatten_util import ravel_pytree

from .. import _check, _lapack
from .._trees import norm
from ._operator import SparseOperator
from ._pattern import padded_product
from ._preconditioned import Preconditioned
from ._preconditioner import AbstractPreconditioner, Jacobi
from ._solver import AbstractRealSolver


LEAST_GAIN = 1e-3


class FGMRES(AbstractRealSolver):
    """Solve A x = b for any regular A, preconditioned from the right where it is sparse or `Preconditioned`.

    x_k minimises ‖b − A x‖ over the span of M⁻¹v_1 … M⁻¹v_k, with v_1 … v_k orthonormal

    The preconditioner stands on the right, so what is minimised is the true residual; after each cycle of `restart`
    steps it is recomputed from b and x. Memory: 2·restart vectors. (The transposed system is solved with the
    preconditioner that `preconditioner` prepares from Aᵀ.)

    **Arguments:**

    - `rtol`: wanted ‖b − A x‖ / ‖b‖; a solve may ask for another one by `options={"rtol": …}`.
    - `restart`: steps between restarts.
    - `max_steps`: number of steps at most.
    - `preconditioner`: M; None for the one that A recommends, `Jacobi` if there is none. Sparse A only.
    - `accept`: relative residual with which an x that cannot be improved on counts as a solution all the same: below 1
      it is a direction in which ‖b − A x‖² falls, good enough for a step of Newton's method. None: that of `rtol`.

    **Results:** `max_steps_reached`; `breakdown` where A or M is singular on the Krylov space, numbers are not finite, or
    a whole cycle gains less than a thousandth.

    Reference: Y. Saad, Iterative Methods for Sparse Linear Systems, SIAM 2003, algorithm 9.6.
    """

    rtol: float = eqx.field(static=True, default=1e-10)
    restart: int = eqx.field(static=True, default=40)
    max_steps: int = eqx.field(static=True, default=2_000)
    preconditioner: AbstractPreconditioner | None = None
    accept: float | None = eqx.field(static=True, default=None)

    def __check_init__(self):
        _check.tolerance("rtol", self.rtol)
        _check.tolerance("accept", self.accept)
        if self.restart < 1:
            raise ValueError(f"`restart` must be 1 or more, got {self.restart}.")

    def init(self, operator, options):
        """Check that A is one this solver is for."""
        if isinstance(operator, SparseOperator):
            return operator
        if self.preconditioner is not None and not isinstance(operator, Preconditioned):
            raise ValueError(
                f"A `preconditioner` needs a `simphys.linalg.SparseOperator`, got a `{type(operator).__name__}`."
            )
        if operator.in_structure() != operator.out_structure():
            raise ValueError("`FGMRES` needs a square operator: one whose input has the structure of its output.")
        return lx.linearise(operator)

    def compute(self, state, vector, options: dict[str, Any]):
        """Iterate until the true residual is small, nothing more is gained, or the steps are used up."""
        b, unravel = ravel_pytree(vector)
        product, apply = self._products(state, unravel)
        size = norm(b)
        unit = b / jnp.where(size > 0, size, 1.0)
        rtol = jnp.asarray(options.get("rtol", self.rtol), b.dtype)
        cycle = lambda r, step: _cycle(product, apply, r, rtol, min(self.restart, b.size), step, self.max_steps)
        x, error, steps = _cycles(cycle, product, unit, rtol, self.max_steps)
        R = lx.RESULTS
        failure = R.where(steps >= self.max_steps, R.max_steps_reached, R.breakdown)
        enough = 2 * rtol if self.accept is None else jnp.maximum(2 * rtol, jnp.asarray(self.accept, b.dtype))
        result = R.where(error <= enough, R.successful, failure)
        return unravel(x * size), result, {"num_steps": steps, "factorisations": jnp.zeros((), jnp.int32)}

    def _products(self, state, unravel):
        """The functions v ↦ A v and v ↦ M⁻¹ v of flat vectors; None for M = 1."""
        if not isinstance(state, SparseOperator):
            product = lambda v: ravel_pytree(state.mv(unravel(v)))[0]
            if not isinstance(state, Preconditioned):
                return product, None
            m = state.preconditioner if self.preconditioner is None else self.preconditioner
            ready = m.prepare(state)
            return product, lambda v: m.apply(ready, v)
        m = next(m for m in (self.preconditioner, state.preconditioner, Jacobi()) if m is not None)
        padded, prepared = state.as_rows(), m.prepare(state)
        return lambda v: padded_product(state.pattern, padded, v), lambda v: m.apply(prepared, v)

    def transpose(self, state, options):
        """The same method on Aᵀ."""
        return state.transpose(), options


def _cycles(cycle, product, b, rtol, max_steps):
    """Restart from the true residual until it is small; (x, ‖b − A x‖, steps)."""

    def unfinished(carry):
        _, r, before, step = carry
        error = jnp.linalg.norm(r)
        return (error > 2 * rtol) & (error < (1 - LEAST_GAIN) * before) & (step < max_steps)

    def body(carry):
        x, r, _, step = carry
        d, step = cycle(r, step)
        # A cycle that broke down leaves what came before it.
        d = jnp.where(jnp.all(jnp.isfinite(d)), d, jnp.zeros_like(d))
        return x + d, b - product(x + d), jnp.linalg.norm(r), step

    begin = (jnp.zeros_like(b), b, jnp.asarray(jnp.inf, b.dtype), jnp.zeros((), jnp.int32))
    x, r, _, step = jax.lax.while_loop(unfinished, body, begin)
    return x, jnp.linalg.norm(r), step


class _Arnoldi(eqx.Module):
    """A Z = Vᵀ H, Q H = R upper triangular; rows of V and Z are vectors, unused ones 0 (in R: of the identity)."""

    V: jax.Array
    Z: jax.Array | None
    Q: jax.Array
    R: jax.Array
    error: jax.Array
    column: jax.Array
    step: jax.Array


def _cycle(product, apply, r, rtol, restart, step, max_steps):
    """At most `restart` steps from x = 0; (x, steps)."""
    size = jnp.linalg.norm(r)
    n, dtype = r.shape[0], r.dtype
    begin = _Arnoldi(
        V=jnp.zeros((restart + 1, n), dtype).at[0].set(r / size),
        Z=None if apply is None else jnp.zeros((restart, n), dtype),
        Q=jnp.eye(restart + 1, dtype=dtype),
        R=jnp.eye(restart, dtype=dtype),
        error=size,
        column=jnp.zeros((), jnp.int32),
        step=step,
    )
    unfinished = lambda k: (k.error > rtol) & (k.column < restart) & (k.step < max_steps)
    k = jax.lax.while_loop(unfinished, lambda k: _extend(product, apply, k, size), begin)
    rhs = jnp.where(jnp.arange(restart, dtype=jnp.int32) < k.column, size * k.Q[:-1, 0], 0.0)
    return _lapack.upper_solve(k.R, rhs) @ (k.V[:-1] if k.Z is None else k.Z), k.step


def _extend(product, apply, k: _Arnoldi, size) -> _Arnoldi:
    """One more vector, orthogonalised twice, and one more rotation."""
    j = k.column
    z = k.V[j] if apply is None else apply(k.V[j])
    full = product(z)
    first = k.V @ full
    w = full - first @ k.V
    second = k.V @ w
    w = w - second @ k.V
    length = jnp.linalg.norm(w)
    # The Krylov space is exhausted: the answer lies in it.
    length = jnp.where(length > 4 * jnp.finfo(w.dtype).eps * jnp.linalg.norm(full), length, 0.0)
    h = k.Q @ (first + second)
    radius = jnp.sqrt(h[j] ** 2 + length**2)
    # No rotation where the new column vanishes: R is singular, x not finite, and the cycle counts for nothing.
    c, s = jnp.where(radius > 0, h[j] / radius, 1.0), jnp.where(radius > 0, length / radius, 0.0)
    upper, lower = k.Q[j], k.Q[j + 1]
    Q = k.Q.at[j].set(c * upper + s * lower).at[j + 1].set(c * lower - s * upper)
    above = jnp.where(jnp.arange(h.shape[0] - 1, dtype=jnp.int32) < j, h[:-1], 0.0)
    return _Arnoldi(
        V=k.V.at[j + 1].set(jnp.where(length > 0, w / jnp.where(length > 0, length, 1.0), jnp.zeros_like(w))),
        Z=None if k.Z is None else k.Z.at[j].set(z),
        Q=Q,
        R=k.R.at[:, j].set(above.at[j].set(radius)),
        error=jnp.where(radius > 0, jnp.abs(size * Q[j + 1, 0]), 0.0),
        column=j + 1,
        step=k.step + 1,
    )
