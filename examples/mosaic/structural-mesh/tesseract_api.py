"""Elasticity of the Mosaic benchmark by simphys: linear bodies of a density on hexahedra.

div σ = 0,   E = E₀ (10⁻³ + (1 − 10⁻³) ρ³),   C = ∫ t·u dA
"""

from typing import Literal

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from structural_schemas import Inputs, Outputs

import simphys as sp


LEAST, POWER, POISSON = 1e-3, 3, 0.3
BASIX = [0, 1, 3, 2, 4, 5, 7, 6]
GAUSS = np.array([-1, 1]) / np.sqrt(3)
RESULTANTS = np.array([0.25, 0.5, 1.0, 2.0, 4.0])
"""What the loads of the benchmark add up to."""


class InputSchema(Inputs):
    """Inputs of the benchmark, and what its loads are.

    The benchmark hands tractions to the solvers it knows, and to others equal forces at the marked nodes. Both are spread
    evenly over the marked faces. `auto` tells one from the other by which resultant is among those that it uses; a load
    that is neither is a traction.
    """

    load: Literal["auto", "traction", "forces"] = "auto"
    youngs_modulus: float = 70.0e3


class OutputSchema(Outputs):
    """Outputs of the benchmark."""


class Model(eqx.Module):
    """The problem for ρ = 1, and the forces at nodes."""

    problem: sp.physics.Solid
    push: jnp.ndarray


def quadrilaterals(cells, marked):
    """Return (cell, local facet, its nodes around) of all facets whose four nodes carry a mark."""
    around = {0: (0, 1, 2, 3), 1: (0, 1, 5, 4), 2: (0, 3, 7, 4), 3: (1, 2, 6, 5), 4: (3, 2, 6, 7), 5: (4, 5, 6, 7)}
    found = [(np.flatnonzero(np.all(marked[cells[:, list(a)]], 1)), f, list(a)) for f, a in around.items()]
    rows = [(np.stack([c, np.full_like(c, f)], 1), cells[c][:, a]) for c, f, a in found]
    return np.concatenate([r for r, _ in rows]), np.concatenate([n for _, n in rows])


def spread(points, corners, n_points):
    """Return ∫ N dA at nodes, of bilinear quadrilaterals."""
    total, x = np.zeros(n_points), points[corners]
    for s in GAUSS:
        for t in GAUSS:
            N = np.array([(1 - s) * (1 - t), (1 + s) * (1 - t), (1 + s) * (1 + t), (1 - s) * (1 + t)]) / 4
            along = np.array([-(1 - t), 1 - t, 1 + t, -(1 + t)]) / 4
            across = np.array([-(1 - s), -(1 + s), 1 + s, 1 - s]) / 4
            area = np.linalg.norm(np.cross(np.tensordot(along, x, (0, 1)), np.tensordot(across, x, (0, 1))), axis=1)
            np.add.at(total, corners, area[:, None] * N)
    return total


def traction(kind, value, count, area):
    """Return force per area."""
    among = lambda total: bool(np.any(np.abs(np.linalg.norm(total) / RESULTANTS - 1) < 1e-4))
    forces = kind == "forces" or (kind == "auto" and among(count * value) and not among(area * value))
    return count * value / area if forces else value


def build(inputs):
    """Return the `Model`: everything that does not depend on densities."""
    hexahedra, conditions = inputs["hex_mesh"], inputs["boundary_conditions"]
    n, m = int(hexahedra["n_points"]), int(hexahedra["n_faces"])
    points, cells = hexahedra["points"][:n].astype(float), hexahedra["faces"][:m]
    held, loaded = conditions["dirichlet"], conditions["neumann"]
    groups, loads, push = {}, [], np.zeros((n, 3))
    for k, value in enumerate([] if loaded is None else loaded["values"].astype(float)):
        marked = loaded["mask"][:n] == k + 1
        facets, corners = quadrilaterals(cells, marked)
        if len(facets):
            weights = spread(points, corners, n)
            value = traction(inputs["load"], value, marked.sum(), weights.sum())
            groups[f"load_{k + 1}"] = facets
            loads.append(sp.physics.Traction(f"load_{k + 1}", value))
            push = push + weights[:, None] * value
    nodes = np.flatnonzero(held["mask"][:n])
    values = np.zeros((n, 3)) if held["values"] is None else held["values"][held["mask"][:n] - 1].astype(float)
    mesh = sp.fem.Mesh(points, cells[:, BASIX], "hexahedron", facet_groups=groups)
    fixed = sp.fem.Dirichlet(nodes, values[nodes])
    space = sp.fem.FunctionSpace(mesh, components=3)
    return Model(sp.physics.Solid(space, law(np.ones(m)), [fixed], loads), jnp.asarray(push))


def law(stiffness):
    """Return the material."""
    return sp.materials.LinearElastic(E=sp.fem.CellField(stiffness), nu=POISSON)


def simulate(model, inputs):
    """Return the outputs."""
    rho = inputs["rho"][: model.problem.space.mesh.n_cells]
    # Beyond 0 … 1 the density is cut off; at the ends themselves its derivative is that of the law.
    rho = jnp.where((rho >= 0) & (rho <= 1), rho, jnp.clip(rho, 0, 1))
    stiffness = inputs["youngs_modulus"] * (LEAST + (1 - LEAST) * rho**POWER)
    problem = eqx.tree_at(lambda p: p.material, model.problem, law(stiffness))
    return {"compliance": jnp.vdot(model.push, sp.solve(problem).value)}


def shapes(inputs):
    """Return the shapes of outputs."""
    return {"compliance": ((), "float32")}


ENDPOINTS = sp.tesseract.of_function(simulate, InputSchema, OutputSchema, prepare=build, shapes=shapes)


def apply(inputs: InputSchema) -> OutputSchema:
    """Solve for the displacement."""
    return ENDPOINTS.apply(inputs)


def vector_jacobian_product(inputs, vjp_inputs, vjp_outputs, cotangent_vector):
    """One adjoint solve."""
    return ENDPOINTS.vector_jacobian_product(inputs, vjp_inputs, vjp_outputs, cotangent_vector)


def jacobian_vector_product(inputs, jvp_inputs, jvp_outputs, tangent_vector):
    """One tangent solve."""
    return ENDPOINTS.jacobian_vector_product(inputs, jvp_inputs, jvp_outputs, tangent_vector)


def jacobian(inputs, jac_inputs, jac_outputs):
    """One adjoint solve for each output."""
    return ENDPOINTS.jacobian(inputs, jac_inputs, jac_outputs)


def abstract_eval(abstract_inputs):
    """Shapes alone."""
    return ENDPOINTS.abstract_eval(abstract_inputs)
