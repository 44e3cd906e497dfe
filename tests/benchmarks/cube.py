"""cube: a block of N³ nodes, clamped at x = 0 and stretched by a tenth; torch-fem's benchmark.

HEX8, E = 1000, ν = 0.3; on x = 1 only u_x = 0.1 is prescribed. Loss Σ u. `cube` differentiates it with respect to the
nodal forces, `cubeE` with respect to Young's modulus of each element.
"""

import equinox as eqx
import jax.numpy as jnp

import simphys as sp

from ._case import Case


def build(size: int, name: str = "cube") -> Case:
    """Return the case with `size` nodes along each edge."""
    mesh = sp.fem.box((size - 1,) * 3)
    space = sp.fem.FunctionSpace(mesh, components=3)
    parameters = {"young": jnp.full(mesh.n_cells, 1000.0, float), "forces": space.zeros()}
    solid = sp.physics.Solid(
        space,
        sp.materials.LinearElastic(E=sp.fem.CellField(parameters["young"]), nu=0.3),
        [sp.fem.Dirichlet("left", 0.0), sp.fem.Dirichlet("right", (0.1, None, None))],
        [sp.physics.NodalForces(parameters["forces"])],
    )
    wrt = "young" if name == "cubeE" else "forces"
    return Case(name, size, solid, parameters, place, total_displacement, wrt, varied="young", rtol=1e-10)


def place(solid, parameters):
    """Return the block with these moduli and forces."""
    leaves = lambda s: (s.material.E.values, s.loads[0].values)
    return eqx.tree_at(leaves, solid, (parameters["young"], parameters["forces"]))


def total_displacement(solid, u, parameters):
    """Σ u."""
    return jnp.sum(u)
