"""Meshes that follow their boundary, and the quality of their cells."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest
from _taylor import check_gradient

import simphys as sp
from simphys.design import Morph
from simphys.fem import Dirichlet, FunctionSpace, Mesh, box, cell_quality, rectangle
from simphys.materials import LinearElastic, PlaneStrain


SLIDING = (Dirichlet("bottom", 0.0), Dirichlet("left", (0.0, None)), Dirichlet("right", (0.0, None)))


def _simplex(points):
    points = np.asarray(points, float)
    kind = {2: "triangle", 3: "tetrahedron"}[points.shape[1]]
    return Mesh(points, [list(range(len(points)))], kind)


@pytest.mark.parametrize(
    "points",
    (
        [(0, 0), (2, 0), (1, 3**0.5)],
        [(1, 1, 1), (-1, 1, -1), (1, -1, -1), (-1, -1, 1)],
    ),
    ids=("triangle", "tetrahedron"),
)
def test_regular_simplices_are_perfect(points):
    mesh = _simplex(points)
    np.testing.assert_allclose(cell_quality(mesh), 1.0, rtol=1e-12)
    flat = eqx.tree_at(lambda m: m.points, mesh, mesh.points.at[:, -1].mul(0.1))
    assert cell_quality(flat)[0] < 0.5


def test_a_stretched_square_has_the_quality_of_its_ratio():
    """η = 2 r / (1 + r²) for a rectangle of ratio r."""
    quality = cell_quality(rectangle((2, 2), (1.0, 4.0)))
    np.testing.assert_allclose(quality, 2 * 4 / (1 + 16), rtol=1e-12)
    mesh = rectangle((2, 2), (1.0, 4.0))
    np.testing.assert_allclose(cell_quality(mesh, mesh), 1.0, rtol=1e-12)


def test_a_cell_turned_inside_out_is_negative():
    mesh = rectangle((3, 3))
    inner = jnp.argmin(jnp.sum((mesh.points - 1 / 3) ** 2, axis=1))
    moved = eqx.tree_at(lambda m: m.points, mesh, mesh.points.at[inner].set(jnp.array([0.7, 0.7])))
    assert jnp.min(cell_quality(moved)) < 0 < jnp.min(cell_quality(mesh))


def test_ideal_must_have_the_same_cells():
    with pytest.raises(ValueError, match="4 of type quadrilateral"):
        cell_quality(rectangle((2, 2)), rectangle((3, 3)))


@pytest.mark.slow
@pytest.mark.parametrize("mesh", (rectangle((4, 4), degree=2), box((2, 2, 2))), ids=("2-D", "3-D"))
def test_a_linear_motion_of_the_whole_boundary_is_followed_exactly(mesh):
    sides = ("left", "right", "bottom", "top") + (("front", "back") if mesh.dim == 3 else ())
    morph = Morph(mesh, sides)
    gradient = 0.1 * jnp.asarray(np.random.default_rng(0).standard_normal((mesh.dim, mesh.dim)))
    moved = morph(morph.positions @ gradient.T)
    np.testing.assert_allclose(moved.points, mesh.points + mesh.points @ gradient.T, atol=1e-12)


@pytest.mark.slow
def test_held_boundaries_are_slid_along():
    mesh = rectangle((6, 6))
    morph = Morph(mesh, "top", SLIDING)
    bump = jnp.stack([jnp.zeros(7), 0.15 * jnp.sin(jnp.pi * morph.positions[:, 0])], axis=1)
    moved = morph(bump)
    left = mesh.nodes_on("left")
    np.testing.assert_allclose(moved.points[left, 0], 0.0, atol=1e-14)
    np.testing.assert_allclose(moved.points[jnp.asarray(morph.nodes)], morph.positions + bump, atol=1e-13)
    assert 0.5 < jnp.min(cell_quality(moved)) < 1


@pytest.mark.slow
def test_the_derivative_goes_through_the_motion_of_the_mesh():
    """The compliance of a body as a function of its boundary: Taylor test."""
    mesh = rectangle((4, 3), (2.0, 1.0))
    morph = Morph(mesh, "top", SLIDING)
    space = FunctionSpace(mesh, 1, components=2)
    law = PlaneStrain(LinearElastic(E=10.0, nu=0.3))
    body = sp.physics.Solid(space, law, [Dirichlet("left", 0.0)], [sp.physics.BodyForce((0.0, -1.0))])

    def loss(height):
        motion = jnp.stack([jnp.zeros_like(height), height], axis=1)
        moved = eqx.tree_at(lambda b: b.space.mesh.points, body, morph(motion).points)
        return jnp.sum(sp.solve(moved).value ** 2)

    heights = 0.05 * jnp.cos(3 * morph.positions[:, 0])
    assert check_gradient(loss, heights).passed


@pytest.mark.slow
def test_a_fold_fails_by_name():
    mesh = rectangle((4, 4))
    morph = Morph(mesh, "top", [Dirichlet("bottom", 0.0)])
    moved = morph(jnp.zeros((5, 2)).at[2, 1].set(-1.2))
    assert jnp.min(cell_quality(moved)) < 0
    body = sp.physics.Solid(FunctionSpace(mesh, 1, components=2), PlaneStrain(LinearElastic(E=1.0, nu=0.3)),
                            [Dirichlet("left", 0.0)], [sp.physics.BodyForce((0.0, -1.0))])  # fmt: skip
    found = sp.solve(eqx.tree_at(lambda b: b.space.mesh.points, body, moved.points), throw=False)
    assert found.result != sp.RESULTS.successful


def test_motions_of_the_wrong_shape_are_refused():
    morph = Morph(rectangle((2, 2)), "top", [Dirichlet("bottom", 0.0)])
    with pytest.raises(ValueError, match=r"\(3, 2\).*got \(3,\)"):
        morph(jnp.zeros(3))
    with pytest.raises(ValueError, match="roof"):
        Morph(rectangle((2, 2)), "roof")
