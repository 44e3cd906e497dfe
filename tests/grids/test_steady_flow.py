"""Steady flows on grids by sparse factors: the pattern, published values, bodies, derivatives."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from _taylor import check_gradient

import simphys as sp
from simphys import grids


LINE = grids.stretched(6, strength=1.5)
WALLS = dict.fromkeys(("left", "right", "bottom"), grids.Wall()) | {"top": grids.Wall((1.0, 0.0))}
CHANNEL = dict(
    left=grids.Inflow(lambda y: 4 * y * (1 - y)), right=grids.Outflow(), bottom=grids.Wall(), top=grids.Slip()
)
AROUND = dict(left=grids.Periodic(), right=grids.Periodic(), bottom=grids.Wall((1.0, 0.0)), top=grids.Outflow())
EVERYWHERE = grids.Periodic()


def flow(sides, shape=(7, 5), **options):
    return grids.NavierStokes(grids.Grid.uniform(shape), 0.02, sides, **options)


@pytest.mark.slow
@pytest.mark.parametrize("sides", [AROUND, CHANNEL, EVERYWHERE], ids=["around", "channel", "periodic"])
def test_the_matrix_is_the_derivative(sides):
    """On a generic flow, also where axes are periodic with numbers of cells that no few colours divide."""
    problem = flow(sides, body=grids.Body(grids.Ball([0.4, 0.5], 0.2), 50.0, 0.1))
    structure = jax.eval_shape(lambda: problem.unknowns(None))
    rng = np.random.default_rng(1)
    y = jax.tree.map(lambda s: jnp.asarray(rng.standard_normal(s.shape)), structure)
    matrix, defect = problem.coupling.checked(problem.residual, y)
    assert float(defect) < 1e-13 and bool(jnp.all(jnp.isfinite(matrix.data)))


def test_when_it_is_worked_out():
    assert flow(WALLS).coupling is not None and flow(WALLS, steady=False).coupling is None
    assert grids.NavierStokes(grids.Grid.uniform((200, 200)), 0.1, WALLS).coupling is None
    traced = eqx.filter_eval_shape(lambda h: grids.NavierStokes(grids.Grid((h, h)), 0.1, WALLS), jnp.ones(4))
    assert traced.coupling is None
    with pytest.raises(ValueError, match="two dimensions"):
        grids.NavierStokes(grids.Grid.uniform((4, 4, 4)), 0.1, grids.Wall(), steady=True)


@pytest.mark.slow
def test_both_ways_lead_to_the_same_flow():
    """Sparse factors, and products with a projection: the level of the pressure, too."""
    grid = grids.Grid.from_faces(LINE, LINE)
    direct, free = (sp.solve(grids.NavierStokes(grid, 0.02, WALLS, steady=steady)).value for steady in (True, False))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-8), direct, free)
    assert abs(float(jnp.sum(grid.volumes * direct.pressure.values))) < 1e-12
    again = sp.solve(grids.NavierStokes(grid, 0.02, WALLS, steady=True), direct)
    assert int(again.stats.newton_steps) <= 1


@pytest.mark.slow
def test_cavity_at_1000():
    """From rest, by Newton's method alone; 48² cells are within 3 %, 256² within .1 % of Botella and Peyret (1998)."""
    line = grids.stretched(48, strength=1.5)
    problem = grids.NavierStokes(grids.Grid.from_faces(line, line), 1e-3, WALLS)
    found = sp.solve(problem)
    u, v = (np.asarray(x) for x in found.value.velocity.components)
    np.testing.assert_allclose([u[24].min(), v[:, 24].max(), v[:, 24].min()], [-0.38857, 0.37694, -0.52708], rtol=0.03)
    assert float(jnp.max(jnp.abs(problem.space.divergence(found.value.velocity).values))) < 1e-6


@pytest.mark.slow
def test_a_steady_flow_round_a_body_and_its_drag():
    """At a Reynolds number of 40; the drag by radius and viscosity."""
    grid = grids.Grid.uniform((20, 10), upper=(2.0, 1.0))
    body = grids.Body(grids.Ball([0.5, 0.48], 0.1), 1e4, 0.1)
    problem = grids.NavierStokes(grid, 0.005, CHANNEL | dict(top=grids.Wall()), body=body)

    def drag(x):
        changed = eqx.tree_at(lambda p: (p.body.distance.radius, p.viscosity), problem, (x[0], x[1]))
        return changed.force_on_body(sp.solve(changed).value)[0]

    x = jnp.array([0.1, 0.005])
    assert check_gradient(drag, x, direction=0.3 * x, verbose=False).passed
