"""A solution that stands where a law switches is flagged: its derivatives there are one-sided."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import simphys as sp
import simphys.materials as sm
from simphys.fem import Dirichlet, FunctionSpace
from simphys.physics import Convection, Heat, Solid


STEEL = dict(E=200.0, nu=0.3, yield_stress=0.3, hardening=10.0)
ONSET = 0.3 * 1.3 / 200.0 / np.sqrt(3.0)
"""e of the strain diag(e, −e) at which this metal yields under plane strain."""
BRITTLE = dict(E=200.0, nu=0.3, threshold=1e-3, rate=100.0, ratio=1.0)
TISSUE = dict(mu=1.0, k1=2.0, k2=1.0, dispersion=0.0, kappa=10.0, fibres=[[1.0, 0.0, 0.0]])


def sheet(law):
    """All sides of a sheet are led: x = X + diag(e, −e) X, which the middle follows."""
    sides = [("left", (0.0, None)), ("right", (1.0, None)), ("bottom", (None, 0.0)), ("top", (None, -1.0))]
    held = [Dirichlet(side, value) for side, value in sides]
    return Solid(FunctionSpace(sp.fem.rectangle((2, 2)), 1, components=2), sm.PlaneStrain(law), held)


def counts(problem, stretches):
    """Points at a kink, of bodies stretched by each number: one compiled program, each lane by itself."""

    def count(e):
        led = jax.tree.map(lambda leaf: e * leaf if eqx.is_inexact_array(leaf) else leaf, problem.constraints)
        solution = sp.solve(eqx.tree_at(lambda p: p.constraints, problem, led), throw=False)
        return solution.certificate.weakly_active, solution.certificate.converged

    found, converged = jax.jit(jax.vmap(count))(jnp.asarray(stretches))
    assert np.all(converged)
    return found.tolist()


POINTS = 4 * 4


@pytest.mark.slow
@pytest.mark.breadth
@pytest.mark.parametrize(
    "law, kink",
    [
        (sm.J2Plasticity(**STEEL), ONSET),
        (sm.IsotropicDamage(**BRITTLE), 1e-3 * 1.3 / np.sqrt(3.0)),
        (sm.HolzapfelGasserOgden(**TISSUE), 0.0),
    ],
    ids=lambda x: type(x).__name__,
)
def test_bodies(law, kink):
    around = [kink - 2e-4, kink, kink + 2e-4]
    assert counts(sheet(law), around) == [0, POINTS, 0]


@pytest.mark.slow
def test_marches():
    """Every step says how many points it ended at a kink: laws with a memory are led through time."""
    drive = lambda p, t: eqx.tree_at(
        lambda p: [c.value for c in p.constraints], p, [t * c.value for c in p.constraints]
    )
    times = jnp.asarray([0.0, ONSET - 2e-4, ONSET, ONSET + 2e-4])
    found = sp.stepping.march(sp.stepping.Equilibrium(), sheet(sm.J2Plasticity(**STEEL)), 0.0, times, drive=drive)
    assert found.weakly_active.tolist() == [0, POINTS, 0]


@pytest.mark.slow
def test_tables():
    table = sm.Table([0.0, 1.0, 2.0], [1.0, 2.0, 5.0])
    held = [Dirichlet("left", 1.0), Dirichlet("right", 1.0)]
    rod = lambda law, loads: Heat(FunctionSpace(sp.fem.line(4)), law, held[: 2 - len(loads)], loads)
    smooth = sm.IsotropicConduction(k=1.0)
    cell = 2
    conducting = rod(sm.IsotropicConduction(k=table), [])
    assert counts(conducting, [0.5, 1.0, 1.5]) == [0, 4 * cell, 0]
    cooled = rod(smooth, [Convection("right", table, 1.0)])
    assert counts(cooled, [1.0]) == [1]


@pytest.mark.slow
def test_points():
    """Laws that are made of others pass their switches on; smooth laws have none."""
    one, e = jnp.eye(3), jnp.diag(jnp.asarray([1.0, -0.5, -0.5]))
    tissue = sm.HolzapfelGasserOgden(**TISSUE)
    moved = one + 0.1 * e
    strain = tissue.switches(moved)
    for law in (sm.ErsatzFiniteStrain(tissue), sm.Viscoelastic(tissue, shares=[0.5], times=[1.0])):
        rest = (law.initial(), 1.0) if isinstance(law, sm.AbstractHistory) else ()
        np.testing.assert_allclose(law.switches(moved, *rest), strain)
    thin = sm.PlaneStress(tissue)
    np.testing.assert_allclose(thin.switches(jnp.eye(2)), 0.0, atol=1e-12)
    metal = sm.FinitePlasticity(**STEEL)
    onset = 0.3 / 200.0 * 2 * 1.3 / 3
    F = jnp.diag(jnp.exp(onset * jnp.diag(e)))
    np.testing.assert_allclose(metal.switches(F, metal.initial(), 1.0), 0.0, atol=1e-9)
    _, state = metal.update(moved, metal.initial(), 1.0)
    np.testing.assert_allclose(metal.switches(moved, state, 1.0), 0.0, atol=1e-7)
    brittle = sm.IsotropicDamage(**BRITTLE)
    _, state = brittle.update(0.1 * e, brittle.initial(), 1.0)
    np.testing.assert_allclose(brittle.switches(0.1 * e, state, 1.0), 0.0, atol=1e-12)
    np.testing.assert_allclose(brittle.switches(0.05 * e, state, 1.0), -0.5)
    assert sm.NeoHooke(mu=1.0, lam=1.0).switches(one) is None
    assert sm.PlaneStrain(sm.LinearElastic(E=1.0, nu=0.3)).switches(jnp.eye(2)) is None
    assert sm.IsotropicConduction(k=1.0).switches(one[0], jnp.ones(())) is None


@pytest.mark.slow
def test_gradients():
    """A gradient says how many points stood at a kink when it was taken."""

    def total(k, end):
        law = sm.IsotropicConduction(k=sm.Table([0.0, 1.0, 2.0], k * jnp.asarray([1.0, 2.0, 5.0])))
        rod = Heat(FunctionSpace(sp.fem.line(2)), law, [Dirichlet("left", end)], [sp.physics.Source(1e-9)])
        return jnp.sum(sp.solve(rod).value)

    evaluate = eqx.filter_jit(sp.value_and_grad(total))
    assert [int(evaluate(1.0, end)[2].weakly_active) for end in (0.5, 1.0)] == [0, 4]


@pytest.mark.slow
def test_gradients_of_programs():
    """min (x − t)² / 2, x ≤ 1, at t = 1: the constraint holds without a multiplier."""
    evaluate = eqx.filter_jit(
        sp.value_and_grad(lambda t: sp.layers.QP(jnp.eye(1), -t, G=jnp.eye(1), h=jnp.ones(1))().value[0])
    )
    assert [int(evaluate(jnp.full(1, t))[2].weakly_active) for t in (0.5, 1.0)] == [0, 1]
