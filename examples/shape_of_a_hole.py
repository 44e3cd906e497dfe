"""The best hole in a plate that is pulled by σ in one direction and by σ/2 in the other.

The plate is stiffest, at a given area of the hole, if the stress along the hole's edge is the same everywhere: in an
infinite plate that is an ellipse whose axes are as the stresses are, 2 : 1, with the edge stress 3σ/2. Here the edge's
nodes move by three harmonics, the mesh follows as an elastic body, and cells that lose their shape end a line search.

    python examples/shape_of_a_hole.py [folder]

Reference: L. T. Wheeler, On optimum profiles for the minimization of elastic stress concentration, ZAMM 58 (1978) T235.
"""

import pathlib
import sys

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from scipy.optimize import minimize

import simphys as sp
from simphys.design import Morph
from simphys.fem import CellField, Dirichlet, FunctionSpace, cell_quality, rectangle
from simphys.materials import LinearElastic, PlaneStress
from simphys.physics import Solid, Traction


jax.config.update("jax_enable_x64", True)

RADIUS, HALF = 10.0, 120.0  # mm
LEAST_QUALITY = 0.3


def quarter_plate(radial, around):
    """A quarter of a square plate with a round hole, of quadratic cells: `left` is the hole, `right` the outer edge."""
    mesh = rectangle((radial, around), degree=2)
    s, angle = mesh.points[:, 0], mesh.points[:, 1] * jnp.pi / 2
    ray = jnp.stack([jnp.cos(angle), jnp.sin(angle)], axis=1)
    outer = HALF / jnp.max(ray, axis=1)
    part = jnp.expm1(3.0 * s) / jnp.expm1(3.0)
    points = ((1 - part) * RADIUS + part * outer)[:, None] * ray
    mesh = eqx.tree_at(lambda m: m.points, mesh, points)
    mesh = mesh.with_facet_group("east", lambda x: x[0] > HALF - 1e-6)
    return mesh.with_facet_group("north", lambda x: x[1] > HALF - 1e-6)


def hole(positions, harmonics):
    """Where the edge's nodes go: r(θ) = c exp(Σ a_k cos 2kθ), with c such that the area stays."""
    angle = jnp.arctan2(positions[:, 1], positions[:, 0])
    swell = lambda at: jnp.exp(sum(a * jnp.cos(2 * (k + 1) * at) for k, a in enumerate(harmonics)))
    dense = jnp.linspace(0.0, jnp.pi / 2, 201)[:-1] + jnp.pi / 800
    r = RADIUS * swell(angle) / jnp.sqrt(jnp.mean(swell(dense) ** 2))
    return r[:, None] * positions / RADIUS


def main(folder=".", radial=10, around=10):
    mesh = quarter_plate(radial, around)
    sliding = [Dirichlet("bottom", (None, 0.0)), Dirichlet("top", (0.0, None))]
    outer = [Dirichlet("east", 0.0), Dirichlet("north", 0.0)]
    morph = Morph(mesh, "left", [*sliding, *outer])
    space = FunctionSpace(mesh, 2, components=2)
    law = PlaneStress(LinearElastic(E=210e3, nu=0.3))  # MPa
    plate = Solid(space, law, sliding, [Traction("east", (100.0, 0.0)), Traction("north", (0.0, 50.0))])

    @jax.jit
    def shaped(harmonics):
        moved = morph(hole(morph.positions, harmonics) - morph.positions)
        return moved.points, jnp.min(cell_quality(moved))

    @jax.jit
    def work_and_slope(harmonics):
        def work(harmonics):
            body = eqx.tree_at(lambda p: p.space.mesh.points, plate, shaped(harmonics)[0])
            # −2 min Π is the work of the loads; Π is stationary in u, so that only its explicit slope counts.
            u = jax.lax.stop_gradient(sp.solve(body).value)
            return -2 * body.forces((u,))[2]

        return jax.value_and_grad(work)(harmonics)

    round_hole = float(work_and_slope(jnp.zeros(3))[0])

    def judged(harmonics):
        if not shaped(harmonics)[1] > LEAST_QUALITY:
            return 10.0, np.zeros(3)
        value, slope = work_and_slope(harmonics)
        return float(value) / round_hole, np.asarray(slope) / round_hole

    found = minimize(
        judged,
        np.zeros(3),
        jac=True,
        method="L-BFGS-B",
        bounds=[(-0.6, 0.6)] * 3,
        options={"ftol": 1e-12, "gtol": 1e-8},
    )
    edges = {}
    for name, harmonics in (("round", np.zeros(3)), ("best", found.x)):
        points, quality = shaped(harmonics)
        body = eqx.tree_at(lambda p: p.space.mesh.points, plate, points)
        stress = body.stress(sp.solve(body).value)
        at_edge = jnp.unique(mesh.facets("left")[:, 0])
        edges[name] = jnp.trace(stress[at_edge], axis1=1, axis2=2)  # the edge is free: its trace is the hoop stress
        ends = hole(morph.positions, harmonics)
        axes = float(jnp.max(ends[:, 0]) / jnp.max(ends[:, 1]))
    print(
        f"axes of the best hole: {axes:.3f} : 1 after {found.nit} iterations, least quality of a cell {float(quality):.2f}"
    )
    print(f"stress along the edge: round {edges['round'].min():.0f} … {edges['round'].max():.0f} MPa,", end=" ")
    print(f"best {edges['best'].min():.0f} … {edges['best'].max():.0f} MPa")
    path = pathlib.Path(folder) / "hole.png"
    largest = CellField(jnp.linalg.eigvalsh(stress)[:, -1])
    return [sp.viz.field(body.space, largest, path, label="largest principal stress", unit="MPa", mesh_lines=True)]


if __name__ == "__main__":
    main(*sys.argv[1:])
