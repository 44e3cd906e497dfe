"""Valid inputs of every kind, small enough to be run thousands of times, and how they are made invalid."""

import pathlib
import random
import re

import meshio
import numpy as np


BAR = """
title = "A sheet between two temperatures"

[mesh]
kind = "rectangle"
cells = [2, 1]
lengths = [2.0, 1.0]

[heat.material]
law = "IsotropicConduction"
k = 2.0

[heat.constraints.cold]
type = "temperature"
where = "low"
value = 0.0

[heat.constraints.hot]
type = "temperature"
where = "high"
value = 1.0

[mesh.groups.low]
type = "plane"
of = "points"
point = [0.0, 0.0]
normal = [1.0, 0.0]

[mesh.groups.high]
type = "plane"
of = "points"
point = [2.0, 0.0]
normal = [1.0, 0.0]

[observe.middle]
type = "point"
at = [1.0, 0.5]

[pictures]
fields = []
"""
"""T = x/2, whatever the mesh of the rectangle."""
SOLID = """
title = "A square that is pulled"

[mesh]
kind = "rectangle"
cells = [1, 1]
lengths = [2.0, 1.0]

[solid.material]
law = "LinearElastic"
plane = "stress"
E = 100.0
nu = 0.3

[solid.constraints.held]
type = "displacement"
where = "left"

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
MARCH = (
    BAR.replace("[heat.material]", "[heat]\ncapacity = 1.0\n\n[heat.material]")
    + """
[time]
end = 1.0
steps = 4
frames = 2

[signals.rise]
of = ["hot"]
type = "table"
times = [0.0, 1.0]
values = [1.0, 2.0]

[statistics.highest]
of = "middle"
type = "max"
"""
)
KINETICS = """
title = "A pair"

[kinetics.species]
A = 1.0
B = 0.0

[kinetics.reactions.pairing]
equation = "2 A -> B"
rate = 0.5

[time]
end = 1.0
steps = 4

[statistics.end]
of = "B"
type = "at"
at = 1.0

[pictures]
fields = []
"""
LEARNED = BAR.replace(
    "k = 2.0", 'k = { curve = "NeuralCurve", level = 1.0, centre = 0.5, span = 1.0, weights = "w.npz" }'
)
FIT = """
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

[heat.constraints.cold]
type = "temperature"
where = "right"
value = 20.0

[fit.parameters.k]
key = "heat.material.k"
start = 1.0
transform = "log"

[fit.data.temperature]
type = "temperature"
file = "rod.csv"
position = ["x"]
value = "T"
noise = 0.01

