"""Newmark's method and the generalised-α method, for problems with inertia."""

from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp

from .._result import RESULTS
from .._typing import PyTree
from ._stepper import AbstractStepper, combine, taken


class _Memory(eqx.Module):
    u: PyTree
    v: PyTree
    a: PyTree


class AbstractNewmark(AbstractStepper):
    """Methods with Newmark's expansions of u and v, and a balance somewhere between t₀ and t₁."""

    derivatives: ClassVar[int] = 2
    error_order: ClassVar[int] = 3
    rubs: ClassVar[bool] = True
    beta: eqx.AbstractVar[float]
    gamma: eqx.AbstractVar[float]
    alpha_m: eqx.AbstractVar[float]
    alpha_f: eqx.AbstractVar[float]

    @property
    def order(self):
        """2 where γ = ½ − α_m + α_f, else 1."""
        return 2 if abs(self.gamma - (0.5 - self.alpha_m + self.alpha_f)) < 1e-12 else 1

    def begin(self, evolution, t, state, solve):
        """Find the accelerations that balance the first state; those of prescribed values are taken as 0."""
        u, v = state
        u = evolution.consistent(u, t)
        v = evolution.spread(v, u)
        at_rest = jax.tree.map(jnp.zeros_like, u)
        moving = evolution.sliding(combine((1.0, u), (-1.0, v)), 1.0)
        known = combine((-1.0, moving.flow(u, t)))
        one = jnp.ones((), jnp.asarray(t).dtype)
        found = solve(evolution.resting().stage(t, one, known, flowing=False), at_rest)
        # Without accelerations no step can be taken: the first one then fails, and says so.
        good = found.result == RESULTS.successful
        return _Memory(u, v, jax.tree.map(lambda a: jnp.where(good, a, jnp.nan), found.value))

    def step(self, evolution, memory, t, h, solve):
        """Solve for u₁, from which v₁ and a₁ follow."""
        u, v, a = memory.u, memory.v, memory.a
        beta, gamma, am, af = self.beta, self.gamma, self.alpha_m, self.alpha_f
        predicted = combine((1.0, u), (h, v), (h * h * (0.5 - beta), a))
        scale = 1 / (beta * h * h)
        known = combine(((1 - am) * scale, evolution.stored(predicted, t + h)), (-am, evolution.stored(a, t)))
        guess = combine((1.0, predicted), (beta * h * h, a))
        evolution = self._rubbing(evolution, memory, predicted, h)
        between = dict(acting_at=t + (1 - af) * h, weight=1 - af, base=u) if af else {}
        stage = evolution.stage(t + h, (1 - am) * scale, known, **between)
        found = solve(stage, evolution.admitted(stage, u, guess))
        a1 = combine((scale, found.value), (-scale, predicted))
        v1 = combine((1.0, v), (h * (1 - gamma), a), (h * gamma, a1))
        # The local error of u by the third derivative; O. C. Zienkiewicz, Y. M. Xie, Earthq. Eng. Struct. Dyn. 20 (1991).
        jump = h * h * abs(beta - 1 / 6 if beta != 1 / 6 else 1 / 24)
        return taken(_Memory(found.value, v1, a1), found, error=combine((jump, a1), (-jump, a)))

    def ahead(self, memory, h):
        """Return u + h v + ½ h² a."""
        return combine((1.0, memory.u), (h, memory.v), (h * h / 2, memory.a))

    def rubbed(self, evolution, memory):
        """Friction acts against v₁."""
        return evolution.sliding(combine((1.0, memory.u), (-1.0, memory.v)), 1.0)

    def _rubbing(self, evolution, memory, predicted, h):
        """Friction acts against v (1 − α_f) v₁ + α_f v₀, where R is taken: (w − u_before)/τ of its displacement w."""
        u, v, a, af = memory.u, memory.v, memory.a, self.alpha_f
        span = self.beta * h / self.gamma  # v₁ = (u₁ − ũ)/τ + v₀ + h (1 − γ) a₀
        coasting = combine((1.0, v), (h * (1 - self.gamma), a))
        at_end = combine((1.0, predicted), (-span, coasting))
        before = combine((1 - af, at_end), (af, u), (-af * span, v))
        return evolution.sliding(before, span)


class Newmark(AbstractNewmark):
    r"""Newmark's method.

    M a₁ + R(u₁, t₁) = 0,   u₁ = u₀ + h v₀ + h² [(½ − β) a₀ + β a₁],   v₁ = v₀ + h [(1 − γ) a₀ + γ a₁]

    β = ¼, γ = ½ (constant average acceleration) keeps the energy of a linear system, and damps nothing.

    **Arguments:**

    - `beta`, `gamma`: β > 0, γ ≥ ½; order 2 for γ = ½; unconditionally stable on linear systems for 2β ≥ γ.

    Reference: N. M. Newmark, J. Eng. Mech. Div. ASCE 85 (1959) 67.
    """

    beta: float = eqx.field(static=True, default=0.25)
    gamma: float = eqx.field(static=True, default=0.5)
    remembers: ClassVar[bool] = True
    alpha_m: ClassVar[float] = 0.0
    alpha_f: ClassVar[float] = 0.0

    def __check_init__(self):
        if self.beta <= 0:
            raise ValueError(f"`beta` must be positive (the method is implicit), got {self.beta}.")
        if self.gamma < 0.5:
            raise ValueError(f"`gamma` must be 0.5 or more (the method is unstable below), got {self.gamma}.")


class GeneralisedAlpha(AbstractNewmark):
    r"""The generalised-α method: order 2, unconditionally stable on linear systems, damping of high frequencies at will.

    M [(1 − α_m) a₁ + α_m a₀] + R((1 − α_f) u₁ + α_f u₀, t₁ − α_f h) = 0,   u₁ and v₁ as in Newmark's method,
    α_m = (2ρ − 1)/(ρ + 1),   α_f = ρ/(ρ + 1),   β = (1 − α_m + α_f)²/4,   γ = ½ − α_m + α_f

    **Arguments:**

    - `spectral_radius`: ρ at infinite frequency, 0 (what is not resolved dies at once) … 1 (nothing is damped).

    Reference: J. Chung, G. M. Hulbert, J. Appl. Mech. 60 (1993) 371.
    """

    spectral_radius: float = eqx.field(static=True, default=0.8)

    def __check_init__(self):
        if not 0 <= self.spectral_radius <= 1:
            raise ValueError(f"`spectral_radius` must lie between 0 and 1, got {self.spectral_radius}.")

    @property
    def alpha_m(self):
        """(2ρ − 1)/(ρ + 1)."""
        return (2 * self.spectral_radius - 1) / (self.spectral_radius + 1)

    @property
    def alpha_f(self):
        """ρ/(ρ + 1)."""
        return self.spectral_radius / (self.spectral_radius + 1)

    @property
    def gamma(self):
        """½ − α_m + α_f."""
        return 0.5 - self.alpha_m + self.alpha_f

    @property
    def beta(self):
        """(1 − α_m + α_f)²/4."""
        return (1 - self.alpha_m + self.alpha_f) ** 2 / 4
