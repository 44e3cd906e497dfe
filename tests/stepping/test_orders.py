"""Every stepper has the order that it declares, on an ODE, on a mesh, with inertia; and the stability it promises."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest

import simphys as sp
from simphys.stepping import (
    BDF2,
    ODE,
    SDIRK2,
    SDIRK3,
    BackwardEuler,
    GeneralisedAlpha,
    ImplicitMidpoint,
    Newmark,
    Theta,
    march,
)


FIRST = {
    "BDF2": BDF2(),
    "backward Euler": BackwardEuler(),
    "theta 0.7": Theta(0.7),
    "Crank-Nicolson": Theta(),
    "midpoint": ImplicitMidpoint(),
    "SDIRK2": SDIRK2(),
    "SDIRK3": SDIRK3(),
}
SECOND = {"Newmark": Newmark(), "alpha 0.8": GeneralisedAlpha(0.8)}


def logistic(t, u, rates):
    """u̇ = −r u² cos t, u = 1/(1 + r sin t): nonlinear, and dependent on time itself; or drawn to cos t, stiffly."""
    rate, pull = rates
    return -rate * u**2 * jnp.cos(t) - pull * (u - jnp.cos(t))


RATES = jnp.array([0.8, 0.0])


def final(stepper, problem, start, end, n, spread=lambda s: s, **options):
    """Return u at the end after n steps and after 2 n: the first half of 2 n steps twice as far, so of one program."""
    s = jnp.linspace(0.0, 1.0, 2 * n + 1)
    run = lambda times: march(stepper, problem, start, times, save=n, **options).values
    return run(end * spread(2 * s))[1], run(end * spread(s))[2]


def observed_order(error, coarse, fine):
    return np.log2(error(coarse) / error(fine))


@pytest.mark.breadth
@pytest.mark.parametrize("stepper", FIRST.values(), ids=FIRST.keys())
def test_order_on_an_ode(stepper):
    """With equal steps; by BDF2 and SDIRK3 with unequal ones, too."""
    error = lambda u: abs(float(u) - 1 / (1 + 0.8 * np.sin(2.0)))
    found = final(stepper, ODE(logistic, RATES), jnp.asarray(1.0), 2.0, 40)
    assert abs(observed_order(error, *found) - stepper.order) < 0.25
    if isinstance(stepper, BDF2 | SDIRK3):
        found = final(stepper, ODE(logistic, RATES), jnp.asarray(1.0), 2.0, 40, lambda s: s**1.5)
        assert observed_order(error, *found) > stepper.order - 0.25


def rod(n, **options):
    """A rod that stores heat, its ends at 0: sin(πx) dies as exp(−π² t)."""
    space = sp.fem.FunctionSpace(sp.fem.line(n), degree=3)
    ends = [sp.fem.Dirichlet("left", 0.0), sp.fem.Dirichlet("right", 0.0)]
    return sp.physics.Heat(space, sp.materials.IsotropicConduction(k=1.0), ends, capacity=1.0, **options)


@pytest.mark.slow
def test_order_on_a_mesh():
    """What driven values below leave of an order is at most 2."""
    heat, stepper = rod(12), SDIRK3()
    start = heat.space.interpolate(lambda x: jnp.sin(jnp.pi * x[0]))

    error = lambda u: float(jnp.abs(u - start * jnp.exp(-(jnp.pi**2) * 0.2)).max())
    assert abs(observed_order(error, *final(stepper, heat, start, 0.2, 32)) - stepper.order) < 0.3


DRIVEN = ("Crank-Nicolson", "BDF2", "SDIRK3")
"""One step, two, stages."""


@pytest.mark.slow
@pytest.mark.parametrize("stepper", [FIRST[name] for name in DRIVEN], ids=DRIVEN)
def test_order_with_driven_boundary_values(stepper):
    """T(x, t) = cos t + x sin t: both ends are driven, and a source. (Stages of a Runge–Kutta method are of order 2.)"""
    heat = rod(4, loads=[sp.physics.Source(sp.fem.NodalField(jnp.zeros(13)))])
    x = heat.space.nodes()[:, 0]

    def drive(heat, t):
        leaves = lambda h: (h.constraints[0].value, h.constraints[1].value, h.loads[0].value.values)
        return eqx.tree_at(leaves, heat, (jnp.cos(t), jnp.cos(t) + jnp.sin(t), -jnp.sin(t) + x * jnp.cos(t)))

    error = lambda u: float(jnp.abs(u - (np.cos(1.0) + x * np.sin(1.0))).max())
    found = final(stepper, heat, jnp.ones(13), 1.0, 8, drive=drive)
    assert observed_order(error, *found) > min(stepper.order, 2) - 0.3


@pytest.mark.slow
@pytest.mark.parametrize("stepper", SECOND.values(), ids=SECOND.keys())
def test_order_with_inertia(stepper):
    body, start, omega = swinging_block()

    error = lambda u: float(jnp.abs(u - start * jnp.cos(omega * 0.5)).max())
    assert abs(observed_order(error, *final(stepper, body, (start, 0.0), 0.5, 20)) - stepper.order) < 0.3


def swinging_block():
    """A plane block under shear that is held in y: u_x = sin(πy/2) cos(ωt), ω = π/2 √(μ/ρ)."""
    mesh = sp.fem.rectangle((1, 4))
    space = sp.fem.FunctionSpace(mesh, degree=3, components=2)
    law = sp.materials.PlaneStrain(sp.materials.LinearElastic(E=2.0, nu=0.0))  # μ = 1
    held = [
        sp.fem.Dirichlet("bottom", 0.0),
        *(sp.fem.Dirichlet(s, 0.0, components=1) for s in ("left", "right", "top")),
    ]
    body = sp.physics.Solid(space, law, held, density=0.25)
    start = space.interpolate(lambda x: jnp.stack([0.01 * jnp.sin(jnp.pi * x[1] / 2), 0.0 * x[0]]))
    return body, start, float(jnp.pi / 2 * 2.0)


@pytest.mark.slow
def test_high_frequencies_are_damped_as_asked():
    """One mode, ωh → ∞: the amplitude falls by ρ a step; by the programs of the orders above, where there is one."""
    body, start, _ = swinging_block()
    for radius in (0.0, 0.8, 1.0):
        times = 4e5 * jnp.linspace(0.0, 1.0, 41)
        found = march(GeneralisedAlpha(radius), body, (start, 0.0), times, save=20)
        size = jnp.abs(found.values).reshape(3, -1).max(axis=1)
        if radius > 0:
            np.testing.assert_allclose((size[2] / size[1]) ** 0.05, radius, rtol=0.1)
        else:
            assert size[1] < 1e-6 * size[0]


@pytest.mark.slow
def test_stiff_components_die_at_once():
    """By the programs of the orders above: after 40 steps and after 80."""
    run = lambda stepper: march(stepper, ODE(logistic, RATES.at[:].set([0.0, 1e8])), 2.0, times, save=40)
    times = jnp.linspace(0.0, 1.0, 81)
    for stepper in (BackwardEuler(), SDIRK2(), SDIRK3()):
        found = run(stepper)
        np.testing.assert_allclose(found.values[1:], jnp.cos(found.times[1:]), atol=1e-6)
    assert abs(float(run(Theta()).values[-1]) - np.cos(1.0)) > 0.5
