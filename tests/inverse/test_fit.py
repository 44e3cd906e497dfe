"""Calibration: against SciPy, against linear regression, and what it says when the data do not suffice."""

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
    Bounded,
    FaceMean,
    LoadSteps,
    Model,
    Parameter,
    PointValues,
    Positive,
    Resultant,
    Scaled,
    fit,
)
from simphys.inverse.fits._uncertainty import in_words


def growth(c):
    return c.a * jnp.exp(c.b * X)


def data(noise, seed=0):
    return growth(curve(2.0, 0.7)) + noise * np.random.default_rng(seed).standard_normal(X.size)


def test_model_agrees_with_scipy():
    measured = data(0.05)
    result = fit(Model(curve(), growth, measured, 0.05), BOTH)
    want, covariance = scipy.optimize.curve_fit(
        lambda x, a, b: a * np.exp(b * x),
        np.asarray(X),
        np.asarray(measured),
        sigma=np.full(30, 0.05),
        absolute_sigma=True,
    )
    assert result.successful
    np.testing.assert_allclose(result.values, want, rtol=1e-5)
    np.testing.assert_allclose(result.uncertainty.covariance, covariance, rtol=1e-3)
    assert result.gradient_agreement < 1e-12
    assert "a " in str(result) and "χ²" in str(result)


def test_unknown_noise_is_linear_regression():
    """θ ± t s: intervals of a straight line are those of the textbook."""
    line = lambda c: c.a + c.b * X
    measured = line(curve(1.0, -2.0)) + 0.3 * np.random.default_rng(1).standard_normal(X.size)
    result = fit(Model(curve(), line, measured), BOTH)
    want = scipy.stats.linregress(np.asarray(X), np.asarray(measured))
    assert result.uncertainty.std[1] == pytest.approx(want.stderr, rel=1e-8)
    half = scipy.stats.t.ppf(0.975, 28) * want.stderr
    np.testing.assert_allclose(result.uncertainty.interval95[1], [want.slope - half, want.slope + half], rtol=1e-8)
    assert result.uncertainty.noise == pytest.approx(0.3, rel=0.3)


@pytest.mark.slow
def test_intervals_hold_the_truth():
    """95 % intervals hold the truth in 90–99 % of 100 seeds, for each parameter."""
    inside = np.zeros(2)
    for seed in range(100):
        result = fit(Model(curve(), growth, data(0.1, seed), 0.1), BOTH)
        low, high = result.uncertainty.interval95.T
        inside += (low < [2.0, 0.7]) & (high > [2.0, 0.7])
    assert np.all(inside >= 90) and np.all(inside <= 99)


@pytest.mark.parametrize("transform", [Positive(), Bounded(0.5, 5.0), Scaled(10.0)], ids=lambda t: type(t).__name__)
def test_transforms_do_not_move_the_minimum(transform):
    measured = data(0.05)
    plain = fit(Model(curve(), growth, measured, 0.05), BOTH)
    there = fit(Model(curve(), growth, measured, 0.05), [Parameter("a", lambda c: c.a, transform=transform), BOTH[1]])
    np.testing.assert_allclose(there.values, plain.values, rtol=1e-6)
    np.testing.assert_allclose(there.uncertainty.std, plain.uncertainty.std, rtol=1e-4)
    theta = jnp.array(1.7)
    assert transform.forward(transform.inverse(theta)) == pytest.approx(1.7, rel=1e-12)


def test_bounds_and_starts_are_checked():
    with pytest.raises(ValueError, match="cannot start"):
        fit(Model(curve(-1.0), growth, data(0.1), 0.1), [Parameter("a", lambda c: c.a, transform=Positive())])
    with pytest.raises(ValueError, match="bounded by 2.0 and 3.0"):
        fit(Model(curve(), growth, data(0.1), 0.1), [Parameter("a", lambda c: c.a, transform=Bounded(2.0, 3.0))])
    with pytest.raises(ValueError, match="less than `high`"):
        Bounded(1.0, 1.0)
    with pytest.raises(ValueError, match="distinct names"):
        fit(Model(curve(), growth, data(0.1), 0.1), [BOTH[0], BOTH[0]])
    with pytest.raises(ValueError, match="empty"):
        fit(Model(curve(), growth, data(0.1), 0.1), [])
    with pytest.raises(ValueError, match="must be finite"):
        fit(Model(curve(), growth, data(0.1), 0.1), [Parameter("a", lambda c: c.a, start=float("nan"))])
    with pytest.raises(ValueError, match="noise"):
        Model(curve(), growth, data(0.1), -0.1)
    with pytest.raises(ValueError, match="finite"):
        Model(curve(), growth, data(0.1).at[3].set(jnp.nan), 0.1)


def test_null_direction_is_named():
    """Only a + b is seen: a and −b in equal parts are the null direction."""
    total = lambda c: (c.a + c.b) * X
    result = fit(Model(curve(), total, 3.0 * X, 0.1), BOTH)
    assert result.status == "unidentifiable"
    assert "a (+1.00), b (-1.00)" in result.message or "b (+1.00), a (-1.00)" in result.message
    assert np.all(np.isinf(result.uncertainty.std))


