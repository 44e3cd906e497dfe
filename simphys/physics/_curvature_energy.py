"""An energy of second derivatives: what keeps very soft cells in shape."""

import equinox as eqx
import jax.numpy as jnp

from .._check import parameter
from .._ranges import positive
from .._typing import PyTree, Value
from ..fem import Integral, cells_of
from ._acting import AbstractLoad


class CurvatureEnergy(AbstractLoad):
    r"""An energy of the displacement's second derivatives, which keeps the cells of a third medium in shape.

    Π = ½ ∫ k (∇²u ⋮ ∇²u − a |Δu|²/dim) dV over the cells of the medium

    The medium is meshed between bodies that may touch; its law is `materials.ThirdMedium`. Where bodies press it flat its
    cells, of next to no stiffness, would fold over without this.

    **Arguments:**

    - `where`: name of the cell group of the medium; None for all cells, then `stiffness` says where (a field, as a
      design's density gives one).
    - `stiffness`: k, a stress times a length squared: 1e-6 K L² of the body's bulk modulus K and size L, say.
    - `bending_only`: a = 1 in place of 0: what is quadratic with the same curvature in all directions costs nothing.
    - `field`: which field of a mixed space.

    **Raises:** `ValueError` for simplices of degree 1, whose second derivatives are 0 (quadrilaterals have
    ∂²/∂x∂y).

    Reference: G. L. Bluhm, O. Sigmund, K. Poulios, Comput. Mech. 67 (2021) 1099; A. H. Frederiksen, O. Sigmund,
    K. Poulios, Comput. Mech. 73 (2024) 967.
    """

    stiffness: PyTree = positive(or_zero=True)
    where: str | None = eqx.field(static=True)
    bending_only: bool = eqx.field(static=True)

    def __init__(self, where: str | None, stiffness: Value, *, bending_only: bool = False, field: int = 0):
        self.field = field
        self.where, self.stiffness, self.bending_only = where, parameter(stiffness), bool(bending_only)

    def integral(self, space):
        """The energy over the medium's cells."""
        types = {space.block(b).mesh.cell_type for b in range(len(space.blocks))}
        if space.degree < 2 and types & {"triangle", "tetrahedron", "interval"}:
            raise ValueError("A `CurvatureEnergy` needs second derivatives: simplices of degree 2, got degree 1.")
        weak, energy = (_bent, _bent_energy) if self.bending_only else (_curved, _curved_energy)
        return Integral(cells_of(space, self.where), weak, self.stiffness, energy, slots=("hessian",), linear=True)

    def unloaded(self):
        """The same energy."""
        return self


def _curved(fields, point, stiffness):
    return ((None, None, stiffness * fields[0].hessian),)


def _curved_energy(fields, point, stiffness):
    return stiffness * jnp.sum(fields[0].hessian ** 2) / 2


def _bent(fields, point, stiffness):
    return ((None, None, stiffness * _without_mean(fields[0].hessian)),)


def _bent_energy(fields, point, stiffness):
    return stiffness * jnp.sum(_without_mean(fields[0].hessian) ** 2) / 2


def _without_mean(hessian):
    """∇²u without the part 1 Δu/dim."""
    dim = hessian.shape[-1]
    mean = jnp.trace(hessian, axis1=-2, axis2=-1) / dim
    return hessian - mean[..., None, None] * jnp.eye(dim, dtype=hessian.dtype)[None]
