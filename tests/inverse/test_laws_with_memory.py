"""Constants of laws with a memory from curves: truths from finer steps and with noise, within their intervals."""

import jax.numpy as jnp
import numpy as np
import pytest

from simphys.inverse import Model, Parameter, Positive, fit
from simphys.materials import J2Plasticity, NeoHooke, Viscoelastic, uniaxial


SEEDS = 20


def coverage(law, predict, sought, exact, truth, noise):
    """In how many of the seeds each parameter's 95 % interval holds the truth."""
    inside = np.zeros(len(truth), int)
    for seed in range(SEEDS):
        values = exact + noise * np.random.default_rng(seed).standard_normal(exact.shape)
        found = fit(Model(law, predict, values, noise), sought)
        assert found.successful, found.message
        low, high = found.uncertainty.interval95.T
        inside += (low <= truth) & (truth <= high)
    return inside


def check(name, inside):
    """19 of 20 on the average. (Of a true 95 %, 17 or fewer of 20 are found for one parameter in 60.)"""
    print(f"{name}: intervals that hold the truth, of {SEEDS}: {inside}")
    assert inside.mean() >= 18.5 and inside.min() >= 17


ONSET, END = 0.05, 20.0
MEASURED = np.geomspace(0.1, END, 60)
RAMP = np.linspace(0.0, ONSET, 6)
COARSE = jnp.asarray(np.concatenate([RAMP, MEASURED]))
FINE = np.unique(np.concatenate([np.linspace(0.0, ONSET, 41), np.geomspace(ONSET, END, 1501)[1:], MEASURED]))
held = lambda times: jnp.minimum(jnp.asarray(times) / ONSET, 1.0) * 0.3


def relaxing(shares, times):
    rubber = NeoHooke(mu=2.0, lam=20.0)
    return Viscoelastic(rubber, shares=shares, times=times)


def relaxation(law):
    """Nominal stress at the measured times of a bar that is stretched by 30 % within 0.05 s and held."""
    return uniaxial(law, held(COARSE), COARSE)[len(RAMP) :]


@pytest.mark.slow
def test_prony_series_from_a_relaxation_test():
    truth = relaxing([0.3, 0.2], [0.4, 5.0])
    exact = np.interp(MEASURED, FINE, np.asarray(uniaxial(truth, held(FINE), jnp.asarray(FINE))))
    bias = np.abs(np.asarray(relaxation(truth)) - exact).max()
    noise = 0.003
    assert bias < 0.1 * noise
    sought = [
        Parameter("share", lambda law: law.shares, transform=Positive()),
        Parameter("time", lambda law: law.times, transform=Positive()),
    ]
    start = relaxing([0.25, 0.25], [0.2, 8.0])
    check("Prony", coverage(start, relaxation, sought, exact, np.array([0.3, 0.2, 0.4, 5.0]), noise))


PER_READING, FINER = 10, 8


def cycle(steps):
    """A strain that goes to 2 %, −2 % and 2 %."""
    return jnp.asarray(np.interp(np.linspace(0, 5, steps + 1), [0, 1, 3, 5], [0.0, 0.02, -0.02, 0.02]))


def metal(yield_stress, saturation, rate, kinematic, recovery):
    return J2Plasticity(
        E=200e3,
        nu=0.3,
        yield_stress=yield_stress,
        saturation=saturation,
        rate=rate,
        kinematic=kinematic,
        recovery=recovery,
    )


def cyclic(law, finer=1):
    """A hundred readings of the stress along the cycle."""
    steps = 100 * PER_READING * finer
    return uniaxial(law, cycle(steps), jnp.arange(steps + 1.0))[PER_READING * finer :: PER_READING * finer]


@pytest.mark.slow
def test_hardening_from_a_cyclic_curve():
    truth = metal(250.0, 80.0, 30.0, 20e3, 60.0)
    exact, noise = np.asarray(cyclic(truth, FINER)), 8.0
    assert np.abs(np.asarray(cyclic(truth)) - exact).max() < 0.1 * noise
    names = ("yield_stress", "saturation", "rate", "kinematic", "recovery")
    sought = [Parameter(name, lambda law, n=name: getattr(law, n), transform=Positive()) for name in names]
    start = metal(200.0, 50.0, 20.0, 10e3, 40.0)
    inside = coverage(start, cyclic, sought, exact, np.array([250.0, 80.0, 30.0, 20e3, 60.0]), noise)
    check("cyclic hardening", inside)
