"""Conservation laws on grids: exact solutions, orders, what is kept, failures."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.integrate
from _riemann import dam, gas, gas_density

import simphys as sp
from simphys import grids
from simphys.grids import HLLC, MUSCL, WENO5Z, ConservationLaw, Dirichlet, Euler, Grid, Outflow, Periodic, Wall
from simphys.stepping import SSPRK3, march


LEFT, RIGHT = (1.0, 0.0, 1.0), (0.125, 0.0, 0.1)
"""Sod's tube: density, velocity, pressure."""


def led(problem, start, end, steps, **options):
    """The state at the end of a march from 0."""
    times = np.linspace(0.0, end, steps + 1)
    return march(SSPRK3(), problem, start, times, save=None, **options).final.u


def tube(n, *scheme, dtype=float, left=LEFT, length=1.0):
    """Of cells around 0.5: with a length a coarser tube is one of as many cells, so of the same program."""
    grid = Grid.uniform((n,), lower=0.5 - length / 2, upper=0.5 + length / 2, dtype=dtype)
    problem = ConservationLaw(grid, Euler(), Outflow(), *scheme)
    return problem, problem.state(*(lambda x, a=a, b=b: jnp.where(x < 0.5, a, b) for a, b in zip(left, RIGHT)))


@pytest.mark.slow
@pytest.mark.parametrize("scheme", [(MUSCL(),), (WENO5Z(), HLLC())])
def test_sods_tube_with_first_order_at_shocks(scheme):
    """The exact solution has p* .3031301780506468 and u* .9274526200489499."""
    p, u, *_ = gas(LEFT, RIGHT)
    np.testing.assert_allclose([p, u], [0.3031301780506468, 0.9274526200489499], rtol=1e-12)
    errors, n = [], 200
    for length in (4, 1):
        problem, start = tube(n, *scheme, length=length)
        fine = ((np.arange(20 * n) + 0.5) / (20 * n) - 0.5) * length / 0.2
        exact = gas_density(fine, LEFT, RIGHT).reshape(n, 20).mean(axis=1)
        found = problem.primitives(led(problem, start, 0.2, n))
        errors.append(np.abs(found["density"].values - exact).mean() * length)
    assert errors[1] < 0.0036 and 0.77 < np.log2(errors[0] / errors[1]) / 2 < 1.1, errors
    plateau = slice(int(0.72 * n), int(0.82 * n))
    np.testing.assert_allclose(found["pressure"].values[plateau], p, rtol=2e-3)
    np.testing.assert_allclose(found["velocity_x"].values[plateau], u, rtol=2e-3)


@pytest.mark.parametrize("scheme, order", [(grids.FirstOrder(), 0.9), (MUSCL(), 1.9), (WENO5Z(), 4.7)])
def test_order_of_what_is_carried_along(scheme, order):
    """The rate of smooth means against the exact one, in the mean."""
    errors = []
    for n in (32, 64):  # cells a wave, of as many cells
        problem = ConservationLaw(Grid.uniform((64,), upper=64 / n), grids.LinearAdvection(0.7), Periodic(), scheme)
        start = problem.state(lambda x: jnp.exp(jnp.sin(2 * jnp.pi * x)), points=5)
        ends = np.exp(np.sin(2 * np.pi * np.arange(65) / n))
        errors.append(np.abs(problem.rate(start).values[0] + 0.7 * n * np.diff(ends)).mean())
    assert np.log2(errors[0] / errors[1]) > order, errors


