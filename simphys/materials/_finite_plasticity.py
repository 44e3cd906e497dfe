"""Metal plasticity at finite strain."""

from typing import ClassVar

import equinox as eqx
import jax.numpy as jnp

from .._typing import PyTree, Value
from ._history import AbstractHistory
from ._j2 import J2Plasticity, PlasticState
from ._tensor_functions import exponential, log_and_inverse_root


class FinitePlasticState(eqx.Module):
    """Inverse plastic deformation F_p⁻¹ (3, 3), back stress (3, 3), accumulated plastic strain p."""

    inverse: PyTree
    back: PyTree
    accumulated: PyTree


class FinitePlasticity(AbstractHistory):
    r"""Von Mises plasticity at finite strain: F = F_e F_p, Hencky's elasticity, exponential return map.

    M = κ tr ε_e I + 2μ dev ε_e,  ε_e = ½ ln F_eᵀF_e;   √(3/2) |dev M − α| ≤ σ_y + H p + Q (1 − e^{−b p})
    Ḟ_p F_p⁻¹ = 3/2 ṗ n,   α̇ = 2/3 C Ḟ_p F_p⁻¹ − γ α ṗ,   τ = R_e M R_eᵀ

    In logarithmic strains the step is that of `J2Plasticity`, and F_p⁻¹ is multiplied by exp(−Δε_p): det F_p = 1 in every
    step. M is the stress in the axes of the intermediate configuration, which does not spin, and τ = J σ Kirchhoff's. With
    kinematic hardening ε_e = ε_trial − Δε_p, which holds exactly where the two are coaxial, is taken everywhere: the
    error is of second order in the elastic strain.

    The internal variables do not see rotations of the body. First and second derivatives in F are exact, the third is NaN.

    **Arguments**

    - all as for `J2Plasticity`, which they give at small strain. Stresses are Kirchhoff's, strains logarithmic.

    **Raises** `ValueError` for constants out of range.

    Reference: A. L. Eterovic, K.-J. Bathe, Int. J. Numer. Methods Eng. 30 (1990) 1099; J. C. Simo, Comput. Methods Appl.
    Mech. Eng. 99 (1992) 61.
    """

    small: J2Plasticity
    dimension: ClassVar[int] = 3
    finite: ClassVar[bool] = True

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
        isotropic = dict(hardening=hardening, saturation=saturation, rate=rate)
        self.small = J2Plasticity(
            E=E, nu=nu, yield_stress=yield_stress, **isotropic, kinematic=kinematic, recovery=recovery
        )

    @property
    def symmetric(self):
        """Yes without kinematic hardening."""
        return self.small.kinematic is None and self.small.symmetric

    def initial(self):
        """No plastic deformation, no back stress."""
        return FinitePlasticState(jnp.eye(3), jnp.zeros((3, 3)), jnp.zeros(()))

    def update(self, strain, state, interval):
        """Return P = τ F⁻ᵀ and the state."""
        trial = strain @ state.inverse
        logarithm, contraction = log_and_inverse_root(trial.T @ trial)
        mandel, after = self.small.update(logarithm / 2, _virgin(state), interval)
        inverse = state.inverse @ exponential(-after.plastic)
        stress = trial @ contraction @ mandel @ contraction @ state.inverse.T
        return stress, FinitePlasticState(inverse, after.back, after.accumulated)

    def switches(self, strain, state, interval):
        """As in `J2Plasticity`."""
        trial = strain @ state.inverse
        logarithm, _ = log_and_inverse_root(trial.T @ trial)
        return self.small.switches(logarithm / 2, _virgin(state), interval)


def _virgin(state):
    """What the law of small strain remembers, strains being counted from the intermediate configuration."""
    return PlasticState(jnp.zeros_like(state.back), state.back, state.accumulated)
