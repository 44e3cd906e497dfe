"""Elastic laws in a body whose temperature changes."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from .. import _check
from .._ranges import Ranged, number, positive, related
from .._typing import Array, Float, PyTree, Scalar, Value
from ._base import AbstractFiniteStrain, AbstractSmallStrain
from ._moduli import is_concrete
from ._plane_strain import FinitePlaneStrain, SmallPlaneStrain
from ._plane_stress import FinitePlaneStress, SmallPlaneStress
from ._thermal_strain import ThermalStrain


class Thermoelastic(Ranged):
    r"""An elastic law with thermal expansion and heat capacity; stress and entropy come of one free energy.

    small strain:   ψ = W(ε − α ΔT I) + ψ_c(T),     finite:   ψ = J* W(F/(1 + α ΔT)) + ψ_c(T),     ΔT = T − T_r
    σ = ∂ψ/∂ε  (P = ∂ψ/∂F),     η = −∂ψ/∂T,     ψ_c = −c [θ ln(θ/θ_r) − ΔT],     θ = T − T₀

    For Hooke's law σ = C:(ε − α ΔT I) and η = α tr σ + c ln(θ/θ_r): c is the capacity at constant stress, the one that
    handbooks give; that at constant strain, c − 9Kα²θ with the bulk modulus K, must be positive too. A stressed body that
    exchanges no heat cools by ΔT = −α θ_r σ/c, the Gough–Joule effect.

    The elastic part is that of `ThermalStrain`, J* = (1 + α ΔT)³. With `linearised`, ψ_c = −c ΔT²/(2 θ_r): with Hooke's law
    and Fourier's of constant k this is Biot's linear theory.

    **Arguments**

    - `solid`: an `AbstractSmallStrain` or `AbstractFiniteStrain` law; `PlaneStrain` knows that the third direction
      expands too.
    - `expansion`: α, linear thermal expansion, 1/temperature: a number or a field. Steel 1.2e-5, aluminium 2.3e-5 1/K.
    - `capacity`: c, volumetric heat capacity ρ c_p, energy/(undeformed volume·temperature), > 0: a number or a field.
      With stresses in MPa, energies per volume are too: steel 3.6 MPa/K.
    - `reference`: T_r, at which the unloaded body is free of stress, on the scale of T.
    - `zero`: T₀, absolute zero on the scale of T: 0 for kelvin, −273.15 for degrees Celsius, −θ_r for differences.
    - `linearised`: as above.

    **Raises** `ValueError` for values out of range.

    Reference: M. A. Biot, J. Appl. Phys. 27 (1956) 240; P. Chadwick, Phil. Trans. R. Soc. A 276 (1974) 371.
    """

    solid: AbstractFiniteStrain | AbstractSmallStrain
    expansion: PyTree = number()
    capacity: PyTree = positive()
    reference: PyTree = number()
    zero: PyTree = number()
    linearised: bool = eqx.field(static=True)

    def __init__(
        self,
        solid: AbstractFiniteStrain | AbstractSmallStrain,
        *,
        expansion: Value,
        capacity: Value,
        reference: Value,
        zero: Value = 0.0,
        linearised: bool = False,
    ):
        if not isinstance(solid, AbstractFiniteStrain | AbstractSmallStrain):
            raise ValueError(f"`solid` must be an elastic law, got {type(solid).__name__}.")
        self.solid, self.linearised = solid, linearised
        self.expansion = _check.finite("expansion", _check.parameter(expansion))
        self.capacity = _check.parameter(capacity)
        self.reference = _check.finite("reference", _check.parameter(reference))
        self.zero = _check.finite("zero", _check.parameter(zero))
        if is_concrete(self.reference) and is_concrete(self.zero) and not np.all(self.reference > self.zero):
            raise ValueError(
                f"`reference` ({self.reference}) must lie above absolute zero ({self.zero}): give `zero=-273.15` if "
                "temperatures are in degrees Celsius."
            )

    def relations(self):
        return {"reference > zero": related(lambda reference, zero: reference > zero, self.reference, self.zero)}

    @property
    def dimension(self) -> int:
        """That of the elastic law."""
        return self.solid.dimension

    @property
    def finite(self) -> bool:
        """Whether the elastic law is one of finite strain."""
        return isinstance(self.solid, AbstractFiniteStrain)

    def energy(self, gradient: Float[Array, "dim dim"], temperature: Scalar) -> Scalar:
        """Free energy ψ per undeformed volume, of a displacement gradient and a temperature T."""
        rise = temperature - self.reference
        start = self.reference - self.zero
        if self.linearised:
            thermal = rise * rise / (2 * start)
        else:
            thermal = self.absolute(temperature) * jnp.log(self.absolute(temperature) / start) - rise
        return self._elastic(gradient, temperature) - self.capacity * thermal

    def stress(self, gradient: Float[Array, "dim dim"], temperature: Scalar) -> Float[Array, "dim dim"]:
        """Cauchy stress ∂ψ/∂ε (finite strain: first Piola–Kirchhoff stress ∂ψ/∂F)."""
        law = self.at(temperature)
        return (law.first_piola if self.finite else law.stress)(self._measure(gradient))

    def switches(self, gradient: Float[Array, "dim dim"], temperature: Scalar) -> Array | None:
        """As the elastic law."""
        return self.at(temperature).switches(self._measure(gradient))

    def stress_in_space(self, gradient: Float[Array, "dim dim"], temperature: Scalar) -> Float[Array, "3 3"]:
        """Cauchy stress in all directions, of a plane body too."""
        law, measure = self.at(temperature), self._measure(gradient)
        if isinstance(law, SmallPlaneStress | FinitePlaneStress):
            law, measure = law.material, law.complete(measure)
        elif isinstance(law, SmallPlaneStrain | FinitePlaneStrain):
            law, measure = law.material, law.whole(measure)
        if not self.finite:
            return law.stress(measure)
        return law.first_piola(measure) @ measure.T / jnp.linalg.det(measure)

    def entropy(self, gradient: Float[Array, "dim dim"], temperature: Scalar) -> Scalar:
        """Entropy η = −∂ψ/∂T per undeformed volume, 0 in the unloaded body at T_r; NaN below absolute zero."""
        released = jax.grad(self._elastic, argnums=1)(gradient, temperature)
        start = self.reference - self.zero
        if self.linearised:
            return self.capacity * (temperature - self.reference) / start - released
        return self.capacity * jnp.log(self.absolute(temperature) / start) - released

    def absolute(self, temperature: Scalar) -> Scalar:
        """Absolute temperature θ; NaN below zero."""
        theta = temperature - self.zero
        return jnp.where(theta > 0, theta, jnp.nan)

    def at(self, temperature: Scalar) -> AbstractFiniteStrain | AbstractSmallStrain:
        """Return the elastic law at a temperature."""
        return ThermalStrain(self.solid, self.expansion, temperature=temperature, reference=self.reference)

    def _elastic(self, gradient, temperature):
        return self.at(temperature).energy(self._measure(gradient))

    def _measure(self, H):
        return H + jnp.eye(H.shape[0], dtype=H.dtype) if self.finite else (H + H.T) / 2
