"""twist: a neo-Hookean cube of N³ elements, clamped at x = 0, its face x = 1 turned by 30° and pulled by a tenth.

W = μ/2 (tr FᵀF − 3) − μ ln J + λ/2 ln²J, E = 10, ν = 0.3. Loss mean(u²), and beside it the stored energy; gradients with
respect to μ of each element.
"""

import equinox as eqx
import jax.numpy as jnp
import numpy as np

import simphys as sp

from ._case import Case


YOUNG, POISSON = 10.0, 0.3
MU = YOUNG / (2 * (1 + POISSON))
LAM = YOUNG * POISSON / ((1 + POISSON) * (1 - 2 * POISSON))


def build(size: int, name: str = "twist") -> Case:
    """Return the case with `size` elements along each edge."""
    mesh = sp.fem.box((size,) * 3)
    space = sp.fem.FunctionSpace(mesh, components=3)
    parameters = {"mu": jnp.full(mesh.n_cells, MU, float)}
    solid = sp.physics.Solid(
        space,
        sp.materials.NeoHooke(mu=sp.fem.CellField(parameters["mu"]), lam=LAM),
        [sp.fem.Dirichlet("left", 0.0), sp.fem.Dirichlet("right", grip)],
    )
    also = {"energy": stored_energy}
    return Case(name, size, solid, parameters, place, mean_square, wrt="mu", varied="mu", rtol=1e-8, also=also)


def grip(x):
    """Displacement of the face x = 1: 30° about the axis through its centre, and 0.1 along it."""
    c, s = np.cos(np.pi / 6), np.sin(np.pi / 6)
    y, z = x[1] - 0.5, x[2] - 0.5
    return jnp.stack([0 * y + 0.1, c * y - s * z - y, s * y + c * z - z])


def place(solid, parameters):
    """Return the block with these shear moduli."""
    return eqx.tree_at(lambda s: s.material.mu.values, solid, parameters["mu"])


def mean_square(solid, u, parameters):
    """mean(u²) over all nodal values."""
    return jnp.mean(u**2)


def stored_energy(solid, u, parameters):
    """∫ W dV."""
    held = place(solid, parameters)
    return sp.fem.total_energy(held.integrals()[0], held.spaces, (u,))
