"""An explicit method for flow on grids."""

from typing import ClassVar

import jax
import jax.numpy as jnp
from jax.ad_checkpoint import checkpoint_name

from .._result import RESULTS
from ..grids import NavierStokes
from ._gridded import Gridded
from ._stepper import AbstractSingleStep, Memory, Taken


STAGES = ((8 / 15, 0.0), (5 / 12, -17 / 60), (3 / 4, -5 / 12))
"""How much of the forces now, and of those of the stage before."""


class RK3(AbstractSingleStep):
    r"""Explicit Runge–Kutta method of order 3 with a projection in each stage, for `grids.NavierStokes`.

    (V + τₖ V α χ) vₖ − τₖ Bᵀ pₖ = V vₖ₋₁ + h (γₖ F(vₖ₋₁) + ζₖ F(vₖ₋₂)),   ∇·vₖ = 0,   τₖ = h (γₖ + ζₖ)

    A stage is one evaluation of the forces F (advection, friction, what is given) and one Poisson problem, solved directly:
    several times faster than implicit steps where the steps must be short anyway. The resistance of a body is implicit,
    coupled to the pressure: of first order in time, but the fluid sticks to it and is free of divergence at once. The
    pressure of a step is that of its last stage. A step longer than stability allows ends as `step_too_long`. Reverse mode
    keeps the stages and repeats no solve.

    Reference: P. R. Spalart, R. D. Moser, M. M. Rogers, J. Comput. Phys. 96 (1991) 297, for the coefficients (Wray).
    """

    derivatives: ClassVar[int] = 1
    order: ClassVar[int] = 3

    def begin(self, evolution, t, state, solve):
        """Take the first state, made free of divergence."""
        if not isinstance(evolution, Gridded) or not isinstance(evolution.problem, NavierStokes):
            raise ValueError(
                "`RK3` is for `grids.NavierStokes` alone; take an implicit stepper, or Diffrax for an `ODE`."
            )
        return Memory(evolution.consistent(state, t))

    def step(self, evolution, memory, t, h, solve):
        """Go through three stages."""
        now, passed, before = evolution.at(t), 0.0, None
        v, p = now.unknowns(memory.u)
        shorter = _stable(h, *jax.lax.stop_gradient(now.rates(memory.u)))
        for gamma, zeta in STAGES:
            forces = [f for f, _ in now.forces(v)]
            known = [h * gamma * f for f in forces]
            if before is not None:
                known = [k + h * zeta * f for k, f in zip(known, before, strict=True)]
            passed, before = passed + gamma + zeta, forces
            stored = now.storage((v, p))[0]
            now = evolution.at(t + passed * h)
            v, p = now.advanced([s + k for s, k in zip(stored, known, strict=True)], (gamma + zeta) * h)
            v, p = checkpoint_name((v, p), "simphys_root")
        there = jnp.all(jnp.stack([jnp.all(jnp.isfinite(x)) for x in (*v, p)]))
        result = RESULTS.where(there, RESULTS.successful, RESULTS.not_finite)
        result = RESULTS.where(shorter, result, RESULTS.step_too_long)
        zero = jnp.zeros((), jnp.int32)
        return Taken(Memory(now.value((v, p))), result, zero, zero, zero)


def _stable(h, carried, slowed):
    """Whether 1 + z + z²/2 + z³/6 is at most 1 for the fastest of what is carried, of what slows down, and of both."""
    h = jax.lax.stop_gradient(h)
    growth = lambda z: jnp.abs(1 + z * (1 + z / 2 * (1 + z / 3)))
    corners = [growth(jax.lax.complex(-a * h * slowed, b * h * carried)) for a, b in ((0, 1), (1, 0), (1, 1))]
    return jnp.max(jnp.stack(corners)) <= 1 + 1e-3
