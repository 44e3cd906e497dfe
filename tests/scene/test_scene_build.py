import jax
import jax.numpy as jnp
import numpy as np
import pytest
from _tiny import model_of, refused

import simphys as sp
from simphys.scene import SceneError, build_observers, observe, quantity
from simphys.scene._derivatives import _mates


@pytest.mark.slow
def test_uniaxial_tension(tmp_path):
    """σ = 10, E = 100: ε = 0.1 along, −0.03 across; the force enters at the left."""
    observed = {
        "observe.force": {"type": "resultant", "where": "left"},
        "observe.energy": {"type": "energy"},
        "observe.stress": {"type": "max", "of": "von_mises"},
        "observe.mean": {"type": "mean", "where": "right", "component": "x"},
    }
    model = model_of(tmp_path, overrides=observed)
    (step,) = model.march()
    assert step.converged and step.reached == 1
    found = observe(build_observers(model), step.state, step.solution.value)
    np.testing.assert_allclose(found["tip"], [0.2, -0.03], rtol=1e-12)
    np.testing.assert_allclose(found["force"], [-10, 0], atol=1e-12)
    np.testing.assert_allclose(found["energy"], 1.0, rtol=1e-12)
    np.testing.assert_allclose(found["stress"], 10, rtol=1e-12)
    np.testing.assert_allclose(found["mean"], 0.2, rtol=1e-12)


@pytest.mark.slow
def test_stress_is_observed_at_a_point(tmp_path):
    """Recovered there; its entries by name; and the largest at nodes beside that of means over cells."""
    observed = {
        "observe.stress": {"type": "point", "at": [2.0, 1.0], "of": "von_mises"},
        "observe.along": {"type": "point", "at": [0.3, 0.2], "of": "stress_xx"},
        "observe.strain": {"type": "point", "at": [0.3, 0.2], "of": "strain_yy"},
        "observe.peak": {"type": "max", "of": "principal_stress", "at": "nodes"},
    }
    model = model_of(tmp_path, overrides=observed)
    u = model.space.interpolate(lambda x: jnp.stack([0.1 * x[0], -0.03 * x[1]]) * (1 + x[0]))
    found = observe(build_observers(model), model.base, u)
    slopes = jax.jacfwd(lambda x: jnp.stack([0.1 * x[0], -0.03 * x[1]]) * (1 + x[0]))(jnp.array([0.3, 0.2]))
    np.testing.assert_allclose(found["along"], 100 / 0.91 * (slopes[0, 0] + 0.3 * slopes[1, 1]), rtol=1e-5)
    np.testing.assert_allclose(found["strain"], slopes[1, 1], rtol=1e-5)
    assert found["peak"] > 45 and found["stress"] > 45
    names = refused(tmp_path / "a", overrides={"observe.tip.of": "strss"})
    assert "no quantity 'strss'" in names and "von_mises" in names
    assert 'observe one, as in "stress_xx"' in refused_to_observe(tmp_path / "b", {"observe.tip.of": "stress"})


def refused_to_observe(folder, overrides):
    model = model_of(folder, overrides=overrides)
    with pytest.raises(SceneError) as caught:
        observe(build_observers(model), model.base, model.space.zeros())
    return str(caught.value)


@pytest.mark.slow
def test_plane_strain_stress_has_an_out_of_plane_part(tmp_path):
    """σ_zz = ν σ, so the von Mises stress is σ √(1 − ν + ν²); a total force counts the thickness."""
    changes = {"solid.loads.pull.type": "force", "solid.loads.pull.value": [6.0, 0.0], "solid.thickness": 3.0,
               "solid.material.plane": "strain",
               "observe.force": {"type": "resultant", "where": "left", "component": "x"}}  # fmt: skip
    model = model_of(tmp_path, overrides=changes)
    (step,) = model.march()
    where, values = quantity(step.state, step.solution.value, "von_mises")
    assert where == "cell"
    np.testing.assert_allclose(values, 2 * np.sqrt(1 - 0.3 + 0.09), rtol=1e-12)
    np.testing.assert_allclose(observe(build_observers(model), step.state, step.solution.value)["force"], -6)


def test_steps_scale_what_they_name(tmp_path):
    two = {"solid.loads.lift": {"type": "body_force", "value": [0.0, 1.0]}, "steps.factors": [0.5, 2.0]}
    model = model_of(tmp_path, overrides=two)

    def values(model):
        return [[load.value.tolist() for load in model.problem(None, f).loads] for f in model.factors]

    assert values(model) == [[[5, 0], [0, 0.5]], [[20, 0], [0, 2]]]
    model = model_of(tmp_path, overrides={**two, "steps.scale": ["pull"]})
    assert values(model) == [[[5, 0], [0, 1]], [[20, 0], [0, 1]]]
    text = refused(tmp_path, overrides={**two, "steps.scale": ["pul"]})
    assert "steps.scale" in text and "Did you mean 'pull'?" in text


