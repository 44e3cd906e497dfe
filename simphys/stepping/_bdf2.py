"""The backward differentiation formula of order 2, with variable steps."""

from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp

from .._typing import PyTree, Scalar
from ._stepper import AbstractStepper, combine, taken


class _Memory(eqx.Module):
    u: PyTree
    before: PyTree
    """S one step earlier."""
    last: Scalar
    """The step before, 0 at the start."""


class BDF2(AbstractStepper):
    r"""BDF of order 2 with variable steps: A-stable and L-stable for equal steps, one solve a step.

    (1 + 2ω)/(1 + ω) S₂ − (1 + ω) S₁ + ω²/(1 + ω) S₀ + h R(u₂, t₂) = 0,   ω = h / h_before

    The first step is one of backward Euler, whose error is of the right order for once. Zero-stable for ω < 2.41.

    Reference: E. Hairer, S. P. Nørsett, G. Wanner, Solving Ordinary Differential Equations I, Springer 1993, III.5.
    """

    derivatives: ClassVar[int] = 1
    order: ClassVar[int] = 2
    error_constant: ClassVar[float] = -2 / 9

    def begin(self, evolution, t, state, solve):
        """There is no step before the first one."""
        u = evolution.consistent(state, t)
        return _Memory(u, jax.tree.map(jnp.zeros_like, evolution.stored(u, t)), jnp.zeros_like(jnp.asarray(t)))

    def step(self, evolution, memory, t, h, solve):
        """Solve for u₂."""
        first = memory.last == 0
        ratio = jnp.where(first, 0.0, h / jnp.where(first, 1.0, memory.last)).astype(h.dtype)
        here = evolution.stored(memory.u, t)
        factor = (1 + 2 * ratio) / (1 + ratio) / h
        known = combine(((1 + ratio) / h, here), (-(ratio**2) / (1 + ratio) / h, memory.before))
        found = solve(evolution.stage(t + h, factor, known), memory.u)
        return taken(_Memory(found.value, here, h), found)
