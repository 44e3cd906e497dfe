"""Scenes with [time]: what they say, what they are refused for, what they become."""

import equinox as eqx
import numpy as np
import pytest
from _compilations import compilations
from _tiny import made, write_scene

import simphys as sp
from simphys.scene import SceneError, load, statistic
from simphys.scene._statistics import frequencies
from simphys.scene._time_section import Statistic
from simphys.stepping import BackwardEuler, Equilibrium, GeneralisedAlpha, StepFailed


PLATE = """
title = "A plate that warms up"

[mesh]
kind = "rectangle"
cells = [3, 2]

[heat]
capacity = 2.0

[heat.material]
law = "IsotropicConduction"
k = 1.0

[heat.constraints.hot]
type = "temperature"
where = "left"
value = 10.0

[heat.loads.air]
type = "convection"
where = "right"
h = 2.0
ambient = 1.0

[signals.swing]
of = ["hot"]
type = "sine"
period = 4.0

[signals.weather]
of = ["air"]
entry = "ambient"
type = "table"
times = [0.0, 1.0]
values = [1.0, 3.0]

[time]
end = 1.0
steps = 5
initial = { value = 1.0 }

[observe.middle]
type = "point"
at = [0.5, 0.5]

[statistics.highest]
of = "middle"
type = "max"
"""

STRIP = """
title = "A strip"

[mesh]
kind = "rectangle"
cells = [4, 1]
lengths = [4.0, 1.0]

[solid.material]
law = "J2Plasticity"
plane = "strain"
E = 100.0
nu = 0.3
yield_stress = 1.0

[solid.constraints.clamp]
type = "displacement"
where = "left"

[solid.constraints.pull]
type = "displacement"
where = "right"
components = ["x"]
value = 0.1

[signals.cycle]
of = ["pull"]
type = "table"
times = [0.0, 1.0, 3.0]
values = [0.0, 1.0, -1.0]

[time]
end = 3.0
steps = 6
frames = 3
"""


@pytest.mark.slow
def test_a_scene_marches_as_its_objects_do(tmp_path):
    model, march = made(tmp_path, PLATE)
    assert march.stepper == BackwardEuler()
    frames = list(march.frames(model.problem(), None))
    direct = sp.stepping.march(BackwardEuler(), model.base, 1.0, np.linspace(0, 1, 6), drive=march.drive)
    assert [f.t for f in frames] == pytest.approx([0.0, 0.2, 0.4, 0.6, 0.8, 1.0])
    np.testing.assert_allclose([f.u for f in frames], direct.values, rtol=1e-12)
    left = model.space.nodes_on("left")
    np.testing.assert_allclose(frames[-1].u[left], 10 * np.sin(np.pi / 2), rtol=1e-12)
    assert float(frames[-1].problem.loads[0].ambient) == pytest.approx(3.0)
    # What a signal drives is the same for scenes built anew, so that they share compiled programs.
    assert made(tmp_path / "again", PLATE)[1].drive.picks == march.drive.picks


@pytest.mark.slow
def test_load_steps_begin_with_what_the_step_before_has_left(tmp_path):
    """Of a law with a memory they are the equilibria that a march goes through; one step alone ends elsewhere."""
    text = STRIP.split("[signals.cycle]")[0]

    def ends(steps):
        path = write_scene(tmp_path / steps, text + f"[steps]\nfactors = {steps}\n")
        return list(sp.scene.build(load(path)).march(throw=True))

    steps = ends("[0.4, 0.7, 1.0]")
    pull = lambda body, t: eqx.tree_at(lambda b: b.constraints[1].value, body, body.constraints[1].value * 0 + 0.1 * t)
    times = np.array([0.0, 0.4, 0.7, 1.0])
    march = sp.stepping.march(sp.stepping.Equilibrium(), steps[0].before, 0.0, times, drive=pull, save=1)
    for step, u in zip(steps, march.values[1:], strict=True):
        np.testing.assert_allclose(step.solution.value, u, atol=1e-9)
    at_once = ends("[1.0]")[0].solution.value
    assert np.abs(at_once - steps[-1].solution.value).max() > 1e-5


@pytest.mark.slow
def test_a_scene_that_is_run_again_compiles_nothing(tmp_path):
    text = PLATE + '\n[observe.end]\ntype = "resultant"\nwhere = "left"\n'
    run = lambda of: [*made(tmp_path, text)[1].run(lambda name: tmp_path / f"{of} {name}", None)]
    run("first")
    with compilations() as seen:
        run("second")
    assert not seen


