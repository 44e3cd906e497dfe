"""Diffusion on grids: manufactured answers, orders, derivatives, failures."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from _kinds import spacings

import simphys as sp
from simphys import grids


def _sides(left=None, **other):
    sides = dict(
        left=left or grids.Dirichlet(0.0), right=grids.Neumann(0.0), bottom=grids.Periodic(), top=grids.Periodic()
    )
    return sides | other


def test_layers_and_steps_of_any_size_are_exact():
    """In one dimension the flux through layers is that of resistances in series; three iterations at most."""
    h = spacings(1)[0]
    kappa = jnp.array([1.0, 10.0, 1.0, 1e3, 0.1])
    problem = grids.Diffusion(grids.Grid((h,)), kappa, {"left": grids.Dirichlet(1.0), "right": grids.Robin(2.0, -1.0)})
    found = sp.solve(problem)
    flux = 2.0 / (jnp.sum(h / kappa) + 0.5)
    want = 1.0 - flux * (jnp.cumsum(h / kappa) - h / kappa / 2)
    np.testing.assert_allclose(found.value.values, want, rtol=1e-8)
    assert bool(found.certificate.converged) and "conjugate gradients with fast diagonalisation" in found.stats.solver


def _manufactured(n):
    """−∇·(κ∇u) = s − u³ on stretched steps, with u = cos(2x) e^y, κ = 1 + x y."""
    grid = grids.Grid.from_faces(grids.stretched(n), grids.stretched(n, strength=1.0))
    (x, y), (xc, yc) = grid.points(), (grid.centres(0), grid.centres(1))
    u = lambda x, y: jnp.cos(2 * x) * jnp.exp(y)
    kappa = lambda x, y: 1 + x * y
    flux = lambda x, y: kappa(x, y) * jnp.stack(jax.grad(u, (0, 1))(x, y))
    divergence = lambda x, y: jax.jacfwd(lambda x: flux(x, y)[0])(x) + jax.jacfwd(lambda y: flux(x, y)[1])(y)
    each = lambda f: jax.vmap(jax.vmap(f))
    sides = dict(
        left=grids.Dirichlet(u(0 * yc, yc)),
        right=grids.Neumann(jax.vmap(lambda y: flux(1.0, y)[0])(yc)),
        bottom=grids.Robin(2.0, u(xc, 0 * xc) - jax.vmap(lambda x: flux(x, 0.0)[1])(xc) / 2),
        top=grids.Dirichlet(u(xc, 0 * xc + 1)),
    )
    source = u(x, y) ** 3 - each(divergence)(x, y)
    problem = grids.Diffusion(grid, kappa(x, y), sides, source, reaction=lambda u: -(u**3))
    return problem, u(x, y)


@pytest.mark.slow
def test_order_with_reaction_on_stretched_steps():
    errors = []
    for n in (8, 16):
        problem, exact = _manufactured(n)
        found = sp.solve(problem)
        assert int(found.stats.linear_steps) < 15 * int(found.stats.newton_steps)
        errors.append(float(jnp.sqrt(jnp.mean((found.value.values - exact) ** 2))))
    assert np.log2(errors[0] / errors[1]) > 1.8, errors


@pytest.mark.slow
def test_derivatives_by_every_leaf():
    """Conductivities, values at sides, sources and the steps themselves."""
    grid = grids.Grid(spacings(2))
    x, y = grid.points()
    sides = _sides(right=grids.Robin(2.0, 1.0))
    problem = grids.Diffusion(grid, 1 + 0.1 * x * y, sides, jnp.sin(x), velocity=None)

    def misfit(problem):
        return jnp.sum(sp.solve(problem).value.values ** 2 * jnp.cos(x))

    value, gradient, certificate = sp.value_and_grad(misfit)(problem)
    assert certificate.residual < 1e-8 and value != 0
    assert jnp.all(jax.tree.leaves(gradient.separable)[0] == 0)
    ratios = sp.check_gradient(misfit, problem, known=(value, gradient))
    assert ratios.passed, ratios


@pytest.mark.slow
def test_without_a_level_the_mean_is_zero_and_the_sum_must_be():
    grid = grids.Grid.uniform((8, 6))
    x, _ = grid.points()
    free = grids.Diffusion(grid, 2.0, grids.Neumann(0.0), jnp.cos(jnp.pi * x))
    found = sp.solve(free)
    factor = 2 * 2.0 * (1 - np.cos(np.pi / 8)) * 64
    np.testing.assert_allclose(found.value.values, jnp.cos(jnp.pi * x) / factor, atol=1e-12)
    lost = sp.solve(eqx.tree_at(lambda p: p.source, free, free.source + 1.0), throw=False)
    assert lost.result == sp.RESULTS.parameters_inadmissible
    assert jnp.all(jnp.isnan(lost.value.values))


@pytest.mark.parametrize(
    "conditions", [grids.Periodic(), grids.Neumann(0.0), dict(left=grids.Neumann(2.0), right=grids.Neumann(0.0))]
)
def test_what_flows_and_has_no_steady_state_is_told(conditions):
    """v u′ − κ u″ = s where nothing says how large u is: what is put in finds no way out."""
    grid = grids.Grid.uniform((10,))
    flow = grids.Diffusion(grid, 0.5, conditions, velocity=(1.0,))
    (x,) = grid.points()
    held = flow.residual(wave := jnp.cos(2 * jnp.pi * x)) / grid.volumes
    found = sp.solve(eqx.tree_at(lambda p: p.source, flow, held))
    np.testing.assert_allclose(found.value.values, wave - jnp.mean(wave), atol=1e-9)
    lost = sp.solve(eqx.tree_at(lambda p: p.source, flow, held + 1.0), throw=False)
    assert lost.result == sp.RESULTS.parameters_inadmissible


@pytest.mark.slow
def test_march_keeps_what_flows_around_and_has_its_order():
    """A wave carried round a ring while it decays: content to rounding, SDIRK2's order in time."""
    grid = grids.Grid.uniform((16,))
    velocity = grids.FaceField((jnp.full(16, 0.5),))
    problem = grids.Diffusion(grid, 0.02, grids.Periodic(), velocity=velocity, capacity=1.5)
    (x,) = grid.points()
    start, k = 1 + jnp.sin(2 * jnp.pi * x), 2 * np.pi / 16
    # Of the discrete wave e^{ikj}: C λ = −(4 κ/h²) sin²(k/2) − i (v/h) sin k.
    rate = (-4 * 0.02 * 256 * np.sin(k / 2) ** 2 - 1j * 0.5 * 16 * np.sin(k)) / 1.5
    exact = 1 + np.imag(np.exp(2j * np.pi * np.asarray(x) + rate))
    errors = []
    for steps in (8, 16):  # of 16 to twice as far, and of all
        times = np.linspace(0.0, 16 / steps, 17)
        found = sp.stepping.march(sp.stepping.SDIRK2(), problem, start, times, save=8)
        last = jax.tree.map(lambda a, steps=steps: a[steps // 8], found.values)
        np.testing.assert_allclose(problem.content(last), 1.5, rtol=1e-12)
        errors.append(np.abs(last.values - exact).max())
    assert np.log2(errors[0] / errors[1]) > 1.8, errors


@pytest.mark.slow
def test_values_that_change_in_time_and_derivatives_through_steps():
    """A drive moves the side's value; the derivative by the conductivity is that of differences."""
    grid = grids.Grid.uniform((6,))
    problem = grids.Diffusion(grid, 0.3, {"left": grids.Dirichlet(0.0), "right": grids.Neumann(0.0)})
    value = lambda p: p.space.sides.pairs[0][0].value
    drive = lambda problem, t: eqx.tree_at(value, problem, jnp.sin(t))

    @jax.jit
    @jax.value_and_grad
    def last(kappa):
        body = eqx.tree_at(lambda p: p.conductivity, problem, kappa)
        times = jnp.linspace(0.0, 2.0, 6)
        return sp.stepping.march(sp.stepping.BDF2(), body, 0.0, times, drive=drive).values.values[-1, -1]

    np.testing.assert_allclose((last(0.3 + 1e-5)[0] - last(0.3 - 1e-5)[0]) / 2e-5, last(0.3)[1], rtol=1e-6)


@pytest.mark.parametrize(
    "make, text",
    [
        (lambda g: grids.Diffusion(g, -1.0, grids.Dirichlet()), "positive"),
        (lambda g: grids.Diffusion(g, np.ones(3), grids.Dirichlet()), "shape"),
        (lambda g: grids.Diffusion(4, 1.0, grids.Dirichlet()), "must be a `Grid`"),
        (lambda g: grids.Diffusion(g, 1.0, grids.Dirichlet(), velocity=grids.FaceField((np.ones(3),) * 2)), "velocity"),
        (lambda g: sp.stepping.march(sp.stepping.Newmark(), grids.Diffusion(g, 1.0, grids.Dirichlet()), 0.0, [0.0, 1.0]),
         "second order"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(make, text):
    with pytest.raises(ValueError, match=text):
        make(grids.Grid.uniform((4, 5)))


@pytest.mark.slow
def test_single_precision():
    grid = grids.Grid.uniform((6, 5), dtype=jnp.float32)
    found = sp.solve(grids.Diffusion(grid, 1 + grid.points()[0], grids.Dirichlet(1.0), source=2.0))
    assert found.value.values.dtype == jnp.float32 and float(found.certificate.residual) < 1e-4
