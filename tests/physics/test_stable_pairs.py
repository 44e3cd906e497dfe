"""MINI and Scott–Vogelius pairs beside Taylor–Hood's: orders, divergence, and forces that a pressure balances."""

import equinox as eqx
import jax
import jax.flatten_util
import jax.numpy as jnp
import lineax as lx
import numpy as np
import pytest
from _manufactured import root

import simphys as sp


def square(n):
    return sp.fem.rectangle((n, n), cell_type="triangle")


def crooked(n):
    """The square in triangles that have no pattern, in which errors could cancel."""
    mesh = square(n)
    x, y = np.asarray(mesh.points).T
    inside = np.sin(np.pi * x) * np.sin(np.pi * y) * 0.3 / n
    moved = np.stack([x + inside * np.sin(7 * x + 3 * y), y + inside * np.cos(5 * x - 4 * y)], axis=1)
    return sp.fem.Mesh(moved, mesh.cells, "triangle", facet_groups=mesh.facet_groups)


def speed(x):
    """A flow without forces: −Δv + ∇p = 0 with p = 60 x² y − 20 y³."""
    return jnp.stack([20 * x[0] * x[1] ** 3, 5 * x[0] ** 4 - 5 * x[1] ** 4])


def errors(pair):
    flow = sp.physics.Stokes(pair, 1.0, [sp.fem.Dirichlet("all", speed)])
    v, p = root(flow)
    at = np.random.default_rng(0).uniform(0.02, 0.98, (400, 2))
    wanted = 60 * at[:, 0] ** 2 * at[:, 1] - 20 * at[:, 1] ** 3
    found = pair[1].evaluate(p, at)
    off = found - wanted - jnp.mean(found - wanted)
    return [jnp.sqrt(jnp.mean((pair[0].evaluate(v, at) - jax.vmap(speed)(at)) ** 2)), jnp.sqrt(jnp.mean(off**2))]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("make", "sizes", "orders"),
    [(sp.fem.mini, (8, 16), (1.85, 1.3)), (sp.fem.scott_vogelius, (4, 8), (2.8, 1.7))],
    ids=["mini", "scott_vogelius"],
)
def test_errors_fall_at_the_orders_of_the_pair(make, sizes, orders):
    coarse, fine = (np.array(errors(make(square(n)))) for n in sizes)
    assert np.all(np.log2(coarse / fine) > orders)


def pushed(pair, at):
    """Velocity under b = (y, x) = ∇(x y) in a closed box: none but what discretisation makes of it."""
    force = sp.fem.NodalField(np.asarray(at(pair))[:, ::-1])
    box = sp.physics.Stokes(pair, 1e-3, [sp.fem.Dirichlet("all", 0.0)], [sp.physics.BodyForce(force)])
    return jnp.max(jnp.abs(root(box)[0]))


@pytest.mark.slow
def test_a_force_that_pressure_balances_moves_nothing_where_divergence_vanishes_everywhere():
    nodes = lambda pair: pair[0].nodes()
    assert pushed(sp.fem.scott_vogelius(crooked(3)), nodes) < 1e-12
    assert pushed(sp.fem.taylor_hood(crooked(3)), nodes) > 1e-3
    assert pushed(sp.fem.mini(crooked(3)), lambda pair: pair[0].mesh.points) > 1e-3


@pytest.mark.slow
def test_divergence_vanishes_at_every_point_in_three_dimensions():
    pair = sp.fem.scott_vogelius(sp.fem.box((1, 1, 1), cell_type="tetrahedron"))
    turn = lambda x: jnp.stack([x[1] ** 2, x[2] ** 2, x[0] ** 2])
    v, _ = root(sp.physics.Stokes(pair, 1.0, [sp.fem.Dirichlet("all", turn)]))
    at = np.random.default_rng(1).uniform(0.05, 0.95, (50, 3))
    h = 1e-4
    steps = [pair[0].evaluate(v, at + h * e) - pair[0].evaluate(v, at - h * e) for e in np.eye(3)]
    slopes = jnp.stack(steps, axis=-1) / (2 * h)
    same = jnp.all(
        jnp.abs(
            jnp.stack(
                [pair[0].locate(at + s * h * e).cells - pair[0].locate(at).cells for e in np.eye(3) for s in (-1, 1)]
            )
        )
        == 0,
        axis=0,
    )
    assert jnp.sum(same) > 30
    assert jnp.max(jnp.abs(jnp.trace(slopes, axis1=1, axis2=2)[same])) < 1e-9 < jnp.max(jnp.abs(slopes))


