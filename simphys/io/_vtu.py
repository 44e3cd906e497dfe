"""VTU files: unstructured grids of VTK in XML, with text, base64 or raw data, compressed or not."""

import base64
import binascii
import lzma
import pathlib
import re
import zlib
from xml.etree import ElementTree

import numpy as np

from ._lagrange import lagrange_kind
from ._raw import LARGEST, Block, check_size, numbers
from ._tags import Tagged


# fmt: off
_TYPES = {
    "Int8": "i1", "UInt8": "u1", "Int16": "i2", "UInt16": "u2", "Int32": "i4", "UInt32": "u4", "Int64": "i8",
    "UInt64": "u8", "Float32": "f4", "Float64": "f8",
}
_KINDS = {
    1: ("vertex", 1), 3: ("line", 2), 5: ("triangle", 3), 8: ("quad", 4), 9: ("quad", 4), 10: ("tetra", 4),
    11: ("hexahedron", 8), 12: ("hexahedron", 8), 13: ("wedge", 6), 14: ("pyramid", 5), 21: ("line3", 3),
    22: ("triangle6", 6), 23: ("quad8", 8), 24: ("tetra10", 10), 25: ("hexahedron20", 20), 26: ("wedge15", 15),
    27: ("pyramid13", 13), 28: ("quad9", 9), 29: ("hexahedron27", 27),
    32: ("wedge18", 18),
}
_ORDER = {8: [0, 1, 3, 2], 11: [0, 1, 3, 2, 4, 5, 7, 6]}
# fmt: on


def read_vtu(path: pathlib.Path) -> Tagged:
    """Read a VTU file.

    **Raises:** `ValueError` if it is none, if it is cut short or its counts contradict its data, or if an array would
    unpack to more than is ever read.
    """
    piece, read = _opened(path)
    n_points, n_cells = _count(piece, "NumberOfPoints"), _count(piece, "NumberOfCells")
    points = read(piece.find("Points/DataArray"), n_points)
    arrays = {array.get("Name"): array for array in piece.findall("Cells/DataArray")}
    types, offsets = (read(arrays.get(name), n_cells).astype(np.int64).ravel() for name in ("types", "offsets"))
    connectivity = read(arrays.get("connectivity"), None).astype(np.int64).ravel()
    data = {a.get("Name", ""): read(a, n_cells) for a in piece.findall("CellData/DataArray") if a.get("type") in _TYPES}
    sizes = np.diff(offsets, prepend=0)
    if np.any(sizes < 1) or (n_cells and offsets[-1] != len(connectivity)):
        raise ValueError("the offsets of the cells do not fit their nodes.")
    blocks, own = [], []
    for number, size in np.unique(np.stack([types, sizes], axis=1), axis=0).tolist():
        rows = np.flatnonzero((types == number) & (sizes == size))
        nodes = connectivity[(offsets[rows] - size)[:, None] + np.arange(size)]
        blocks.append(Block(*_kind(number, nodes, points), {}))
        own.append({name: values[rows] for name, values in data.items()})
    return Tagged("vtk", points, blocks, own, {})