@pytest.mark.slow
def test_fifth_order_in_two_dimensions():
    """The rate of means by Burgers' flux; of second order if means over faces were taken for values in their middle."""
    errors, (g, weights) = [], np.polynomial.legendre.leggauss(6)
    wave = lambda x, y: np.exp(np.sin(2 * np.pi * x) * np.cos(2 * np.pi * y))
    for n in (24, 48):
        problem = ConservationLaw(Grid.uniform((48, 48), upper=48 / n), grids.Burgers(), Periodic(), WENO5Z())
        start = problem.state(lambda x, y: jnp.exp(jnp.sin(2 * jnp.pi * x) * jnp.cos(2 * jnp.pi * y)), points=6)
        faces, within = np.arange(49) / n, (np.arange(48)[:, None] + (1 + g) / 2) / n
        along_x = wave(faces[:, None, None], within[None]) ** 2 @ weights / 4
        along_y = wave(within[:, :, None], faces[None, None]) ** 2
        along_y = np.einsum("iqj,q->ij", along_y, weights) / 4
        exact = -n * (np.diff(along_x, axis=0) + np.diff(along_y, axis=1))
        errors.append(np.abs(problem.rate(start).values[0] - exact).mean())
    assert np.log2(errors[0] / errors[1]) > 4.5, errors


def test_order_of_waves_whose_first_two_derivatives_vanish():
    """Three in the mean: the weights there are not those of the linear scheme."""
    errors = []
    for n in (64, 128):
        problem = ConservationLaw(Grid.uniform((128,), upper=128 / n), grids.LinearAdvection(0.7), Periodic(), WENO5Z())
        rate = problem.rate(problem.state(lambda x: 2 + jnp.sin(2 * jnp.pi * x) ** 3, points=5)).values[0]
        ends = 2 + np.sin(2 * np.pi * np.arange(129) / n) ** 3
        errors.append(np.abs(rate + 0.7 * n * np.diff(ends)).mean())
    assert 2.6 < np.log2(errors[0] / errors[1]) < 3.4, errors


def vortex(t):
    """A vortex of a gas, carried along by a uniform flow."""

    def fields(x, y):
        x, y = x - 6 - t, y - 6 - t / 2
        turn = 5 / (2 * np.pi) * jnp.exp((1 - x * x - y * y) / 2)
        heat = 1 - 0.4 / 2.8 * turn**2
        return heat**2.5, 1 - turn * y, 0.5 + turn * x, heat**3.5

    return [lambda x, y, k=k: fields(x, y)[k] for k in range(4)]


@pytest.mark.slow
def test_a_smooth_vortex_with_second_order():
    errors = []
    for side in (24.0, 12.0):
        problem = ConservationLaw(Grid.uniform((48, 48), upper=side), Euler(), Periodic(), MUSCL(), HLLC())
        found = led(problem, problem.state(*vortex(0.0), points=4), 0.5, 48)
        off = jnp.mean(jnp.abs(found.values - problem.state(*vortex(0.5), points=4).values)[0])
        errors.append(float(off) * side**2)
    assert np.log2(errors[0] / errors[1]) > 1.8, errors


@pytest.mark.slow
def test_a_smooth_vortex_with_high_order_in_two_dimensions():
    """The rate of means against that of the exact solution, of second order if means over faces were taken for values."""
    errors, d = [], 1e-3
    for side in (18.0, 12.0):
        problem = ConservationLaw(Grid.uniform((72, 72), upper=side), Euler(), Periodic(), WENO5Z(), HLLC())
        at = lambda t: problem.state(*vortex(t), points=5).values
        exact = (8 * (at(d) - at(-d)) - at(2 * d) + at(-2 * d)) / (12 * d)
        errors.append(float(jnp.mean(jnp.abs(problem.rate(grids.CellState(at(0.0))).values - exact)[0])) * side**2)
    assert np.log(errors[0] / errors[1]) / np.log(1.5) > 4, errors


