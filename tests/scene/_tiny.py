"""A small valid scene, as text and as a file; and what is made of scenes."""

import pytest

from simphys.scene import March, SceneError, load


TINY = """
title = "A small square"

[mesh]
kind = "rectangle"
cells = [2, 2]
lengths = [2.0, 1.0]

[solid.material]
law = "LinearElastic"
plane = "stress"
E = 100.0
nu = 0.3

[solid.constraints.held]
type = "displacement"
where = "left"
components = ["x"]

[solid.constraints.corner]
type = "displacement"
where = "bottom"
components = ["y"]

[solid.loads.pull]
type = "traction"
where = "right"
value = [10.0, 0.0]

[observe.tip]
type = "point"
at = [2.0, 1.0]

[pictures]
fields = []
"""
SOFTENING = """
[space]
degree = 1

[solid]
nonlocal_length = 4.0

[solid.material]
law = "IsotropicDamage"
plane = "strain"
E = 20e3
nu = 0.0
threshold = 1e-4
rate = 200.0
ratio = 1.0

[solid.constraints.left]
type = "displacement"
where = "left"
components = ["x"]

[solid.constraints.bottom]
type = "displacement"
where = "bottom"
components = ["y"]

[solid.constraints.right]
type = "displacement"
where = "right"
components = ["x"]
value = 0.02

[signals.pull]
of = ["right"]
type = "table"
times = [0.0, 1.0]
values = [0.0, 1.0]

"""
"""A bar of a law of damage with a length, pulled apart: all but its mesh and its times."""


def write_scene(folder, text=TINY, name="scene.toml"):
    """Write a scene into a folder; return the file."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / name
    file.write_text(text, encoding="utf-8")
    return file


def model_of(folder, text=TINY, overrides=()):
    """The model of a scene."""
    return load(write_scene(folder, text), overrides).build()


def made(folder, text, *overrides):
    """The model of a scene with [time], and its march."""
    model = model_of(folder, text, overrides)
    return model, March.build(model)


def refused(folder, text=TINY, overrides=(), build=True):
    """What is said of a scene that cannot be built, or not even be read."""
    with pytest.raises(SceneError) as caught:
        model_of(folder, text, overrides) if build else load(write_scene(folder, text), overrides)
    return str(caught.value)