def read_vtu_fields(path: pathlib.Path) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Return the arrays of a VTU file at its points and of its cells, in the order of `read_vtu`'s blocks.

    **Raises:** `ValueError`, as `read_vtu` does.
    """
    piece, read = _opened(path)
    n_points, n_cells = _count(piece, "NumberOfPoints"), _count(piece, "NumberOfCells")
    types = read(next(a for a in piece.findall("Cells/DataArray") if a.get("Name") == "types"), n_cells)
    offsets = read(next(a for a in piece.findall("Cells/DataArray") if a.get("Name") == "offsets"), n_cells)
    order = np.lexsort((np.diff(offsets.ravel(), prepend=0), types.ravel()))
    of = lambda kind, n: {a.get("Name", ""): read(a, n) for a in piece.findall(f"{kind}/DataArray")}
    return of("PointData", n_points), {name: values[order] for name, values in of("CellData", n_cells).items()}


def read_grid_fields(path: pathlib.Path) -> tuple[list[np.ndarray], dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Return the positions of faces along each axis of a VTI or VTR file, and its arrays at corners and of cells.

    Axes of one corner are left out; the last axis runs fastest, as that of an array in C.

    **Raises:** `ValueError` if it is none of one piece, is cut short, or its counts contradict its data.
    """
    root, raw = _parsed(path.read_bytes())
    kind, read = root.get("type"), _Arrays(root, raw)
    piece = root.find(f"{kind}/Piece")
    if root.tag != "VTKFile" or kind not in ("ImageData", "RectilinearGrid") or piece is None:
        raise ValueError("not an image or rectilinear grid of VTK.")
    ends = np.array([int(n) for n in piece.get("Extent", "").split()])
    if ends.shape != (6,) or np.any(ends[::2] != 0) or np.any(ends[1::2] < 0) or np.prod(ends[1::2] + 1.0) > LARGEST:
        raise ValueError(f"an extent of three ranges from 0 on expected, got {piece.get('Extent')!r}.")
    shape = tuple(ends[1::2] + 1)
    if kind == "ImageData":
        grid = root.find(kind)
        numbers_of = lambda name: [float(x) for x in (grid.get(name, "") if grid is not None else "").split()]
        origin, steps = numbers_of("Origin"), numbers_of("Spacing")
        if len(origin) != 3 or len(steps) != 3:
            raise ValueError("an origin and a spacing of three numbers each expected.")
        faces = [x + h * np.arange(n) for x, h, n in zip(origin, steps, shape, strict=True)]
    else:
        lines = piece.findall("Coordinates/DataArray")
        if len(lines) != 3:
            raise ValueError("coordinates along three axes expected.")
        faces = [read(line, n).ravel() for line, n in zip(lines, shape, strict=True)]

    def arrays(place, counts):
        turned = lambda a: np.moveaxis(a.reshape(*counts[::-1], *a.shape[1:]), (0, 1, 2), (2, 1, 0))
        total = int(np.prod(counts))
        found = {a.get("Name", ""): read(a, total) for a in piece.findall(f"{place}/DataArray")}
        return {name: turned(values).reshape(total, *values.shape[1:]) for name, values in found.items()}

    cells = tuple(max(n - 1, 1) for n in shape)
    return [x for x in faces if len(x) > 1], arrays("PointData", shape), arrays("CellData", cells)


def _opened(path):
    """The piece of a file that has cells, and what reads its arrays."""
    root, raw = _parsed(path.read_bytes())
    if root.tag != "VTKFile" or root.get("type") != "UnstructuredGrid":
        raise ValueError("not an unstructured grid of VTK.")
    pieces = [piece for piece in root.iter("Piece") if _count(piece, "NumberOfCells")]
    if len(pieces) != 1:
        raise ValueError(
            f"one piece with cells expected, got {len(pieces)}: merge the pieces of the mesh into one grid."
        )
    return pieces[0], _Arrays(root, raw)


def _kind(number, nodes, points):
    if number not in _KINDS:
        return lagrange_kind(number, nodes, points)
    kind, size = _KINDS[number]
    if nodes.shape[1] != size:
        raise ValueError(f"{kind} cells have {size} nodes, got {nodes.shape[1]}.")
    return kind, nodes[:, _ORDER[number]] if number in _ORDER else nodes


def _count(piece, name):
    text = piece.get(name, "")
    if not re.fullmatch(r"\s*\d{1,15}\s*", text):
        raise ValueError(f"{name} must be a whole number, 0 or more.")
    return int(text)


def _parsed(content):
    """The XML tree, and the appended bytes, which are no XML if they are raw."""
    raw = None
    start = re.search(rb'<AppendedData[^>]*encoding\s*=\s*"raw"[^>]*>\s*_', content)
    if start:
        end = content.rfind(b"</AppendedData>")
        if end < start.end():
            raise ValueError("the appended data have no end: the file is cut short.")
        raw, content = content[start.end() : end], content[: start.end()] + content[end:]
    return parse_xml(content), raw


def parse_xml(content: bytes) -> ElementTree.Element:
    """Return the tree of an XML file; `ValueError` if it is none, or defines entities, which may grow without bound."""
    if b"<!ENTITY" in content:
        raise ValueError("XML with entities of its own is not read.")
    try:
        return ElementTree.fromstring(content)
    except ElementTree.ParseError as error:
        raise ValueError(f"unreadable: no complete XML ({error}).") from None