@pytest.mark.slow
def test_equal_steps_times_and_error_control(tmp_path):
    _, march = made(tmp_path, PLATE)
    np.testing.assert_allclose(march.times, np.linspace(0, 1, 6))
    text = PLATE.replace("end = 1.0\nsteps = 5", "times = [0.0, 0.1, 0.5]")
    np.testing.assert_allclose(made(tmp_path, text)[1].times, [0.0, 0.1, 0.5])
    model, march = made(tmp_path, PLATE.replace("steps = 5", 'rtol = 1e-2\nstepper = "SDIRK2"'))
    frames = list(march.frames(model.problem(), None))
    assert march.times is None and frames[-1].t == 1.0 and frames[-1].steps > 3


def test_defaults_of_the_stepper(tmp_path):
    assert made(tmp_path, STRIP)[1].stepper == Equilibrium()
    elastic = STRIP.replace("J2Plasticity", "LinearElastic").replace("yield_stress = 1.0\n", "")
    assert made(tmp_path, elastic, "solid.density=1.0")[1].stepper == GeneralisedAlpha()
    chosen = made(tmp_path, elastic, "solid.density=1.0", "time.stepper='Newmark'", "time.beta=0.3")[1].stepper
    assert chosen == sp.stepping.Newmark(beta=0.3)


@pytest.mark.slow
def test_memory_is_led_from_frame_to_frame_and_comes_back_from_a_checkpoint(tmp_path):
    model, march = made(tmp_path, STRIP)
    frames = list(march.frames(model.problem(), None))
    plastic = [float(f.problem.state.accumulated.values.max()) for f in frames]
    assert plastic[0] == 0 and plastic == sorted(plastic) and plastic[-1] > 0.01
    where, strain = sp.scene.quantity(frames[-1].problem, frames[-1].u, "plastic_strain")
    assert where == "cell" and np.asarray(strain).max() > 0.01
    _, stress = sp.scene.quantity(frames[-1].problem, frames[-1].u, "von_mises")
    assert np.asarray(stress).max() < 1.0 + 1e-6
    whole, begun = frames, march.frames(model.problem(), None, tmp_path / "march.npz")
    first = [next(begun) for _ in range(3)]
    begun.close()
    resumed = list(march.frames(model.problem(), None, tmp_path / "march.npz"))
    assert len(first) < len(resumed) == len(whole)
    for a, b in zip(whole, resumed, strict=True):
        assert a.t == b.t and np.array_equal(a.u, b.u) and np.array_equal(a.newton_steps, b.newton_steps)
        assert np.array_equal(a.problem.state.accumulated.values, b.problem.state.accumulated.values)
        assert np.array_equal(a.times, b.times)


@pytest.mark.slow
def test_a_start_in_equilibrium(tmp_path):
    text = PLATE.replace("initial = { value = 1.0 }", "initial = { equilibrium = true }")
    model, march = made(
        tmp_path, text.replace("values = [1.0, 3.0]", "values = [1.0, 1.0]"), "signals.swing.period=1e9"
    )
    frames = list(march.frames(model.problem(), None))
    np.testing.assert_allclose(frames[-1].u, frames[0].u, atol=1e-6)
    assert float(np.ptp(frames[0].u)) > 0.3


@pytest.mark.slow
def test_a_failed_step_keeps_what_was_before(tmp_path):
    text = STRIP.replace('law = "J2Plasticity"', 'law = "NeoHooke"').replace("yield_stress = 1.0\n", "")
    text = text.replace("values = [0.0, 1.0, -1.0]", "values = [0.0, 1.0, -60.0]")
    model, march = made(tmp_path, text)
    frames = []
    with pytest.raises(StepFailed, match="Step [1-5] from t"):
        for frame in march.frames(model.problem(), None):
            frames.append(frame)
    assert frames[-1].t < 3.0 and np.all(np.isfinite(frames[-1].u))


WRONG = {
    "time.steps": ("time.rtol=1e-3", ["time", "one of `steps`, `times` and `rtol` expected, got steps and rtol"]),
    "time.end": ("time.end=-1.0", ["`end` must be after `start`"]),
    "times": ("time={times=[0.0, 1.0, 1.0]}", ["`times` must increase"]),
    "stepper": ("time.stepper='Euler'", ["time.stepper", "'BackwardEuler'"]),
    "option": ("time.theta=0.7", ["`theta` belongs to stepper = 'Theta'"]),
    "order": ("time.stepper='Newmark'", ["time.stepper", "second order in time"]),
    "signal's name": (
        "signals.swing.of=['hott']",
        ["signals.swing", "no constraint or load 'hott'. Did you mean 'hot'?"],
    ),
    "signal's entry": ("signals.swing.entry='h'", ["signals.swing", "'hot' has no `h`"]),
    "nothing to scale": ("heat.constraints.hot.value=0.0", ["signals.swing", "is 0, and stays so"]),
    "table": ("signals.weather.values=[1.0]", ["signals.weather", "two or more"]),
    "decreasing table": ("signals.weather.times=[1.0, 0.0]", ["`times` must not decrease"]),
    "statistic": ("statistics.highest.of='middel'", ["nothing called 'middel' is observed", "'middle'"]),
    "capacity": ("heat.capacity=-2.0", ["heat.capacity"]),
    "initial": ("time.initial.value=[1.0, 2.0]", ["time.initial", "a number"]),
    "steps": ("steps.count=3", ["[steps] and [time] exclude one another"]),
}