@pytest.mark.slow
def test_a_flow_with_inertia_is_found_and_has_gradients():
    """Kovasznay's at Re 40, by its prescribed velocity."""
    rate = 20 - np.sqrt(400 + 4 * np.pi**2)
    y = lambda x: x[1] - 0.5
    exact = lambda x: jnp.stack(
        [
            1 - jnp.exp(rate * x[0]) * jnp.cos(2 * jnp.pi * y(x)),
            rate / (2 * jnp.pi) * jnp.exp(rate * x[0]) * jnp.sin(2 * jnp.pi * y(x)),
        ]
    )
    pair = sp.fem.scott_vogelius(square(6))
    at = np.array([[0.3, 0.3], [0.5, 0.7], [0.8, 0.2]])

    flow = sp.physics.NavierStokes(pair, 1 / 40, 1.0, [sp.fem.Dirichlet("all", exact)])
    sensors = pair[0].locate(at)
    found = lambda nu: pair[0].evaluate(sp.solve(eqx.tree_at(lambda f: f.viscosity, flow, nu)).value[0], sensors)

    both = jax.jit(lambda nu: jax.jvp(found, (nu,), (1.0,)))
    (value, slope), h = both(1 / 40), 1e-6
    assert jnp.max(jnp.abs(value - jax.vmap(exact)(at))) < 0.03
    np.testing.assert_allclose(slope, (both(1 / 40 + h)[0] - both(1 / 40 - h)[0]) / (2 * h), rtol=1e-4, atol=1e-6)


def test_components_may_be_held_one_by_one_on_enriched_elements():
    v, _ = sp.fem.mini(square(2))
    one = sp.fem.Dirichlet("left", (None, 2.0)).resolved(v)
    assert one.components == (1,) and jnp.allclose(one.value, 2.0)
    assert jnp.allclose(one.resolved(v).value, one.value)
    by_place = sp.fem.Dirichlet("left", lambda x: x[1:], components=(0,)).resolved(v)
    np.testing.assert_allclose(by_place.value[:, 0], np.asarray(v.mesh.points)[by_place.nodes(v), 1], atol=1e-15)


def test_what_is_no_stable_pair_is_refused():
    mesh = square(2)
    vector = sp.fem.FunctionSpace(mesh, 2, 2)
    for pressure in (
        sp.fem.FunctionSpace(mesh, ("DG", 1)),
        sp.fem.FunctionSpace(mesh, 2),
        sp.fem.FunctionSpace(mesh, ("CR", 1)),
    ):
        with pytest.raises(ValueError, match="pair|split"):
            sp.physics.Stokes((vector, pressure), 1.0, [sp.fem.Dirichlet("all", 0.0)])
    with pytest.raises(ValueError, match="triangles or tetrahedra"):
        sp.fem.mini(sp.fem.rectangle((2, 2)))
    with pytest.raises(ValueError, match="at least 2"):
        sp.fem.scott_vogelius(mesh, 1)
    with pytest.raises(ValueError, match="split at their centres"):
        sp.fem.split_at_centres(sp.fem.rectangle((2, 2)))


def test_cells_split_at_their_centres_are_the_same_body_with_the_same_groups():
    mesh = sp.fem.rectangle((2, 3), cell_type="triangle", degree=2).with_cell_group("low", lambda x: x[1] < 0.34)
    mesh = sp.fem.Mesh(
        mesh.points + 0.05 * jnp.sin(3 * mesh.points[:, ::-1]), mesh.cells, "triangle", 2,
        cell_groups=mesh.cell_groups, facet_groups=mesh.facet_groups,
    )  # fmt: skip
    fine = sp.fem.split_at_centres(mesh)
    assert fine.n_cells == 3 * mesh.n_cells
    for name, group in mesh.facet_groups.items():
        assert len(fine.facet_groups[name]) == len(group)
    assert len(fine.cell_groups["low"]) == 3 * len(mesh.cell_groups["low"])
    # Curved sides stay where they are: what lay in the old mesh lies in the new one, at the same values.
    at = np.random.default_rng(2).uniform(0.1, 0.9, (50, 2))
    old, new = (sp.fem.FunctionSpace(m, 2) for m in (mesh, fine))
    value = lambda space: space.evaluate(space.nodes()[:, 0], at)
    np.testing.assert_allclose(value(new), value(old), atol=1e-12)
    np.testing.assert_allclose(new.contains(at), old.contains(at))


def test_factors_of_pressures_that_jump_answer_to_rounding():
    """Static pivoting leaves 3e-5 here, which is refined."""
    pair = sp.fem.scott_vogelius(square(3))
    walls = [sp.fem.Dirichlet("left", (1.0, 0.0)), sp.fem.Dirichlet("bottom", 0.0), sp.fem.Dirichlet("top", 0.0)]
    flow = sp.physics.NavierStokes(pair, 1.0, 1.0, walls)
    y = flow.unknowns(None)
    b, unravel = jax.flatten_util.ravel_pytree(y)
    b = jnp.asarray(np.random.default_rng(0).standard_normal(b.size))
    operator = flow.jacobian(y)
    x = lx.linear_solve(operator, unravel(b), sp.linalg.Direct(patience=0), throw=False).value
    assert jnp.linalg.norm(jax.flatten_util.ravel_pytree(operator.mv(x))[0] - b) < 1e-9 * jnp.linalg.norm(b)
