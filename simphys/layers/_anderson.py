"""Anderson acceleration."""

import equinox as eqx
import jax
import jax.numpy as jnp
import optimistix as optx

from .._small import inverse
from .._typing import Array, Callable, Float, Int, PyTree, Scalar
from ._iteration import AbstractIteration


class _Memory(eqx.Module):
    """The last `memory` differences, in a ring: ΔF, ΔY − β ΔF, ⟨ΔF_i, ΔF_j⟩ and ⟨ΔF_i, F⟩."""

    change: Float[Array, "memory n"]
    move: Float[Array, "memory n"]
    gram: Float[Array, "memory memory"]
    product: Float[Array, " memory"]
    y: Float[Array, " n"]
    residual: Float[Array, " n"]
    count: Int[Array, ""]


class Anderson(AbstractIteration):
    """Anderson acceleration (type II): the relaxed step from the combination of earlier points whose residual is least.

    y ← y − β F − (ΔY − β ΔF) γ,   γ = argmin ‖F − ΔF γ‖

    with the last m differences ΔY, ΔF. On a linear problem it does what GMRES does, as long as nothing is forgotten. The
    normal equations of the m columns, scaled to length 1, are kept up to date: a step costs two passes over m vectors.

    **Arguments:**

    - `rtol`: relative residual ‖F‖ / ‖f‖ wanted at the returned point; None for 1e-8 in float64, 1e-4 in float32.
    - `memory`: m; 5 to 10 for contractions of 0.5 to 0.9, 20 or more close to 1.
    - `relaxation`: β.
    - `regularisation`: added to the diagonal of the scaled normal equations; None for 1,000 rounding errors.
    - `max_steps`: evaluations at most.
    - `patience`: evaluations without a smaller residual after which it gives up.

    Reference: H. Walker, P. Ni, SIAM J. Numer. Anal. 49 (2011) 1715.
    """

    rtol: float | None = eqx.field(static=True, default=None)
    memory: int = eqx.field(static=True, default=10)
    relaxation: float = eqx.field(static=True, default=1.0)
    regularisation: float | None = eqx.field(static=True, default=None)
    max_steps: int = eqx.field(static=True, default=500)
    patience: int = eqx.field(static=True, default=50)
    atol: float = eqx.field(static=True, default=0.0)
    norm: Callable[[PyTree], Scalar] = eqx.field(static=True, default=optx.two_norm)

    def __check_init__(self):
        if self.memory < 1:
            raise ValueError(f"`memory` must be 1 or more, got {self.memory}.")

    def begin(self, y):
        """Room for m differences, no more than there are unknowns."""
        m = min(self.memory, y.size)
        rows, square, row = (jnp.zeros(shape, y.dtype) for shape in ((m, y.size), (m, m), (m,)))
        return _Memory(rows, rows, square, row, jnp.zeros_like(y), jnp.zeros_like(y), jnp.zeros((), jnp.int32))

    def onwards(self, memory, y, residual):
        """Put the newest difference in the oldest one's place, and take the step of least residual."""
        m = memory.product.size
        known = memory.count > 0
        place = jnp.where(known, (memory.count - 1) % m, 0)
        # Nothing is known before the first step: its row is 0, and the least squares problem leaves it out.
        change = jnp.where(known, residual - memory.residual, 0.0)
        move = jnp.where(known, y - memory.y, 0.0) - self.relaxation * change
        # Written in place: `.at[].set` would also look whether the row exists, and copy all of them.
        put = lambda rows, row, axis=0: jax.lax.dynamic_update_index_in_dim(rows, row, place, axis)
        changes, moves = put(memory.change, change), put(memory.move, move)
        row = changes @ change
        gram = put(put(memory.gram, row), row, 1)
        # ⟨ΔF_i, F⟩ grows by ⟨ΔF_i, ΔF⟩ from step to step.
        product = put(memory.product + row, change @ residual)
        after = y - self.relaxation * residual - self._coefficients(gram, product) @ moves
        return after, _Memory(changes, moves, gram, product, y, residual, memory.count + 1)

    def _coefficients(self, gram, product):
        eps = jnp.finfo(gram.dtype).eps
        small = 1e3 * eps if self.regularisation is None else self.regularisation
        squares = jnp.diagonal(gram)
        used = squares > 0
        length = jnp.sqrt(jnp.where(used, squares, 1.0))
        scaled = gram / (length[:, None] * length[None, :])
        one = jnp.eye(length.size, dtype=gram.dtype)
        scaled = jnp.where(used[:, None] & used[None, :], scaled, one) + small * one
        # Rounding may leave products of nearly parallel columns that are those of no columns: not definite, yet a step.
        solved = inverse(scaled) @ jnp.where(used, product / length, 0.0)
        return jnp.where(used & jnp.isfinite(solved), solved / length, 0.0)
