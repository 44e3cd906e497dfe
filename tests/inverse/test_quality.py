"""Fits that should not be believed as they stand: what is said of them, and what of them still holds."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.optimize
import scipy.stats

import simphys as sp
from simphys.inverse import Bounded, Cauchy, Gaussian, Huber, Model, Parameter, Positive, fit


class Three(eqx.Module):
    a: jax.Array
    b: jax.Array
    c: jax.Array


def three(a=1.0, b=1.0, c=1.0):
    return Three(jnp.array(a), jnp.array(b), jnp.array(c))


A, B, C = (Parameter(name, lambda p, name=name: getattr(p, name)) for name in "abc")
X = np.linspace(0.0, 2.0, 200)


def decay(p):
    return p.a * jnp.exp(-p.b * jnp.asarray(X))


STRETCH = np.linspace(1.05, 2.0, 15)


def gent(law):
    excess = STRETCH**2 + 2 / STRETCH - 3
    return law.mu * law.limit / (law.limit - excess) * (STRETCH - STRETCH**-2)


@pytest.mark.parametrize("transform", [Positive(), None], ids=["log", "plain"])
@pytest.mark.parametrize("start", [(0.3, 80.0), (0.35, 5.0)])
def test_a_limit_at_infinity_leaves_the_rest(transform, start):
    """Rubber that softens: Gent's law does best without its limit, as a neo-Hookean one, which is linear regression."""
    shape = STRETCH - STRETCH**-2
    noise = 0.003
    measured = 0.32 * shape * (1 - 0.02 * (STRETCH - 1)) + noise * np.random.default_rng(0).standard_normal(15)
    law = sp.materials.Gent(mu=start[0], limit=start[1], kappa=1000.0)
    sought = [Parameter(name, lambda p, name=name: getattr(p, name), transform=transform) for name in ("mu", "limit")]
    found = fit(Model(law, gent, measured, noise), sought)
    residual = lambda p: (
        (np.exp(p[0]) / (1 - (STRETCH**2 + 2 / STRETCH - 3) * np.exp(-p[1])) * shape - measured) / noise
    )
    # SciPy is stopped by its bound.
    other = scipy.optimize.least_squares(
        residual, np.log([0.3, 80.0]), bounds=([-9, 1.5], [9, 30]), xtol=1e-15, ftol=1e-15
    )
    assert found.status == "unidentifiable" and "limit" in found.message and "mu" not in found.message
    assert found.local.value == pytest.approx(other.cost, rel=1e-6)
    assert found.values[0] == pytest.approx(shape @ measured / (shape @ shape), rel=1e-5)
    assert found.uncertainty.std[0] == pytest.approx(noise / np.sqrt(shape @ shape), rel=1e-3)
    assert found.uncertainty.undetermined == ["limit"] and np.isinf(found.uncertainty.std[1])
    assert np.all(np.isfinite(found.uncertainty.interval95[0]))


def test_what_is_seen_beside_a_null_direction_is_stated():
    """Only a + b is seen, and c: c has the interval of a fit without b."""
    both = lambda p: (p.a + p.b) * X + p.c
    measured = 3.0 * X + 1.0 + 0.1 * np.random.default_rng(0).standard_normal(X.size)
    whole = fit(Model(three(), both, measured, 0.1), [A, B, C])
    part = fit(Model(three(b=0.0), both, measured, 0.1), [A, C])
    assert whole.status == "unidentifiable" and whole.uncertainty.undetermined == ["a", "b"]
    assert whole.uncertainty.std[2] == pytest.approx(part.uncertainty.std[1], rel=1e-6)
    np.testing.assert_allclose(whole.uncertainty.interval95[2], part.uncertainty.interval95[1], rtol=1e-6)
    assert np.all(np.isinf(whole.uncertainty.std[:2])) and whole.uncertainty.effective == 2.0


