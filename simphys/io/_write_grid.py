"""Writing fields on Cartesian grids for ParaView: VTI files of equal steps, VTR files of any."""

import base64
import pathlib
from xml.sax.saxutils import quoteattr

import numpy as np

from .._files import replacing
from ..grids import CellField, FaceField, Flow, Grid, VertexField


_TYPES = {"f4": "Float32", "f8": "Float64"}


def write_grid(path, grid: Grid, fields: dict) -> pathlib.Path:
    """Write fields on a grid as XML of VTK that ParaView opens.

    **Arguments:**

    - `path`: ends in `.vti` (all steps along an axis equal) or `.vtr` (any steps).
    - `grid`: a `Grid`.
    - `fields`: by name: a `CellField`, a `FaceField` (written as vectors at cell centres), a `Flow` (as `name.velocity`
      and `name.pressure`) or a `VertexField`, at corners (on no periodic axis).

    **Returns:** the path.

    **Raises:** `ValueError` for another ending, unequal steps in a VTI file, fields of another shape.
    """
    path = pathlib.Path(path)
    if path.suffix not in (".vti", ".vtr"):
        raise ValueError(f"`path` must end in .vti (equal steps) or .vtr (any), got {path.name}.")
    faces = [np.asarray(grid.faces(axis)) for axis in range(grid.dimension)]
    faces += [np.zeros(1, faces[0].dtype)] * (3 - grid.dimension)
    extent = " ".join(f"0 {len(x) - 1}" for x in faces)
    image = path.suffix == ".vti"
    head = _image(path, faces) if image else ""
    kind = "ImageData" if image else "RectilinearGrid"
    cells, points = _sorted(grid, fields)
    lines = [
        '<?xml version="1.0"?>',
        f'<VTKFile type="{kind}" version="1.0" byte_order="LittleEndian" header_type="UInt64">',
        f'<{kind} WholeExtent="{extent}"{head}><Piece Extent="{extent}">',
        "<PointData>",
        *(_array(name, values) for name, values in points.items()),
        "</PointData><CellData>",
        *(_array(name, values) for name, values in cells.items()),
        "</CellData>",
    ]
    if not image:
        lines += ["<Coordinates>", *(_array(n, x) for n, x in zip("xyz", faces, strict=True)), "</Coordinates>"]
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as file:
        file.write_text("\n".join([*lines, f"</Piece></{kind}></VTKFile>\n"]), encoding="utf-8")
    return path


def grid_suffix(grid: Grid) -> str:
    """Return the ending of a grid's files: `.vti` where all steps of each axis are equal, else `.vtr`."""
    return ".vti" if all(_equal(np.asarray(h)) for h in grid.spacings) else ".vtr"


def _equal(h):
    return np.ptp(h) <= 1e-5 * h.max()


def _image(path, faces):
    """Origin and spacing."""
    steps = [np.diff(x) if len(x) > 1 else np.ones(1) for x in faces]
    for axis, h in enumerate(steps):
        if not _equal(h):
            raise ValueError(f"The steps along axis {axis} are not equal: write {path.stem}.vtr.")
    row = lambda numbers: " ".join(repr(float(x)) for x in numbers)
    return f' Origin="{row(x[0] for x in faces)}" Spacing="{row(h.mean() for h in steps)}"'


def _sorted(grid, fields):
    """Arrays of cells and of corners by name, x running fastest; vectors of three components."""
    cells, points = {}, {}
    for name, field in fields.items():
        if isinstance(field, Flow):
            more = {f"{name}.velocity": field.velocity, f"{name}.pressure": field.pressure}
            cells |= _sorted(grid, more)[0]
        elif isinstance(field, FaceField):
            means = [_centred(grid, x, c) for c, x in enumerate(field.components)]
            means += [np.zeros_like(means[0])] * (3 - grid.dimension)
            cells[name] = np.stack([_checked(name, m, grid.shape).ravel(order="F") for m in means], axis=-1)
        elif isinstance(field, CellField):
            cells[name] = _checked(name, np.asarray(field.values), grid.shape).ravel(order="F")
        elif isinstance(field, VertexField):
            shape = tuple(n + 1 for n in grid.shape)
            points[name] = _checked(name, np.asarray(field.values), shape).ravel(order="F")
        else:
            raise ValueError(
                f"`{name}` must be a `CellField`, `FaceField`, `Flow` or `VertexField`, got {type(field)}."
            )
    return cells, points


def _centred(grid, values, axis):
    values = np.asarray(values)
    upper = np.roll(values, -1, axis) if values.shape[axis] == grid.shape[axis] else np.delete(values, 0, axis)
    lower = values if values.shape[axis] == grid.shape[axis] else np.delete(values, -1, axis)
    return (lower + upper) / 2


def _checked(name, values, shape):
    if values.shape != shape:
        raise ValueError(f"`{name}` must have shape {shape} on this grid, got {values.shape}.")
    return values


def _array(name, values):
    values = np.ascontiguousarray(values, values.dtype.newbyteorder("<"))
    content = np.array([values.nbytes], "<u8").tobytes() + values.tobytes()
    size = f' NumberOfComponents="{values.shape[1]}"' if values.ndim == 2 else ""
    kind = _TYPES[values.dtype.str[1:]]
    text = base64.b64encode(content).decode()
    return f'<DataArray type="{kind}" Name={quoteattr(name)}{size} format="binary">{text}</DataArray>'
