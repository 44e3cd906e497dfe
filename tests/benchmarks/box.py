"""box: a beam of 8 × 2 × 2 under a shear traction at its end; FEAX's benchmark, 998,976 unknowns at N = 43.

(4N − 1) × N × N HEX8, E = 7·10⁴, ν = 0.3; clamped at x = 0, traction (0, 0, 10⁻³) on x = 8. Loss f·u, gradient with
respect to Young's modulus of each element.
"""

import equinox as eqx
import jax.numpy as jnp

import simphys as sp

from ._case import Case


def build(size: int, name: str = "box") -> Case:
    """Return the case with `size` elements along the short edges."""
    mesh = sp.fem.box((4 * size - 1, size, size), (8.0, 2.0, 2.0))
    space = sp.fem.FunctionSpace(mesh, components=3)
    moduli = jnp.full(mesh.n_cells, 7e4, float)
    solid = sp.physics.Solid(
        space,
        sp.materials.LinearElastic(E=sp.fem.CellField(moduli), nu=0.3),
        [sp.fem.Dirichlet("left", 0.0)],
        [sp.physics.Traction("right", jnp.array([0.0, 0.0, 1e-3]))],
    )
    # At u = 0 the constraints bear nothing but the load, in the very nodal shares that the traction has.
    parameters = {"young": moduli, "load": -solid.reactions(space.zeros())}
    return Case(name, size, solid, parameters, place, compliance, wrt="young", varied="young", rtol=1e-8)


def place(solid, parameters):
    """Return the beam with these moduli."""
    return eqx.tree_at(lambda s: s.material.E.values, solid, parameters["young"])


def compliance(solid, u, parameters):
    """f·u."""
    return jnp.vdot(parameters["load"], u)
