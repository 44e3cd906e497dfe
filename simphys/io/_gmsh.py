"""Gmsh files, format 2.2 and 4.1, ASCII and binary.

An element may be in several physical groups (4.1: through its entity; 2.2: it is written once for each),
groups of different dimensions may share a name, and groups may lack one; all of that is kept.
"""

import re

import numpy as np

from ._raw import Block, RawMesh


# fmt: off
KINDS = {
    1: "line", 2: "triangle", 3: "quad", 4: "tetra", 5: "hexahedron", 6: "wedge", 7: "pyramid", 8: "line3",
    9: "triangle6", 10: "quad9", 11: "tetra10", 12: "hexahedron27", 13: "wedge18", 14: "pyramid14",
    15: "vertex", 16: "quad8", 17: "hexahedron20", 18: "wedge15", 19: "pyramid13", 21: "triangle10",
    26: "line4", 29: "tetra20", 36: "quad16", 92: "hexahedron64",
}
"""Kinds of elements by gmsh's numbers."""
_SIZES = {
    1: 2, 2: 3, 3: 4, 4: 4, 5: 8, 6: 6, 7: 5, 8: 3, 9: 6, 10: 9, 11: 10, 12: 27, 13: 18, 14: 14, 15: 1,
    16: 8, 17: 20, 18: 15, 19: 13, 21: 10, 26: 4, 29: 20, 36: 16, 92: 64,
}
# fmt: on
_DIMENSION = {"vertex": 0, "line": 1, "triangle": 2, "quad": 2}


def read_gmsh(data: bytes) -> RawMesh:
    """Read the content of a gmsh file.

    **Arguments:**

    - `data`: the bytes of the file.

    **Returns:** a `RawMesh`; a physical group without a name is called by its number.

    **Raises:** `ValueError` if the content is not what the format promises.
    """
    header = _section(data, "MeshFormat").split(None, 3)
    if len(header) < 3 or header[1] not in (b"0", b"1") or header[2] not in (b"4", b"8"):
        raise ValueError("the gmsh header is malformed.")
    version, ascii_, size = header[0].decode("latin-1"), header[1] == b"0", int(header[2])
    if version not in ("2", "2.2", "4.1"):
        raise ValueError(f"gmsh format 2.2 or 4.1 expected, got {version}; let gmsh save it as 4.1.")
    if not ascii_ and header[-1][:4] != b"\x01\0\0\0":
        raise ValueError("binary gmsh file with another byte order.")
    names = _physical_names(data)
    make = _Text if ascii_ else lambda section: _Bytes(section, size)
    try:
        nodes, elements = make(_section(data, "Nodes")), make(_section(data, "Elements"))
        if version != "4.1":
            return _read_2(nodes, elements, ascii_, names)
        physical = _entities_4(make(_section(data, "Entities"))) if b"$Entities" in data else {}
        if b"$PartitionedEntities" in data:
            physical |= _partitioned_4(make(_section(data, "PartitionedEntities")), physical)
        return _read_4(nodes, elements, physical, names)
    except (IndexError, KeyError) as error:
        raise ValueError(f"the gmsh sections are cut short or inconsistent ({error}).") from None


class _Text:
    """Numbers of an ASCII section, taken one run after the other."""

    def __init__(self, section):
        self._numbers = np.array(section.split(), dtype=np.float64)
        self._at = 0

    def take(self, kind, n):
        out = self._numbers[self._at : self._at + _counted(n)]
        if len(out) < n:
            raise IndexError(f"{n - len(out)} numbers missing")
        self._at += n
        return out if kind == "float" else _whole(out)

    def rest(self):
        return _whole(self._numbers[self._at :])

    def nodes(self, n, parametric):
        return self.take("float", n * (3 + parametric)).reshape(n, 3 + parametric)[:, :3]

    def records_2(self, n):
        table = self.take("float", 4 * _counted(n)).reshape(n, 4)
        return _whole(table[:, 0]), table[:, 1:]


