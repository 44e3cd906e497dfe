"""What mesh and steps do to fitted parameters, against fits on the richer spaces and against the truth."""

import functools

import jax.numpy as jnp
import numpy as np
import pytest
from _manufactured import root

import simphys as sp
from simphys import fem, inverse, materials, physics


RNG = np.random.default_rng(0)
POINTS = np.stack([RNG.uniform(0.2, 4, 50), RNG.uniform(0, 1, 50)], axis=1)
E = [inverse.Parameter("E", lambda body: body.material.material.E, transform=inverse.Positive())]


def cantilever(cells, degree=1, stiffness=1.5):
    space = fem.FunctionSpace(fem.rectangle(cells, (4.0, 1.0)), degree, 2)
    law = materials.PlaneStress(materials.LinearElastic(E=stiffness, nu=0.3))
    return physics.Solid(space, law, [fem.Dirichlet("left", 0.0)], [physics.Traction("right", (0.0, -1e-3))])


@functools.cache
def fine():
    """Displacements of a beam with E = 1, from a fine mesh."""
    beam = cantilever((32, 16), 2, 1.0)
    return np.asarray(beam.space.evaluate(root(beam), POINTS))


def bent(noise=0.01):
    """The same with noise, and how large that is."""
    read = fine()
    size = noise * np.abs(read).max()
    return read + size * np.random.default_rng(1).standard_normal(read.shape), size


def experiment(body, data, noise):
    seen = inverse.PointValues(body.space, POINTS, data, noise)
    return inverse.LoadSteps(body, lambda b: b.loads[0].value, jnp.array([[0.0, -1e-3]]), [seen])


@pytest.mark.slow
def test_the_shift_is_that_of_a_richer_fit():
    data, noise = bent()
    coarse = inverse.fit(experiment(cantilever((8, 4)), data, noise), E)
    richer = inverse.fit(experiment(cantilever((8, 4), 2), data, noise), E, discretisation="ignore")
    assert richer.mesh is None
    std = coarse.uncertainty.std[0]
    true = (richer.values[0] - coarse.values[0]) / std
    assert abs(true) > 20 and coarse.mesh.relative[0] == pytest.approx(true, rel=0.1)
    assert coarse.mesh.degree == 2 and coarse.mesh.iterations == 0
    (low, high), (below, above) = coarse.uncertainty.interval95[0], coarse.mesh.interval95[0]
    assert not low <= 1 <= high and below <= 1 <= above and below <= coarse.values[0]
    assert "refine the mesh or raise the degree" in str(coarse) and "standard deviations" in str(coarse)
    corrected = inverse.fit(experiment(cantilever((8, 4)), data, noise), E, discretisation="correct")
    assert corrected.mesh.settled and corrected.mesh.iterations <= 6
    assert abs(corrected.mesh.corrected[0] - richer.values[0]) < 0.05 * std
    assert corrected.values[0] == pytest.approx(coarse.values[0])


@pytest.mark.slow
def test_a_fine_mesh_says_nothing():
    data, noise = bent(0.1)
    found = inverse.fit(experiment(cantilever((32, 8)), data, noise), E)
    assert abs(found.mesh.relative[0]) < 0.5 and found.mesh.remarks == ()
    joint = inverse.Joint([experiment(cantilever((8, 4)), data, noise)] * 2)
    both = [inverse.Parameter("E", lambda bs: [b.material.material.E for b in bs], transform=inverse.Positive())]
    assert inverse.fit(joint, both).mesh.remarks


@pytest.mark.slow
def test_steps_in_time():
    """u' = −k u by backward Euler with few steps: the rate is read too high, by half the step."""
    times, k = np.linspace(0, 2, 9), 1.2
    ode = sp.stepping.ODE(lambda t, u, rate: -rate * u, args=jnp.asarray(1.0))
    read = np.exp(-k * times[1:]) + 1e-3 * np.random.default_rng(0).standard_normal(8)

    class Reading(inverse.AbstractObservation):
        measured: object
        noise: object
        name: str = "u"

        def predict(self, problem, value, setting):
            return value

        def setting(self, step):
            return None

    seen = inverse.Sampled(Reading(jnp.asarray(read), jnp.full(8, 1e-3)), times[1:])
    series = inverse.TimeSeries(sp.stepping.BackwardEuler(), ode, jnp.asarray(1.0), times, [seen])
    rate = [inverse.Parameter("k", lambda o: o.args, transform=inverse.Positive())]
    assert inverse.fit(series, rate).mesh is None
    found = inverse.fit(series, rate, discretisation="correct")
    wrong, right = (abs(value - k) for value in (found.values[0], found.mesh.corrected[0]))
    assert wrong > 0.1 and right < 0.01 and found.mesh.settled and list(found.mesh.parts) == ["step"]
    told = inverse.fit(series, rate, discretisation="estimate").mesh
    assert told.parts["step"] == pytest.approx(told.relative) and "the step in time shifts k" in told.remarks[0]


@pytest.mark.slow
def test_a_march_of_a_body():
    """A conductivity from the cooling of a rod, on four linear cells with long steps."""

    def rod(n, conductivity):
        space = fem.FunctionSpace(fem.line(n, 1.0))
        law = materials.IsotropicConduction(k=conductivity)
        return physics.Heat(space, law, [fem.Dirichlet("left", 0.0)], capacity=1.0)

    start = lambda body: jnp.sin(jnp.pi / 2 * body.space.nodes()[:, 0])
    times, at = np.linspace(0, 0.4, 9), np.array([[0.5], [1.0]])
    read = np.exp(-((np.pi / 2) ** 2) * times[1:])[:, None] * np.sin(np.pi / 2 * at[:, 0])
    coarse = rod(4, 1.5)
    seen = inverse.Sampled(inverse.PointValues(coarse.space, at, read, 1e-3), times[1:])
    series = inverse.TimeSeries(sp.stepping.SDIRK2(), coarse, start, times, [seen])
    k = [inverse.Parameter("k", lambda b: b.material.k.value, transform=inverse.Positive())]
    found = inverse.fit(series, k, discretisation="estimate")
    wrong, right = (abs(value - 1) for value in (found.values[0], found.mesh.corrected[0]))
    assert wrong > 0.005 and right < 0.1 * wrong
    mesh, step = (float(found.mesh.parts[name][0]) for name in ("mesh", "step"))
    assert mesh > step > 0.1 and mesh + step == pytest.approx(float(found.mesh.relative[0]), rel=0.05)
    with pytest.raises(ValueError, match="discretisation"):
        inverse.fit(series, k, discretisation="guess")


@pytest.mark.slow
def test_a_fit_is_kept_whatever_its_estimate_meets(monkeypatch):
    data, noise = bent(0.1)

    def broken(*_):
        raise AttributeError("no such attribute\nof a class of its own")

    monkeypatch.setattr("simphys.inverse.experiments._richer.Enrichment", broken)
    found = inverse.fit(experiment(cantilever((8, 4)), data, noise), E)
    assert found.successful and np.isnan(found.mesh.relative).all()
    assert found.mesh.remarks == ("the mesh's error is not known: no such attribute",)


@pytest.mark.slow
def test_an_interrupted_estimate_leaves_the_fit():
    data, noise = bent(0.1)

    def told(text):
        if text.startswith("mesh error"):
            raise KeyboardInterrupt

    found = inverse.fit(experiment(cantilever((8, 4)), data, noise), E, progress=told)
    assert found.status == "fit_interrupted" and found.mesh is None and np.isfinite(found.uncertainty.std).all()
