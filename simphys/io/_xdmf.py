"""XDMF files, version 2 and 3: numbers in the XML itself, in HDF5 or in binary files beside it."""

import math
import pathlib
import re

import numpy as np

from ._raw import Block, beside, check_size, numbers
from ._tags import Tagged
from ._vtu import parse_xml


# fmt: off
_KINDS = {
    "polyvertex": "vertex", "polyline": "line", "edge_3": "line3", "triangle": "triangle", "triangle_6": "triangle6",
    "tri_6": "triangle6", "quadrilateral": "quad", "quadrilateral_8": "quad8", "quad_8": "quad8",
    "quadrilateral_9": "quad9", "quad_9": "quad9", "tetrahedron": "tetra", "tetrahedron_10": "tetra10",
    "tet_10": "tetra10", "pyramid": "pyramid", "wedge": "wedge", "hexahedron": "hexahedron",
    "hexahedron_20": "hexahedron20", "hex_20": "hexahedron20", "hexahedron_27": "hexahedron27", "hex_27": "hexahedron27",
}
_NUMBERED = {
    1: ("vertex", 1), 2: ("line", 2), 4: ("triangle", 3), 5: ("quad", 4), 6: ("tetra", 4), 7: ("pyramid", 5),
    8: ("wedge", 6), 9: ("hexahedron", 8), 34: ("line3", 3), 35: ("quad9", 9), 36: ("triangle6", 6), 37: ("quad8", 8),
    38: ("tetra10", 10), 48: ("hexahedron20", 20), 50: ("hexahedron27", 27),
}
# fmt: on
_SIZES = {kind: size for kind, size in _NUMBERED.values()}
_TYPES = {"float": "f", "int": "i", "uint": "u", "char": "i", "uchar": "u", "short": "i"}


def read_xdmf(path: pathlib.Path, within: pathlib.Path | None) -> Tagged:
    """Read the mesh of an XDMF file, with tags of its cells and facets that stand in further grids of it.

    **Arguments:**

    - `path`: the file.
    - `within`: folder outside which no file is read; None for no such limit.

    **Raises:** `ValueError` if it is none or its counts contradict its data, if it names files outside `within`, or if
    data are in HDF5 and h5py is not installed.
    """
    root = parse_xml(path.read_bytes())
    if root.tag != "Xdmf":
        raise ValueError("not an XDMF file.")
    item = _Items(root, path, within)
    points, blocks, data = None, [], []
    for grid in _grids(root):
        geometry, topology = grid.find("Geometry"), grid.find("Topology")
        if geometry is not None and geometry.find("DataItem") is not None:
            found = _points(geometry, item)
            if points is not None and not np.array_equal(points, found):
                raise ValueError("several grids with points of their own: one mesh expected.")
            points = found
        first = len(blocks)
        for kind, nodes, rows in _elements(topology, item):
            blocks.append(Block(kind, nodes, {}))
            data.append({"": rows})
        for attribute in grid.findall("Attribute"):
            if attribute.get("Center", "Node").lower() == "cell":
                values = item(attribute.find("DataItem"))
                count = sum(len(block.nodes) for block in blocks[first:])
                values = values.reshape(-1) if values.size == count else values
                if len(values) != count:
                    raise ValueError(f"{count} values of {attribute.get('Name')!r} expected, got {len(values)}.")
                for own in data[first:]:
                    own[attribute.get("Name", "")] = values[own[""]]
    if points is None:
        raise ValueError("the file has no points.")
    return _merged(points, blocks, [{k: v for k, v in own.items() if k} for own in data])


def _merged(points, blocks, data):
    """Grids that only tag cells repeat them: their data go to the cells of the mesh."""
    kept, own = [], []
    for block, tags in zip(blocks, data, strict=True):
        same = [
            i for i, other in enumerate(kept) if other.kind == block.kind and np.array_equal(other.nodes, block.nodes)
        ]
        if same:
            own[same[0]] |= tags
        else:
            kept.append(block)
            own.append(dict(tags))
    return Tagged("vtk", points, kept, own, {})


def _grids(root):
    """The grids that hold cells; of a series in time the first."""
    domain = root.find("Domain")
    found = []
    for grid in () if domain is None else domain.findall("Grid"):
        while grid is not None and (grid.get("GridType") or "Uniform").lower() in ("collection", "tree"):
            inner = grid.findall("Grid")
            if len(inner) > 1 and (grid.get("CollectionType") or "Spatial").lower() != "temporal":
                raise ValueError("a collection of grids in space is not supported: one mesh expected.")
            grid = inner[0] if inner else None
        if grid is not None and grid.find("Topology") is not None:
            found.append(grid)
    if not found:
        raise ValueError("the file has no grid with cells.")
    return found


def _points(geometry, item):
    kind = (geometry.get("Type") or geometry.get("GeometryType") or "XYZ").upper()
    if kind not in ("XY", "XYZ"):
        raise ValueError(f"points of type {kind!r} are not supported: XY or XYZ expected.")
    values = item(geometry.find("DataItem"))
    if values.size % len(kind):
        raise ValueError(f"the coordinates are no multiple of {len(kind)}.")
    return values.reshape(-1, len(kind))


