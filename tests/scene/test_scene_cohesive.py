"""Surfaces that hold until they break, in scenes: end-notched flexure against the theory of beams; misuse."""

import pathlib

import numpy as np
import pytest
from _tiny import write_scene

from simphys.scene import SceneError, load, observe


SCENES = pathlib.Path(__file__).parents[2] / "scenes"
ENF = (SCENES / "end_notched_flexure" / "scene.toml").read_text(encoding="utf-8")


def beams(pressed, E=100e3, energy=1.0, half=20.0, height=1.0):
    """Force and length of a crack that grows by G_II: P = 4 √(E G h³)/3a, δ = P ((3 a³ + 2 L³)/8Eh³ + 3 L/5Eh)."""
    a = np.linspace(0.75 * half, half, 10_001)
    force = 4 * np.sqrt(E * energy * height**3) / (3 * a)
    bent = (3 * a**3 + 2 * half**3) / (8 * E * height**3) + 3 * half / (5 * E * height)
    return np.interp(pressed, force * bent, force), np.interp(pressed, force * bent, a)


@pytest.mark.slow
def test_end_notched_flexure(tmp_path):
    """While it tears, P(δ) of the theory of beams to 1 %; what is spent is G_II times the area that tore, to 1 %."""
    found = []
    model = load(write_scene(tmp_path, ENF)).build()
    for step in model.march(throw=True):
        read = observe(model.observers, step.state, step.solution.value)
        found.append((step.factor, -read["push"], read["torn"], read["spent"]))
    pressed, force, torn, spent = np.array(found).T
    expected, crack = beams(pressed[-3:])
    np.testing.assert_allclose(force[-3:], expected, rtol=0.01)
    assert spent[-1] - spent[-3] == pytest.approx(crack[-1] - crack[-3], rel=0.03)
    assert spent[-1] - spent[-3] == pytest.approx(torn[-1] - torn[-3], rel=0.01)
    # Before it tears, a little more compliant than glued arms are.
    assert 0.94 < force[0] / (0.2 / 0.0327763) < 1.0


def test_misuse_is_named(tmp_path):
    build = lambda text: load(write_scene(tmp_path, text)).build()
    with pytest.raises(SceneError, match="strength² < 2 energy stiffness must hold"):
        build(ENF.replace("500e3 ", "2e3 "))
    with pytest.raises(
        SceneError, match="`zone` must be the name of a cohesive zone, of which there are glue, got 'gleu'"
    ):
        build(ENF.replace('zone = "glue"', 'zone = "gleu"', 1))
    with pytest.raises(SceneError, match="have no partner"):
        build(ENF.replace("cells = [160, 1]", "cells = [80, 1]", 1))