def test_parameter_without_effect_is_named():
    result = fit(Model(curve(), lambda c: c.a * X, 3.0 * X + 0.1, 0.1), BOTH)
    assert result.status == "unidentifiable"
    assert "b (+1.00)" in result.message


def test_failed_trials_are_rejected():
    """Predictions are NaN beyond a = 2.5, where the first Gauss–Newton step leads."""
    guarded = lambda c: jnp.where(c.a > 2.5, jnp.nan, jnp.log(3.0 - c.a)) * X
    measured = guarded(curve(2.4))
    result = fit(Model(curve(0.0), guarded, measured, 0.01), [BOTH[0]])
    assert result.successful
    assert result.values[0] == pytest.approx(2.4, rel=1e-6)
    assert any(not step.accepted for step in result.history)


def test_start_that_fails_is_a_status():
    result = fit(Model(curve(), lambda c: jnp.nan * c.a * X, X, 0.1), BOTH)
    assert not result.successful
    assert result.status == "nonfinite"
    assert result.uncertainty is None


def test_iteration_limit_and_interrupt_keep_the_best():
    seen = []

    def stop(iteration):
        seen.append(iteration)
        if len(seen) == 3:
            raise KeyboardInterrupt

    model = Model(curve(1.5, 0.5), growth, data(0.05), 0.05)
    limited = fit(model, BOTH, max_iterations=2)
    assert limited.status == "fit_unfinished"
    interrupted = fit(model, BOTH, on_iteration=stop)
    assert interrupted.status == "fit_interrupted"
    assert interrupted.evaluation is not None
    objectives = [i.objective for i in interrupted.history if i.accepted]
    assert objectives == sorted(objectives, reverse=True) and len(objectives) >= 2


@pytest.fixture(scope="module")
def body():
    mesh = sp.fem.box((3, 2, 2), (3.0, 1.0, 1.0))
    space = sp.fem.FunctionSpace(mesh, 1, 3)
    law = sp.materials.NeoHooke(mu=1.0, lam=3.0)
    solid = sp.physics.Solid(space, law, [sp.fem.Dirichlet("left", 0.0), sp.fem.Dirichlet("right", (0.3, 0.0, 0.0))])
    return space, solid


GRIPS = [(0.3, 0.0, 0.0), (0.9, 0.0, 0.0)]
VARY = lambda s: s.constraints[1].value
MODULI = [
    Parameter("mu", lambda s: s.material.mu, start=0.6, transform=Positive()),
    Parameter("lam", lambda s: s.material.lam, start=5.0, transform=Positive()),
]


def observe(space, solid, noise, seed=0, moving=False):
    """Synthetic measurements of the body with mu = 1, lam = 3."""
    generator = np.random.default_rng(seed)
    positions = np.array([[0.7, 0.3, 0.2], [1.4, 0.9, 0.8], [2.2, 0.1, 0.6], [2.0, 1.0, 1.0]])
    fields, forces, value, before = [], [], None, None
    for grip in GRIPS:
        now = eqx.tree_at(VARY, solid, jnp.array(grip))
        value = sp.solve(now).value if value is None else sp.solve(now, value, start=before).value
        before = now
        fields.append(np.asarray(space.evaluate(value, positions)) + noise * generator.standard_normal((4, 3)))
        forces.append(float(now.resultant(value, "right")[0]) + noise * generator.standard_normal())
    where = np.stack([positions] * 2) if moving else positions
    return [
        PointValues(space, where, np.stack(fields), noise or 1e-6, name="displacement"),
        Resultant(space, "right", forces, noise or 1e-6, component=0, name="force"),
    ]


@pytest.mark.slow
def test_load_steps_find_the_moduli(body):
    space, solid = body
    lines = []
    experiment = LoadSteps(solid, VARY, GRIPS, observe(space, solid, 2e-3))
    result = fit(experiment, MODULI, progress=lines.append)
    assert result.successful
    low, high = result.uncertainty.interval95.T
    assert np.all((low < [1.0, 3.0]) & (high > [1.0, 3.0]))
    assert 0.4 < result.uncertainty.reduced_chi2 < 1.8
    assert result.forward_residual < 1e-9
    assert result.adjoint_residual < 1e-8
    assert result.gradient_agreement < 1e-8
    assert any("load step 2/2" in line for line in lines)


@pytest.mark.slow
def test_load_steps_without_noise_are_exact(body):
    space, solid = body
    result = fit(LoadSteps(solid, VARY, GRIPS, observe(space, solid, 0.0, moving=True)), MODULI)
    np.testing.assert_allclose(result.values, [1.0, 3.0], rtol=1e-6)