[pictures]
fields = []
"""
TABLE = "x,T\n0.0,21.5\n0.25,21.125\n0.5,20.75\n0.75,20.375\n"
RISING = MARCH.replace("times = [0.0, 1.0]\nvalues = [1.0, 2.0]", 'file = "rod.csv"\ntimes = "t"\nvalues = "s"')
RISE = "t,s\n0.0,1.0\n0.5,1.5\n1.0,2.0\n"
SCENES = {"heat": BAR, "solid": SOLID, "march": MARCH, "kinetics": KINETICS}
FORMATS = {
    "gmsh22": ("msh", dict(file_format="gmsh22", binary=False)),
    "gmsh22 binary": ("msh", dict(file_format="gmsh22", binary=True)),
    "gmsh41": ("msh", dict(file_format="gmsh", binary=False)),
    "gmsh41 binary": ("msh", dict(file_format="gmsh", binary=True)),
    "abaqus": ("inp", {}),
    "vtu": ("vtu", dict(binary=False)),
    "vtu binary": ("vtu", dict(binary=True)),
    "xdmf": ("xdmf", dict(data_format="XML")),
    "vtk": ("vtk", dict(binary=False)),
    "medit": ("mesh", {}),
    "nastran": ("bdf", {}),
    "su2": ("su2", {}),
}
"""Mesh files by name: their suffix, and how meshio writes them."""
HOSTILE = (
    "0", "-1", "1", "3", "0.0", "-0.0", "1e308", "-1e308", "1e-308", "1e400", "nan", "inf", "-inf", "true",
    '""', '"x"', '"1"', "[]", "[[]]", "[1.0]", "[1.0, 2.0]", "[1.0, 2.0, 3.0, 4.0]", "{}", "{ a = 1 }",
    "9223372036854775807", "9" * 30, "9" * 400, "99999999", "1_0", "1979-05-27", "[" * 50,
    '"../../evil"', '"/etc/hostname"', '"."', '"' + "a" * 300 + '"', '"\\u0000"', '"²"',
)  # fmt: skip


def mesh_file(path: pathlib.Path, options: dict):
    """Write two by one squares cut into triangles."""
    points = np.array([[x, y, 0.0] for y in (0.0, 1.0) for x in (0.0, 1.0, 2.0)])
    cells = np.array([[0, 1, 4], [0, 4, 3], [1, 2, 5], [1, 5, 4]])
    tags = {"gmsh:physical": [np.ones(4, int)], "gmsh:geometrical": [np.ones(4, int)]}
    named = path.suffix == ".msh"
    mesh = meshio.Mesh(points, [("triangle", cells)], cell_data=tags if named else {})
    if path.suffix in (".su2", ".mesh"):
        mesh = meshio.Mesh(points[:, :2], mesh.cells)
    meshio.write(path, mesh, **options)


def mutated_scene(text: str, rng: random.Random) -> bytes:
    """Change entries, lines or bytes of a scene."""
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        how = rng.random()
        lines = text.split("\n")
        filled = [i for i, line in enumerate(lines) if line.strip()]
        i = rng.choice(filled)
        if how < 0.55:
            entries = [n for n in filled if "=" in lines[n]]
            i = rng.choice(entries)
            key = lines[i].split("=")[0]
            lines[i] = f"{key}= {rng.choice(HOSTILE)}"
        elif how < 0.65:
            del lines[i]
        elif how < 0.75:
            lines.insert(rng.choice(filled), lines[i])
        elif how < 0.85:
            lines[i] = re.sub(
                r"\w+", rng.choice(("x", "..", "../x", '"../../evil"', "é", "title", "a b")), lines[i], count=1
            )
        else:
            return mutated_bytes("\n".join(lines).encode(), rng)
        text = "\n".join(lines)
    return text.encode(errors="replace")


def mutated_text(content: bytes, rng: random.Random) -> bytes:
    """Change numbers or lines of a text, or bytes."""
    if rng.random() < 0.3:
        return mutated_bytes(content, rng)
    lines = content.split(b"\n")
    i, j = rng.randrange(len(lines)), rng.randrange(len(lines))
    how = rng.random()
    if how < 0.6:
        values = (
            b"0",
            b"-1",
            b"7",
            b"1e308",
            b"nan",
            b"inf",
            b"99999999",
            b"9" * 40,
            b"x",
            b"",
            b"1 2",
            b"-5",
            b"0.25",
            b"1.5",
        )
        found = list(re.finditer(rb"[-+.\w]+", content))
        at = rng.choice(found)
        return content[: at.start()] + rng.choice(values) + content[at.end() :]
    if how < 0.75:
        del lines[i]
    elif how < 0.9:
        lines.insert(j, lines[i])
    else:
        lines[i], lines[j] = lines[j], lines[i]
    return b"\n".join(lines)


def mutated_bytes(content: bytes, rng: random.Random) -> bytes:
    """Flip, cut out, repeat, insert or cut off bytes."""
    data = bytearray(content)
    for _ in range(rng.choice((1, 1, 2, 5))):
        i = rng.randrange(len(data) + 1)
        n = rng.choice((1, 1, 4, 8, 40))
        how = rng.randrange(5)
        if how == 0 and i < len(data):
            data[i] ^= 1 << rng.randrange(8)
        elif how == 1:
            del data[i : i + n]
        elif how == 2:
            data[i:i] = data[i : i + n]
        elif how == 3:
            data[i:i] = bytes(rng.randrange(256) for _ in range(n))
        elif rng.random() < 0.3:
            del data[i:]
    return bytes(data)


def mutated_arrays(path: pathlib.Path, rng: random.Random) -> bytes:
    """Change an `.npz` file: an array of it, its entries, or its bytes."""
    if rng.random() < 0.4:
        return mutated_bytes(path.read_bytes(), rng)
    with np.load(path) as file:
        arrays = dict(file)
    name = rng.choice(sorted(arrays))
    value = arrays[name]
    how = rng.randrange(8)
    if how == 0:
        del arrays[name]
    elif how == 1:
        arrays[rng.choice(("x", "leaf 99", "done", "../evil"))] = value
    elif how == 2 and value.dtype.kind in "fiu" and value.size:
        flat = value.copy().reshape(-1)
        flat[rng.randrange(flat.size)] = rng.choice((0, 1, 2, 3, 100))
        arrays[name] = flat.reshape(value.shape)
    elif how == 3 and value.dtype.kind == "f":
        arrays[name] = np.full_like(value, rng.choice((np.nan, np.inf, 1e300)))
    elif how == 4:
        arrays[name] = np.zeros((*value.shape, 2), value.dtype)
    elif how == 5:
        arrays[name] = (
            value.astype(rng.choice(("U5", "complex128", "float32", "int8"))) if value.dtype.kind != "U" else value
        )
    elif how == 6:
        arrays[name] = np.array(rng.choice(("x", "-1", "")))
    else:
        arrays[name] = value.reshape(-1)[:-1] if value.size else value
    with open(path, "wb") as stream:
        np.savez(stream, **arrays)
    return path.read_bytes()
