"""Holzapfel, Gasser and Ogden's fibre-reinforced tissue."""

import jax.numpy as jnp
import numpy as np

from .. import _check
from .._ranges import between, positive
from .._typing import PyTree, Value
from ._base import AbstractFiniteStrain
from ._moduli import is_concrete
from ._tensors import first_invariant, isochoric_scale, volume_ratio


class HolzapfelGasserOgden(AbstractFiniteStrain):
    """Soft matrix with families of dispersed collagen fibres that carry tension only.

    `W = μ/2 (Ī₁ - 3) + k₁/(2k₂) Σ_f (exp(k₂⟨E_f⟩²) - 1) + κ/2 (J - 1)²`, with
    `E_f = d (Ī₁ - 3) + (1 - 3d)(Ī₄f - 1)`, Ī₁ = J^(-2/3) tr FᵀF, Ī₄f = J^(-2/3) |F a_f|², ⟨x⟩ = max(x, 0).

    Where E_f = 0, F = I included, the fibre's second derivative jumps; the value taken is that of the
    slack side.

    **Arguments**

    - `mu`: shear modulus μ of the matrix, a stress, > 0. Arteries 5 to 30 kPa.
    - `k1`: fibre stiffness, a stress, ≥ 0. Arteries 1 to 1000 kPa.
    - `k2`: fibre stiffening, > 0. Arteries 1 to 1000.
    - `dispersion`: d, from 0 (parallel fibres) to 1/3 (isotropic). Arteries about 0.226.
    - `kappa`: bulk modulus κ, a stress, > 0.
    - `fibres`: (family, 3), the fibre directions a_f in the undeformed body; normalised here.

    **Raises** `ValueError` for constants outside these ranges or fibres of another shape or without
    direction.

    Reference: T. C. Gasser, R. W. Ogden, G. A. Holzapfel, J. R. Soc. Interface 3 (2006) 15–35.
    """

    mu: PyTree = positive()
    k1: PyTree = positive(or_zero=True)
    k2: PyTree = positive()
    dispersion: PyTree = between(-1e-12, 1 / 3 + 1e-6)
    kappa: PyTree = positive()
    fibres: PyTree

    def __init__(self, *, mu: Value, k1: Value, k2: Value, dispersion: Value, kappa: Value, fibres: Value):
        self.mu = _check.parameter(mu)
        self.k1 = _check.parameter(k1)
        self.k2 = _check.parameter(k2)
        self.kappa = _check.parameter(kappa)
        self.dispersion = _check.parameter(dispersion)
        self.fibres = _check.finite("fibres", _check.parameter(fibres))
        if is_concrete(self.fibres):
            _check_directions(np.asarray(self.fibres))

    def switches(self, F):
        """E_f: fibres are slack below 0."""
        return self._strains(F)[2]

    def _strains(self, F):
        """J, Ī₁ − 3 and E_f."""
        J = volume_ratio(F)
        scale = isochoric_scale(J)
        shear = scale * first_invariant(F) - 3
        stretched = self.fibres @ F.T
        lengths = jnp.sum(stretched * stretched, -1) / jnp.sum(self.fibres * self.fibres, -1)
        return J, shear, self.dispersion * shear + (1 - 3 * self.dispersion) * (scale * lengths - 1)

    def energy(self, F):
        J, shear, strain = self._strains(F)
        taut = jnp.where(strain > 0, strain, 0)
        fibre = self.k1 / (2 * self.k2) * jnp.sum(jnp.expm1(self.k2 * taut**2))
        # A NaN strain is not > 0 and would count as slack; the matrix term carries it.
        return self.mu / 2 * shear + fibre + self.kappa / 2 * (J - 1) ** 2


def _check_directions(fibres):
    if fibres.ndim < 2 or fibres.shape[-1] != 3:
        raise ValueError(f"`fibres` must have shape (family, 3), got {fibres.shape}.")
    if np.any(np.sum(fibres**2, -1) == 0):
        raise ValueError("`fibres` must have directions, got a zero vector.")
