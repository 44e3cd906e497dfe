"""Metal plasticity at small strain."""

from typing import ClassVar

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from .. import _check
from .._ranges import between, positive
from .._trees import norm
from .._typing import PyTree, Value
from ..implicit import local_root
from ._history import AbstractHistory
from ._moduli import lame


ROOT = float(np.sqrt(1.5))


class PlasticState(eqx.Module):
    """Plastic strain εᵖ (3, 3), back stress α (3, 3), accumulated plastic strain p."""

    plastic: PyTree
    back: PyTree
    accumulated: PyTree


class J2Plasticity(AbstractHistory):
    r"""Von Mises plasticity with isotropic (linear and Voce) and kinematic (Armstrong–Frederick) hardening.

    σ = C : (ε − εᵖ),   √(3/2) |dev σ − α| ≤ σ_y + H p + Q (1 − e^{−b p}),   ε̇ᵖ = 3/2 ṗ n,   α̇ = 2/3 C ε̇ᵖ − γ α ṗ

    No hardening by default: perfect plasticity. Backward Euler in the update, one scalar equation for Δp.

    **Arguments**

    - `E`, `nu`: as for `LinearElastic`.
    - `yield_stress`: σ_y, a stress, > 0. Mild steel 250 MPa.
    - `hardening`: H, a stress, ≥ 0.
    - `saturation`, `rate`: Q, a stress (below 0: softening), and b ≥ 0 (Voce).
    - `kinematic`, `recovery`: C, a stress, ≥ 0, and γ ≥ 0. None, the default: the term is absent, no parameter. Without
      recovery (Prager's linear law) the tangent is symmetric whatever the values; with it, also 0, it is not taken to be.

    **Raises** `ValueError` for constants out of range.

    Reference: J. C. Simo, T. J. R. Hughes, Computational Inelasticity, Springer 1998, chapter 3; C. O. Frederick,
    P. J. Armstrong, Mater. High Temp. 24 (2007) 1.
    """

    E: PyTree = positive()
    nu: PyTree = between(-1.0, 0.5)
    yield_stress: PyTree = positive()
    hardening: PyTree = positive(or_zero=True)
    saturation: PyTree
    rate: PyTree = positive(or_zero=True)
    kinematic: PyTree = positive(or_zero=True)
    recovery: PyTree = positive(or_zero=True)
    dimension: ClassVar[int] = 3

    def __init__(
        self,
        *,
        E: Value,
        nu: Value,
        yield_stress: Value,
        hardening: Value = 0.0,
        saturation: Value = 0.0,
        rate: Value = 0.0,
        kinematic: Value | None = None,
        recovery: Value | None = None,
    ):
        self.E, self.nu = _check.parameter(E), _check.parameter(nu)
        self.yield_stress = _check.parameter(yield_stress)
        free = dict(hardening=hardening, saturation=saturation, rate=rate, kinematic=kinematic, recovery=recovery)
        checked = {name: _check.finite(name, _check.parameter(value)) for name, value in free.items()}
        self.hardening, self.saturation, self.rate = (checked[n] for n in ("hardening", "saturation", "rate"))
        self.kinematic, self.recovery = checked["kinematic"], checked["recovery"]

    @property
    def symmetric(self):
        """Yes without recovery."""
        return self.recovery is None

    def initial(self):
        """No plastic strain, no back stress."""
        return PlasticState(jnp.zeros((3, 3)), jnp.zeros((3, 3)), jnp.zeros(()))

    def flow_stress(self, accumulated):
        """Return σ_y + H p + Q (1 − e^{−b p})."""
        voce = -self.saturation * jnp.expm1(-self.rate * accumulated)
        return self.yield_stress + self.hardening * accumulated + voce

    def update(self, strain, state, interval):
        """Return stress and state by radial return."""
        lam, mu = lame(self.E, self.nu)
        one, trial = jnp.eye(3, dtype=strain.dtype), self._trial(strain, state)
        step, way = self._step(trial, state, mu)
        grown = 1.5 * step * way
        plastic = state.plastic + grown
        moved = state.back if self.kinematic is None else state.back + 2 / 3 * self.kinematic * grown
        back = self._recovered(moved, step)
        stress = trial - 2 * mu * grown + (lam + 2 / 3 * mu) * jnp.trace(strain) * one
        return stress, PlasticState(plastic, back, state.accumulated + step)

    def switches(self, strain, state, interval):
        """By how much the trial stress exceeds the flow stress, over that: the step is elastic below 0."""
        size = equivalent(self._trial(strain, state) - state.back)
        return size / self.flow_stress(state.accumulated) - 1

    def _trial(self, strain, state):
        """The deviatoric stress if the step were elastic."""
        _, mu = lame(self.E, self.nu)
        elastic = strain - state.plastic
        return 2 * mu * (elastic - jnp.trace(elastic) / 3 * jnp.eye(3, dtype=strain.dtype))

    def _recovered(self, value, step):
        return value if self.recovery is None else value / (1 + self.recovery * step)

    def _step(self, trial, state, mu):
        """Δp, and the direction n of what is left when stress and back stress have relaxed, |n| = √(2/3)."""

        def reached(step):
            return trial - self._recovered(state.back, step)

        def excess(step, args):
            left = equivalent(reached(step)) - 3 * mu * step - self.flow_stress(state.accumulated + step)
            return left if self.kinematic is None else left - self._recovered(self.kinematic * step, step)

        zero = jnp.zeros((), trial.dtype)
        overshoot = excess(zero, None)
        # An elastic point is given an equation whose root is 0, whatever the parameters. One that is on the yield surface
        # up to the rounding of strains is plastic: where a step begins, the tangent should be that of further loading.
        rounding = 16 * float(jnp.finfo(trial.dtype).eps)
        stiffness = 3 * mu + self.hardening + (0.0 if self.kinematic is None else self.kinematic)
        lifted = jnp.where(overshoot < -rounding * stiffness, overshoot, 0.0)
        guess = jnp.maximum(overshoot, 0.0) / stiffness
        step = local_root(lambda step, args: (excess(step, args) - lifted) / stiffness, guess, atol=rounding / 16)
        size = equivalent(reached(step))
        return step, reached(step) / jnp.where(size > 0, size, 1.0)


def equivalent(deviator):
    """Return √(3/2) |s|, with derivative 0 at s = 0."""
    return ROOT * norm(deviator)