@pytest.mark.slow
def test_shu_and_oshers_wave_through_a_shock():
    """A shock of Mach 3 into a wavy density: fifth order keeps the waves behind it that second order loses."""
    parts = ((3.857143, 2.629369, 10.33333), (lambda x: 1 + 0.2 * jnp.sin(5 * x), 0.0, 1.0))

    def density(n, scheme):
        problem = ConservationLaw(Grid.uniform((n,), lower=-5.0, upper=5.0), Euler(), Outflow(), scheme, HLLC())
        here = lambda value, x: value(x) if callable(value) else value
        pick = lambda k: lambda x: jnp.where(x < -4, parts[0][k], here(parts[1][k], x))
        return problem.primitives(led(problem, problem.state(*map(pick, range(3))), 1.8, 2 * n))["density"].values

    fine = density(1000, WENO5Z()).reshape(200, 5).mean(axis=1)
    errors = [np.abs(density(200, scheme) - fine).mean() for scheme in (WENO5Z(), MUSCL())]
    assert errors[0] < 0.055 and errors[0] < 0.7 * errors[1], errors


@pytest.mark.parametrize("right", [0.3, 0.0])
def test_a_dam_breaks_on_a_wet_and_on_a_dry_bed(right):
    n, g, t = 100, 9.81, 0.08
    problem = ConservationLaw(Grid.uniform((n,)), grids.ShallowWater(g), Wall(), flux=HLLC())
    start = problem.state(lambda x: jnp.where(x < 0.5, 1.0, right), 0.0)
    found = led(problem, start, t, 120)
    depth, velocity = dam((np.asarray(problem.grid.centres(0)) - 0.5) / t, 1.0, right, g)
    assert np.abs(found.values[0] - depth).mean() < 0.006
    assert np.abs(found.values[1] - depth * velocity).mean() < 0.03
    np.testing.assert_allclose(problem.content(found)[0], problem.content(start)[0], rtol=1e-14)
    assert float(jnp.min(found.values[0])) >= 0


@pytest.mark.breadth
@pytest.mark.parametrize("scheme, flux", [(MUSCL(), HLLC()), (grids.FirstOrder(), grids.Rusanov())])
def test_a_lake_over_a_rough_bed_stays_at_rest(scheme, flux):
    """And keeps its water once it moves."""
    random = np.random.default_rng(0)
    sides = dict(left=Wall(), right=Outflow(), bottom=Periodic(), top=Periodic())
    bed = random.uniform(0.0, 0.9, (6, 5))
    problem = ConservationLaw(Grid.uniform((6, 5)), grids.ShallowWater(), sides, scheme, flux, bed=bed)
    lake = problem.state(1.0 - bed, 0.0, 0.0)
    np.testing.assert_allclose(problem.rate(lake).values, 0.0, atol=1e-13)
    moved = lake.values.at[1].set(0.1 * jnp.asarray(random.normal(size=(6, 5))))
    assert float(jnp.max(jnp.abs(problem.rate(grids.CellState(moved)).values[1]))) > 0.1


def test_an_island_stays_dry():
    """Water at rest around a bank that it does not reach, between walls."""
    bed = np.array([0.0, 0.1, 0.3, 1.5, 1.5, 1.5, 0.2, 0.0])
    problem = ConservationLaw(Grid.uniform((8,)), grids.ShallowWater(), Wall(), grids.FirstOrder(), HLLC(), bed=bed)
    lake = problem.state(np.maximum(1.0 - bed, 0.0), 0.0)
    found = led(problem, lake, 1.0, 100)
    np.testing.assert_allclose(found.values, lake.values, atol=1e-13)


