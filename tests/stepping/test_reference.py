"""Published numbers, closed forms and conserved quantities of problems in time."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import erf

import simphys as sp
from simphys.fem import Dirichlet, FunctionSpace
from simphys.materials import HeatCapacity, IsotropicConduction, PhaseChange, Polynomial, Table
from simphys.stepping import SDIRK3, BackwardEuler, GeneralisedAlpha, Newmark, march


@pytest.mark.slow
def test_nafems_t3():
    """A bar whose end swings: T(0.08 m, 32 s) = 36.60 °C.

    Reference: NAFEMS, The Standard NAFEMS Benchmarks, test T3, 1990.
    """
    space = FunctionSpace(sp.fem.line(20, 0.1), degree=2)
    ends = [Dirichlet("left", 0.0), Dirichlet("right", 0.0)]
    bar = sp.physics.Heat(space, IsotropicConduction(k=35.0), ends, capacity=7200 * 440.5)
    drive = lambda bar, t: eqx.tree_at(lambda b: b.constraints[1].value, bar, 100 * jnp.sin(jnp.pi * t / 40))
    found = march(SDIRK3(), bar, 0.0, jnp.linspace(0.0, 32.0, 65), drive=drive, save=None)
    value = float(space.evaluate(found.final.u, np.array([[0.08]]))[0])
    print(f"NAFEMS T3: {value:.4f}")
    assert abs(value - 36.60) < 0.005 * 36.60


@pytest.mark.slow
def test_freezing_from_a_cold_wall():
    """Neumann's solution of the Stefan problem: the front moves as 2 λ √(κ t).

    Reference: H. S. Carslaw, J. C. Jaeger, Conduction of Heat in Solids, 2nd ed., 1959, section 11.2.
    """
    latent, cold = 2.0, -1.0
    from scipy.optimize import brentq

    root = brentq(lambda x: np.sqrt(np.pi) * x * np.exp(x * x) * erf(x) - 1 / latent, 1e-6, 3)
    law = PhaseChange(1.0, latent=latent, melting=0.0, width=0.02)
    space = FunctionSpace(sp.fem.line(200, 2.0))
    wall = sp.physics.Heat(space, IsotropicConduction(k=1.0), [Dirichlet("left", cold)], capacity=law)
    found = march(BackwardEuler(), wall, 0.01, jnp.linspace(0.0, 0.5, 401))
    x = np.asarray(space.nodes()[:, 0])
    order = np.argsort(x)
    fronts = [np.interp(0.0, np.asarray(u)[order], x[order]) for u in found.values[100::100]]
    np.testing.assert_allclose(fronts, 2 * root * np.sqrt(found.times[100::100]), rtol=0.03)


@pytest.mark.slow
def test_heat_is_kept():
    """An insulated body of any capacity keeps what it has, to rounding; d/dt H is stepped, not c dT/dt."""
    law = PhaseChange(1.0, latent=2.0, melting=1.0, width=0.5)
    space = FunctionSpace(sp.fem.rectangle((5, 3)), degree=2)
    body = sp.physics.Heat(space, IsotropicConduction(k=Polynomial([1.0, 0.5])), capacity=law)
    start = space.interpolate(lambda x: 1 + 0.9 * jnp.cos(jnp.pi * x[0]))
    found = march(BackwardEuler(), body, start, jnp.linspace(0.0, 0.4, 9), method=sp.Newton(rtol=1e-12))
    heat = [float(jnp.sum(sp.stepping.Semidiscrete(body).stored(u, 0.0))) for u in found.values]
    np.testing.assert_allclose(heat, heat[0], rtol=1e-10)
    assert float(jnp.ptp(found.values[-1])) < 0.5 * float(jnp.ptp(start))


@pytest.mark.parametrize(
    "law", [Polynomial([1.0, 0.2, 0.03]), Table([-1.0, 0.5, 2.0], [1.0, 3.0, 2.0])], ids=["polynomial", "table"]
)
def test_enthalpy_is_the_integral_of_capacity(law):
    storage = HeatCapacity(law)
    for end in (-2.0, -0.3, 0.7, 1.0, 3.0):
        t = np.linspace(0.0, end, 40_001)
        values = np.array([float(v) for v in np.asarray(eqx.filter_vmap(law)(jnp.asarray(t)))])
        np.testing.assert_allclose(storage.enthalpy(jnp.asarray(end)), np.trapezoid(values, t), rtol=1e-7)


@pytest.mark.slow
def test_energy_of_a_swinging_block():
    """A block of rubber at large strain that is let go: relative drift of its energy over many swings."""
    space = FunctionSpace(sp.fem.rectangle((4, 1), (4.0, 1.0)), components=2)
    law = sp.materials.PlaneStrain(sp.materials.NeoHooke(mu=1.0, lam=2.0))
    block = sp.physics.Solid(space, law, [Dirichlet("left", 0.0)], density=1.0)
    start = space.interpolate(lambda x: jnp.stack([0 * x[0], 0.08 * x[0] ** 2]))
    stored = float(block.forces((start,))[2])

    def swung(stepper):
        found = march(stepper, block, (start, 0.0), jnp.linspace(0.0, 40.0, 1001), save=None)
        kinetic = float(sp.fem.total_energy(block.terms().stored, (space,), (found.final.v,)))
        return (float(block.forces((found.final.u,))[2]) + kinetic) / stored - 1

    steppers = (Newmark(), GeneralisedAlpha(1.0), GeneralisedAlpha(0.8), Newmark(0.36, 0.7))
    drifts = [swung(stepper) for stepper in steppers]
    print("energy drift over 1,000 steps", dict(zip(map(repr, steppers), drifts)))
    assert abs(drifts[0]) < 0.01 and abs(drifts[1]) < 0.01
    assert -0.05 < drifts[2] < 0.0
    assert drifts[3] < -0.2


@pytest.mark.parametrize("knot", [-1.0, 0.5, 2.0])
def test_heat_capacity_at_an_entry_of_its_table(knot):
    """dH/dT = c everywhere: a body that starts at such a temperature has gradients that are right."""
    law = HeatCapacity(Table([-1.0, 0.5, 2.0], [1.0, 3.0, 2.0]))
    at = jnp.asarray(knot)
    np.testing.assert_allclose(jax.grad(law.enthalpy)(at), law.c(at), rtol=1e-14)
    slope = jax.grad(law.c)(at)
    sides = [float(jax.grad(law.c)(at + d)) for d in (-1e-9, 1e-9)]
    assert min(abs(slope - side) for side in sides) < 1e-14


@pytest.mark.slow
def test_gradient_of_a_body_that_starts_at_an_entry_of_its_table():
    space = FunctionSpace(sp.fem.line(4))
    law = HeatCapacity(Table([0.0, 1.0], [4.0, 1.0]))
    body = sp.physics.Heat(
        space, IsotropicConduction(k=1.0), [], [sp.physics.Convection("right", 1.0, 0.0)], capacity=law
    )

    def last(h):
        cooled = eqx.tree_at(lambda b: b.loads[0].h, body, h)
        return march(BackwardEuler(), cooled, 1.0, jnp.linspace(0.0, 0.5, 4), method=sp.Newton(rtol=1e-12)).final.u[-1]

    all_of_it = jax.jit(lambda h: (last(h), jax.grad(last)(h), jax.jacfwd(last)(h)))
    slope = (all_of_it(1.0 + 1e-5)[0] - all_of_it(1.0 - 1e-5)[0]) / 2e-5
    np.testing.assert_allclose(all_of_it(1.0)[1:], slope, rtol=1e-7)
