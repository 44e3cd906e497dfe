"""Broyden's method with limited memory."""

import equinox as eqx
import jax.numpy as jnp
import optimistix as optx

from .._typing import Array, Callable, Float, Int, PyTree, Scalar
from ._iteration import AbstractIteration


class _Memory(eqx.Module):
    """H = β 1 + Σ uᵢ vᵢᵀ, the last step s = −H F, and how many terms there are."""

    u: Float[Array, "memory n"]
    v: Float[Array, "memory n"]
    step: Float[Array, " n"]
    count: Int[Array, ""]


class Broyden(AbstractIteration):
    """Broyden's ("good") method: the inverse Jacobian as a multiple of 1 and at most m rank-one terms.

    y ← y − H F,   H ← H + (s − H ΔF) sᵀH / (sᵀH ΔF),   s = Δy

    When m terms are full it begins anew with H = β. Converges superlinearly near a root as long as m is not reached. A step
    costs four passes over m vectors.

    **Arguments:**

    - `rtol`: relative residual ‖F‖ / ‖f‖ wanted at the returned point; None for 1e-8 in float64, 1e-4 in float32.
    - `memory`: m.
    - `relaxation`: β.
    - `max_steps`: evaluations at most.
    - `patience`: evaluations without a smaller residual after which it gives up.

    Reference: C. Kelley, Iterative Methods for Linear and Nonlinear Equations, SIAM 1995, chapter 7.
    """

    rtol: float | None = eqx.field(static=True, default=None)
    memory: int = eqx.field(static=True, default=30)
    relaxation: float = eqx.field(static=True, default=1.0)
    max_steps: int = eqx.field(static=True, default=500)
    patience: int = eqx.field(static=True, default=50)
    atol: float = eqx.field(static=True, default=0.0)
    norm: Callable[[PyTree], Scalar] = eqx.field(static=True, default=optx.two_norm)

    def __check_init__(self):
        if self.memory < 1:
            raise ValueError(f"`memory` must be 1 or more, got {self.memory}.")

    def begin(self, y):
        """Room for m terms."""
        rows = jnp.zeros((self.memory, y.size), y.dtype)
        return _Memory(rows, rows, jnp.zeros_like(y), jnp.zeros((), jnp.int32))

    def onwards(self, memory, y, residual):
        """Add the term that the last step calls for, and take the next step."""
        u, v, step, count = memory.u, memory.v, memory.step, memory.count
        place = (count - 1) % self.memory
        turned = self.relaxation * residual + (v @ residual) @ u
        # H ΔF = H F + s, for s = −H F of the point before; so s − H ΔF = −H F.
        left = self.relaxation * step + (u @ step) @ v
        lever = step @ (turned + step)
        size = jnp.sum(step * step)
        sound = (count > 0) & (jnp.abs(lever) > jnp.finfo(y.dtype).eps * size)
        term_u = jnp.where(sound, -turned / jnp.where(sound, lever, 1.0), 0.0)
        term_v = jnp.where(sound, left, 0.0)
        after = turned + term_u * (term_v @ residual)
        full = (count > 0) & (count % self.memory == 0)
        next_step = -jnp.where(full, self.relaxation * residual, after)
        keep = lambda rows, row: jnp.where(full, 0.0, rows.at[jnp.maximum(place, 0)].set(row))
        memory = _Memory(keep(u, term_u), keep(v, term_v), next_step, jnp.where(full, 1, count + 1))
        return y + next_step, memory
