"""Loaded solids: balance of forces, loads that follow, loads that are too large, many at once, single precision."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from _manufactured import grid, root

import simphys as sp
from simphys.fem import Dirichlet, FunctionSpace, Integral, cells_of, density_at_points, rectangle
from simphys.materials import NeoHooke, PlaneStrain, StVenantKirchhoff
from simphys.physics import BodyForce, NodalForces, Pressure, Solid, Traction


LIMIT = 1 / 3**1.5
"""Largest compressive stress, in units of E, of a St. Venant–Kirchhoff bar: P = E/2 (λ³ − λ), least at λ = 1/√3."""


@pytest.fixture(scope="module")
def bar():
    """A bar under end traction that is in uniaxial stress, whatever the load."""
    space = FunctionSpace(rectangle((2, 1)), 1, 2)
    held = [Dirichlet("left", (0.0, None)), Dirichlet("bottom", (None, 0.0))]
    law = PlaneStrain(StVenantKirchhoff(E=1.0, nu=0.0))
    return Solid(space, law, held, [Traction("right", (-0.1, 0.0))])


def pushed(bar, load):
    return eqx.tree_at(lambda s: s.loads[0].value, bar, jnp.stack([-load, 0.0 * load]))


def stretch(bar, u):
    return 1 + u[bar.space.nodes_on("right")[0], 0]


@pytest.mark.slow
def test_a_load_beyond_the_limit_stops_at_the_limit(bar):
    posed = pushed(bar, jnp.asarray(0.3))
    solution = sp.solve(posed, throw=False)
    assert solution.result == sp.RESULTS.load_limit
    reached = float(solution.certificate.load_factor) * 0.3
    assert LIMIT - 0.3 * 0.01 < reached <= LIMIT * (1 + 1e-6)
    # What was reached is the equilibrium at that load.
    s = stretch(bar, solution.reached)
    assert jnp.isclose((s**3 - s) / 2, -reached, atol=1e-6)
    with pytest.raises(sp.NotConverged, match=r"No equilibrium .* load factor reached 0\.6") as caught:
        sp.solve(posed)
    assert jnp.array_equal(caught.value.solution.reached, solution.reached)


@pytest.mark.slow
def test_lanes_of_a_batch_have_their_own_status(bar):
    loads = jnp.array([0.05, 0.15, 0.3, -0.4])
    one = lambda load: sp.solve(pushed(bar, load), throw=False)
    stretched = lambda load: (stretch(bar, (found := one(load)).value), found)
    (s, batch), slope = jax.jit(jax.vmap(jax.value_and_grad(stretched, has_aux=True)))(loads)
    good = jnp.array([True, True, False, True])
    assert jnp.array_equal(batch.result == sp.RESULTS.successful, good)
    assert jnp.array_equal(batch.result == sp.RESULTS.load_limit, ~good)
    assert jnp.allclose(((s**3 - s) / 2)[good], -loads[good], atol=1e-9)
    # No plausible gradient where there is no solution.
    assert jnp.allclose(slope[good], (-2 / (3 * s**2 - 1))[good], rtol=1e-6)
    assert jnp.isnan(slope[2])


@pytest.fixture(scope="module")
def block():
    space = FunctionSpace(grid("quadrilateral", 3), 1, 2)
    loads = [
        Traction("right", (0.1, 0.05)),
        Pressure("top", 0.07),
        BodyForce((0.02, -0.1)),
        NodalForces(jnp.zeros(space.shape).at[5].set(jnp.array([0.01, 0.03]))),
    ]
    return Solid(space, PlaneStrain(NeoHooke(mu=1.0, lam=2.0)), [Dirichlet("left", 0.0)], loads, thickness=0.4)


@pytest.fixture(scope="module")
def value(block):
    return root(block)


@pytest.mark.slow
def test_reactions_balance_the_loads(block, value):
    t = 0.4
    applied = t * (jnp.array([0.1, 0.05]) + jnp.array([0.0, -0.07]) + jnp.array([0.02, -0.1])) + jnp.array([0.01, 0.03])
    assert jnp.allclose(block.resultant(value, "left"), -applied, atol=1e-9)
    free = jnp.delete(block.reactions(value), block.space.nodes_on("left"), axis=0)
    assert jnp.abs(free).max() < 1e-9
    # A dead load leaves F the derivative of an energy, and the body turns its moment too: about the origin,
    x = block.space.nodes() + value
    turn = lambda f: jnp.sum(x[:, 0] * f[:, 1] - x[:, 1] * f[:, 0])
    outer = block.reactions(value)
    total, _, _ = sp.assembly.assemble((block.space,), block.integrals()[:1], (value,))
    assert abs(turn(total[0])) < 1e-9 and abs(turn(outer)) > 1e-3


@pytest.mark.slow
def test_a_guess_is_taken_and_wrong_ones_refused(block, value):
    again = sp.solve(block, value)
    assert again.stats.newton_steps <= 1 and jnp.allclose(again.value, value, atol=1e-10)
    with pytest.raises(ValueError, match=r"`guess` must have shape \(16, 2\), got \(2,\)"):
        sp.solve(block, jnp.zeros(2))


@pytest.mark.slow
def test_follower_pressure_on_all_sides_is_hydrostatic():
    """P = −p J F⁻ᵀ: a uniform shrinkage F = s I with ∂W/∂F = −p s."""
    space = FunctionSpace(rectangle((2, 2)), 1, 2)
    law, p = PlaneStrain(NeoHooke(mu=1.0, lam=2.0)), 0.5
    held = [Dirichlet("left", (0.0, None)), Dirichlet("bottom", (None, 0.0))]
    sides = [Pressure(side, p, follower=True) for side in ("right", "top")]
    u = root(Solid(space, law, held, sides))
    s = float(1 + u[space.nodes_on("right")[0], 0])
    assert 0.7 < s < 0.95
    assert jnp.allclose(u, (s - 1) * space.nodes(), atol=1e-9)
    assert jnp.isclose(law.first_piola(s * jnp.eye(2))[0, 0], -p * s, atol=1e-8)


@pytest.mark.breadth
@pytest.mark.parametrize("cell_type", ["triangle", "hexahedron"])
def test_follower_pressure_works_against_the_enclosed_volume(cell_type):
    """On the whole boundary, ∫ p J F⁻ᵀN·v dA is p times the derivative of ∫ det F dV, at any deformation."""
    mesh = grid(cell_type, 1)
    space = FunctionSpace(mesh, 1, mesh.dim, quadrature_degree=6)
    u = jnp.asarray(np.random.default_rng(0).uniform(-0.3, 0.3, space.shape))
    volume = Integral(cells_of(space), None, None, _dilation, slots=("gradient",))
    load = Pressure("all", 0.7, follower=True).integral(space)

    @jax.jit
    def both(u):
        total = lambda u: 0.7 * jnp.vdot(*density_at_points(volume, (space,), (u,)))
        return jax.grad(total)(u), sp.assembly.assemble((space,), (load,), (u,))[0][0]

    wanted, found = both(u)
    assert jnp.abs(wanted).max() > 0.01
    assert jnp.allclose(found, wanted, atol=1e-13)


def _dilation(fields, point, _):
    return jnp.linalg.det(fields[0].gradient + jnp.eye(point.position.shape[0]))


@pytest.mark.slow
def test_single_precision():
    """The whole way in float32; a tolerance that rounding puts out of reach is refused."""
    with jax.enable_x64(False):
        space = FunctionSpace(grid("hexahedron", 3), 1, 3)
        law = NeoHooke(mu=1.0, lam=2.0)
        base = Solid(space, law, [Dirichlet("left", 0.0)], [Traction("right", (0.0, 0.0, -0.05))])
        assert all(leaf.dtype == jnp.float32 for leaf in jax.tree.leaves(eqx.filter(base, eqx.is_inexact_array)))

        def lowest(load):
            solid = eqx.tree_at(lambda s: s.loads[0].value, base, jnp.stack([0.0, 0.0, -load]))
            return jnp.min(sp.solve(solid).value)

        both = eqx.filter_jit(sp.value_and_grad(lowest))
        value, slope, certificate = both(jnp.asarray(0.05))
        assert value.dtype == slope.dtype == jnp.float32
        assert certificate.residual < 1e-3
        difference = (both(jnp.asarray(0.055))[0] - both(jnp.asarray(0.045))[0]) / 0.01
        assert jnp.isclose(slope, difference, rtol=1e-2)
        with pytest.raises(ValueError, match=r"`rtol=1e-10` is out of reach in float32"):
            sp.solve(base, method=sp.Newton(rtol=1e-10))
    assert np.isfinite(float(value)) and value < -0.05