class _Arrays:
    """Reads the `DataArray` elements of a file."""

    def __init__(self, root, raw):
        order = {"LittleEndian": "<", "BigEndian": ">"}.get(root.get("byte_order", "LittleEndian"))
        header = {"UInt32": "u4", "UInt64": "u8"}.get(root.get("header_type", "UInt32"))
        name = root.get("compressor")
        compressors = {None: None, "vtkZLibDataCompressor": zlib, "vtkLZMADataCompressor": lzma}
        if order is None or header is None or name not in compressors:
            raise ValueError(f"byte order, header type or compressor ({name}) of the file is not supported.")
        self._order, self._header, self._compressor = order, np.dtype(order + header), compressors[name]
        text = root.find("AppendedData")
        self._raw = raw
        self._appended = None if raw is not None or text is None else (text.text or "").strip().removeprefix("_")

    def __call__(self, array, rows):
        """The values of an array, (rows, components); of any length for None."""
        if array is None or array.get("type") not in _TYPES:
            raise ValueError("an array that every grid has is missing, or its type is not supported.")
        dtype = np.dtype(self._order + _TYPES[array.get("type")])
        values = self._values(array, dtype)
        width = int(array.get("NumberOfComponents") or 1)
        if rows is not None and len(values) != rows * width:
            raise ValueError(f"{rows * width} numbers of {array.get('Name')!r} expected, got {len(values)}.")
        return values.reshape(-1, width) if width > 1 else values

    def _values(self, array, dtype):
        kind = array.get("format", "ascii")
        if kind == "ascii":
            return numbers(array.text, dtype.newbyteorder("="))
        if kind == "binary":
            data = self._unpacked(_Base64((array.text or "").strip()))
        elif kind == "appended" and self._raw is not None:
            data = self._unpacked(_Raw(self._raw[int(array.get("offset", 0)) :]))
        elif kind == "appended" and self._appended is not None:
            data = self._unpacked(_Base64(self._appended[int(array.get("offset", 0)) :]))
        else:
            raise ValueError(f"data in the format {kind!r} are not supported, or not there.")
        if len(data) % dtype.itemsize:
            raise ValueError("an array ends within a number.")
        return np.frombuffer(data, dtype).astype(dtype.newbyteorder("="))

    def _unpacked(self, stream):
        one = self._header.itemsize
        if self._compressor is None:
            return stream.plain(self._header)
        count = int(np.frombuffer(stream.header(one), self._header)[0])
        check_size((count,), 3 * one)
        header = np.frombuffer(stream.header((3 + count) * one), self._header).astype(object)
        size, last, packed = int(header[1]), int(header[2]), header[3:].tolist()
        check_size((count, size), 1)
        parts, at, body = [], 0, stream.body((3 + count) * one, sum(packed))
        for i, length in enumerate(packed):
            wanted = last if last and i == count - 1 else size
            parts.append(self._decompressed(body[at : at + length], wanted))
            at += length
        return b"".join(parts)

    def _decompressed(self, data, wanted):
        try:
            machine = zlib.decompressobj() if self._compressor is zlib else lzma.LZMADecompressor()
            found = machine.decompress(data, wanted + 1)
        except (zlib.error, lzma.LZMAError):
            raise ValueError("compressed data are damaged.") from None
        if len(found) != wanted:
            raise ValueError(f"a compressed block of {wanted} bytes expected, got another size.")
        return found


class _Raw:
    """Bytes that stand as they are."""

    def __init__(self, data):
        self._data = data

    def plain(self, header):
        """The bytes behind a header that counts them."""
        size = int(np.frombuffer(self.header(header.itemsize), header)[0])
        return self.body(header.itemsize, size)

    def header(self, n):
        """The first n bytes."""
        return self.body(0, n)

    def body(self, start, n):
        """n bytes from `start`."""
        if start + n > len(self._data):
            raise ValueError(f"{n} bytes are announced, {max(len(self._data) - start, 0)} are there.")
        return self._data[start : start + n]


class _Base64:
    """Bytes in base64; a header may be encoded by itself, or together with what it announces."""

    def __init__(self, text):
        self._text = text

    def plain(self, header):
        """The bytes behind a header that counts them."""
        n = header.itemsize
        size = int(np.frombuffer(self.header(n), header)[0])
        if size > LARGEST or size > len(self._text):
            raise ValueError(f"{size} bytes are announced, at most {len(self._text)} are there.")
        if self._text[: _chars(n)].endswith("="):
            return self.body(n, size)
        return self._decoded(self._text[: _chars(n + size)], n + size)[n:]

    def header(self, n):
        """The first n bytes, encoded by themselves or not."""
        return self._decoded(self._text[: _chars(n)], n)

    def body(self, start, n):
        """n bytes that are encoded by themselves, behind a header of `start` bytes."""
        return self._decoded(self._text[_chars(start) :][: _chars(n)], n)

    def _decoded(self, text, n):
        try:
            found = base64.b64decode(text, validate=True)
        except binascii.Error:
            raise ValueError("data in base64 are damaged or cut short.") from None
        if len(found) < n:
            raise ValueError(f"{n} bytes are announced, {len(found)} are there.")
        return found[:n]


def _chars(n):
    """Number of characters that n bytes take in base64."""
    return -(-n // 3) * 4
