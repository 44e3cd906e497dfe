"""Equations of a user's own in scenes: functions of installed modules, if that is allowed."""

import sys

import jax.numpy as jnp
import numpy as np
import pytest
from _tiny import write_scene

from simphys.scene import SceneError, available, build_calibration, check_derivatives, load


MODULE = """
import jax.numpy as jnp
from simphys import fem, physics


def reaction(mesh, k, sink=0.0, walls=(0.0, 0.0), *, degree=1):
    space = fem.FunctionSpace(mesh, degree)
    held = [fem.Dirichlet("left", walls[0]), fem.Dirichlet("right", walls[1])]
    return physics.Balance(space, [fem.Weak(lambda u, at, p: (p[1] * u.value - 1.0, p[0] * u.gradient), (k, sink))], held)


def decay(mesh, rate):
    space = fem.FunctionSpace(mesh, 1)
    flow = fem.Weak(lambda u, at, rate: (rate * u.value, None), rate)
    return physics.Balance(space, [flow], stored=fem.Weak(lambda u, at, p: (u.value, None), None))


def hiding(mesh, k):
    space = fem.FunctionSpace(mesh, 1)
    return physics.Balance(space, [fem.Weak(lambda u, at, p: (-1.0, k * u.gradient), None)], [fem.Dirichlet("left", 0.0)])


def broken(mesh):
    raise KeyError("lost")


def nothing(mesh):
    return 3.0
"""
SCENE = """
title = "An equation of one's own"

[mesh]
kind = "line"
cells = 4

[balance]
equation = "reactions_of_mine.laws:reaction"
options = { degree = 2 }

[balance.parameters]
k = 0.5
walls = [0.0, 1.0]

[observe.middle]
type = "point"
at = [0.5]

[pictures]
fields = ["field"]
"""


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """A package that Python finds."""
    package = tmp_path / "site" / "reactions_of_mine"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "laws.py").write_text(MODULE)
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    yield package
    for name in [name for name in sys.modules if name.startswith("reactions_of_mine")]:
        del sys.modules[name]


def built(folder, overrides=(), text=SCENE):
    return load(write_scene(folder / "scene", text), overrides, allow_code=True).build()


@pytest.mark.slow
def test_parameters_are_arguments(tmp_path, installed):
    """−k u'' = 1 between walls: u = w x + x (1 − x)/(2 k); a new value moves what depends on it alone."""
    model = built(tmp_path)
    (step,) = model.march()
    exact = lambda x, k: x + x * (1 - x) / (2 * k)
    x = model.space.nodes()[:, 0]
    np.testing.assert_allclose(step.solution.value, exact(x, 0.5), atol=1e-10)
    assert available(model.base) == ("field",) and model.space.degree == 2
    other = model.problem({"balance.parameters.k": jnp.asarray(2.0)})
    assert other.forms[0].parameters[0] == 2.0 and other.constraints is not None
    assert other.system.pattern.diagonal is model.base.system.pattern.diagonal
    turned = model.problem({"balance.parameters.walls.1": jnp.asarray(3.0)})
    assert float(jnp.max(turned.constraints[1].value)) == 3.0
    found = {d.key: d for d in check_derivatives(model, step)}
    assert set(found) == {"balance.parameters.k", "balance.parameters.walls.1"}
    assert all(d.passed for d in found.values())


@pytest.mark.slow
def test_loads_rise_by_name(tmp_path, installed):
    model = built(tmp_path, {"steps.count": 2, "steps.scale": ["walls"]})
    end = int(np.argmax(model.space.nodes()[:, 0]))
    first, second = (s.solution.value[end] for s in model.march())
    np.testing.assert_allclose([first, second], [0.5, 1.0], atol=1e-12)
    with pytest.raises(SceneError, match="name the parameters that rise"):
        built(tmp_path, {"steps.count": 2})


FIT = """
[fit.parameters.k]
key = "balance.parameters.k"
start = 0.8
transform = "bounded"
bounds = [0.1, 2.0]

[fit.data.profile]
type = "point"
file = "u.csv"
position = ["x"]
values = ["u"]
noise = 1e-4
"""


@pytest.mark.slow
@pytest.mark.parametrize("field", [None, {"kind": "nodal"}])
def test_a_parameter_is_found(tmp_path, installed, field):
    rows = [f"{x},{x + x * (1 - x)}" for x in (0.2, 0.4, 0.7)]
    (tmp_path / "scene").mkdir()
    (tmp_path / "scene" / "u.csv").write_text("\n".join(["x,u", *rows]))
    overrides = {} if field is None else {"fit.parameters.k.field": field,
        "fit.parameters.k.prior": {"type": "h1", "deviation": 0.5, "length": 1.0}}  # fmt: skip
    calibration = build_calibration(built(tmp_path, overrides, SCENE + FIT))
    if field is not None:
        assert calibration.numbers.made().forms[0].parameters[0].values.shape == (9,)
        return
    found = calibration.run()
    assert found.successful
    np.testing.assert_allclose(found.values, 0.5, rtol=1e-6)


