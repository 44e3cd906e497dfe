"""Periodic unit cells and the stiffness of the material that they make up."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from .._typing import Array, Float
from ..fem import Dirichlet, FunctionSpace, Periodic, cells_of
from ..implicit import solve
from ..materials import AbstractSmallStrain, is_linear
from ..physics import Solid


_SIDES = {
    2: (("left", "right"), ("bottom", "top")),
    3: (("left", "right"), ("front", "back"), ("bottom", "top")),
}
_VOIGT = {2: ((0, 0), (1, 1), (0, 1)), 3: ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))}


class UnitCell(eqx.Module):
    r"""A periodic cell: u = ε̄ x + ũ with periodic ũ, for each unit strain ε̄ in Voigt's order.

    C_ij = 1/|V| ∫ σ_i(u_j) dV,   2-D: 11, 22, 12;  3-D: 11, 22, 33, 23, 13, 12  (shear strains 2ε)

    All strains share one stiffness matrix: it is factorised once.

    **Arguments:**

    - `space`: displacement on a rectangle or box with the groups `left`, `right` (x), `bottom`, `top` (y; in 3-D z) and
      `front`, `back` (3-D: y), whose opposite nodes match. |V| is the volume of the box: what is not meshed is empty.
    - `material`: a linear small-strain law; its parameters may be fields. In 2-D `PlaneStress` or `PlaneStrain`.

    **Raises:** `ValueError` if the law is not linear, a group is missing, or opposite sides do not match.

    Reference: B. Hassani, E. Hinton, A review of homogenization and topology optimization, Comput. Struct. 69 (1998) 707.
    """

    body: Solid
    lengths: tuple[float, ...] = eqx.field(static=True)

    def __init__(self, space: FunctionSpace, material: AbstractSmallStrain):
        if not isinstance(material, AbstractSmallStrain) or not is_linear(material):
            raise ValueError(f"`material` must be a linear small-strain law, got {type(material).__name__}.")
        x = np.asarray(space.nodes())
        self.lengths = tuple(np.ptp(x, axis=0).tolist())
        corner = np.flatnonzero(np.all(np.abs(x - x.min(axis=0)) < 1e-9 * max(self.lengths), axis=1))
        if len(corner) != 1:
            raise ValueError("`space` must be on a rectangle or box: no node was found in its lowest corner.")
        dim = space.mesh.dim
        pairs = [Periodic(*sides, jump=jnp.zeros(dim)) for sides in _SIDES[dim]]
        self.body = Solid(space, material, (*pairs, Dirichlet(corner, 0.0)))

    def displacement(self, strain: Float[Array, "dim dim"]) -> Float[Array, "node dim"]:
        """Return u for the mean strain ε̄ (symmetric, dimensionless), a length."""
        jumps = [jnp.asarray(strain)[:, axis] * length for axis, length in enumerate(self.lengths)]
        where = lambda body: [constraint.jump for constraint in body.constraints[: len(jumps)]]
        return solve(eqx.tree_at(where, self.body, jumps)).value

    def stiffness(self) -> Float[Array, "voigt voigt"]:
        """Return the effective stiffness C in Voigt's order, a stress; symmetric to the solver's tolerance."""
        rows = _VOIGT[len(self.lengths)]
        dtype = self.body.space.mesh.points.dtype
        volume = jnp.sum(cells_of(self.body.space).geometry(self.body.space.mesh).measure, axis=1)

        def column(strain):
            stress = self.body.stress(self.displacement(strain))
            mean = jnp.einsum("e,eij->ij", volume, stress) / np.prod(self.lengths)
            return jnp.stack([mean[i, j] for i, j in rows])

        units = np.zeros((len(rows), len(self.lengths), len(self.lengths)))
        for k, (i, j) in enumerate(rows):
            units[k, i, j] += 0.5
            units[k, j, i] += 0.5
        return jax.lax.map(column, jnp.asarray(units, dtype)).T


def engineering_constants(stiffness: Float[Array, "voigt voigt"]) -> dict[str, Array]:
    """Return E₁, E₂, ν₁₂, ν₂₁ and G₁₂ of a stiffness in Voigt's order (2-D: as in plane stress), from its inverse.

    **Arguments:**

    - `stiffness`: C (3, 3) or (6, 6), a stress.

    **Returns:** a dictionary with the keys `E1`, `E2`, `nu12`, `nu21`, `G12`.
    """
    compliance = jnp.linalg.inv(stiffness)
    first, second = 1 / compliance[0, 0], 1 / compliance[1, 1]
    return {
        "E1": first,
        "E2": second,
        "nu12": -compliance[1, 0] * first,
        "nu21": -compliance[0, 1] * second,
        "G12": 1 / compliance[-1, -1],
    }
