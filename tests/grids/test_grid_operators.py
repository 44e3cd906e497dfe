"""Identities of the operators on a grid, and what they make of smooth fields."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from _kinds import conditions, random_field, sides_of_axis, spacings

from simphys import grids


def _covering(dim, part):
    """Every pair of conditions on every axis, beside others that change; some of them, or all."""
    lists = [sides_of_axis(axis, dim) for axis in range(dim)]
    rows = [tuple(one[(i * (2 * a + 1) + 11 * a) % 50] for a, one in enumerate(lists)) for i in range(50)]
    return rows[:: 9 if part == "some" else 1]


@pytest.mark.breadth
@pytest.mark.parametrize("dim, part", [(1, "some"), (2, "all"), (3, "some")])
def test_divergence_and_gradient_are_adjoint_and_advection_is_skew(dim, part):
    """⟨Dv, p⟩ = −⟨v, Gp⟩ and ⟨N(u)v, w⟩ = −⟨v, N(u)w⟩ for every pair of conditions on each axis of a plane."""
    grid = grids.Grid(spacings(dim))
    p = grids.CellField(jnp.asarray(np.random.default_rng(9).normal(size=grid.shape)))
    for pairs in _covering(dim, part):
        space = grids.FaceSpace(grid, conditions(grid, pairs))
        v, w = random_field(space, 1), random_field(space, 2)
        # The carrier need not obey the conditions, nor be free of divergence.
        any_shape = [np.random.default_rng(3 + c).normal(size=space.shape(c)) for c in range(dim)]
        u = grids.FaceField(tuple(jnp.asarray(x) for x in any_shape))
        cells = grids.CellSpace(grid, {n: _scalar(c) for n, c in conditions(grid, pairs).items()})
        for left, right in _identities(space, cells, u, v, w, p):
            np.testing.assert_allclose(left, right, rtol=0, atol=1e-12)


def _identities(space, cells, u, v, w, p):
    """Both sides of each, operation by operation: all pairs share those, and each would compile a program of its own."""
    c, d = p, grids.CellField(jnp.cos(3 * p.values))
    return (
        (cells.inner(space.divergence(v), p), -space.inner(v, space.gradient(p))),
        (space.inner(space.advection(u, v), w), -space.inner(v, space.advection(u, w))),
        (space.inner(space.laplacian(v), w), space.inner(v, space.laplacian(w))),
        (cells.inner(cells.advection(u, c), d), -cells.inner(c, cells.advection(u, d))),
        (cells.inner(cells.laplacian(c), d), cells.inner(c, cells.laplacian(d))),
    )


def _scalar(condition):
    if isinstance(condition, grids.Periodic | grids.Outflow | grids.Symmetry):
        return condition
    return grids.Robin(2.0) if isinstance(condition, tuple) else grids.Dirichlet(0.0)


@pytest.mark.slow
def test_fields_of_first_degree_are_exact_on_any_steps():
    """Rotation has a constant curl and no divergence, up to the sides; linear scalars are interpolated exactly."""
    grid = grids.Grid(spacings(2), origin=(-1.0, 2.0))
    (xf, xc), (yf, yc) = ((np.asarray(grid.faces(a)), np.asarray(grid.centres(a))) for a in (0, 1))
    space = grids.FaceSpace(
        grid,
        {
            "left": (grids.Dirichlet(-yc), grids.Dirichlet(np.full(len(yf), xf[0]))),
            "right": (grids.Dirichlet(-yc), grids.Dirichlet(np.full(len(yf), xf[-1]))),
            "bottom": (grids.Dirichlet(np.full(len(xf), -yf[0])), grids.Dirichlet(xc)),
            "top": (grids.Dirichlet(np.full(len(xf), -yf[-1])), grids.Dirichlet(xc)),
        },
    )
    v = space.field((lambda x, y: -y, lambda x, y: x))
    np.testing.assert_allclose(space.curl(v).values, 2.0, atol=1e-12)
    np.testing.assert_allclose(space.divergence(v).values, 0.0, atol=1e-12)
    np.testing.assert_allclose(space.laplacian(v).components[0], 0.0, atol=1e-11)
    line = lambda x, y: 2 * x - y
    cells = grids.CellSpace(
        grid,
        {
            "left": grids.Dirichlet(line(xf[0], yc)),
            "right": grids.Neumann(2.0),
            "bottom": grids.Robin(2.0, line(xc, yf[0]) + 0.5),
            "top": grids.Neumann(-1.0),
        },
    )
    c = cells.field(line)
    np.testing.assert_allclose(cells.laplacian(c).values, 0.0, atol=1e-12)
    np.testing.assert_allclose(cells.gradient(c).components[1], -1.0, atol=1e-12)
    np.testing.assert_allclose(cells.at_faces(c).components[0], line(xf[:, None], yc[None]), atol=1e-12)
    np.testing.assert_allclose(
        cells.at_vertices(c).values[1:-1, 1:-1], line(xf[1:-1, None], yf[None, 1:-1]), atol=1e-12
    )


def test_a_uniform_flow_through_a_channel_is_carried_by_itself():
    """What enters, and what leaves through an opening, is the flow itself: nothing changes; backflow gets no energy."""
    grid = grids.Grid(spacings(2))
    sides = dict(left=grids.Inflow(1.0), right=grids.Outflow(), bottom=grids.Slip(), top=grids.Symmetry())
    space = grids.FaceSpace(grid, sides)
    v = space.field((1.0, 0.0))
    for a, b in zip(space.advection(v, v).components, space.passing(v, v).components, strict=True):
        np.testing.assert_allclose(a + b, 0.0, atol=1e-13)
    back = random_field(grids.FaceSpace(grid, grids.Outflow()), 4)
    space = grids.FaceSpace(grid, grids.Outflow())
    assert float(space.inner(back, space.passing(back, back))) > 0
    assert float(space.inner(back, space.passing(space.field((-1.0, 0.0)), back))) >= 0


def test_a_profile_that_is_a_function_is_taken_at_the_sides_cells():
    grid = grids.Grid.uniform((4, 6), upper=(2.0, 1.0))
    sides = dict(left=grids.Inflow(lambda y: y * (1 - y)), right=grids.Outflow(), bottom=grids.Wall(), top=grids.Wall())
    v = grids.FaceSpace(grid, sides).field((0.0, 0.0))
    y = np.asarray(grid.centres(1))
    np.testing.assert_allclose(v.components[0][0], y * (1 - y))


@pytest.mark.parametrize(
    "make, text",
    [
        (lambda g: grids.CellSpace(g, {"left": grids.Dirichlet()}), "missing"),
        (lambda g: grids.CellSpace(g, {"left": grids.Periodic(), "right": grids.Dirichlet(),
                                       "bottom": grids.Dirichlet(), "top": grids.Dirichlet()}), "both be `Periodic`"),
        (lambda g: grids.CellSpace(g, grids.Wall()), "for velocities"),
        (lambda g: grids.CellSpace(g, 1.0), "condition"),
        (lambda g: grids.CellSpace(g, grids.Dirichlet(np.zeros(3))), "shape"),
        (lambda g: grids.FaceSpace(g, grids.Inflow(np.zeros(3))), "shape"),
        (lambda g: grids.FaceSpace(g, grids.Wall((1.0,))), "entry per axis"),
        (lambda g: grids.FaceSpace(g, grids.Wall()).field((0.0,)), "components"),
        (lambda g: grids.FaceSpace(g, grids.Wall()).field((np.zeros(3), 0.0)), "shape"),
        (lambda g: grids.Robin(-1.0), "positive"),
        (lambda g: grids.Dirichlet(np.nan), "finite"),
        (lambda g: grids.Grid((np.array([1.0, -1.0]),)), "positive"),
        (lambda g: grids.Grid.uniform((4, 4, 4, 4)), "1, 2 or 3"),
        (lambda g: grids.Grid.uniform((4.5, 4)), "whole numbers"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(make, text):
    with pytest.raises(ValueError, match=text):
        make(grids.Grid.uniform((4, 5)))


def test_steps_are_differentiable():
    """The Laplacian's derivative along the steps is that of differences."""
    h = spacings(1)[0]
    c = jnp.sin(jnp.arange(5.0))

    def total(h):
        space = grids.CellSpace(grids.Grid((h,)), {"left": grids.Dirichlet(1.0), "right": grids.Robin(2.0)})
        return jnp.sum(space.laplacian(grids.CellField(c)).values ** 2)

    d = jnp.cos(jnp.arange(5.0))
    exact = jnp.vdot(jax.grad(total)(h), d)
    np.testing.assert_allclose((total(h + 1e-6 * d) - total(h - 1e-6 * d)) / 2e-6, exact, rtol=1e-6)
