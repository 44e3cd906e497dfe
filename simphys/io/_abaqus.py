"""Abaqus input files: nodes, elements, node sets, element sets and surfaces of one flat part."""

import pathlib
import re

import numpy as np

from ._node_order import KINDS
from ._raw import Block, RawMesh, Sides


_SOLID = {4: "tetra", 10: "tetra10", 8: "hexahedron", 20: "hexahedron20", 6: "wedge", 15: "wedge15"}
_FLAT = {3: "triangle", 6: "triangle6", 4: "quad", 8: "quad8", 9: "quad9"}
_LINE = {2: "line", 3: "line3"}
_FAMILIES = (
    (re.compile(r"(?:DC|AC|C)3D(\d+)"), _SOLID),
    (re.compile(r"(?:DC2D|AC2D|DCAX|CPE|CPS|CPEG|CAX|CGAX|M3D|R3D|SFM3D|STRI|SC|S)(\d+)"), _FLAT),
    (re.compile(r"(?:T2D|T3D|DC1D|R2D)(\d)"), _LINE),
)
_BEAMS = {"B21": "line", "B31": "line", "B33": "line", "B22": "line3", "B32": "line3", "STRI65": "triangle6"}
# fmt: off
_NODES = {
    "line": 2, "line3": 3, "triangle": 3, "triangle6": 6, "quad": 4, "quad8": 8, "quad9": 9, "tetra": 4,
    "tetra10": 10, "hexahedron": 8, "hexahedron20": 20, "wedge": 6, "wedge15": 15,
}
# fmt: on
_FACES = {
    "triangle": [[0, 1], [1, 2], [2, 0]],
    "quadrilateral": [[0, 1], [1, 2], [2, 3], [3, 0]],
    "tetrahedron": [[0, 1, 2], [0, 3, 1], [1, 3, 2], [2, 3, 0]],
    "hexahedron": [[0, 1, 2, 3], [4, 7, 6, 5], [0, 4, 5, 1], [1, 5, 6, 2], [2, 6, 7, 3], [3, 7, 4, 0]],
}
_GENERATED = ("NGEN", "NCOPY", "NFILL", "ELGEN", "ELCOPY", "SYSTEM")


def read_abaqus(path: pathlib.Path) -> RawMesh:
    """Read an Abaqus input file.

    **Arguments:**

    - `path`: the file; files it includes are looked for beside it.

    **Returns:** a `RawMesh`. Element sets name elements, node sets and node surfaces name points, and
    surfaces of elements (faces S1, S2, …) name sides. Other keywords are passed over.

    **Raises:** `ValueError` if the file has several parts or moved instances, generates nodes or elements, or
    refers to what it does not define.
    """
    deck = _Deck()
    for keyword, options, lines in _keywords(path):
        if keyword in _GENERATED:
            raise ValueError(f"*{keyword} is not supported: write the nodes and elements out.")
        if keyword == "PART":
            deck.parts += 1
        if deck.parts > 1 or (keyword == "INSTANCE" and lines):
            raise ValueError("several parts or moved instances are not supported: write one flat part.")
        reader = {
            "NODE": deck.read_nodes,
            "ELEMENT": deck.read_elements,
            "NSET": deck.read_set,
            "ELSET": deck.read_set,
            "SURFACE": deck.read_surface,
        }.get(keyword)
        if reader is not None:
            reader(options, lines)
    return deck.mesh()


