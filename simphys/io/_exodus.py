"""Exodus II files, in NetCDF 3 (by SciPy) or NetCDF 4 (by h5py)."""

import pathlib
import re
import warnings

import numpy as np

from ._raw import Block, RawMesh, Sides, check_size, stacked


_KINDS = {
    "BEAM": "line", "BAR": "line", "TRUSS": "line", "SHELL": "quad", "QUAD": "quad", "TRI": "triangle",
    "TRIANGLE": "triangle", "TRISHELL": "triangle", "TET": "tetra", "TETRA": "tetra", "HEX": "hexahedron",
    "HEXAHEDRON": "hexahedron", "SPHERE": "vertex", "NODE": "vertex",
    "WEDGE": "wedge", "PYRAMID": "pyramid",
}  # fmt: skip
_LINEAR = {"vertex": 1, "line": 2, "triangle": 3, "quad": 4, "tetra": 4, "hexahedron": 8, "wedge": 6, "pyramid": 5}
# Vertices of the sides of an element by Exodus's numbers.
_SIDES = {
    "line": [[0], [1]],
    "triangle": [[0, 1], [1, 2], [2, 0]],
    "quad": [[0, 1], [1, 2], [2, 3], [3, 0]],
    "tetra": [[0, 1, 3], [1, 2, 3], [0, 3, 2], [0, 2, 1]],
    "hexahedron": [[0, 1, 5, 4], [1, 2, 6, 5], [2, 3, 7, 6], [0, 4, 7, 3], [0, 3, 2, 1], [4, 5, 6, 7]],
    "wedge": [[0, 1, 4, 3], [1, 2, 5, 4], [0, 3, 5, 2], [0, 2, 1], [3, 4, 5]],
    "pyramid": [[0, 1, 4], [1, 2, 4], [2, 3, 4], [0, 4, 3], [0, 3, 2, 1]],
}


def read_exodus(path: pathlib.Path) -> RawMesh:
    """Read an Exodus file: element blocks are groups, node sets name points, side sets name sides with their elements.

    What has no name is called by its number.

    **Raises:** `ValueError` if it is none, or it refers to what it does not define.
    """
    content = _variables(path)
    blocks, starts = _blocks(content), [0]
    for block in blocks:
        starts.append(starts[-1] + len(block.nodes))
    if not blocks:
        raise ValueError("the mesh has no cells.")
    point_sets, sides = {}, {}
    for number, name in _names(content, "ns"):
        nodes = content.get(f"node_ns{number}")
        if nodes is not None and len(nodes[0]):
            point_sets[name] = nodes[0].astype(np.int64) - 1
    for number, name in _names(content, "ss"):
        if {f"elem_ss{number}", f"side_ss{number}"} <= content.keys() and len(content[f"elem_ss{number}"][0]):
            elements, local = (content[f"{what}_ss{number}"][0].astype(np.int64) - 1 for what in ("elem", "side"))
            sides |= _side_set(name, elements, local, blocks, np.array(starts))
    return RawMesh("exodus", _points(content), blocks, point_sets, sides, False)


def _points(content):
    if "coord" in content:
        return content["coord"][0].T.astype(float)
    axes = [content[f"coord{axis}"][0].astype(float) for axis in "xyz" if f"coord{axis}" in content]
    if not axes:
        raise ValueError("the file has no points: not an Exodus mesh.")
    return np.stack(axes, axis=1)


def _blocks(content):
    blocks = []
    for number, name in _names(content, "eb"):
        if f"connect{number}" not in content:
            continue
        nodes, kind = content[f"connect{number}"]
        shape = _KINDS.get(re.sub(r"[\d\s\0]+$", "", kind.upper()))
        if shape is None or nodes.ndim != 2:
            raise ValueError(f"element blocks of type {kind!r} are not supported.")
        suffix = "" if nodes.shape[1] == _LINEAR[shape] else str(nodes.shape[1])
        if shape + suffix == "wedge18":
            raise ValueError("Exodus wedges of 18 nodes are not supported: write them with 15.")
        blocks.append(Block(shape + suffix, nodes.astype(np.int64) - 1, {name: np.arange(len(nodes))}))
    return blocks


