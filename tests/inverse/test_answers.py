"""Honest answers: profiles, what cannot be told apart, outliers, the weight of a prior, several minima."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.optimize
import scipy.stats
from _curves import BOTH, X, curve

import simphys as sp
from simphys.inverse import (
    H1,
    Cauchy,
    Gaussian,
    Huber,
    Joint,
    Model,
    Ordered,
    Parameter,
    Parametrisation,
    Positive,
    TotalVariation,
    fit,
    identifiability,
    multistart,
    profile,
    regularise,
)


LINE = lambda c: c.a + c.b * X
SATURATION = lambda c: c.a * (1 - jnp.exp(-c.b * X))


def noisy(function, truth, noise, seed=0):
    return np.asarray(function(truth)) + noise * np.random.default_rng(seed).standard_normal(X.size)


def test_profile_of_a_line_is_the_gaussian_interval():
    found = fit(Model(curve(), LINE, noisy(LINE, curve(1.0, -2.0), 0.3), 0.3), BOTH)
    for i, name in enumerate("ab"):
        shape = profile(found, name)
        np.testing.assert_allclose(shape.interval, found.uncertainty.interval95[i], rtol=1e-3, atol=1e-3)
        assert np.all(np.diff(shape.theta) > 0) and "95 % by profile" in str(shape)
    unknown = fit(Model(curve(), LINE, noisy(LINE, curve(1.0, -2.0), 0.3)), BOTH)
    np.testing.assert_allclose(profile(unknown, "a").interval, unknown.uncertainty.interval95[0], rtol=1e-3, atol=1e-3)


def test_profile_of_a_curve():
    """Where the excess over the minimum, the other parameter refitted, is 3.84: by SciPy."""
    data = noisy(SATURATION, curve(2.0, 0.4), 0.05)
    found = fit(Model(curve(1.5, 0.5), SATURATION, data, 0.05), BOTH)

    def excess(b):
        residual = lambda a: (a[0] * (1 - np.exp(-b * np.asarray(X))) - data) / 0.05
        return 2 * scipy.optimize.least_squares(residual, [2.0], x_scale=0.1).cost

    lowest = excess(found.values[1])
    wanted = [
        scipy.optimize.brentq(lambda b: excess(b) - lowest - 3.8415, *ends)
        for ends in ((1e-3, found.values[1]), (found.values[1], 3.0))
    ]
    shape = profile(found, "b")
    np.testing.assert_allclose(shape.interval, wanted, rtol=1e-3)
    # The Gaussian interval is symmetric, this one is not.
    assert abs(sum(shape.interval) / 2 - found.values[1]) > 1e-3


def test_profile_without_end_is_infinite():
    """Saturation with a rate that the data cannot tell from infinity."""
    late = lambda c: c.a * (1 - jnp.exp(-c.b * (X + 1)))
    data = noisy(late, curve(2.0, 4.0), 0.1, 3)
    sought = [BOTH[0], Parameter("b", lambda c: c.b, transform=Positive())]
    shape = profile(fit(Model(curve(1.5, 3.0), late, data, 0.1), sought), "b", reach=6.0)
    assert np.isinf(shape.interval[1]) and 0 < shape.interval[0] < 4.0


def test_profile_names_are_checked():
    found = fit(Model(curve(), LINE, noisy(LINE, curve(), 0.3), 0.3), BOTH)
    with pytest.raises(ValueError, match="No parameter 'c'; there are 'a', 'b'"):
        profile(found, "c")
    failed = fit(Model(curve(), lambda c: jnp.nan * c.a * X, X, 0.1), BOTH)
    with pytest.raises(ValueError, match="has ended"):
        profile(failed, "a")
    with pytest.raises(ValueError, match="Jacobian"):
        identifiability(failed)


def test_what_is_seen_only_together():
    pair = lambda c: (c.a + 0.8 * c.b) * X
    report = identifiability(fit(Model(curve(), pair, 3.0 * X, 0.1), BOTH))
    assert report.words == ["a and b only as a + 0.8 b"] and not report.identifiable
    np.testing.assert_allclose(report.null_directions @ [1.0, 0.8], 0.0, atol=1e-6)
    product = lambda c: c.a**2 * c.b * X
    positive = [Parameter(n, lambda c, n=n: getattr(c, n), transform=Positive()) for n in "ab"]
    assert identifiability(fit(Model(curve(), product, 3.0 * X, 0.1), positive)).words == ["a and b only as a b^0.5"]
    lone = identifiability(fit(Model(curve(), lambda c: c.a * X, 3.0 * X, 0.1), BOTH))
    assert lone.words == ["b has no effect on the data"] and lone.condition > 1e7
    fine = identifiability(fit(Model(curve(), LINE, noisy(LINE, curve(), 0.1), 0.1), BOTH))
    assert fine.identifiable and "all are determined" in str(fine)
    # A prior on one of the two settles both.
    assert fit(Model(curve(), pair, 3.0 * X, 0.1), BOTH, priors=[Gaussian("b", 1.0, 0.1)]).successful


def test_gaussian_prior_is_regression_with_one_more_datum():
    data = noisy(LINE, curve(1.0, -2.0), 0.3)
    found = fit(Model(curve(), LINE, data, 0.3), BOTH, priors=[Gaussian("b", -1.5, 0.1)])
    M = np.stack([np.ones(30), np.asarray(X)], axis=1) / 0.3
    H = M.T @ M + np.diag([0.0, 100.0])
    want = np.linalg.solve(H, M.T @ (data / 0.3) + [0.0, -150.0])
    np.testing.assert_allclose(found.values, want, rtol=1e-7)
    np.testing.assert_allclose(found.uncertainty.covariance, np.linalg.inv(H), rtol=1e-7)


@pytest.mark.parametrize("loss", [Huber(), Cauchy()], ids=lambda x: type(x).__name__)
def test_robust_losses_bear_outliers(loss):
    data = noisy(LINE, curve(1.0, -2.0), 0.1)
    data[::10] += 8.0
    plain, robust = (fit(Model(curve(), LINE, data, 0.1), BOTH, loss=rho) for rho in (None, loss))
    assert robust.successful
    assert np.all(np.abs(robust.values - [1.0, -2.0]) < 4 * robust.uncertainty.std)
    assert np.max(np.abs(plain.values - [1.0, -2.0])) > 10 * np.max(np.abs(robust.values - [1.0, -2.0]))
    # A stationary point of the loss itself.
    r = np.asarray(robust.evaluation.residuals)
    np.testing.assert_allclose(np.asarray(robust.evaluation.jacobian).T @ (loss.weight(r) * r), 0.0, atol=1e-3)
    with pytest.raises(ValueError, match="'data' is not stated"):
        fit(Model(curve(), LINE, data), BOTH, loss=loss)


@pytest.mark.slow
@pytest.mark.parametrize("loss", [Huber(), Cauchy()], ids=lambda x: type(x).__name__)
def test_robust_covariance_is_the_scatter(loss):
    """Standard deviations are those of the estimates over 400 sets of data with heavy tails."""
    M = np.stack([np.ones(30), np.asarray(X)], axis=1)
    generator = np.random.default_rng(5)
    estimates, stated = [], []
    for i in range(400):
        errors = scipy.stats.t.rvs(3, size=30, random_state=generator)
        if i < 40:
            found = fit(Model(curve(0.1, 0.1), LINE, errors, 1.0), BOTH, loss=loss)
            estimates.append(found.values)
            stated.append(found.uncertainty.std)
            continue
        theta = np.zeros(2)
        for _ in range(60):
            w = loss.weight(M @ theta - errors)
            theta = np.linalg.solve(M.T @ (w[:, None] * M), M.T @ (w * errors))
        estimates.append(theta)
    np.testing.assert_allclose(np.mean(stated, axis=0), np.std(estimates, axis=0), rtol=0.15)


def test_several_minima_are_told_apart():
    """(a² − 1)²-like: minima at ±1, the deeper one by the tilt."""
    double = lambda c: jnp.stack([c.a**2 - 1.0, 0.1 * (c.a - 1.0), c.b - 2.0])
    found = multistart(Model(curve(0.3, 1.0), double, np.zeros(3), 0.1), BOTH, 12, spread=3.0)
    assert len(found.minima) == 2
    assert found.best.values == pytest.approx([1.0, 2.0], abs=1e-3)
    assert found.minima[1].values[0] == pytest.approx(-0.995, abs=0.01)
    assert sum(m.count for m in found.minima) + sum(found.failures.values()) == 12
    assert "2 minima from 12 starts" in str(found)
    with pytest.raises(ValueError, match=r"shape \(start, 2\)"):
        multistart(Model(curve(), double, np.zeros(3), 0.1), BOTH, np.zeros((4, 3)))
    nowhere = multistart(Model(curve(), lambda c: jnp.nan * c.a * X, X, 0.1), BOTH, 2)
    assert nowhere.failures == {"nonfinite": 2}
    with pytest.raises(ValueError, match="No start led"):
        nowhere.best  # noqa: B018


def test_starts_shared_through_a_folder_lead_to_the_same_minima(tmp_path):
    double = lambda c: jnp.stack([c.a**2 - 1.0, 0.1 * (c.a - 1.0), c.b - 2.0])
    experiment = Model(curve(0.3, 1.0), double, np.zeros(3), 0.1)
    alone = multistart(experiment, BOTH, 6, spread=3.0)
    for _ in range(2):  # the second time from what is kept
        shared = multistart(experiment, BOTH, 6, spread=3.0, folder=tmp_path)
        assert [m.count for m in shared.minima] == [m.count for m in alone.minima] and shared.failures == alone.failures
        for found, want in zip(shared.minima, alone.minima, strict=True):
            np.testing.assert_allclose(found.values, want.values, atol=1e-6)
            assert found.objective == pytest.approx(want.objective, rel=1e-9) and found.fit.uncertainty is not None
    assert len(list(tmp_path.glob("member-*.npz"))) == 6
    other = Model(curve(0.3, 1.0), double, np.ones(3), 0.1)
    with pytest.raises(ValueError, match="has another ensemble"):
        multistart(other, BOTH, 6, spread=3.0, folder=tmp_path)
    beside = multistart(experiment, BOTH, 6, spread=3.0, devices=1)
    assert [m.count for m in beside.minima] == [m.count for m in alone.minima]


def test_joint_experiments_share_parameters():
    """a is shared, each body has its own b: one regression of 60 data and 3 numbers."""
    bodies = [curve(1.0, 0.0), curve(1.0, 0.0)]
    data = [noisy(LINE, curve(1.0, b), 0.3, i) for i, b in enumerate((-2.0, 3.0))]
    both = Joint([Model(body, LINE, d, 0.3) for body, d in zip(bodies, data)])
    sought = [
        Parameter("a", lambda c: [c[0].a, c[1].a]),
        Parameter("b1", lambda c: c[0].b),
        Parameter("b2", lambda c: c[1].b),
    ]
    x, one, zero = np.asarray(X), np.ones(30), np.zeros(30)
    M = np.stack([np.tile(one, 2), np.concatenate([x, zero]), np.concatenate([zero, x])], axis=1)
    want = np.linalg.lstsq(M, np.concatenate(data), rcond=None)[0]
    for method in ("levenberg_marquardt", "newton_cg"):
        found = fit(both, sought, method=method)
        assert found.successful
        np.testing.assert_allclose(found.values, want, rtol=1e-4)
        assert found.gradient_agreement < 1e-12
    assert [float(c.a) for c in found.problem] == [found.values[0]] * 2
    with pytest.raises(ValueError, match="one or more experiments"):
        Joint([])


class Rod(eqx.Module):
    f: sp.fem.NodalField
    spaces: tuple


def deconvolution(noise, n=40):
    """A field seen through a blurring window at 30 places."""
    space = sp.fem.FunctionSpace(sp.fem.line(n, 1.0), 1)
    x, y = np.asarray(space.nodes())[:, 0], np.linspace(0, 1, 30)
    blur = np.exp(-((y[:, None] - x[None]) ** 2) / 0.01)
    blur /= blur.sum(axis=1, keepdims=True)
    truth = np.where(x < 0.5, x, 1.0 - x) * 4
    data = blur @ truth + noise * np.random.default_rng(1).standard_normal(30)
    rod = Rod(sp.fem.NodalField(jnp.ones(n + 1)), (space,))
    return Model(rod, lambda r: jnp.asarray(blur) @ r.f.values, data, noise), truth


FIELD = [Parameter("f", lambda r: r.f)]


@pytest.mark.slow
def test_discrepancy_principle_fits_to_the_noise():
    model, truth = deconvolution(0.05)
    found = regularise(model, FIELD, [H1("f", 1.0, 1.0)])
    assert 0.8 * 30 <= float(np.sum(np.asarray(found.fit.evaluation.residuals) ** 2)) <= 30
    assert np.all(np.diff(found.misfit) > -1e-6) and np.all(np.diff(found.penalty) < 1e-6)
    best = np.min([np.sqrt(np.mean((fit(model, FIELD, priors=[H1("f", 1.0, 1.0).scaled(w)]).values - truth) ** 2))
                   for w in (1e-3, 1e-1, 1e1)])  # fmt: skip
    assert np.sqrt(np.mean((found.fit.values - truth) ** 2)) < 2 * best
    with pytest.raises(ValueError, match="With no weight"):
        regularise(model, FIELD, [H1("f", 1.0, 1.0)], [1e5, 1e6])
    with pytest.raises(ValueError, match="`rule` must be"):
        regularise(model, FIELD, [H1("f", 1.0, 1.0)], rule="gcv")
    with pytest.raises(ValueError, match="The evidence needs priors that are densities"):
        regularise(model, FIELD, [TotalVariation("f", 1.0, 0.5)], [1.0], rule="evidence")
    with pytest.raises(ValueError, match="nothing to weigh"):
        regularise(model, FIELD, [])


def test_evidence_is_the_marginal_likelihood():
    """Of a linear model, y ~ N(B m, σ² + B (αR)⁻¹ Bᵀ)."""
    model, _ = deconvolution(0.05)
    weights, priors = np.logspace(-3, 1, 9), [H1("f", 1.0, 1.0)]
    found = regularise(model, FIELD, priors, weights, rule="evidence")
    blur = np.array([model.function(Rod(sp.fem.NodalField(e), model.problem.spaces)) for e in jnp.eye(41)]).T
    data = model.measured
    form = priors[0].form(Parametrisation(FIELD, model.problem), model.problem)
    root = form.root.toarray()
    exact = []
    for w in weights:
        covariance = 0.05**2 * np.eye(30) + blur @ np.linalg.solve(w * root.T @ root, blur.T)
        off = data - blur @ form.mean
        exact.append(off @ np.linalg.solve(covariance, off) / 2 + np.linalg.slogdet(covariance)[1] / 2)
    exact = np.array(exact)
    np.testing.assert_allclose(np.diff(found.evidence), np.diff(exact), atol=0.01)
    assert found.chosen == weights[np.argmin(exact)] and weights[0] < found.chosen < weights[-1]
    assert "weight by evidence" in str(found)


def test_corner_of_the_l_curve():
    model, truth = deconvolution(0.05)
    found = regularise(model, FIELD, [H1("f", 1.0, 1.0)], np.logspace(-5, 5, 11), rule="lcurve")
    assert found.weights[0] < found.chosen < found.weights[-1]
    ends = [fit(model, FIELD, priors=[H1("f", 1.0, 1.0).scaled(w)]).values for w in (1e-5, 1e5)]
    error = lambda values: np.sqrt(np.mean((values - truth) ** 2))
    assert error(found.fit.values) < min(map(error, ends))
    assert "weight by lcurve" in str(found)


def test_transforms_that_mix_have_no_profile():
    class Times(eqx.Module):
        t: jax.Array

    model = Model(Times(jnp.array([0.5, 1.0])), lambda m: m.t, np.array([0.4, 2.0]), 0.1)
    found = fit(model, [Parameter("t", lambda m: m.t, transform=Ordered())])
    with pytest.raises(ValueError, match="mixes several"):
        profile(found, "t[0]")
    assert Parametrisation([Parameter("t", lambda m: m.t)], model.problem).coordinates == ["t[0]", "t[1]"]