@pytest.mark.parametrize("override, words", WRONG.values(), ids=WRONG.keys())
def test_what_is_refused(tmp_path, override, words):
    with pytest.raises(SceneError) as caught:
        model, march = made(tmp_path, PLATE, override)
        list(march.frames(model.problem(), None))
    for word in words:
        assert word in str(caught.value)


@pytest.mark.breadth
@pytest.mark.parametrize("name", ["nafems_t3", "nafems_t4", "necking_bar"])
def test_scenes_whose_numbers_are_held_elsewhere_are_built(name):
    scene = load(name)
    model = scene.build()
    assert scene.data.time is None or model.way.start(model.problem()) is not None


def test_time_is_needed_for_what_changes(tmp_path):
    text = PLATE.replace("[time]\nend = 1.0\nsteps = 5\ninitial = { value = 1.0 }\n", "")
    with pytest.raises(SceneError, match=r"\[signals\] belongs to a scene with \[time\]"):
        load(write_scene(tmp_path, text))


@pytest.mark.parametrize(
    "kind, wanted",
    [("mean", 2.0), ("min", 1.0), ("max", 3.0), ("middle", 2.0), ("amplitude", 1.0)],
)
def test_statistics(kind, wanted):
    t = np.linspace(0.0, 10.0, 4001)
    entry = Statistic(of="x", type=kind, since=2.0, until=8.0)
    assert statistic(entry, t, 2 + np.sin(2 * np.pi * t)) == pytest.approx(wanted, abs=1e-6)


def test_values_at_a_time():
    t = np.linspace(0.0, 1.0, 11)
    assert statistic(Statistic(of="x", type="at", at=0.25), t, t**2) == pytest.approx(0.065)
    with pytest.raises(SceneError, match="outside the times"):
        statistic(Statistic(of="x", type="at", at=2.0), t, t)


def test_frequencies_of_modes_that_differ_by_decades():
    t = np.linspace(0.0, 4.0, 6001)
    y = sum(a * np.cos(2 * np.pi * f * t + 0.3) for f, a in ((3.3, 1.0), (20.71, 0.02), (58.1, 0.003)))
    np.testing.assert_allclose(frequencies(t, y, 3), [3.3, 20.71, 58.1], rtol=2e-3)
    assert len(frequencies(t, np.ones_like(t), 3)) == 0
    with pytest.raises(SceneError, match="no mode 4"):
        statistic(Statistic(of="x", type="frequency", mode=4), t, y)


VESSEL = """
title = "A vessel"

[kinetics.species]
A = 2.0
B = 0.0

[kinetics.reactions.pairing]
equation = "2 A -> B"
rate = 0.5

[time]
end = 3.0
steps = 300
"""


@pytest.mark.slow
def test_reactions_by_mass_action(tmp_path):
    """ȧ = −2 k a²: a = a₀/(1 + 2 k a₀ t), b what is lacking in pairs."""
    way = load(write_scene(tmp_path, VESSEL)).build().way
    frames = list(way.frames(way.model.base, lambda t, y, problem: y))
    a, b = (np.concatenate(rows) for rows in zip(*(frame.observed for frame in frames), strict=True))
    t = np.linspace(0, 3, 301)
    np.testing.assert_allclose(a, 2 / (1 + 2 * t), atol=1e-6)
    np.testing.assert_allclose(a + 2 * b, 2.0, rtol=1e-12)


@pytest.mark.parametrize(
    "override, word",
    [
        ("kinetics.reactions.pairing.equation='2 A > B'", "an equation reads"),
        ("kinetics.reactions.pairing.equation='2 A -> D'", "a species 'D' that `species` does not name"),
        ("kinetics.species.A=-1.0", "kinetics.species.A"),
        ("time.stepper='Newmark'", "second order"),
        ("statistics.x={of='C', type='max'}", "no species 'C'"),
    ],
)
def test_wrong_reactions(tmp_path, override, word):
    with pytest.raises(SceneError, match=word):
        load(write_scene(tmp_path, VESSEL), [override]).build()
