"""Periodic cells and the stiffness of the material that many of them make up."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from .._told import Told
from .._typing import Array, Float
from ..fem import Dirichlet, FunctionSpace, Periodic
from ..implicit import error_if_failed, nan_unless, solve
from ..materials import AbstractSmallStrain, is_linear, relaxed
from ..physics import Solid
from ._compliance import potential
from ._stationary import stationary


_SIDES = {
    2: (("left", "right"), ("bottom", "top")),
    3: (("left", "right"), ("front", "back"), ("bottom", "top")),
}
VOIGT = {2: ((0, 0), (1, 1), (0, 1)), 3: ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))}


class PeriodicCell(Told):
    r"""A periodic cell: u = ε̄ x + ũ with periodic ũ, for each unit strain ε̄ in Voigt's order.

    V ε̄:C:ε̄ / 2 = min_u Π;   2-D: 11, 22, 12;  3-D: 11, 22, 33, 23, 13, 12  (shear strains 2ε)

    All strains share one stiffness matrix, which is factorised once; the entries of C are energies at stationary points,
    so their gradient needs no adjoint solve.

    **Arguments:**

    - `space`: displacement on a rectangle or box with the groups of `fem.rectangle` and `fem.box`, whose opposite nodes
      match. V is the volume of the box: what is not meshed is empty.
    - `material`: a linear small-strain law; its parameters may be fields. In 2-D `PlaneStress` or `PlaneStrain`.

    **Raises:** `ValueError` if the law is not linear, a group is missing, or opposite sides do not match.

    Reference: B. Hassani, E. Hinton, A review of homogenization and topology optimization, Comput. Struct. 69 (1998) 707.
    """

    body: Solid

    def __init__(self, space: FunctionSpace, material: AbstractSmallStrain):
        if not isinstance(material, AbstractSmallStrain) or not is_linear(material):
            raise ValueError(f"`material` must be a linear small-strain law, got {type(material).__name__}.")
        x = np.asarray(space.nodes())
        corner = np.flatnonzero(np.all(np.abs(x - x.min(axis=0)) < 1e-9 * np.ptp(x), axis=1))
        if len(corner) != 1:
            raise ValueError("`space` must be on a rectangle or box: no node was found in its lowest corner.")
        dim = space.mesh.dim
        pairs = [Periodic(*sides, jump=jnp.zeros(dim)) for sides in _SIDES[dim]]
        # Stiffness does not depend on a strain that the law has of its own.
        self.body = Solid(space, relaxed(material), (*pairs, Dirichlet(corner, 0.0)))

    def displacement(self, strain: Float[Array, "dim dim"]) -> Float[Array, "node dim"]:
        """Return u for the mean strain ε̄ (symmetric, dimensionless), a length."""
        size = jnp.ptp(self.body.space.mesh.points, axis=0)
        return solve(_jumping(self.body, size[:, None] * jnp.asarray(strain).T)).value

    def stiffness(self) -> Float[Array, "voigt voigt"]:
        """Return the effective stiffness C in Voigt's order, a stress; raise if a solve failed."""
        count = len(VOIGT[self.body.space.mesh.dim])
        found = effective_stiffness(self.body, jnp.stack([self.body.space.zeros()] * count))
        stiffness, _, result, _ = found
        return error_if_failed(stiffness, result)


def effective_stiffness(body: Solid, guess: Float[Array, "voigt node dim"]):
    """Return C of a periodic cell's body, its fields for the unit strains, the worst status and the largest residual."""
    mesh, count = body.space.mesh, guess.shape[0]

    def strained(jumps, guess):
        solution = solve(_jumping(body, jumps), guess, throw=False)
        return solution.value, solution.reached, solution.result, solution.certificate

    jumps = _unit_jumps(mesh)
    fields, reached, results, certificates = jax.vmap(strained)(jumps, guess)
    # The field of a sum of two strains is the sum of the fields: C_ab from its energy needs no solve of its own.
    first, second = np.triu_indices(count)
    of_sum = lambda jumps, u: stationary(potential, _jumping(body, jumps), u)
    energies = jax.vmap(of_sum)(jumps[first] + jumps[second], fields[first] + fields[second])
    energies = energies / jnp.prod(jnp.ptp(mesh.points, axis=0))
    # Π(a + b)/V = (C_aa + C_bb)/2 + C_ab, and so 2 C_aa for b = a.
    own = energies[first == second] / 2
    entries = energies - (own[first] + own[second]) / 2
    stiffness = jnp.zeros((count, count), entries.dtype).at[first, second].set(entries).at[second, first].set(entries)
    stiffness = nan_unless(jnp.all(certificates.converged), stiffness)
    result = jax.tree.map(lambda leaf: leaf[jnp.argmin(certificates.converged)], results)
    return stiffness, reached, result, jnp.max(certificates.residual)


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


def _unit_jumps(mesh) -> Float[Array, "strain side dim"]:
    """Jumps between opposite sides for each unit strain."""
    rows = VOIGT[mesh.dim]
    units = np.zeros((len(rows), mesh.dim, mesh.dim))
    for k, (i, j) in enumerate(rows):
        units[k, i, j] += 0.5
        units[k, j, i] += 0.5
    size = jnp.ptp(mesh.points, axis=0)
    return size[None, :, None] * jnp.asarray(units, size.dtype)


def _jumping(body, jumps):
    pick = lambda b: [c.jump for c in b.constraints[: len(jumps)]]
    return eqx.tree_at(pick, body, list(jumps))
