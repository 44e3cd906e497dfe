"""What works in Python works in a scene: constants of all bodies are found from data made with them."""

import jax.numpy as jnp
import numpy as np
import pytest
from _tiny import SOFTENING, TINY, write_scene

from simphys import inverse
from simphys.scene import SceneError, build_calibration, check_derivatives, load


GROWTH = """
title = "Phases that grow"

[mesh]
kind = "line"
cells = 6

[space]
degree = 1

[phase_field]
equation = "AllenCahn"
gradient_energy = 0.02
mobility = 2.0

[phase_field.free_energy]
law = "DoubleWell"
height = 1.0
phases = [-1.0, 1.0]

[time]
end = 0.3
steps = 3
initial = { value = -0.8, groups = { left = 0.9 } }

[fit.parameters.mobility]
key = "phase_field.mobility"
start = 1.5
transform = "log"

[fit.data.sensors]
type = "series"
file = "data.csv"
time = "t"
values = ["a", "b"]
at = [[0.1], [0.3]]
noise = 1e-3
"""
WARMED = """
title = "A rod that is warmed"

[mesh]
kind = "rectangle"
cells = [2, 1]

[space]
degree = 1

[thermo_solid]
expansion = 0.01
capacity = 0.2
reference = 1.0
linearised = true

[thermo_solid.material]
law = "LinearElastic"
plane = "strain"
E = 100.0
nu = 0.25

[thermo_solid.conduction]
law = "IsotropicConduction"
k = 0.3

[thermo_solid.constraints.left]
type = "displacement"
where = "left"
components = ["x"]

[thermo_solid.constraints.bottom]
type = "displacement"
where = "bottom"
components = ["y"]

[thermo_solid.constraints.hot]
type = "temperature"
where = "right"
value = 4.0

[time]
end = 0.4
steps = 2

[fit.parameters.k]
key = "thermo_solid.conduction.k"
start = 0.5
transform = "log"

[fit.parameters.expansion]
key = "thermo_solid.expansion"
start = 0.02

[fit.data.warm]
type = "series"
of = "temperature"
file = "data.csv"
time = "t"
values = ["a", "b"]
at = [[0.2, 0.5], [0.6, 0.5]]
noise = 1e-3

[fit.data.rise]
type = "series"
file = "rise.csv"
time = "t"
values = ["u"]
at = [[1.0, 1.0]]
component = "x"
noise = 1e-5
"""
BREAKS = (
    """
title = "A bar that breaks"

[mesh]
kind = "rectangle"
cells = [3, 1]
corners = [[0.0, 0.0], [8.0, 0.0], [8.0, 1.2], [0.0, 1.0]]

"""
    + SOFTENING.replace("value = 0.02", "value = 3e-3")
    + """[time]
end = 1.0
steps = 3

[fit.parameters.rate]
key = "solid.material.rate"
start = 300.0
transform = "log"

[fit.data.force]
type = "resultant"
file = "data.csv"
time = "t"
value = "a"
where = "right"
component = "x"
noise = 1e-4
"""
)
VESSEL = """
title = "A vessel"

[kinetics.species]
A = 2.0
B = 0.0

[kinetics.reactions.pairing]
equation = "2 A -> B"
rate = 0.5

[time]
end = 1.0
steps = 4

[fit.parameters.rate]
key = "kinetics.reactions.pairing.rate"
start = 0.9
transform = "log"

[fit.parameters.first]
key = "kinetics.species.A"
start = 1.5

[fit.data.probe]
type = "concentration"
file = "data.csv"
time = "t"
values = ["a", "b"]
species = ["B", "A"]
noise = 1e-3
"""
BODIES = {
    "vessel": (VESSEL, {"kinetics.reactions.pairing.rate": 0.5, "kinetics.species.A": 2.0}),
    "growth": (GROWTH, {"phase_field.mobility": 2.0}),
    "warmed": (WARMED, {"thermo_solid.conduction.k": 0.3, "thermo_solid.expansion": 0.01}),
    "breaks": (BREAKS, {"solid.material.rate": 200.0}),
}


CHECKED = ("growth",)
FOUND = "vessel", "warmed", "breaks"


def predicted(calibration, wanted):
    """What the sensors of a scene read with these numbers, by the program of the fit."""
    experiment, numbers = calibration.experiment, calibration.numbers
    sought = inverse.Parametrisation(calibration.parameters, numbers)
    phi = [t.inverse(jnp.asarray(v)) for t, v in zip(sought.transforms, wanted.values(), strict=True)]
    found, read = experiment.evaluate(sought, jnp.stack(phi), None, lambda text: None).residuals, []
    for _, measured, noise in experiment.blocks():
        read.append(np.asarray(found[: measured.size]).reshape(measured.shape) * np.asarray(noise))
        found = found[measured.size :]
    return read


