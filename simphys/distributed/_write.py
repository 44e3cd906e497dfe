"""Fields of a divided mesh in files: every process writes the parts that it has."""

import os
import pathlib
from xml.sax.saxutils import quoteattr

import jax
import numpy as np

from .._files import replacing
from .._typing import Array
from ..fem import FunctionSpace
from ..io import Domain, write_fields
from ._divided import Divided
from ._parts import Parts
from ._sharded import on_parts, own_rows, together


_TYPES = {"float64": "Float64", "float32": "Float32"}


def write_parts(
    path: str | os.PathLike, parts: Parts, space: FunctionSpace | Divided, fields: dict[str, Array]
) -> None:
    """Write divided fields for ParaView: a `.pvtu` file, and beside it a folder with one `.vtu` file for each part.

    No process needs the fields of others; the `.pvtu` file appears when all parts are there. Every process calls it.

    **Arguments:**

    - `path`: the file, ending in `.pvtu`.
    - `parts`: of the mesh.
    - `space`: that the problem was posed on, or the divided problem where nobody knows the whole; of Lagrange elements.
    - `fields`: name to divided values, (part, node, component), such as a solution's `value`.

    **Raises:** `ValueError` for another ending, or fields of another shape.
    """
    path = pathlib.Path(path)
    if path.suffix != ".pvtu":
        raise ValueError(f"`path` must end in .pvtu, got {str(path)!r}.")
    count, places = parts.nodes.shape
    for name, values in fields.items():
        if np.ndim(values) != 3 or values.shape[:2] != (count, places):
            raise ValueError(f"Field {name!r} must have shape ({count}, {places}, components), got {np.shape(values)}.")
    spread = lambda level, own: {name: level.nodes.spread(values) for name, values in own.items()}
    seen = on_parts(parts.devices, spread, parts.multigrid.levels[0], dict(fields))
    held = {name: dict(own_rows(values)) for name, values in seen.items()}
    r = parts.restriction
    rows = [dict(own_rows(a)) for a in (r.of_space, r.there)]
    if isinstance(space, Divided):
        space = space.parameters.space
        points = dict(own_rows(on_parts(parts.devices, lambda own: own.nodes(), space)))
    else:
        every = np.asarray(space.nodes())
        points = {part: every[whole] for part, whole in own_rows(r.nodes)}
    _write_pieces(path, space, *rows, points, held)
    together(f"parts of {path.name}")
    if jax.process_index() == 0:
        _write_index(path, count, {n: (v.dtype.name, v.shape[-1]) for n, v in fields.items()}, space)


def _write_pieces(path, space, cells, there, points, held):
    for part in cells:
        own = cells[part][there[part]]
        nodes, local = np.unique(own, return_inverse=True)
        domain = Domain(
            points[part][nodes], local.reshape(own.shape), space.mesh.cell_type, space.blocks[0].element.degree
        )
        values = {name: each[part][nodes] for name, each in held.items()}
        values = {name: v[:, 0] if v.shape[1] == 1 else v for name, v in values.items()}
        write_fields(_piece(path, part), domain, values)


def _write_index(path, count, arrays, space):
    kind = _TYPES[space.mesh.points.dtype.name]
    # Two components are written as three.
    widths = {name: 3 if width == 2 else width for name, (_, width) in arrays.items()}
    entries = [
        f'<PDataArray type="{_TYPES[dtype]}" Name={quoteattr(name)} NumberOfComponents="{widths[name]}"/>'
        for name, (dtype, _) in arrays.items()
    ]
    pieces = [f"<Piece Source={quoteattr(f'{path.stem}/{_piece(path, k).name}')}/>" for k in range(count)]
    lines = [
        '<?xml version="1.0"?>',
        '<VTKFile type="PUnstructuredGrid" version="1.0" byte_order="LittleEndian" header_type="UInt64">',
        '<PUnstructuredGrid GhostLevel="0">',
        f"<PPointData>{''.join(entries)}</PPointData>",
        f'<PPoints><PDataArray type="{kind}" NumberOfComponents="3"/></PPoints>',
        *pieces,
        "</PUnstructuredGrid>",
        "</VTKFile>",
    ]
    with replacing(path) as temporary:
        temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _piece(path, part):
    return path.parent / path.stem / f"part_{part:04d}.vtu"