def _whole(numbers):
    if not np.all(np.abs(numbers) < 2**53):
        raise ValueError("a whole number expected where the file has none.")
    return numbers.astype(np.int64)


class _Bytes:
    """Numbers of a binary section, taken one run after the other."""

    def __init__(self, section, size):
        self._data, self._at = section, 0
        self._types = {"int": np.dtype("<i4"), "size": np.dtype(f"<u{size}"), "float": np.dtype("<f8")}

    def take(self, kind, n):
        out = self._frombuffer(self._types[kind], _counted(int(n)))
        return out if kind == "float" else out.astype(np.int64)

    def nodes(self, n, parametric):
        return self.take("float", n * (3 + parametric)).reshape(n, 3 + parametric)[:, :3]

    def records_2(self, n):
        rows = self._frombuffer(np.dtype(np.uint8), 28 * _counted(n)).reshape(n, 28)  # a 4-byte tag, three doubles
        return rows[:, :4].copy().view("<i4")[:, 0].astype(np.int64), rows[:, 4:].copy().view("<f8")

    def rest(self):
        return self.take("int", (len(self._data) - self._at) // 4)

    def ascii_count(self):
        end = self._data.index(b"\n", self._at)
        count, self._at = int(self._data[self._at : end]), end + 1
        return count

    def _frombuffer(self, dtype, n):
        if self._at + n * dtype.itemsize > len(self._data):
            raise IndexError(f"{n} numbers expected")
        out = np.frombuffer(self._data, dtype, n, self._at)
        self._at += n * dtype.itemsize
        return out


def _counted(n):
    if n < 0:
        raise ValueError(f"a section announces {n} entries.")
    return n


def _section(data, name):
    start = re.search(rb"\$" + name.encode() + rb"[ \t]*\r?\n", data)
    end = data.find(b"$End" + name.encode(), start.end()) if start else -1
    if end < 0:
        raise ValueError(f"no complete ${name} section: not a gmsh mesh, or cut short.")
    return data[start.end() : end]


def _physical_names(data):
    """(dimension, tag) to name."""
    if b"$PhysicalNames" not in data:
        return {}
    entry = re.compile(r'^\s*(\d)\s+(-?\d+)\s+"(.*)"\s*$', re.MULTILINE)
    text = _section(data, "PhysicalNames").decode("utf-8", "replace")
    return {(int(d), int(t)): name for d, t, name in entry.findall(text.replace("\r", ""))}


def _entities_4(section):
    """(dimension, entity tag) to the tags of its physical groups."""
    physical = {}
    for dim, count in enumerate(section.take("size", 4)):
        for _ in range(_counted(count)):
            tag = int(section.take("int", 1)[0])
            physical[dim, tag] = _physical_tags(section, dim)
    return physical


def _partitioned_4(section, whole):
    """The same for the parts that entities were cut into, which belong to the groups of the whole as well."""
    section.take("size", 1)
    section.take("int", 2 * section.take("size", 1)[0])
    physical = {}
    for dim, count in enumerate(section.take("size", 4)):
        for _ in range(_counted(count)):
            tag, parent_dim, parent = (int(k) for k in section.take("int", 3))
            section.take("int", section.take("size", 1)[0])
            own = _physical_tags(section, dim)
            # What lies between two parts has a parent of a higher dimension, whose groups it is not in.
            above = whole.get((dim, parent), own) if parent_dim == dim else own
            physical[dim, tag] = np.union1d(own, above)
    return physical


def _physical_tags(section, dim):
    """Read the rest of an entity: its box, the groups it is in, what bounds it."""
    section.take("float", 3 if dim == 0 else 6)
    tags = np.abs(section.take("int", section.take("size", 1)[0]))
    if dim > 0:
        section.take("int", section.take("size", 1)[0])
    return tags


def _read_4(nodes, elements, physical, names):
    n_blocks, _, _, _ = nodes.take("size", 4)
    tags, points = [], []
    for _ in range(_counted(n_blocks)):
        dim, _, parametric = nodes.take("int", 3)
        n = _counted(int(nodes.take("size", 1)[0]))
        tags.append(nodes.take("size", n))
        points.append(nodes.nodes(n, dim if parametric else 0))
    index = NodeIndex(np.concatenate([np.zeros(0, np.int64), *tags]))
    blocks = []
    for _ in range(_counted(elements.take("size", 4)[0])):
        dim, entity, code = (int(k) for k in elements.take("int", 3))
        n = _counted(int(elements.take("size", 1)[0]))
        table = elements.take("size", n * (1 + size_of(code))).reshape(n, 1 + size_of(code))
        groups = {names.get((dim, int(t)), str(t)): np.arange(n) for t in physical.get((dim, entity), ())}
        blocks.append(Block(KINDS[code], index(table[:, 1:]), groups))
    return RawMesh("gmsh", np.concatenate([np.zeros((0, 3)), *points]), blocks, {}, {}, False)


def _read_2(nodes, elements, ascii_, names):
    n_points = int(nodes.take("int", 1)[0]) if ascii_ else nodes.ascii_count()
    tags, points = nodes.records_2(n_points)
    index = NodeIndex(tags)
    blocks = []
    for code, physical, table in _rows_2(elements, ascii_):
        kind = KINDS[code]
        dim = _dimension(kind)
        groups = {
            names.get((dim, int(t)), str(t)): np.flatnonzero(physical == t) for t in np.unique(physical) if t != 0
        }
        blocks.append(Block(kind, index(table), groups))
    return RawMesh("gmsh", points, blocks, {}, {}, True)


def _rows_2(elements, ascii_):
    """For each type of element its code, the physical tags and the node tags."""
    count = _counted(int(elements.take("int", 1)[0]) if ascii_ else elements.ascii_count())
    numbers = elements.rest()
    walk, at, starts = numbers.tolist(), 0, {}
    while count > 0:
        # ASCII: number, type, number of tags, tags, nodes. Binary: type, how many, number of tags, then for
        # each of them number, tags, nodes.
        code, n, n_tags = (walk[at + 1], 1, walk[at + 2]) if ascii_ else walk[at : at + 3]
        first, stride = at + (3 if ascii_ else 4), n_tags + size_of(code) + (0 if ascii_ else 1)
        if n < 1 or n_tags < 0 or first + n * stride > len(walk) + 1:
            raise IndexError(f"{n} elements with {n_tags} tags")
        starts.setdefault((code, n_tags), []).extend(range(first, first + n * stride, stride))
        at, count = at + 3 + n * stride, count - n
    for (code, n_tags), where in starts.items():
        table = numbers[np.array(where)[:, None] + np.arange(n_tags + size_of(code))]
        yield code, np.abs(table[:, 0]) if n_tags else np.zeros(len(table), np.int64), table[:, n_tags:]


def size_of(code: int) -> int:
    """Number of nodes of an element by gmsh's number of its type; `ValueError` for types that are not supported."""
    if code not in _SIZES:
        raise ValueError(f"gmsh element type {code} is not supported; cells of degree 1 and 2 are.")
    return _SIZES[code]


def _dimension(kind):
    shape = kind.rstrip("0123456789")
    return _DIMENSION.get(shape, 3)


class NodeIndex:
    """From node tags, which may have gaps, to positions in the file."""

    def __init__(self, tags):
        self._order = np.argsort(tags, kind="stable")
        self._sorted = tags[self._order]

    def __call__(self, wanted):
        """The positions of nodes by their tags."""
        if len(self._sorted) == 0:
            raise ValueError("the mesh has no nodes.")
        at = np.minimum(np.searchsorted(self._sorted, wanted), len(self._sorted) - 1)
        missing = self._sorted[at] != wanted
        if missing.any():
            raise ValueError(f"elements name {missing.sum()} nodes that the file lacks, first {wanted[missing][0]}.")
        return self._order[at]