@pytest.mark.slow
def test_a_steady_stream_over_a_hump_with_second_order():
    """Bernoulli's head and the discharge are the same everywhere: what the scheme makes of the means is its error."""
    g, discharge, errors = 9.81, 0.5, []
    bed = lambda x: 0.1 * np.exp(-80 * (x - 0.5) ** 2)

    def depth(x):
        head, h = 1.0 + discharge**2 / (2 * g) - bed(x), np.ones_like(x)
        for _ in range(50):
            h = h - (h + discharge**2 / (2 * g * h * h) - head) / (1 - discharge**2 / (g * h**3))
        return h

    n = 100
    for length in (2, 1):
        grid = Grid.uniform((n,), lower=0.5 - length / 2, upper=0.5 + length / 2)
        points = 0.5 + length * ((np.arange(8 * n) + 0.5) / (8 * n) - 0.5)
        means = lambda f: f(points).reshape(n, 8).mean(axis=1)
        problem = ConservationLaw(grid, grids.ShallowWater(g), Outflow(), flux=HLLC(), bed=means(bed))
        start = grids.CellState(jnp.stack([jnp.asarray(means(depth)), jnp.full(n, discharge)]))
        rates = problem.rate(start).values
        assert float(jnp.max(jnp.abs(problem.fluxes(start)[0][0] - discharge))) < 0.02
        errors.append(length * float(jnp.mean(jnp.abs(rates))))
    flat = ConservationLaw(grid, grids.ShallowWater(g), Outflow(), flux=HLLC()).rate(start).values
    assert float(jnp.mean(jnp.abs(flat))) > 10 * errors[1]
    assert np.log2(errors[0] / errors[1]) > 1.5, errors


def test_burgers_shock_moves_at_its_speed():
    """From 1 to −0.4 at speed 0.3, across two cells; where the solution falls smoothly it is x/t."""
    n, t = 100, 1.0
    problem = ConservationLaw(Grid.uniform((n,), lower=-1.0), grids.Burgers(), Outflow(), WENO5Z())
    found = led(problem, problem.state(lambda x: jnp.where(x < 0, 1.0, -0.4)), t, 100).values[0]
    place = -1 + float(jnp.sum(found + 0.4)) / 1.4 * 2 / n
    np.testing.assert_allclose(place, 0.3 * t, atol=1e-12)
    assert int(jnp.sum((found > -0.35) & (found < 0.95))) <= 2
    fan = led(problem, problem.state(lambda x: jnp.where(x < 0, -0.5, 0.5)), t, 100).values[0]
    exact = np.clip(problem.grid.centres(0) / t, -0.5, 0.5)
    assert np.abs(fan - exact).mean() < 3e-3


@pytest.mark.breadth
@pytest.mark.parametrize("scheme", [MUSCL(), WENO5Z()])
def test_nothing_is_made_or_lost_between_walls_and_round_a_ring(scheme):
    """Walls take momentum across them alone."""
    random = np.random.default_rng(0)
    rough = lambda low: jnp.asarray(random.uniform(low, 1.0, (6, 5)))
    sides = dict(left=Wall(), right=grids.Symmetry(), bottom=Periodic(), top=Periodic())
    problem = ConservationLaw(Grid.uniform((6, 5)), Euler(), sides, scheme, HLLC())
    start = problem.state(rough(0.5), rough(-1.0), rough(-1.0), rough(0.5))
    found = led(problem, start, 0.1, 16)
    assert float(jnp.max(jnp.abs(found.values - start.values))) > 0.1
    change = np.asarray(problem.content(found) - problem.content(start))
    np.testing.assert_allclose(change[[0, 2, 3]], 0.0, atol=1e-14)
    assert abs(change[1]) > 1e-3


@pytest.mark.slow
def test_what_passes_the_sides_is_what_the_box_gains():
    """Prescribed inflow on one side, which an array gives; the rest leaves."""
    inflow = (Dirichlet(np.array([1.0, 2.0, 1.0])), Dirichlet(2.0), Dirichlet(0.0), Dirichlet(1.0))
    sides = dict.fromkeys(("right", "bottom", "top"), Outflow()) | {"left": inflow}
    problem = ConservationLaw(Grid.uniform((4, 3)), Euler(), sides, grids.FirstOrder(), HLLC())
    start = problem.state(1.0, 2.0, 0.0, 1.0)
    across, along = problem.fluxes(start)
    gained = (jnp.sum(across[:, 0] - across[:, -1], axis=1) / 3) + jnp.sum(along[..., 0] - along[..., -1], axis=1) / 4
    np.testing.assert_allclose(problem.content(problem.rate(start)), gained, atol=1e-14)
    np.testing.assert_allclose(across[0, 0], [2.0, 4.0, 2.0], rtol=1e-14)


