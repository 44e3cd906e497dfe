"""Bodies whose meshes do not match, tied in the mean."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from _manufactured import root

import simphys as sp
from simphys import fem, materials, physics
from simphys.fem import Dirichlet, FunctionSpace, Tie


def two_blocks(n, cell_type="quadrilateral", degree=1, bend=0.0):
    """Two unit squares on each other, of n and 3 n / 2 cells along what they share; groups of both, and all around."""
    parts = [fem.rectangle(shape, cell_type=cell_type, degree=degree) for shape in ((n, n), (3 * n // 2, n))]
    points = np.concatenate([np.asarray(p.points) + (0, k) for k, p in enumerate(parts)])
    points[:, 1] += bend * np.sin(np.pi * points[:, 0]) * points[:, 1] * (2 - points[:, 1])
    cells = np.concatenate([np.asarray(parts[0].cells), np.asarray(parts[1].cells) + parts[0].n_points])
    lower = lambda name: np.asarray(parts[0].facets(name))
    upper = lambda name: np.asarray(parts[1].facets(name)) + [parts[0].n_cells, 0]
    groups = {"low": lower("top"), "high": upper("bottom"), "bottom": lower("bottom"), "top": upper("top")}
    groups |= {name: np.concatenate([lower(name), upper(name)]) for name in ("left", "right")}
    return fem.Mesh(points, cells, cell_type, degree, facet_groups=groups)


def elastic(mesh, degree, held, loads=(), E=1.0):
    law = materials.PlaneStrain(materials.LinearElastic(E=E, nu=0.3))
    return physics.Solid(FunctionSpace(mesh, degree, 2), law, [*held, Tie("high", "low")], loads)


@pytest.mark.slow
def test_patch_test():
    """Linear displacements, held at sides that both blocks share with the tie's ends, and pulled at the top, are exact."""
    mesh, degree = two_blocks(2, "triangle"), 3
    stretch = jnp.array([[0.3, 0.1], [-0.2, 0.4]])
    strain = (stretch + stretch.T) / 2
    stress = 0.3 / (1.3 * 0.4) * jnp.trace(strain) * jnp.eye(2) + strain / 1.3
    sides = [Dirichlet(name, lambda x: stretch @ x) for name in ("bottom", "left")]
    pulls = [physics.Traction("top", stress[:, 1]), physics.Traction("right", stress[:, 0])]
    problem = elastic(mesh, degree, sides, pulls)
    u = root(problem)
    np.testing.assert_allclose(u, problem.space.nodes() @ stretch.T, atol=1e-10)


@pytest.mark.slow
def test_errors_fall_at_the_order_of_the_elements():
    degree = 2
    exact = lambda x: jnp.sin(2 * x[0] + 0.4) * jnp.cos(1.5 * x[1])
    force = lambda u, at, p: (-6.25 * exact(at.position), u.gradient)
    errors = []
    for n in (4, 8):
        space = FunctionSpace(two_blocks(n), degree)
        problem = physics.Balance(
            space, [fem.Weak(force, symmetric=True)],
            [*(Dirichlet(name, exact) for name in ("left", "right", "bottom", "top")), Tie("high", "low")],
        )  # fmt: skip
        u = root(problem)
        at = fem.cells_of(space, degree=6).geometry(space.mesh)
        table = jnp.asarray(space.element.tabulate(fem.quadrature("quadrilateral", 6)[0], 0)[0][:, :, 0])
        off = jnp.einsum("qa,ea->eq", table, u[space.cells]) - jax.vmap(jax.vmap(exact))(at.position)
        errors.append(float(jnp.sqrt(jnp.sum(at.measure * off**2))))
    orders = np.log2(np.array(errors[:-1]) / errors[1:])
    assert orders[-1] > degree + 0.8, orders


@pytest.mark.slow
def test_curved_sides_and_gradients():
    """Curved cells of both sides; the derivative by the stiffness."""
    mesh = two_blocks(4, degree=2, bend=0.1)
    held, pull = [Dirichlet("bottom", 0.0)], [physics.Traction("top", (0.1, -0.2))]
    end = lambda E: jnp.sum(sp.solve(elastic(mesh, 2, held, pull, E)).value ** 2)
    value, slope = jax.jit(jax.value_and_grad(end))(1.3)
    np.testing.assert_allclose(slope, -2 * value / 1.3, rtol=1e-8)
    body = elastic(mesh, 2, held, pull)
    u = root(body)
    np.testing.assert_allclose(body.resultant(u, "bottom"), -_total(body, "top", jnp.array([0.1, -0.2])), rtol=1e-9)
    whole = elastic(two_blocks(8, degree=2, bend=0.1), 2, held, pull)
    tip = lambda p, u: p.space.evaluate(u, np.array([[0.5, 1.99]]))[0]
    np.testing.assert_allclose(tip(body, u), tip(whole, root(whole)), rtol=3e-3)


def _total(body, name, traction):
    return traction * jnp.sum(fem.facets_of(body.space, name).geometry(body.space.mesh).measure)


def test_what_cannot_be_tied_is_refused():
    mesh = two_blocks(2)
    lifted = fem.Mesh(np.asarray(mesh.points) + np.where(np.arange(mesh.n_points) >= 9, 0.3, 0.0)[:, None], mesh.cells,
                      "quadrilateral", facet_groups=mesh.facet_groups)  # fmt: skip
    for tie, space, words in [
        (Tie("high", "low"), FunctionSpace(lifted), "do not touch: .* of 3 facets"),
        (Tie("high", "left"), FunctionSpace(mesh), "nodes in common"),
        (Tie("high", "lov"), FunctionSpace(mesh), "Did you mean 'low'"),
        (Tie("high", "low"), FunctionSpace(mesh, 4), "degree 1 to 3 in 2-D"),
    ]:
        with pytest.raises(ValueError, match=words):
            tie.resolved(space)
    with pytest.raises(ValueError, match="two groups"):
        Tie("low", "low")


@pytest.mark.slow
def test_in_a_scene(tmp_path):
    """Walls and glued sides by their names, as in Python."""
    mesh = two_blocks(2)
    sp.io.write_mesh(tmp_path / "blocks.msh", mesh)
    (tmp_path / "scene.toml").write_text(
        """
title = "Two blocks"

[mesh]
kind = "file"
file = "blocks.msh"

[solid.material]
law = "LinearElastic"
plane = "strain"
E = 2.0
nu = 0.3

[solid.constraints.walls]
type = "slip"
where = ["left", "bottom"]

[solid.constraints.glue]
type = "tie"
secondary = "high"
primary = "low"
tolerance = 0.01

[solid.loads.pull]
type = "traction"
where = "top"
value = [0.0, 0.1]

[observe.tip]
type = "point"
at = [1.0, 2.0]
"""
    )
    model = sp.scene.build(sp.scene.load(tmp_path))
    u = root(model.base)
    strain = jnp.diag(jnp.array([-0.3 / 0.7, 1.0])) * 0.1 * (1 - 0.3**2) / 2.0
    np.testing.assert_allclose(u, model.base.space.nodes() @ strain, atol=1e-10)
