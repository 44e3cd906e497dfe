"""Linear elasticity with any stiffness tensor."""

import jax
import jax.numpy as jnp
import numpy as np

from .. import _check
from .._ranges import positive
from .._typing import PyTree, Value
from ._base import AbstractSmallStrain
from ._moduli import definite, is_concrete


class AnisotropicElastic(AbstractSmallStrain):
    """Linear elasticity with a stiffness tensor that is given, in two dimensions or three.

    `ψ = s/2 ε:C:ε`, hence `σ = s C:ε`.

    **Arguments**

    - `stiffness`: C, (dim, dim, dim, dim), a stress, with the symmetries of a stiffness; the `tangent` of any law, say.
    - `scale`: s, a pure number or a field, > 0: what is left of the stiffness, such as by a graded density.

    **Raises** `ValueError` for a tensor without these symmetries, or not positive definite.

    Reference: R. M. Jones, Mechanics of Composite Materials, 2nd ed., 1999, section 2.2.
    """

    stiffness: PyTree
    scale: PyTree = positive()

    def __init__(self, stiffness: Value, scale: Value = 1.0):
        self.stiffness = _check.finite("stiffness", _check.parameter(stiffness))
        self.scale = _check.parameter(scale)
        if is_concrete(self.stiffness):
            _check_stiffness(np.asarray(self.stiffness))

    @property
    def dimension(self) -> int:
        """2 or 3, that of the tensor."""
        return self.stiffness.shape[-1]

    def relations(self):
        return {"the stiffness is positive definite": jax.tree.map(lambda C: definite(_mandel(C)), self.stiffness)}

    def energy(self, strain):
        return self.scale * jnp.vdot(strain, self._times(strain)) / 2

    def stress(self, strain):
        return self.scale * self._times(strain)

    def _times(self, strain):
        dim = strain.shape[0]
        return (self.stiffness.reshape(dim * dim, dim * dim) @ strain.ravel()).reshape(dim, dim)


def _mandel(C):
    """The stiffness as a matrix between strains of components 11, 12 √2, … ."""
    first, second = np.triu_indices(C.shape[-1])
    weight = np.where(first == second, 1.0, np.sqrt(2.0)).astype(C.dtype)
    rows = C[..., first, second, :, :][..., first, second]
    return rows * (weight[:, None] * weight[None, :])


def _check_stiffness(C):
    dim = C.shape[-1] if C.ndim else 0
    if dim not in (2, 3) or C.shape != (dim,) * 4:
        raise ValueError(f"`stiffness` must have shape (2, 2, 2, 2) or (3, 3, 3, 3), got {C.shape}.")
    size = np.abs(C).max()
    for axes in ((1, 0, 2, 3), (2, 3, 0, 1)):
        if not np.allclose(C, C.transpose(axes), rtol=0, atol=1e-8 * size):
            raise ValueError("`stiffness` must have the symmetries C_ijkl = C_jikl = C_klij; it lacks them.")
    smallest = np.linalg.eigvalsh(_mandel(C)).min()
    if smallest <= 0:
        raise ValueError(f"`stiffness` must be positive definite, but has the eigenvalue {smallest:.3g}.")