@pytest.mark.parametrize("transform", [Positive(), Bounded(0.0, 1e6), None])
def test_a_parameter_without_effect_does_not_stop_the_others(transform):
    """The rate b of a term whose amplitude is 0: a is that of linear regression."""
    model = lambda p: p.a * X + 0.0 * p.b
    measured = 3.0 * X + 0.1 * np.random.default_rng(0).standard_normal(X.size)
    rate = Parameter("b", lambda p: p.b, transform=transform)
    found = fit(Model(three(50.0), model, measured, 0.1), [Parameter("a", lambda p: p.a, transform=Positive()), rate])
    assert found.status == "unidentifiable" and found.uncertainty.undetermined == ["b"]
    assert found.values[0] == pytest.approx(X @ measured / (X @ X), rel=1e-6)
    assert found.uncertainty.std[0] == pytest.approx(0.1 / np.linalg.norm(X), rel=1e-4)


def data(noise=0.05, seed=0, a=2.0, b=0.7):
    return a * np.exp(-b * X) + noise * np.random.default_rng(seed).standard_normal(X.size)


def test_p_value_is_that_of_chi_squared():
    found = fit(Model(three(), decay, data(), 0.05), [A, B])
    r = found.local.residuals
    assert found.quality.verdict == "agrees with its data" and found.quality.white and not found.quality.remarks
    assert found.quality.p_value == pytest.approx(scipy.stats.chi2.sf(r @ r, 198), rel=1e-9)
    unknown = fit(Model(three(), decay, data()), [A, B])
    assert unknown.quality.p_value is None and unknown.quality.verdict == "not judged"


def test_a_prior_against_the_data_is_named():
    found = fit(Model(three(), decay, data(), 0.05), [A, B], priors=[Gaussian("a", 50.0, 1e-3)])
    assert found.successful and found.quality.verdict == "contradicts its data" and found.quality.p_value < 1e-6
    text = " ".join(found.quality.remarks)
    assert "χ²" in text and "a is held by its prior" in text and "the prior on a and the data are" in text
    assert "contradicts its data" in str(found)


def test_a_compromise_between_prior_and_data_is_seen():
    """As precise as the data and 12 deviations off: residuals hardly grow, but both together cannot be."""
    free = fit(Model(three(b=0.7), decay, data(), 0.05), [A])
    deviation = float(free.uncertainty.std[0])
    prior = Gaussian("a", float(free.values[0]) + 12 * deviation, deviation)
    found = fit(Model(three(b=0.7), decay, data(), 0.05), [A], priors=[prior])
    assert found.quality.verdict == "contradicts its data"
    assert "standard deviations apart" in " ".join(found.quality.remarks)
    calm = fit(Model(three(b=0.7), decay, data(), 0.05), [A], priors=[Gaussian("a", 2.0, 1.0)])
    assert calm.quality.verdict == "agrees with its data" and not calm.quality.remarks


def test_repeated_rows_count_once():
    once = fit(Model(three(), decay, data(), 0.05), [A, B])
    again = lambda p: jnp.concatenate([decay(p)] * 3)
    thrice = fit(Model(three(), again, np.tile(data(), 3), 0.05), [A, B])
    assert "400 of 600 data repeat another one" in " ".join(thrice.quality.remarks)
    np.testing.assert_allclose(thrice.uncertainty.std, once.uncertainty.std, rtol=1e-6)
    assert thrice.uncertainty.effective_data == pytest.approx(200.0, rel=1e-6)
    assert thrice.quality.p_value == pytest.approx(once.quality.p_value, rel=1e-6)
    some = np.concatenate([data(), data()[:20]])
    part = fit(Model(three(), lambda p: jnp.concatenate([decay(p), decay(p)[:20]]), some, 0.05), [A, B])
    assert "20 of 220" in " ".join(part.quality.remarks)


