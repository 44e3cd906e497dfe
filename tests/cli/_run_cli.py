"""The command line as tests use it."""

import json

from typer.testing import CliRunner

from simphys.cli import app


SQUARE = """
title = "A small square"

[mesh]
kind = "rectangle"
cells = [2, 2]
lengths = [2.0, 1.0]

[solid.material]
law = "NeoHooke"
plane = "strain"
mu = 1.0
lam = 2.0

[solid.constraints.held]
type = "displacement"
where = "left"

[solid.constraints.pushed]
type = "displacement"
where = "right"
value = [0.4, 0.0]

[steps]
count = 2

[observe.tip]
type = "point"
at = [2.0, 1.0]
component = "x"
reference = 0.4
unit = "m"
"""

ROD = """
title = "A short rod"

[mesh]
kind = "line"
cells = 4

[heat.material]
law = "IsotropicConduction"
k = 2.0

[heat.loads.heater]
type = "flux"
where = "left"
value = -3.0

[heat.loads.air]
type = "convection"
where = "right"
h = 0.5
ambient = 20.0

[fit.parameters.k]
key = "heat.material.k"
start = 1.0
transform = "log"

[fit.parameters.h]
key = "heat.loads.air.h"
start = 1.0
transform = "log"

[fit.data.temperature]
type = "temperature"
file = "rod.csv"
position = ["x"]
value = "T"
noise = 0.01
"""

TABLE = "x,T\n0.0,27.5\n0.25,27.125\n0.5,26.75\n1.0,26.0\n"
"""Exact for k = 2, h = 0.5: T(x) = 20 + 3/h + 3 (1 − x)/k."""


def invoke(*arguments, errors=False):
    """Run a command; a traceback is never what a user should see. Mesh errors, a program of their own, only if asked."""
    words = [str(a) for a in arguments]
    if not errors and words[:1] in (["run"], ["fit"], ["design"]) and "--help" not in words:
        words.append("--no-error")
    result = CliRunner().invoke(app, words)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def write(folder, text, table=None):
    """Write a scene and its table into a folder; return the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "scene.toml").write_text(text, encoding="utf-8")
    if table is not None:
        (folder / "rod.csv").write_text(table, encoding="utf-8")
    return folder


def report(folder):
    """The result.json in a folder."""
    return json.loads((folder / "result.json").read_text(encoding="utf-8"))
