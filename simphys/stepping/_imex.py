"""Implicit where it is stiff, explicit elsewhere."""

import math
from typing import ClassVar

import jax
import jax.numpy as jnp

from .._result import RESULTS
from ..grids import ConservationLaw
from ._gridded import Gridded
from ._stepper import AbstractSingleStep, Memory, Taken, combine, taken


GAMMA = 1 - math.sqrt(0.5)
DELTA = 1 - 1 / (2 * GAMMA)
FARTHEST = 1.0
"""Cells that may be crossed in a step: 1 + i y − y²/2 grows by an eighth there."""


class IMEX2(AbstractSingleStep):
    r"""The L-stable method of order 2 with two stages for what is stiff, R, and with what is not, N, at known states.

    [S(U₁) − S(u₀)] / γh + R(U₁) = −N(u₀),   γ = 1 − 1/√2,   δ = 1 − 1/(2γ)

    [S(U₂) − S(u₀)] / γh + R(U₂) = −[δ N(u₀) + (1 − δ) N(U₁) + (1 − γ) R(U₁)] / γ,   u₁ = U₂

    For `grids.Diffusion` (N: advection and reaction) and `grids.NavierStokes` (N: advection; pressure, friction and a body
    are implicit). Each stage is one linear problem, symmetric of diffusion; steps are not bounded by friction, but by what
    is carried: one that crosses more than a cell ends as `step_too_long`. Without any friction it is slightly unstable.

    Reference: U. M. Ascher, S. J. Ruuth, R. J. Spiteri, Appl. Numer. Math. 25 (1997) 151, section 2.6.
    """

    derivatives: ClassVar[int] = 1
    order: ClassVar[int] = 2

    def begin(self, evolution, t, state, solve):
        """Take the first state, with what the conditions say."""
        if not isinstance(evolution, Gridded) or isinstance(evolution.problem, ConservationLaw):
            raise ValueError(
                "`IMEX2` is for `grids.Diffusion` and `grids.NavierStokes`; of an `ODE` or a balance law on a mesh "
                "`SparseImplicit` with a method of Diffrax's does the same."
            )
        return Memory(evolution.consistent(state, t))

    def step(self, evolution, memory, t, h, solve):
        """Solve two stages."""
        u0, factor = memory.u, 1 / (GAMMA * h)
        start = combine((factor, evolution.stored(u0, t)))
        first, rate = evolution.carried(u0, t)
        known = combine((1.0, start), (-1.0, first))
        middle = solve(evolution.stiff_stage(t + GAMMA * h, factor, known), u0)
        stiff = combine((1.0, known), (-factor, evolution.stored(middle.value, t + GAMMA * h)))
        second, _ = evolution.carried(middle.value, t + GAMMA * h)
        weights = ((-DELTA / GAMMA, first), ((DELTA - 1) / GAMMA, second), ((GAMMA - 1) / GAMMA, stiff))
        last = solve(evolution.stiff_stage(t + h, factor, combine((1.0, start), *weights)), middle.value)
        done = taken(Memory(last.value), middle, last)
        shorter = jax.lax.stop_gradient(h * rate) <= FARTHEST * (1 + 1e-3)
        result = RESULTS.where(jnp.asarray(shorter), done.result, RESULTS.step_too_long)
        return Taken(done.memory, result, done.newton_steps, done.linear_steps, done.weakly_active)