def test_units_off_by_a_hundred_are_guessed():
    fixed = lambda p: 2.0 * jnp.exp(-p.b * jnp.asarray(X))
    found = fit(
        Model(three(b=0.7), fixed, 100 * data(), 0.05), [Parameter("b", lambda p: p.b, transform=Bounded(0.6, 0.8))]
    )
    assert found.quality.verdict == "contradicts its data"
    assert "100 times what is predicted: are its units right?" in " ".join(found.quality.remarks)


@pytest.mark.parametrize("loss", [Huber(), Cauchy()], ids=lambda loss: type(loss).__name__)
def test_outliers_that_a_robust_loss_bears_are_no_contradiction(loss):
    measured = data()
    measured[::10] += 3.0
    assert fit(Model(three(), decay, measured, 0.05), [A, B], loss=loss).quality.verdict == "agrees with its data"
    assert fit(Model(three(), decay, measured, 0.05), [A, B]).quality.verdict == "contradicts its data"
    assert fit(Model(three(), decay, data(), 0.01), [A, B], loss=loss).quality.verdict == "contradicts its data"


def wandering(seed, memory):
    """Noise of which each value keeps part of the one before; standard deviation 1."""
    kicks = np.random.default_rng(seed).standard_normal(X.size + 200)
    values = [kicks[0]]
    for kick in kicks[1:]:
        values.append(memory * values[-1] + np.sqrt(1 - memory**2) * kick)
    return np.array(values[200:])


@pytest.mark.slow
@pytest.mark.parametrize("stated", [True, False])
def test_correlated_residuals_have_the_scatter_that_is_stated(stated):
    """With a memory of 0.8 estimates scatter three times as much as white noise would have them."""
    exact = 2.0 * np.exp(-0.7 * X)
    values, stds, white = [], [], []
    for seed in range(40):
        found = fit(Model(three(), decay, exact + 0.05 * wandering(seed, 0.8), 0.05 if stated else None), [A, B])
        values.append(found.values)
        stds.append(found.uncertainty.std)
        inverse = np.linalg.inv(found.local.jacobian.T @ found.local.jacobian)
        white.append(np.sqrt(np.diag(inverse)) * (1.0 if stated else 0.05))
    scatter = np.std(values, axis=0)
    assert np.all(scatter > 2.0 * np.mean(white, axis=0))
    ratio = scatter / np.mean(stds, axis=0)
    assert np.all((ratio > 0.6) & (ratio < 1.5))
    assert found.quality.verdict != "contradicts its data"
    assert "not white" in " ".join(found.quality.remarks) and not found.quality.white
    assert 8 < found.uncertainty.effective_data < 80


@pytest.mark.slow
def test_constants_of_a_circuit_scatter_as_they_say():
    """Silverbox, realisations fitted one at a time: white noise would have the cubic constant five times too sure.

    The offset, an error of the measured mean that differs from realisation to realisation, is nothing one of them can tell.
    """
    scene = sp.scene.load("scenes/silverbox")
    ranges, values, stds, white = scene.data.fit.data["multisine"].train, [], [], []
    for begin, _ in ranges[::2]:
        record = scene.data.fit.data["multisine"].model_copy(update=dict(train=[[begin, begin + 2048]]))
        section = scene.data.fit.model_copy(update=dict(data={"multisine": record}, networks={}))
        data = scene.data.model_copy(update=dict(fit=section))
        found = sp.scene.build_calibration(dataclasses.replace(scene, data=data).build()).run()
        assert found.successful and "not white" in " ".join(found.quality.remarks)
        J, r = found.local.jacobian, found.local.residuals
        slope = np.abs(np.diag(np.asarray(jax.jacfwd(found.local.objective.parameters.flat)(found.local.phi))))
        values.append(found.values)
        stds.append(found.uncertainty.std)
        white.append(slope * np.sqrt(np.diag(np.linalg.inv(J.T @ J)) * (r @ r) / (r.size - 5)))
    scatter = np.std(values, axis=0, ddof=1)
    assert np.max(scatter / np.mean(white, axis=0)) > 3
    assert np.all(scatter[:4] < 2 * np.mean(stds, axis=0)[:4])
