"""Explicit Runge–Kutta steps for conservation laws."""

from typing import ClassVar

import jax
import jax.numpy as jnp

from .._result import RESULTS
from ._stepper import AbstractSingleStep, Memory, Taken


class SSPRK3(AbstractSingleStep):
    r"""The explicit method of order 3 in three stages that keeps what each Euler step keeps (strong stability).

    u₁ = u + h f(u),   u₂ = ¾ u + ¼ (u₁ + h f(u₁)),   u₃ = ⅓ u + ⅔ (u₂ + h f(u₂))

    For `grids.ConservationLaw`, and for an `ODE` whose step is known to be short enough. A step that a wave would cross
    more than a cell in ends as `step_too_long`, a stage that means nothing as `state_inadmissible`. The embedded method
    is of order 2.

    Reference: C.-W. Shu, S. Osher, J. Comput. Phys. 77 (1988) 439; I. Fekete, S. Conde, J. N. Shadid, J. Comput. Appl.
    Math. 412 (2022) 114325 for the embedded weights.
    """

    derivatives: ClassVar[int] = 1
    order: ClassVar[int] = 3
    error_order: ClassVar[int] = 3

    def step(self, evolution, memory, t, h, solve):
        """Take three Euler steps, by one compiled program."""
        weights = jnp.array([[0.0, 1.0], [0.75, 0.25], [1 / 3, 2 / 3]], h.dtype)
        u0, times = memory.u, jnp.array([0.0, 1.0, 0.5], h.dtype)
        mix = lambda a, x, b, y: jax.tree.map(lambda x, y: a.astype(x.dtype) * x + b.astype(y.dtype) * y, x, y)

        def judged(u, at, result):
            bounds = evolution.bounds(u, at)
            status = RESULTS.where(bounds.admissible, RESULTS.step_too_long, RESULTS.state_inadmissible)
            good = bounds.admissible & (h <= bounds.largest_step.astype(h.dtype))
            return RESULTS.where((result == RESULTS.successful) & ~good, status, result)

        def stage(carry, inputs):
            u, second, result = carry
            (old, new), at = inputs
            result = judged(u, t + at * h, result)
            rate = evolution.rate(u, t + at * h)
            moved = mix(jnp.ones_like(h), u, h, rate)
            return (mix(old, u0, new, moved), mix(jnp.ones_like(h), second, h / 3, rate), result), None

        begin = (u0, u0, RESULTS.successful)
        (u, second, result), _ = jax.lax.scan(stage, begin, (weights, times))
        good = evolution.bounds(u, t + h).admissible
        result = RESULTS.where((result == RESULTS.successful) & ~good, RESULTS.state_inadmissible, result)
        error = jax.tree.map(jnp.subtract, u, second)
        zero = jnp.zeros((), jnp.int32)
        return Taken(Memory(u), result, zero, zero, zero, error)
