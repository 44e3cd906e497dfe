"""Heat of the Mosaic benchmark by simphys: conduction through densities on hexahedra.

−∇·(k(ρ) ∇T) = s,   k = k₀ (10⁻³ + (1 − 10⁻³) ρ³);   C = ∫ q T dA,   E = Σ (T − target)² over nodes
"""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from thermal_schemas import Inputs, Outputs

import simphys as sp


LEAST = 1e-3
BASIX = [0, 1, 3, 2, 4, 5, 7, 6]
GAUSS = np.array([-1, 1]) / np.sqrt(3)


class InputSchema(Inputs):
    """Inputs of the benchmark, and the law of conduction."""

    k_max: float = 1.0
    p_exp: float = 3.0


class OutputSchema(Outputs):
    """Outputs of the benchmark."""


class Model(eqx.Module):
    """The problem for ρ = 1 without sources, and the flux at nodes."""

    problem: sp.physics.Heat
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


def build(inputs):
    """Return the `Model`: everything that does not depend on densities and sources."""
    hexahedra, conditions = inputs["hex_mesh"], inputs["boundary_conditions"]
    n, m = int(hexahedra["n_points"]), int(hexahedra["n_faces"])
    points, cells = hexahedra["points"][:n].astype(float), hexahedra["faces"][:m]
    held, loaded = conditions["dirichlet"], conditions["neumann"]
    groups, loads, push = {}, [], np.zeros(n)
    for k, value in enumerate([] if loaded is None else loaded["values"][:, 0].astype(float)):
        facets, corners = quadrilaterals(cells, loaded["mask"][:n] == k + 1)
        if len(facets):
            groups[f"flux_{k + 1}"] = facets
            loads.append(sp.physics.Flux(f"flux_{k + 1}", -value))
            push = push + value * spread(points, corners, n)
    nodes = np.flatnonzero(held["mask"][:n])
    values = np.zeros(n) if held["values"] is None else held["values"][held["mask"][:n] - 1, 0].astype(float)
    mesh = sp.fem.Mesh(points, cells[:, BASIX], "hexahedron", facet_groups=groups)
    loads.append(sp.physics.Source(sp.fem.CellField(np.zeros(m))))
    fixed = sp.fem.Dirichlet(nodes, values[nodes][:, None])
    law = sp.materials.IsotropicConduction(k=sp.fem.CellField(np.ones(m)))
    return Model(sp.physics.Heat(sp.fem.FunctionSpace(mesh), law, [fixed], loads), jnp.asarray(push))


def simulate(model, inputs):
    """Return the outputs."""
    problem, cells = model.problem, model.problem.space.mesh.n_cells
    rho = inputs["rho"][:cells]
    # Beyond 0 … 1 the density is cut off; at the ends themselves its derivative is that of the law.
    rho = jnp.where((rho >= 0) & (rho <= 1), rho, jnp.clip(rho, 0, 1))
    k = inputs["k_max"] * (LEAST + (1 - LEAST) * rho ** inputs["p_exp"])
    source = inputs["source"] if inputs["source"].shape[0] == 1 else inputs["source"][:cells]
    law, sources = sp.materials.IsotropicConduction(k=sp.fem.CellField(k)), jnp.broadcast_to(source, (cells,))
    problem = eqx.tree_at(lambda p: (p.material, p.loads[-1].value.values), problem, (law, sources))
    temperature = sp.solve(problem).value
    target = inputs["target_temperature"]
    target = target if target.shape[0] == 1 else target[: temperature.shape[0]]
    found = {
        "thermal_compliance": jnp.vdot(model.push, temperature),
        "identification_error": jnp.sum((temperature - target) ** 2),
        "temperature": temperature,
    }
    return {name: found[name] for name in OutputSchema.model_fields}


def shapes(inputs):
    """Return the shapes of outputs."""
    found = {
        "thermal_compliance": (),
        "identification_error": (),
        "temperature": (int(inputs["hex_mesh"]["points"].shape[0]),),
    }
    return {name: (found[name], "float32") for name in OutputSchema.model_fields}


ENDPOINTS = sp.tesseract.of_function(simulate, InputSchema, OutputSchema, prepare=build, shapes=shapes)


def apply(inputs: InputSchema) -> OutputSchema:
    """Solve for the temperature."""
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
