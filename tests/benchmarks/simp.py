"""simp: the compliance of a cantilever of graded density, as topology optimisation asks for it.

[0, 2] × [0, 1]², 2N × N × N HEX8, E(ρ) = 7·10⁴ (10⁻³ + (1 − 10⁻³) ρ³), ν = 0.3; clamped at x = 0, a total force of 1 in −z
spread evenly over x = 2. Loss f·u, gradient with respect to the density of each element.
"""

import equinox as eqx
import jax.numpy as jnp
import numpy as np

import simphys as sp

from ._case import Case


def build(size: int, name: str = "simp") -> Case:
    """Return the case with `size` elements along the short edges and random densities."""
    rho = np.clip(0.5 + 0.3 * np.random.default_rng(0).standard_normal(2 * size**3), 0.05, 0.95)
    return cantilever((2 * size, size, size), jnp.asarray(rho), name)


def cantilever(cells: tuple[int, int, int], rho, name: str = "simp") -> Case:
    """Return the case on a mesh of `cells` with densities `rho`, one for each element."""
    mesh = sp.fem.box(cells, (2.0, 1.0, 1.0))
    space = sp.fem.FunctionSpace(mesh, components=3)
    solid = sp.physics.Solid(
        space,
        sp.materials.LinearElastic(E=sp.fem.CellField(young(rho)), nu=0.3),
        [sp.fem.Dirichlet("left", 0.0)],
        [sp.physics.Traction("right", jnp.array([0.0, 0.0, -1.0]))],
    )
    return Case(name, cells[1], solid, {"rho": rho}, place, compliance, wrt="rho", varied="rho", rtol=1e-10)


def young(rho):
    """E(ρ)."""
    return 7e4 * (1e-3 + (1 - 1e-3) * rho**3)


def place(solid, parameters):
    """Return the cantilever of these densities."""
    return eqx.tree_at(lambda s: s.material.E.values, solid, young(parameters["rho"]))


def compliance(solid, u, parameters):
    """f·u as −2 min Π, whose gradient is taken at fixed u: the problem is its own adjoint."""
    return -2 * sp.design.stationary(sp.design.potential, place(solid, parameters), u)
