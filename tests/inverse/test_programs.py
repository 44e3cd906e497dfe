"""Programs are compiled for what is fitted, not for the function objects that describe it."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from _compilations import compilations

import simphys as sp
from simphys._keyed import keyed
from simphys.inverse import LoadSteps, Model, Parameter, PointValues, Sampled, TimeSeries, fit
from simphys.inverse.parameters._parameters import Parametrisation
from simphys.inverse.parameters._pick import Pick


class Line(eqx.Module):
    a: jax.Array
    rest: tuple


def line():
    return Line(jnp.array(1.0), (jnp.array(0.5), jnp.arange(3.0)))


def compiled(work):
    """How many programs XLA compiled."""
    with compilations() as seen:
        work()
    return len(seen)


def test_a_fit_written_anew_compiles_nothing():
    x = np.linspace(0.0, 1.0, 8)

    def once(factor=2.0):
        at = jnp.asarray(x)
        model = Model(line(), lambda p: factor * p.a * at + p.rest[0], 3.0 * x + 0.7, 0.1)
        found = fit(model, [Parameter("a", lambda p: p.a), Parameter("b", lambda p: p.rest[0])])
        return found.values

    np.testing.assert_allclose(once(), [1.5, 0.7], rtol=1e-8)
    assert compiled(lambda: [once() for _ in range(3)]) == 0
    # What is captured counts, by value.
    np.testing.assert_allclose(once(3.0), [1.0, 0.7], rtol=1e-8)


def test_load_steps_and_marches_written_anew_are_equal():
    space = sp.fem.FunctionSpace(sp.fem.line(2, 1.0), 1)
    law = sp.materials.IsotropicConduction(k=1.0)
    heat = sp.physics.Heat(space, law, [sp.fem.Dirichlet("left", 0.0)], [sp.physics.Flux("right", 1.0)])
    sensors = PointValues(space, [[0.5]], [[0.1], [0.2]], 0.1)
    steps = [LoadSteps(heat, lambda p: p.loads[0].value, [1.0, 2.0], [sensors]) for _ in range(2)]
    assert jax.tree.structure(steps[0]) == jax.tree.structure(steps[1])
    assert steps[0].loaded(heat, (jnp.array(3.0),)).loads[0].value == 3.0
    stored = sp.physics.Heat(space, law, heat.constraints, heat.loads, capacity=1.0)
    times, samples = jnp.linspace(0.0, 1.0, 3), [Sampled(sensors, [0.5, 1.0])]
    march = lambda: TimeSeries(
        sp.stepping.BackwardEuler(), stored, lambda p: jnp.zeros(3), times, samples, drive=lambda p, t: p
    )
    one, other = march(), march()
    assert one.drive == other.drive and one.state == other.state


def test_a_pick_is_known_by_its_places():
    tree = line()
    several = Pick(lambda p: [p.a, p.rest[1]], tree)
    again = Pick(lambda q: (q.a, q.rest[1]), tree)
    assert several == again and hash(several) == hash(again)
    assert several != Pick(lambda p: [p.rest[1], p.a], tree)
    put = several.put(tree, [jnp.array(2.0), jnp.zeros(3)])
    assert put.a == 2.0 and put.rest[0] is tree.rest[0] and float(put.rest[1].sum()) == 0.0
    for wrong in (lambda p: 2 * p.a, lambda p: p.rest[1][0], lambda p: jnp.array(1.0)):
        with pytest.raises(ValueError, match="Parameter 'x': `where` must pick parts"):
            Parametrisation([Parameter("x", wrong)], tree)


SHARED = 1.0


def doubled(x):
    return SHARED * x


class Settings:
    def __init__(self):
        self.factor = 1.0


def test_functions_are_what_they_refer_to(monkeypatch):
    make = lambda value: keyed(lambda x: x + value)
    assert make(1) == make(1) and hash(make(1)) == hash(make(1))
    assert make(1) != make(2) and make(1) != make(1.0) and make(1) != make(True)
    assert make(jnp.ones(3)) == make(jnp.ones(3)) != make(jnp.arange(3.0))
    assert make(np.ones(3)) != make(jnp.ones(3)) and make([1, 2]) != make([1, 3]) and make({1: 2}) != make({1: 3})
    assert make(lambda: 1) != make(lambda: 2)
    user = lambda: keyed(lambda x: doubled(x))
    before = user()
    assert before == user()
    monkeypatch.setitem(globals(), "SHARED", 2.0)
    assert before != user()
    settings = Settings()
    attributes = lambda: keyed(lambda x: settings.factor * x)
    before = attributes()
    assert before == attributes()
    settings.factor = 2.0
    assert before != attributes()
    assert keyed(3) == 3 and keyed(jnp.sin) is jnp.sin and keyed(None) is None

    def counted():
        calls = 0

        def function(x):
            nonlocal calls
            calls += 1
            return x

        return function

    function = counted()
    before = keyed(function)
    function(1)
    assert before == keyed(function)


def test_networks_of_the_position_are_compared_by_what_they_are():
    place = np.linspace(0.0, 1.0, 5)[:, None]
    make = lambda width: sp.inverse.NeuralField(eqx.nn.MLP(1, "scalar", width, 1, key=jax.random.key(0)), place)
    structures = [jax.tree.structure(make(width)) for width in (3, 3, 4)]
    assert structures[0] == structures[1] and structures[0] != structures[2]