def test_corners_map_the_rectangle(tmp_path):
    mesh = {"mesh.corners": [[0, 0], [48, 44], [48, 60], [0, 44]], "observe": {}}
    model = model_of(tmp_path, overrides=mesh)
    points = np.asarray(model.space.mesh.points)
    right = points[model.space.nodes_on("right")]
    np.testing.assert_allclose(right, [[48, 44], [48, 52], [48, 60]])
    text = refused(tmp_path, overrides={**mesh, "mesh.corners": [[0, 0], [0, 44], [48, 60], [48, 44]]})
    assert "mesh" in text and "negatively oriented" in text


def test_groups_by_position(tmp_path):
    text = """
    title = "x"
    [mesh]
    kind = "box"
    cells = [4, 4, 4]
    groups.middle = {type = "plane", of = "points", point = [0.5, 0, 0], normal = [2.0, 0, 0]}
    groups.lower = {type = "box", of = "cells", high = [1.0, 1.0, 0.5]}
    groups.patch = {type = "cylinder", point = [0.5, 0.5, 0.0], axis = [0, 0, 3.0], radius = 0.36, high = 0.1}
    groups.corner = {type = "ball", of = "points", point = [0, 0, 0], radius = 0.25}
    [solid]
    material = {law = "NeoHooke", E = 10.0, nu = 0.3}
    constraints.held = {type = "displacement", where = "bottom"}
    """
    mesh = model_of(tmp_path, text).space.mesh
    assert len(mesh.nodes_on("middle")) == 25
    assert len(mesh.cells_in("lower")) == 32
    np.testing.assert_array_equal(np.asarray(mesh.facets("patch")).shape, (4, 2))
    assert len(mesh.nodes_on("corner")) == 4


def test_rigid_motion_turns_and_moves(tmp_path):
    motion = {
        "type": "rigid_motion",
        "where": "right",
        "angle": 90.0,
        "centre": [2.0, 0.0],
        "translation": [1.0, 0.0],
    }
    model = model_of(tmp_path, overrides={"solid.constraints.turn": motion, "solid.loads": {}})
    x = np.asarray(model.space.nodes())[model.space.nodes_on("right")]
    u = np.asarray(model.problem().constraints[-1].value)
    np.testing.assert_allclose(x + u, np.stack([3 - x[:, 1], 0 * x[:, 1]], axis=1), atol=1e-14)
    half = np.asarray(model.problem(None, 0.5).constraints[-1].value)
    np.testing.assert_allclose((x + half)[:, 0], 2.5 - x[:, 1] * np.sin(np.pi / 4), atol=1e-14)


@pytest.mark.parametrize(
    "overrides, words",
    [
        ({"solid.constraints.held.where": "lft"}, ["solid.constraints.held", "Did you mean 'left'?", "'right'"]),
        ({"solid.loads.pull.where": "edge"}, ["solid.loads.pull", "No facet group 'edge'", "'bottom'"]),
        ({"solid.loads.pull.value": [1.0, 2.0, 3.0]}, ["solid.loads.pull"]),
        ({"solid.constraints.held.value": [1.0, 2.0]}, ["solid.constraints.held", "1 components"]),
        ({"solid.constraints.held.components": ["z"]}, ["'z' does not exist in this 2-D body"]),
        ({"solid.material.E": -1.0}, ["solid.material", "`E` must be positive, got -1.0"]),
        ({"solid.material.nu": 0.6}, ["solid.material", "`nu` must lie between"]),
        ({"solid.material.Eta": 1.0}, ["solid.material", "unknown key 'Eta'", "'E', 'nu'"]),
        ({"solid.material": {"law": "Yeoh", "c10": 1.0, "plane": "strain"}}, ["needs 'c20', 'c30', 'kappa'"]),
        ({"solid.material": {"law": "NeoHooke", "mu": 1.0, "lam": 1.0, "volumetric": "Log"}}, ["'LogSquared'"]),
        ({"solid.material": {"law": "LinearElastic", "E": 1.0, "nu": 0.3}}, ["solid", "PlaneStrain"]),
        ({"solid.constraints.corner": {"type": "displacement", "where": "bottom", "components": ["x"]}},
         ["solid", "not held against", "translation along y"]),
        ({"observe.tip.at": [3.0, 1.0]}, ["observe.tip", "outside the body"]),
        ({"observe.tip.component": "z"}, ["observe.tip", "'z'"]),
        ({"observe.hot": {"type": "max", "of": "temperature"}}, ["observe.hot", "no quantity 'temperature'"]),
        ({"mesh.groups.none": {"type": "ball", "point": [9.0, 9.0], "radius": 0.1}}, ["mesh.groups.none", "No facet"]),
        ({"mesh.groups.none": {"type": "ball", "point": [9.0], "radius": 0.1}}, ["`point` needs 2 entries"]),
        ({"mesh": {"kind": "file", "file": "no.msh"}}, ["mesh", "There is no mesh file", "no.msh"]),
    ],
)  # fmt: skip
def test_errors_name_their_entry(tmp_path, overrides, words):
    text = refused(tmp_path, overrides=overrides)
    assert "scene.toml" in text
    for word in words:
        assert word in text, text


