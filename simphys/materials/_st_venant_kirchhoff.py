"""St. Venant–Kirchhoff elasticity."""

import jax.numpy as jnp

from .. import _check
from .._ranges import between, positive
from .._typing import PyTree, Value
from ._base import AbstractFiniteStrain
from ._moduli import lame
from ._tensors import determinant, oriented


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

    E: PyTree = positive()
    nu: PyTree = between(-1.0, 0.5)

    def __init__(self, *, E: Value, nu: Value):
        self.E, self.nu = _check.parameter(E), _check.parameter(nu)

    def energy(self, F):
        lam, mu = lame(self.E, self.nu)
        # Dots of F's columns: XLA runs batched 3×3 products one by one, and takes twice as long.
        e11, e22, e33, e12, e13, e23 = (
            (jnp.sum(F[:, i] * F[:, j]) - float(i == j)) / 2
            for i, j in ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))
        )
        square = e11**2 + e22**2 + e33**2 + 2 * (e12**2 + e13**2 + e23**2)
        guard = oriented(jnp.where(determinant(F) > 0, 1.0, -1.0).astype(F.dtype))
        return (lam / 2 * (e11 + e22 + e33) ** 2 + mu * square) * guard
