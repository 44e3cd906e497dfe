"""A small valid scene, as text and as a file."""

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


def write_scene(folder, text=TINY, name="scene.toml"):
    """Write a scene into a folder; return the file."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / name
    file.write_text(text, encoding="utf-8")
    return file