def _elements(topology, item):
    """Kind, nodes and row numbers of the elements, a block for each kind."""
    name = (topology.get("Type") or topology.get("TopologyType") or "").lower()
    values = item(topology.find("DataItem")).astype(np.int64)
    if name == "mixed":
        return _mixed(values.ravel())
    if name not in _KINDS:
        raise ValueError(f"cells of type {name!r} are not supported.")
    kind = _KINDS[name]
    size = _SIZES[kind]
    if values.size % size or (values.ndim == 2 and values.shape[1] != size):
        raise ValueError(f"{name} cells have {size} nodes, got an array of shape {values.shape}.")
    nodes = values.reshape(-1, size)
    return [(kind, nodes, np.arange(len(nodes)))]


def _mixed(values):
    walk, at, found, row = values.tolist(), 0, {}, 0
    while at < len(walk):
        if walk[at] not in _NUMBERED:
            raise ValueError(f"cells of XDMF's type {walk[at]} are not supported.")
        kind, size = _NUMBERED[walk[at]]
        # Points and lines say how many nodes they have.
        first = at + (2 if walk[at] in (1, 2) else 1)
        if first + size > len(walk) or (walk[at] in (1, 2) and walk[at + 1] != size):
            raise ValueError("the list of mixed cells is cut short, or has lines of several pieces.")
        found.setdefault(kind, []).append((row, first))
        at, row = first + size, row + 1
    for kind, where in found.items():
        rows, starts = np.array(where).T
        yield kind, values[starts[:, None] + np.arange(_SIZES[kind])], rows


class _Items:
    """Reads the `DataItem` elements of a file."""

    def __init__(self, root, path, within):
        self._root, self._path, self._within = root, path, within

    def __call__(self, item) -> np.ndarray:
        if item is None:
            raise ValueError("data are missing.")
        reference = item.get("Reference")
        if reference is not None:
            where = ((item.text or "") if reference == "XML" else reference).strip()
            found = self._root.find("./" + "/".join(where.split("/")[2:])) if where.startswith("/") else None
            if found is None or found.get("Reference") is not None:
                raise ValueError("a reference to data leads nowhere.")
            return self(found)
        shape = self._shape(item)
        dtype = self._type(item)
        form = (item.get("Format") or "XML").lower()
        if form == "xml":
            values = numbers(item.text, dtype)
        elif form == "hdf":
            values = self._from_hdf(item, shape)
        elif form == "binary":
            values = self._from_binary(item, shape, dtype)
        else:
            raise ValueError(f"data in the format {form!r} are not supported.")
        if values.size != math.prod(shape):
            raise ValueError(f"{math.prod(shape)} numbers are announced, {values.size} are there.")
        return values.reshape(shape)

    def _shape(self, item):
        text = item.get("Dimensions", "")
        if not re.fullmatch(r"\s*\d{1,15}(\s+\d{1,15})*\s*", text):
            raise ValueError("`Dimensions` of data must be whole numbers, 0 or more.")
        shape = tuple(int(n) for n in text.split())
        check_size(shape, 8)
        return shape

    def _type(self, item):
        name = (item.get("NumberType") or item.get("DataType") or "Float").lower()
        precision = item.get("Precision") or {"char": "1", "uchar": "1", "short": "2"}.get(name, "4")
        if name not in _TYPES or precision not in ("1", "2", "4", "8") or _TYPES[name] + precision == "f1":
            raise ValueError(f"numbers of type {name!r} with {precision!r} bytes are not supported.")
        return np.dtype(_TYPES[name] + precision)

    def _from_hdf(self, item, shape):
        try:
            import h5py
        except ModuleNotFoundError:
            raise ValueError(
                "its data are in HDF5: reading them needs the package 'h5py', which is not installed."
            ) from None
        name, _, inside = (item.text or "").strip().partition(":")
        file = beside(self._path, name, self._within)
        try:
            with h5py.File(file, "r") as content:
                found = _dataset(h5py, content, inside, self._within)
                if math.prod(found.shape) != math.prod(shape):
                    raise ValueError(f"{math.prod(shape)} numbers are announced, {math.prod(found.shape)} are there.")
                check_size(found.shape, found.dtype.itemsize)
                return np.asarray(found[()])
        except (OSError, KeyError, TypeError, RuntimeError):
            raise ValueError(f"the HDF5 file {name!r} is damaged, or lacks the data {inside!r}.") from None

    def _from_binary(self, item, shape, dtype):
        file = beside(self._path, (item.text or "").strip(), self._within)
        if item.get("Compression", "Raw") != "Raw":
            raise ValueError("compressed binary data are not supported.")
        start, order = (
            int(item.get("Seek", 0)),
            {"big": ">", "little": "<"}.get(item.get("Endian", "Native").lower(), "="),
        )
        size = math.prod(shape) * dtype.itemsize
        if start < 0 or start + size > file.stat().st_size:
            raise ValueError(f"{size} bytes are announced in {file.name!r}, which has {file.stat().st_size}.")
        return np.fromfile(file, dtype.newbyteorder(order), math.prod(shape), offset=start).astype(dtype)


def _dataset(h5py, content, inside, within):
    """A dataset; where files may not lead out of a folder, one that is wholly in this file."""
    at = content
    for key in inside.strip("/").split("/"):
        if within is not None and isinstance(at.get(key, getlink=True), h5py.ExternalLink):
            raise ValueError("the HDF5 file links to another one, which is not read.")
        at = at[key]
    if not isinstance(at, h5py.Dataset):
        raise KeyError(inside)
    if within is not None and (at.external or at.is_virtual):
        raise ValueError("the HDF5 file takes data from another one, which is not read.")
    return at