def test_a_flux_of_ones_own_and_a_source():
    """Burgers' flux by hand; a source that lets all decay."""
    (own, law), shape = (grids.FluxFunction(lambda u, axis: u * u / 2), grids.Burgers()), (8, 7)
    values = jnp.asarray(np.random.default_rng(1).normal(size=shape))
    rates = []
    for each in (own, law):
        problem = ConservationLaw(Grid.uniform(shape), each, Periodic())
        rates.append(problem.rate(problem.state(values)).values)
    np.testing.assert_allclose(*rates, atol=1e-13)
    fading = ConservationLaw(Grid.uniform((8,)), law, Periodic(), source=lambda u, x: -3.0 * u)
    np.testing.assert_allclose(led(fading, fading.state(0.5), 1.0, 20).values, 0.5 * np.exp(-3), rtol=1e-3)


@pytest.mark.slow
def test_single_precision_and_steps_of_any_size():
    """A density at rest stays as it is under equal pressure, by `HLLC`."""
    problem, start = tube(50, WENO5Z(), HLLC(), dtype=jnp.float32)
    found = led(problem, start, 0.2, 50)
    assert found.values.dtype == jnp.float32
    np.testing.assert_allclose(found.values, led(*tube(50, WENO5Z(), HLLC()), 0.2, 50).values, atol=2e-5)
    uneven = ConservationLaw(Grid.from_faces(grids.stretched(40)), Euler(), Wall(), MUSCL(), HLLC())
    start = uneven.state(lambda x: 1 + x, 0.0, 1.0)
    np.testing.assert_allclose(led(uneven, start, 0.05, 20).values[0], start.values[0], atol=1e-12)


def test_steps_that_are_too_long_are_named_with_the_largest():
    problem, start = tube(20)
    np.testing.assert_allclose(problem.largest_step(start), 0.05 / np.sqrt(1.4), rtol=1e-12)
    with pytest.raises(sp.stepping.StepFailed, match="step_too_long.* at most at its beginning") as failed:
        march(SSPRK3(), problem, start, [0.0, 0.01, 0.02, 0.1])
    reached = failed.value.trajectory
    assert f"{float(problem.largest_step(reached.final.u)):.3g} at most" in str(failed.value)
    assert int(reached.failed_step) == 2 and bool(jnp.all(jnp.isfinite(reached.values.values[:3])))


def test_what_means_nothing_is_a_named_failure():
    problem, start = tube(20)
    for bad in (start.values.at[2, 3].set(0.0), start.values.at[1, 4].set(jnp.nan), start.values.at[0, 0].set(-1.0)):
        found = march(SSPRK3(), problem, bad, [0.0, 1e-3], throw=False)
        assert found.result == sp.RESULTS.state_inadmissible and int(found.failed_step) == 0


def test_steps_are_chosen_by_their_error():
    problem, start = tube(30)
    found = sp.stepping.march_adaptively(
        SSPRK3(), problem, start, (0.0, 0.2), rtol=1e-2, first_step=1e-3, max_steps=200
    )
    assert float(found.times[-1]) == 0.2
    steps = np.diff(found.times)
    assert steps.max() < 0.024 and steps.max() > 5 * steps[0]


def test_order_of_the_explicit_steps():
    """A pendulum, by an `ODE`."""
    swing = sp.stepping.ODE(lambda t, u, args: jnp.stack([u[1], -jnp.sin(u[0])]))
    run = lambda end: march(SSPRK3(), swing, jnp.array([1.0, 0.0]), np.linspace(0, end, 161), save=80).values
    exact = scipy.integrate.solve_ivp(lambda t, u: [u[1], -np.sin(u[0])], (0, 16.0), [1.0, 0.0], rtol=1e-11, atol=1e-11)
    # 80 steps, and 160.
    errors = [float(jnp.linalg.norm(end - exact.y[:, -1])) for end in (run(32.0)[1], run(16.0)[2])]
    assert 2.8 < np.log2(errors[0] / errors[1]) < 3.3, errors