def test_any_number_is_a_parameter(tmp_path):
    motion = {"type": "rigid_motion", "where": "right", "angle": 5.0, "centre": [2.0, 0.5]}
    model = model_of(tmp_path, overrides={"solid.constraints.turn": motion, "solid.loads": {}})

    @jax.jit
    def energy(angle):
        problem = model.problem({"solid.constraints.turn.angle": angle})
        return problem.constraints[-1].value[0, 0]

    slope = jax.grad(energy)(5.0)
    np.testing.assert_allclose(slope, np.cos(np.deg2rad(5.0)) * 0.5 * np.pi / 180, rtol=1e-10)


@pytest.mark.slow
def test_conductivity_by_a_curve(tmp_path):
    text = """
    title = "x"
    [mesh]
    kind = "line"
    cells = 8
    [heat]
    material = {law = "IsotropicConduction", k = {curve = "Polynomial", coefficients = [1.0, 1.0]}}
    constraints.cold = {type = "temperature", where = "left", value = 0.0}
    constraints.hot = {type = "temperature", where = "right", value = 1.0}
    [observe.middle]
    type = "point"
    at = [0.5]
    """
    model = model_of(tmp_path, text)
    (step,) = model.march()
    middle = observe(build_observers(model), step.state, step.solution.value)["middle"]
    # T + T²/2 is linear in x.
    np.testing.assert_allclose(middle, np.sqrt(2.5) - 1, rtol=1e-3)
    assert "k.curve" in refused(tmp_path, text.replace("Polynomial", "Polynomal"))
    broken = text.replace("coefficients", "coefs")
    assert "Did you mean 'coefficients'?" in refused(tmp_path, broken)


@pytest.mark.slow
def test_homogeneous_curves(tmp_path):
    text = """
    title = "x"
    [homogeneous]
    material = {law = "NeoHooke", mu = 2.0, lam = 10.0}
    tests.pull = {test = "uniaxial", stretch = [1.0, 2.0], count = 5}
    """
    model = model_of(tmp_path, text)
    stretch, stress = model.curves({"homogeneous.material.mu": jnp.asarray(3.0)})["pull"]
    np.testing.assert_allclose(stress, 3 * (stretch - stretch**-2), rtol=1e-9)
    assert isinstance(model, sp.scene.HomogeneousModel)
    assert "increasing positive" in refused(tmp_path, text.replace("[1.0, 2.0]", "[2.0, 1.0]"))
    assert "without `plane`" in refused(tmp_path, text.replace("mu = 2.0", 'plane = "stress", mu = 2.0'))


@pytest.mark.parametrize("plane", ["axisymmetric", "stress"])
def test_a_total_force_is_that_of_the_whole_body(tmp_path, plane):
    """Of one of revolution around its circumference, too (it was as many times the force)."""
    depth = {} if plane == "axisymmetric" else {"solid.thickness": 2.0}
    pull = {"type": "force", "where": "top", "value": [0.0, 3.0]}
    model = model_of(tmp_path, overrides={"solid.material.plane": plane, "solid.loads.pull": pull, **depth})
    body = model.base
    np.testing.assert_allclose(-jnp.sum(body.reactions(body.space.zeros()), axis=0), [0.0, 3.0], atol=1e-13)


def test_symmetric_matrices_are_checked_by_pairs():
    numbers = {"k.0.0": 2.0, "k.0.1": 0.3, "k.1.0": 0.3, "at.0.1": 1.0, "at.1.0": 2.0, "nu": 0.3}
    assert _mates(numbers) == [[], [2], [1], [], [], []]