@pytest.mark.slow
@pytest.mark.parametrize("text, wanted", [BODIES[name] for name in FOUND], ids=FOUND)
def test_constants_are_found_in_time(tmp_path, text, wanted):
    scene = load(write_scene(tmp_path, text))
    data, times = scene.data.fit.data.values(), np.linspace(0, scene.data.time.end, scene.data.time.steps + 1)[1:]
    blank = "\n".join(f"{t},0,0,0" for t in times)
    for entry in data:
        (tmp_path / entry.file).write_text("t,a,b,u\n" + blank)
    read = predicted(build_calibration(scene.build()), wanted)
    for entry, rows in zip(data, read, strict=True):
        names = ["t", *(getattr(entry, "values", None) or [entry.value])]
        table = np.column_stack([times, rows.reshape(len(times), -1)])
        np.savetxt(tmp_path / entry.file, table, "%.17g", ",", header=",".join(names), comments="")
    calibration = build_calibration(scene.build())
    found = calibration.run()
    assert found.successful and found.gradient_agreement < 1e-6
    np.testing.assert_allclose(found.values, list(wanted.values()), rtol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("text, wanted", [BODIES[name] for name in CHECKED], ids=CHECKED)
def test_derivatives_in_time_are_checked(tmp_path, text, wanted):
    file = write_scene(tmp_path, text)
    found = {d.key: d for d in check_derivatives(load(file).build())}
    assert all(d.passed for d in found.values()), found
    assert set(found) == set(wanted) and any(abs(d.slope) > 1e-4 for d in found.values())


STATIC = """
[fit.data.field]
type = "point"
file = "data.csv"
position = ["x", "y"]
values = ["u", "v"]
step = "step"
noise = 1e-5

[fit.data.reaction]
type = "resultant"
file = "data.csv"
where = "left"
component = "x"
value = "f"
step = "step"
noise = 1e-3

[steps]
count = 2
"""
FORCED = (
    TINY.replace('law = "LinearElastic"\nplane = "stress"', 'law = "NeoHooke"\nplane = "strain"').replace(
        'type = "traction"', 'type = "force"'
    )
    + STATIC
    + """
[solid.loads.push]
type = "pressure"
where = "top"
value = 1.0

[fit.parameters.E]
key = "solid.material.E"
start = 80.0

[fit.parameters.force]
key = "solid.loads.pull.value.0"
start = 8.0
"""
)
SOFT = (
    TINY.replace("[solid.material]", '[solid]\nformulation = "mixed"\n\n[solid.material]')
    .replace('"stress"', '"strain"')
    .replace("cells = [2, 2]", 'cells = [1, 1]\ncell_type = "triangle"')
    + STATIC
    + """
[fit.parameters.E]
key = "solid.material.E"
start = 80.0

[fit.data.inside]
type = "point"
of = "pressure"
file = "data.csv"
position = ["x", "y"]
values = ["p"]
step = "step"
noise = 1e-5
"""
)


@pytest.mark.slow
@pytest.mark.parametrize(
    "text, wanted", [(FORCED, {"E": 100.0, "force": 10.0}), (SOFT, {"E": 100.0})], ids=["force", "mixed"]
)
def test_constants_are_found_under_loads(tmp_path, text, wanted):
    """Young's modulus of a law that holds others, a total force, two loads that rise: numbers that no object holds."""
    scene = load(write_scene(tmp_path, text))
    head, at = "step,x,y,u,v,p,f", [(1, 1.5, 0.7), (2, 1.5, 0.7)]
    (tmp_path / "data.csv").write_text("\n".join([head, *(f"{s},{x},{y},0,0,0,0" for s, x, y in at)]))
    read = predicted(build_calibration(scene.build()), wanted)
    u, f, p = read[0][:, 0], read[1], read[2][:, 0] if len(read) > 2 else (0.0, 0.0)
    rows = [",".join(map(repr, map(float, (*at[i], *u[i], p[i], f[i])))) for i in range(2)]
    (tmp_path / "data.csv").write_text("\n".join([head, *rows]))
    found = build_calibration(scene.build()).run()
    assert found.successful and found.gradient_agreement < 1e-6
    np.testing.assert_allclose(found.values, list(wanted.values()), rtol=1e-5)
    np.testing.assert_allclose(f[1], -10.0 if len(read) > 2 else f[0] * 2, rtol=1e-6)


@pytest.mark.slow
def test_numbers_that_cannot_be_sought(tmp_path):
    def refused(**changes):
        with pytest.raises(SceneError) as caught:
            build_calibration(load(write_scene(tmp_path, FORCED), changes.get("set", {})).build())
        return str(caught.value)

    assert "only numbers below [solid] can" in refused(set={"fit.parameters.E.key": "mesh.lengths"})
    assert "is sought already" in refused(set={"fit.parameters.force.key": "solid.material.E"})
    assert "must have shape ()" in refused(set={"fit.parameters.E.start": [1.0, 2.0]})
    (tmp_path / "data.csv").write_text("step,x,y,u,v,p,f\n1,1.5,0.7,0,0,0,0\n2,1.5,0.7,0,0,0,0")
    assert "is derived from the solution" in refused(set={"fit.data.field.of": "von_mises"})
    assert "Did you mean 'displacement'" in refused(set={"fit.data.field.of": "displacment"})