class _Deck:
    """What has been read so far; numbers are the file's own until `mesh` is called."""

    def __init__(self):
        self.parts = 0
        self._nodes, self._elements, self._surfaces = [], [], []
        self._sets = {"NSET": {}, "ELSET": {}}

    def read_nodes(self, options, lines):
        rows = [[float(x) for x in line.split(",") if x.strip()] for line in lines]
        if len({len(row) for row in rows}) > 1:
            raise ValueError("*NODE rows of different lengths.")
        self._nodes.extend(rows)
        if "NSET" in options:
            self._add("NSET", options["NSET"], [int(row[0]) for row in rows])

    def read_elements(self, options, lines):
        kind = _kind(options.get("TYPE", ""))
        numbers = np.array([int(x) for line in lines for x in line.split(",") if x.strip()], dtype=np.int64)
        if len(numbers) % (_NODES[kind] + 1):
            raise ValueError(f"*ELEMENT, TYPE={options['TYPE']}: rows of {_NODES[kind]} nodes expected.")
        table = numbers.reshape(-1, _NODES[kind] + 1)
        self._elements.append((kind, table))
        if "ELSET" in options:
            self._add("ELSET", options["ELSET"], table[:, 0].tolist())

    def read_set(self, options, lines):
        sort = "NSET" if "NSET" in options else "ELSET"
        if sort not in options:
            raise ValueError("a set has no name.")
        entries = [x.strip() for line in lines for x in line.split(",") if x.strip()]
        if "GENERATE" in options:
            rows = [[int(x) for x in line.split(",") if x.strip()] for line in lines]
            entries = [i for first, last, *step in rows for i in range(first, last + 1, *(step or [1]))]
        members = []
        for entry in entries:
            members += [int(entry)] if str(entry).lstrip("-").isdigit() else self._members(sort, entry)
        self._add(sort, options[sort], members)

    def read_surface(self, options, lines):
        rows = [[x.strip() for x in line.split(",")] for line in lines]
        self._surfaces.append((options.get("NAME", ""), options.get("TYPE", "ELEMENT").upper(), rows))

    def mesh(self):
        if not self._nodes or not self._elements:
            raise ValueError("no nodes or no elements.")
        table = np.array(self._nodes)
        index = {int(tag): i for i, tag in enumerate(table[:, 0])}
        element_sets = {name: np.array(ids, dtype=np.int64) for name, ids in self._sets["ELSET"].values()}
        blocks = []
        for kind, rows in self._elements:
            groups = {name: np.flatnonzero(np.isin(rows[:, 0], ids)) for name, ids in element_sets.items()}
            blocks.append(Block(kind, _lookup(index, rows[:, 1:], "*ELEMENT"), groups))
        point_sets = {name: _lookup(index, ids, f"node set {name!r}") for name, ids in self._sets["NSET"].values()}
        sides = {}
        for name, sort, rows in self._surfaces:
            if sort == "NODE":
                members = [i for row in rows for i in self._tags("NSET", row[0])]
                point_sets[name] = _lookup(index, members, f"surface {name!r}")
            elif sort == "ELEMENT":
                faces, owners = self._side(name, rows)
                sides[name] = Sides(_lookup(index, faces, f"surface {name!r}"), owners)
        return RawMesh("vtk", table[:, 1:], blocks, point_sets, sides, False)

    def _side(self, name, rows):
        """Nodes of the faces of a surface, and the elements they were named from."""
        faces, owners = [], []
        for entry, *label in rows:
            ids = self._tags("ELSET", entry)
            for block, (kind, table) in enumerate(self._elements):
                chosen = np.flatnonzero(np.isin(table[:, 0], ids))
                if len(chosen):
                    faces.append(table[chosen, 1:][:, _face(name, kind, label)])
                    owners.append(np.stack([np.full(len(chosen), block), chosen], axis=1))
        if len({face.shape[1] for face in faces}) != 1:
            raise ValueError(f"surface {name!r} has no faces, or faces of different shapes.")
        return np.concatenate(faces), np.concatenate(owners)

    def _tags(self, sort, entry):
        return [int(entry)] if entry.isdigit() else self._members(sort, entry)

    def _add(self, sort, name, members):
        self._sets[sort].setdefault(name.upper(), (name, []))[1].extend(members)

    def _members(self, sort, name):
        if name.upper() not in self._sets[sort]:
            known = ", ".join(repr(shown) for shown, _ in self._sets[sort].values()) or "none"
            raise ValueError(f"{name!r} is not an earlier {sort}; there are: {known}.")
        return list(self._sets[sort][name.upper()][1])


def _kind(name):
    name = name.upper()
    if name in _BEAMS:
        return _BEAMS[name]
    for pattern, kinds in _FAMILIES:
        found = pattern.match(name)
        if found and int(found[1]) in kinds:
            return kinds[int(found[1])]
    raise ValueError(f"element type {name or 'missing'!r} is not supported.")


def _face(name, kind, label):
    faces = _FACES.get(KINDS.get(kind, ("",))[0], ())
    label = label[0].upper() if label else ""
    if not re.fullmatch(r"S[1-9]", label) or int(label[1]) > len(faces):
        raise ValueError(f"surface {name!r}: a face S1 … S{len(faces)} of a {kind} expected, got {label!r}.")
    return faces[int(label[1]) - 1]


def _lookup(index, tags, where):
    tags = np.asarray(tags, dtype=np.int64)
    try:
        return np.array([index[t] for t in tags.ravel().tolist()], dtype=np.int64).reshape(tags.shape)
    except KeyError as error:
        raise ValueError(f"{where} names node {error}, which does not exist.") from None


def _keywords(path):
    """Yield (keyword, options, data lines), with included files in place."""
    current = None
    for line in _lines(path, ()):
        if line.startswith("*"):
            if current is not None:
                yield current
            keyword, *options = line[1:].split(",")
            pairs = [option.partition("=") for option in options]
            current = (
                " ".join(keyword.upper().split()),
                {key.strip().upper(): value.strip().strip('"') for key, _, value in pairs},
                [],
            )
        elif current is not None:
            current[2].append(line)
    if current is not None:
        yield current


def _lines(path, above):
    if path in above:
        raise ValueError(f"{path} includes itself.")
    pending = ""
    for raw in path.read_text(encoding="utf-8", errors="replace").splitlines():
        line = pending + raw.strip()
        pending = ""
        if not line or line.startswith("**"):
            continue
        if line.startswith("*") and line.endswith(","):
            pending = line  # a keyword line goes on after a trailing comma
        elif line.upper().replace(" ", "").startswith("*INCLUDE,INPUT="):
            yield from _lines(path.parent / line.split("=", 1)[1].strip(), (*above, path))
        else:
            yield line