@pytest.mark.slow
def test_jacobian_against_differences(body):
    space, solid = body
    travel = FaceMean(space, "right", [g[0] for g in GRIPS], 1e-3, component=0, name="travel")
    experiment = LoadSteps(solid, VARY, GRIPS, [*observe(space, solid, 1e-2), travel])
    parameters = sp.inverse.Parametrisation(MODULI, solid)
    quiet = lambda text: None
    phi = parameters.start
    here = experiment.evaluate(parameters, phi, None, quiet)
    # The mean on a face of what is prescribed there is what is prescribed.
    np.testing.assert_allclose(here.residuals[-2:], 0.0, atol=1e-9)
    for i in range(2):
        step = jnp.zeros(2).at[i].set(1e-5)
        ahead = experiment.evaluate(parameters, phi + step, here.memory, quiet)
        behind = experiment.evaluate(parameters, phi - step, here.memory, quiet)
        slope = (ahead.residuals - behind.residuals) / 2e-5
        np.testing.assert_allclose(here.jacobian[:, i], slope, rtol=1e-5, atol=1e-5)


@pytest.mark.slow
def test_load_that_cannot_be_carried_is_a_status(body):
    """A Gent body locks before it is twice as long: the second step has no equilibrium."""
    space, solid = body
    law = sp.materials.Gent(mu=1.0, limit=1.0, kappa=300.0)
    locking = sp.physics.Solid(space, law, solid.constraints)
    experiment = LoadSteps(locking, VARY, [(0.3, 0.0, 0.0), (4.0, 0.0, 0.0)], observe(space, solid, 1e-3))
    lines = []
    result = fit(experiment, [Parameter("mu", lambda s: s.material.mu)], progress=lines.append)
    assert result.status == "load_limit"
    assert result.uncertainty is None
    assert len(lines) == 2


def test_face_mean_is_an_integral(body):
    """Of a linear field on a face: its value at the centroid."""
    space, solid = body
    linear = space.interpolate(lambda x: jnp.stack([x[1] + 2 * x[2], x[0], 1.0 + 0 * x[0]]))
    mean = FaceMean(space, "right", [[0.0, 0.0, 0.0]], 1.0)
    np.testing.assert_allclose(mean.predict(solid, linear, mean.setting(0)), [1.5, 3.0, 1.0], rtol=1e-12)


def test_observations_are_checked(body):
    space, solid = body
    with pytest.raises(ValueError, match="1 of 2 points lie outside"):
        PointValues(space, [[0.5, 0.5, 0.5], [9.0, 0.5, 0.5]], np.zeros((2, 3)), 0.1)
    with pytest.raises(ValueError, match="positions"):
        PointValues(space, [[0.5, 0.5, 0.5]], np.zeros((2, 3)), 0.1)
    with pytest.raises(ValueError, match="'right'"):
        Resultant(space, "rihgt", [1.0], 0.1)
    with pytest.raises(ValueError, match="2 steps, but there are 1"):
        LoadSteps(solid, VARY, GRIPS[:1], [Resultant(space, "right", [1.0, 2.0], 0.1, component=0)])
    with pytest.raises(ValueError, match="must have shape"):
        LoadSteps(solid, VARY, [0.1, 0.2], [])


def test_all_weights_of_a_network_are_one_parameter():
    """A network learns tanh through an integral; other leaves stay, and weights by themselves mean nothing."""

    class Curved(eqx.Module):
        network: sp.materials.Perceptron
        scale: jax.Array

    start = Curved(sp.materials.Perceptron(1, width=3), jnp.array(2.0))
    integral = lambda c: jnp.cumsum(c.scale * jax.vmap(c.network)(X[:, None])) / X.size
    exact = jnp.cumsum(2.0 * jnp.tanh(2 * X - 1)) / X.size
    measured = exact + 0.03 * np.random.default_rng(0).standard_normal(X.size)
    sought = Parameter("net", lambda c: c.network)
    assert sought.count(start) == 9
    result = fit(Model(start, integral, measured, 0.03), [sought], priors=[sp.inverse.Gaussian("net", 0.0, 1.0)])
    assert result.successful and result.names[-1] == "net[8]" and len(result.values) == 9
    assert float(jnp.max(jnp.abs(integral(result.problem) - exact))) < 0.06
    assert float(jnp.max(jnp.abs(integral(start) - exact))) > 0.3
    assert result.problem.scale == 2.0 and isinstance(result.problem.network, sp.materials.Perceptron)
    with pytest.raises(ValueError, match="not a floating array"):
        fit(Model(eqx.tree_at(lambda c: c.network, start, Curved(None, jnp.array(1))), integral, measured), [sought])


@pytest.mark.parametrize("noise", [1e300, 1e-300, [0.1, 1e200]])
def test_noise_of_which_the_square_is_no_number_is_refused(noise):
    with pytest.raises(ValueError, match=r"noise \(data\) must lie between 1e-140 and 1e\+140"):
        Model(jnp.ones(()), lambda p: p * jnp.ones(2), [1.0, 2.0], noise)


def test_a_direction_is_told_in_one_order_whatever_rounding_says():
    for slip in (-1e-15, 1e-15):
        assert in_words(np.array([0.5, 0.5 + slip, 0.01]), ["k", "c", "q"]) == "k (+1.00), c (+1.00)"
        assert in_words(np.array([-0.4, 0.5 + slip, 0.5]), ["k", "c", "q"]) == "c (+1.00), q (+1.00), k (-0.80)"