def test_a_program_does_not_grow_with_the_steps():
    problem, start = tube(10)
    program = lambda n: str(jax.make_jaxpr(lambda u: led(problem, u, 0.01, n))(start))
    sizes = [program(n).count(" = ") for n in (10, 1000)]
    assert sizes[0] == sizes[1]


@pytest.mark.parametrize(
    "make, text",
    [
        (lambda g: ConservationLaw(4, Euler(), Wall()), "`grid` must be"),
        (lambda g: ConservationLaw(g, MUSCL(), Wall()), "`law` must be"),
        (lambda g: ConservationLaw(g, Euler(), Wall(), HLLC()), "`reconstruction` must be"),
        (lambda g: ConservationLaw(g, grids.Burgers(), Outflow(), flux=HLLC()), "`HLLC` is for"),
        (lambda g: ConservationLaw(g, grids.Burgers(), Wall()), "does not say what a wall"),
        (lambda g: ConservationLaw(g, Euler(), {"left": Wall()}), "missing"),
        (lambda g: ConservationLaw(g, Euler(), Dirichlet(1.0)), "density, velocity_x, velocity_y, pressure"),
        (lambda g: ConservationLaw(g, Euler(), grids.Inflow(1.0)), "must be `Periodic"),
        (lambda g: ConservationLaw(g, Euler(), Wall(1.0)), "`velocity`"),
        (lambda g: ConservationLaw(g, Euler(), Outflow(1.0)), "`pressure`"),
        (lambda g: ConservationLaw(g, Euler(), Wall(), WENO5Z(), implicit=True), "take `MUSCL"),
        (lambda g: ConservationLaw(Grid((np.array([1.0, 2.0, 1.0, 1.0]),)), Euler(), Wall(), WENO5Z()), "equal steps"),
        (lambda g: ConservationLaw(Grid.uniform((2, 4)), Euler(), Wall(), WENO5Z()), "cells or more"),
        (lambda g: ConservationLaw(g, grids.LinearAdvection(1.0), Outflow()), "one for each axis"),
        (lambda g: ConservationLaw(g, Euler(), Wall()).state(1.0, 0.0, 1.0), "consists of density"),
        (lambda g: ConservationLaw(g, Euler(), Wall()).state(np.ones(3), 0.0, 0.0, 1.0), "`density` must"),
        (lambda g: march(SSPRK3(), ConservationLaw(g, Euler(), Wall()), np.ones((3, 4)), [0.0, 1.0]), "has shape"),
        (lambda g: march(SSPRK3(), grids.Diffusion(g, 1.0, Dirichlet()), 0.0, [0.0, 1.0]), "implicit steppers"),
        (lambda g: march(sp.stepping.BDF2(), ConservationLaw(g, Euler(), Wall()), np.ones((4, 4, 5)), [0.0, 1.0]),
         "implicit=True"),
        (lambda g: grids.FluxFunction(lambda u, axis: u, unknowns=("a", "b")), "needs a bound"),
        (lambda g: grids.ShallowWater(-1.0), "positive"),
        (lambda g: ConservationLaw(g, Euler(), Wall(), bed=1.0), "`bed` is for"),
        (lambda g: ConservationLaw(g, grids.ShallowWater(), Wall(), WENO5Z(), bed=1.0), "`bed` is for"),
        (lambda g: ConservationLaw(g, grids.ShallowWater(), Wall(), bed=np.ones(3)), "`bed` must"),
        (lambda g: Euler(1.0), "between"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(make, text):
    with pytest.raises(ValueError, match=text):
        make(Grid.uniform((4, 5)))
