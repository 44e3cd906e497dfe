"""Orthotropic linear elasticity."""

import jax.numpy as jnp
import numpy as np

from .. import _check
from .._ranges import number, positive, related
from .._small import inverse
from .._typing import PyTree, Value
from ._base import AbstractSmallStrain
from ._moduli import is_concrete


class OrthotropicElastic(AbstractSmallStrain):
    """Linear elasticity with three orthogonal planes of symmetry.

    In the material axes the normal strains are `ε_i = σ_i/E_i - Σ_j ν_ji σ_j/E_j`, with `ν_ij/E_i =
    ν_ji/E_j`, and the shear stresses are `σ_ij = 2 G_ij ε_ij`; `ψ = σ:ε/2`.

    **Arguments**

    - `E1, E2, E3`: Young's moduli along the axes, stresses, > 0.
    - `nu12, nu13, nu23`: Poisson's ratios; `nu12` is the contraction along axis 2 per extension along axis
      1 under a stress along axis 1.
    - `G12, G13, G23`: shear moduli, stresses, > 0.
    - `axes`: (3, 3), row i holds the i-th material axis in global coordinates; default the global axes.

    Good values (unidirectional carbon–epoxy, GPa): E1=140, E2=E3=10, nu12=nu13=0.3, nu23=0.45, G12=G13=5,
    G23=3.5.

    **Raises** `ValueError` for a modulus that is not positive, a stiffness that is not positive definite,
    or axes that are not orthonormal.

    Reference: R. M. Jones, Mechanics of Composite Materials, 2nd ed., 1999, sections 2.3 and 2.4.
    """

    E1: PyTree = positive()
    E2: PyTree = positive()
    E3: PyTree = positive()
    nu12: PyTree = number()
    nu13: PyTree = number()
    nu23: PyTree = number()
    G12: PyTree = positive()
    G13: PyTree = positive()
    G23: PyTree = positive()
    axes: PyTree

    def __init__(
        self,
        *,
        E1: Value,
        E2: Value,
        E3: Value,
        nu12: Value,
        nu13: Value,
        nu23: Value,
        G12: Value,
        G13: Value,
        G23: Value,
        axes: Value | None = None,
    ):
        self.E1, self.E2, self.E3 = _positive(E1=E1, E2=E2, E3=E3)
        self.G12, self.G13, self.G23 = _positive(G12=G12, G13=G13, G23=G23)
        self.nu12, self.nu13, self.nu23 = (_check.parameter(nu) for nu in (nu12, nu13, nu23))
        _check.finite("nu12, nu13, nu23", (self.nu12, self.nu13, self.nu23))
        self.axes = None if axes is None else _orthonormal(_check.parameter(axes))
        self._check_definite()

    def _check_definite(self):
        parts = (self.E1, self.E2, self.E3, self.nu12, self.nu13, self.nu23)
        if not is_concrete(*parts) or any(part.ndim for part in parts):
            return
        smallest = np.linalg.eigvalsh(np.asarray(self._normal_compliance()) * float(self.E1)).min()
        if smallest <= 0:
            raise ValueError(
                "The stiffness must be positive definite, but its inverse has the eigenvalue "
                f"{smallest:.3g}/E1; Poisson's ratios nu12={self.nu12}, nu13={self.nu13}, nu23={self.nu23} "
                "are too large. Were `nu21`, `nu31` or `nu32` meant? nu21 = nu12 E2/E1."
            )

    def _normal_compliance(self):
        s12, s13, s23 = -self.nu12 / self.E1, -self.nu13 / self.E1, -self.nu23 / self.E2
        rows = [[1 / self.E1, s12, s13], [s12, 1 / self.E2, s23], [s13, s23, 1 / self.E3]]
        return jnp.stack([jnp.stack(row) for row in rows])

    def relations(self):
        moduli = (self.E1, self.E2, self.E3, self.nu12, self.nu13, self.nu23)
        return {"the stiffness is positive definite": related(_definite, *moduli)}

    def energy(self, strain):
        if self.axes is not None:
            strain = self.axes @ strain @ self.axes.T
        normal = jnp.diagonal(strain)
        stiffness = inverse(self._normal_compliance())
        shear = [(self.G12, 0, 1), (self.G13, 0, 2), (self.G23, 1, 2)]
        return normal @ stiffness @ normal / 2 + sum(G * (strain[i, j] + strain[j, i]) ** 2 / 2 for G, i, j in shear)


def _definite(E1, E2, E3, nu12, nu13, nu23):
    """Whether the compliance of the normal strains is, of entries C_ij √(E_i E_j)."""
    a, b, c = nu12**2 * E2 / E1, nu13**2 * E3 / E1, nu23**2 * E3 / E2
    return (a < 1) & (1 - a - b - c - 2 * nu12 * nu13 * nu23 * E3 / E1 > 0)


def _positive(**values):
    return [_check.positive(name, _check.parameter(value)) for name, value in values.items()]


def _orthonormal(axes):
    if is_concrete(axes):
        found = np.asarray(axes)
        if found.shape[-2:] != (3, 3):
            raise ValueError(f"`axes` must have shape (3, 3), got {found.shape}.")
        error = np.abs(found @ np.swapaxes(found, -1, -2) - np.eye(3)).max()
        if not error <= 1e-5:
            raise ValueError(f"The rows of `axes` must be orthonormal, but axes·axesᵀ differs from I by {error:.2g}.")
    return axes
