"""Scenes of bodies whose temperature is given, or that strain by themselves."""

import numpy as np
import pytest
from _tiny import TINY, write_scene

from simphys.scene import SceneError, build_observers, load
from simphys.scene._derivatives import check_derivatives
from simphys.scene._numbers import numbers_of
from simphys.scene._time_model import March
from simphys.scene._unknowns import build_parameters, sought


WARM = "solid.material.thermal={expansion=1e-3, temperature=60.0, reference=20.0}"


def made(folder, *overrides):
    return load(write_scene(folder, TINY), overrides).build()


def last(model):
    return list(model.march(throw=True))[-1]


@pytest.mark.slow
def test_pulled_and_heated(tmp_path):
    """Plane stress: ε = σ/E + α ΔT, and the derivatives by all that is given."""
    model = made(tmp_path, WARM, "solid.material.eigenstrain={strain=[0.01, 0.0, 0.0]}")
    step = last(model)
    tip = np.argmax(np.asarray(model.space.nodes()).sum(axis=1))
    np.testing.assert_allclose(step.solution.value[tip], [2 * (0.1 + 0.04 + 0.01), -0.03 + 0.04], rtol=1e-9)
    found = {d.key: d for d in check_derivatives(model, step)}
    for key in ("expansion", "temperature", "reference"):
        assert found[f"solid.material.thermal.{key}"].order > 1.9
    assert "solid.material.eigenstrain.strain.0" in found


GIVEN = {
    "groups": "{value=20.0, groups={left=60.0}}",
    "file": "{file='T.csv', column='T'}",
}


@pytest.mark.parametrize("given", GIVEN.values(), ids=GIVEN.keys())
def test_a_temperature_for_every_node(tmp_path, given):
    x, y = np.meshgrid(np.linspace(0, 2, 3), np.linspace(0, 1, 3))
    rows = [f"{a},{b},{60.0 if a == 0 else 20.0}" for a, b in zip(x.ravel(), y.ravel(), strict=True)]
    (tmp_path / "T.csv").write_text("\n".join(["x,y,T", *rows[::-1]]))
    model = made(tmp_path, f"solid.material.thermal={{expansion=1e-3, temperature={given}, reference=20.0}}")
    values = np.asarray(model.base.material.material.temperature.values)
    np.testing.assert_array_equal(values, np.where(np.asarray(model.space.nodes())[:, 0] < 1e-9, 60.0, 20.0))


def test_what_can_be_fitted(tmp_path):
    """α as a number, temperatures as a field, and the law's own constants."""
    fit = (
        "fit={data={a={type='resultant', file='a.csv', where='left', value='f', component='x'}}, parameters={"
        "alpha={key='solid.material.thermal.expansion', transform='log'}, E={key='solid.material.E'}, "
        "T={key='solid.material.thermal.temperature', field={kind='nodal'}, "
        "prior={type='h1', deviation=10.0, length=1.0}}}}"
    )
    model = made(tmp_path, WARM, fit)
    numbers = numbers_of(model, sought(model))
    problem = numbers.made()
    assert problem.material.material.temperature.values.shape == (model.space.n_nodes,)
    assert float(problem.material.material.expansion) == 1e-3 and float(problem.material.material.material.E) == 100.0
    assert [p.name for p in build_parameters(model, numbers)] == ["alpha", "E", "T"]


@pytest.mark.slow
def test_a_signal_leads_it(tmp_path):
    model = made(
        tmp_path,
        WARM,
        "solid.loads.pull.value=[0.0, 0.0]",
        "time={end=1.0, steps=2}",
        "signals={heat={of=['thermal'], type='table', times=[0.0, 1.0], values=[0.0, 1.0]}}",
    )
    way = March.build(model)
    observers = build_observers(model)
    read = lambda t, u, problem: observers[0].read(problem, u)
    frames = list(way.frames(model.problem(), read))
    seen = np.concatenate([np.asarray(f.observed) for f in frames])
    np.testing.assert_allclose(seen[:, 0], [0.0, 0.04, 0.08], atol=1e-10)


def test_what_is_refused(tmp_path):
    for override, words in (
        ("solid.material.thermal={expansion=1e-3}", "temperature"),
        ("solid.material.thermal={expansion=[1.0, 2.0], temperature=1.0}", "`expansion` must have shape"),
        ("solid.material.thermal={expansion=1e-3, temperature={groups={lef=1.0}}}", "'lef'"),
        ("solid.material.thermal={expansion='big', temperature=1.0}", "3 lists of 3"),
    ):
        with pytest.raises(SceneError) as caught:
            made(tmp_path, override)
        assert words in str(caught.value)
    (tmp_path / "T.csv").write_text("x,y,temperature\n0.0,0.0,1.0\n")
    with pytest.raises(SceneError, match="no row for 8 of 9 nodes"):
        made(tmp_path, "solid.material.thermal={expansion=1e-3, temperature={file='T.csv'}}")