@pytest.mark.slow
def test_in_time(tmp_path, installed):
    """u̇ = −r u by the trapezoidal rule: (1 − r τ/2)/(1 + r τ/2) in each step."""
    from simphys.scene._time_model import March

    text = (
        SCENE[: SCENE.index("[observe")]
        + '[time]\nend = 1.0\nsteps = 2\nstepper = "Theta"\ninitial = { value = 3.0 }\n'
    )
    model = built(
        tmp_path, {"balance": {"equation": "reactions_of_mine.laws:decay", "parameters": {"rate": 2.0}}}, text
    )
    march = March.build(model)
    end = march.last(model.base, jnp.asarray(march.times))
    np.testing.assert_allclose(end, 3.0 * (0.5 / 1.5) ** 2, rtol=1e-9)


REFUSED = {
    "module": ("equation", "reactions_of_nobody:reaction", "no installed module 'reactions_of_nobody'"),
    "function": ("equation", "reactions_of_mine.laws:raction", "no function 'raction'. Did you mean 'reaction'?"),
    "form": ("equation", "reactions_of_mine.laws", 'reads "package.module:function"'),
    "argument": ("parameters", {"k": 1.0, "snk": 1.0}, "no argument 'snk'. Did you mean 'sink'?"),
    "missing": ("parameters", {}, "needs 'k'"),
    "word": ("parameters", {"k": "much"}, "a finite number or a list of them expected"),
    "raises": ("equation", "reactions_of_mine.laws:broken", "raised: KeyError: 'lost'"),
    "no law": ("equation", "reactions_of_mine.laws:nothing", "returns a float; a balance law is expected"),
    "hidden": ("equation", "reactions_of_mine.laws:hiding", "held within a function"),
    "idle": ("parameters", {"k": 1.0, "walls": [0.0, 0.0], "sink": 0.0}, None),
}


@pytest.mark.parametrize("key, value, words", REFUSED.values(), ids=REFUSED.keys())
def test_what_is_refused(tmp_path, installed, key, value, words):
    bare = {"balance.options": {}, "balance.parameters": {}} if key == "equation" else {}
    bare |= {"balance.parameters": {"k": 1.0}} if words == "held within a function" else {}
    if words is None:
        assert built(tmp_path, {f"balance.{key}": value}).problem({"balance.parameters.sink": jnp.asarray(1.0)})
        return
    with pytest.raises(SceneError, match=".*") as caught:
        built(tmp_path, bare | {f"balance.{key}": value}).problem({"balance.parameters.k": jnp.asarray(1.0)})
    assert words in str(caught.value) and "balance" in str(caught.value)


def test_nothing_is_imported_unless_that_is_allowed(tmp_path, installed):
    with pytest.raises(SceneError, match="balance.equation: .* is code, .* unless --allow-code"):
        load(write_scene(tmp_path, SCENE)).build()
    assert "reactions_of_mine" not in sys.modules


def test_nothing_of_the_scene_s_folder_is_imported(tmp_path, monkeypatch):
    """Not even if Python would find it there, nor by way of an installed module."""
    folder = tmp_path / "scene"
    file = write_scene(folder, SCENE.replace("reactions_of_mine.laws", "beside_the_scene"))
    (folder / "beside_the_scene.py").write_text("open('ran', 'w')\n" + MODULE)
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(str(folder))
    for _ in range(2):
        with pytest.raises(SceneError, match="balance.* no installed module 'beside_the_scene'"):
            load(file, allow_code=True).build()
        monkeypatch.syspath_prepend(str(tmp_path))  # the scene's folder is second then
    (tmp_path / "through_another.py").write_text("from beside_the_scene import reaction")
    with pytest.raises(SceneError, match="'beside_the_scene' lies in the scene's folder"):
        load(file, {"balance.equation": "through_another:reaction"}, allow_code=True).build()
    assert not (folder / "ran").exists() and "beside_the_scene" not in sys.modules


def test_tables_that_do_not_go_with_it(tmp_path, installed):
    for override, words in (
        ({"space.degree": 2}, "[space] has no place beside [balance]"),
        ({"balance.options": {"k": 1}}, "a parameter and an option"),
        ({"signals": {"s": {"of": ["k"], "type": "ramp", "begin": 0.0, "end": 1.0}}, "time": {"end": 1.0, "steps": 1}},
         "nothing that could follow [signals]"),
    ):  # fmt: skip
        with pytest.raises(SceneError) as caught:
            built(tmp_path, override)
        assert words in str(caught.value)
