"""St. Venant–Kirchhoff elasticity."""

import jax.numpy as jnp

from .._typing import PyTree
from ._base import AbstractFiniteStrain
from ._moduli import check_young, lame
from ._tensors import determinant, orientation_guard


class StVenantKirchhoff(AbstractFiniteStrain):
    """Hooke's law between Green's strain and the second Piola–Kirchhoff stress.

    `W = λ/2 (tr E)² + μ E:E` with `E = (FᵀF - I)/2`, λ = Eν/((1+ν)(1-2ν)), μ = E/(2(1+ν)).

    For large rotations and small strains; it softens and collapses under strong compression.

    **Arguments**

    - `E`: Young's modulus, a stress, > 0.
    - `nu`: Poisson's ratio, in (-1, 1/2).

    **Raises** `ValueError` for constants outside these ranges.

    Reference: G. A. Holzapfel, Nonlinear Solid Mechanics, Wiley 2000, section 6.5.
    """

    E: PyTree
    nu: PyTree

    def __init__(self, *, E, nu):
        self.E, self.nu = check_young(E, nu)

    def energy(self, F):
        lam, mu = lame(self.E, self.nu)
        green = (F.T @ F - jnp.eye(3, dtype=F.dtype)) / 2
        energy = lam / 2 * jnp.trace(green) ** 2 + mu * jnp.sum(green * green)
        return energy * orientation_guard(determinant(F))
