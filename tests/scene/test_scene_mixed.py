"""Scenes whose pressure is an unknown of its own: nearly incompressible solids and creeping flow."""

import jax.numpy as jnp
import numpy as np
import pytest
from _tiny import TINY, write_scene

from simphys import fem, physics, scene as scenes


MIXED = TINY.replace("[solid.material]", '[solid]\nformulation = "mixed"\n\n[solid.material]', 1).replace(
    '"stress"', '"strain"'
)
CHANNEL = """
title = "A short channel"

[mesh]
kind = "rectangle"
cells = [2, 2]
lengths = [2.0, 1.0]

[stokes]
viscosity = 0.5

[stokes.constraints.walls]
type = "velocity"
where = "bottom"

[stokes.constraints.top]
type = "velocity"
where = "top"

[stokes.constraints.straight]
type = "velocity"
where = "right"
components = ["y"]

[stokes.constraints.inlet]
type = "velocity"
where = "left"
components = ["y"]

[stokes.loads.drive]
type = "pressure"
where = "left"
value = 8.0

[observe.middle]
type = "point"
at = [1.0, 0.5]
component = "x"

[observe.highest]
type = "max"
of = "pressure"

[steps]
count = 2
"""


def run(folder, text):
    """Solve a scene; (model, last step, observations)."""
    model = scenes.load(write_scene(folder, text)).build()
    observers = scenes.build_observers(model)
    step = list(model.march())[-1]
    assert step.converged
    return model, step, scenes.observe(observers, step.state, step.solution.value)


@pytest.mark.slow
def test_mixed_solid(tmp_path):
    """Pulled by 10 along x between smooth walls: ε_xx = (1 − ν²) σ/E; p = −(1 + ν) σ/3 in plane strain."""
    model, step, seen = run(tmp_path, MIXED)
    assert isinstance(model.base, physics.MixedSolid)
    np.testing.assert_allclose(seen["tip"][0], 2 * (1 - 0.3**2) * 10 / 100, rtol=1e-9)
    value = step.solution.value
    assert scenes.available(model.base) == (
        "displacement",
        "von_mises",
        "principal_stress",
        "energy_density",
        "pressure",
    )
    where, p = scenes.quantity(model.base, value, "pressure")
    assert where == "node" and p.shape == (model.space.n_nodes,)
    np.testing.assert_allclose(p, -1.3 * 10 / 3, rtol=1e-9)
    of = lambda name: scenes.quantity(model.base, value, name)[1]
    s = np.array([10.0, 0.0, 3.0])
    np.testing.assert_allclose(of("von_mises"), np.sqrt(1.5 * np.sum((s - s.mean()) ** 2)), rtol=1e-9)
    np.testing.assert_allclose(of("principal_stress"), 10, rtol=1e-9)
    np.testing.assert_allclose(of("energy_density"), 0.5 * 10 * (1 - 0.3**2) * 10 / 100, rtol=1e-9)


@pytest.mark.slow
def test_channel(tmp_path):
    """Poiseuille's flow under a pressure drop of 8 over a length of 2: v = 4 / (8 μ) in the middle."""
    model, step, seen = run(tmp_path, CHANNEL)
    assert isinstance(model.base, physics.Stokes) and step.number == 2
    np.testing.assert_allclose(seen["middle"], 1.0, rtol=1e-9)
    np.testing.assert_allclose(seen["highest"], 8.0, rtol=1e-9)
    other = model.problem({"stokes.viscosity": jnp.asarray(2.0)})
    assert other.viscosity == 2.0


@pytest.mark.slow
def test_a_pressure_that_had_to_be_fixed_stays_fixed(tmp_path):
    closed = CHANNEL.replace('components = ["y"]\n', "")
    model, step, _ = run(tmp_path, closed)
    assert [c.field for c in step.problem.constraints] == [0, 0, 0, 0, 1]


def test_a_field_on_finer_nodes():
    mesh = fem.rectangle((2, 2), cell_type="triangle")
    low, high = fem.FunctionSpace(mesh, 1), fem.FunctionSpace(mesh, 3)
    linear = lambda x: 1 + 2 * x[0] - x[1]
    np.testing.assert_allclose(fem.raised(low, low.interpolate(linear), high), high.interpolate(linear), atol=1e-14)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (MIXED.replace('"LinearElastic"', '"StVenantKirchhoff"'), "no mixed form"),
        (MIXED.replace('formulation = "mixed"', 'formulation = "other"'), "formulation"),
        (MIXED + "\n[space]\ndegree = 1\n", "2 or 3"),
        (CHANNEL.replace("0.5\n", "-0.5\n", 1), "viscosity"),
        (CHANNEL.replace('of = "pressure"', 'of = "von_mises"'), "'velocity', 'pressure'"),
    ],
)
def test_misuse(tmp_path, text, message):
    with pytest.raises(scenes.SceneError, match=message):
        scenes.build_observers(scenes.load(write_scene(tmp_path, text)).build())