def _side_set(name, elements, local, blocks, starts):
    """The facets of a side set; those on blocks of lower dimension (shells) are left out by name."""
    if elements.shape != local.shape or np.any(elements < 0) or np.any(elements >= starts[-1]):
        raise ValueError(f"side set {name!r} names elements that do not exist.")
    owner = np.searchsorted(starts, elements, side="right") - 1
    top = max(_rank(block.kind) for block in blocks)
    vertices, owners, lost = [], [], 0
    for number in np.unique(owner):
        rows = np.flatnonzero(owner == number)
        kind = blocks[number].kind
        if _rank(kind) < top:
            lost += len(rows)
            continue
        table = stacked([np.array([side]) for side in _SIDES.get(kind.rstrip("0123456789"), [[]])])
        if np.any(local[rows] < 0) or np.any(local[rows] >= len(table)):
            raise ValueError(f"side set {name!r} names sides that {kind} elements do not have.")
        element = elements[rows] - starts[number]
        side = table[local[rows]]
        vertices.append(np.where(side < 0, -1, np.take_along_axis(blocks[number].nodes[element], side, axis=1)))
        owners.append(np.stack([np.full(len(rows), number), element], axis=1))
    if lost:
        warnings.warn(
            f"{lost} sides of side set {name!r} are left out: they are on elements beside the body.", stacklevel=6
        )
    return {name: Sides(stacked(vertices), np.concatenate(owners))} if vertices else {}


def _rank(kind):
    shape = kind.rstrip("0123456789")
    return {"vertex": 0, "line": 1, "triangle": 2, "quad": 2}.get(shape, 3)


def _names(content, what):
    """Running number and name of the blocks or sets of a kind."""
    ids = content.get(f"{what}_prop1", (np.zeros(0, int), ""))[0].ravel().tolist()
    texts = content.get(f"{what}_names", (None, ""))[0]
    rows = [] if texts is None else [b"".join(np.asarray(row, "S1")).split(b"\0")[0] for row in texts]
    for i, number in enumerate(ids):
        name = rows[i].decode("utf-8", "replace").strip() if i < len(rows) else ""
        yield i + 1, name or str(number)


_WANTED = re.compile(r"coord[xyz]?|connect\d+|(eb|ns|ss)_(prop1|names)|node_ns\d+|(elem|side)_ss\d+")


def _variables(path):
    """Name to values and element type of what is needed of the file."""
    with open(path, "rb") as stream:
        start = stream.read(8)
    if start[:3] == b"CDF":
        return _netcdf3(path)
    if start != b"\x89HDF\r\n\x1a\n":
        raise ValueError("not an Exodus file: neither NetCDF 3 nor NetCDF 4.")
    try:
        import h5py
    except ModuleNotFoundError:
        raise ValueError("it is in NetCDF 4: reading it needs the package 'h5py', which is not installed.") from None
    try:
        with h5py.File(path, "r") as content:
            found = {}
            for name in filter(_WANTED.fullmatch, content):
                link = content.get(name, getlink=True)
                value = content[name] if isinstance(link, h5py.HardLink) else None
                if not isinstance(value, h5py.Dataset) or value.external or value.is_virtual:
                    raise ValueError(f"{name!r} is not stored in the file itself.")
                check_size(value.shape, value.dtype.itemsize)
                found[name] = (np.asarray(value[()]), _text(value.attrs.get("elem_type", "")))
            return found
    except (OSError, KeyError, TypeError, RuntimeError):
        raise ValueError("the NetCDF 4 file is damaged.") from None


def _netcdf3(path):
    # Imported here since few files need it.
    from scipy.io import netcdf_file

    try:
        with netcdf_file(path, "r", mmap=False) as content:
            return {
                name: (np.array(value.data), _text(getattr(value, "elem_type", "")))
                for name, value in content.variables.items()
                if _WANTED.fullmatch(name)
            }
    except (TypeError, ValueError, LookupError, OverflowError, MemoryError, AssertionError, EOFError, OSError):
        raise ValueError("the NetCDF 3 file is damaged or cut short.") from None


def _text(value):
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)
