"""Writing fields for ParaView: one VTU file, or a series of them under one PVD file."""

import contextlib
import io
import math
import pathlib
from typing import NamedTuple
from xml.sax.saxutils import quoteattr

import jax.numpy as jnp
import numpy as np

from .._files import replacing
from .._typing import ArrayLike
from ..fem import CELL_DIMENSION, FunctionSpace, Mesh, raised, reference_nodes, shown_space
from ..grids import Grid
from ._node_order import KINDS, SERENDIPITY, from_basix
from ._subdivide import subdivision
from ._write_grid import grid_suffix, write_grid


_KIND = {what: kind for kind, what in KINDS.items() if kind not in SERENDIPITY}
_WRITTEN = {"pyramid14": "pyramid13"}
"""What VTK does not have: the value at the centre of a pyramid's base is written, but belongs to no cell."""


class Domain(NamedTuple):
    """Nodes and cells that fields are given on, for fields whose nodes are not those of the mesh.

    - `points`: node positions, shape (node, dim).
    - `cells`: node numbers of each cell in Basix order, shape (cell, local); of several types a tuple of such arrays.
    - `cell_type`: Basix name of the cell; of several types a tuple.
    - `degree`: degree of the Lagrange cell. Up to 2 it is written as such, above cut into straight cells.
    """

    points: ArrayLike
    cells: ArrayLike | tuple[ArrayLike, ...]
    cell_type: str | tuple[str, ...]
    degree: int


def write_fields(path, domain: Mesh | FunctionSpace | Domain, point_fields=None, cell_fields=None):
    """Write fields to a VTU file, which appears only when it is complete.

    **Arguments:**

    - `path`: the file, ending in `.vtu`; its folder is made if need be.
    - `domain`: the mesh, a function space of any elements, or nodes and cells as a `Domain`.
    - `point_fields`: name to nodal values, shape (node,), (node, k) or (node, k, k); k = 2 is padded to 3. Of a function
      space, one value for each degree of freedom; (space, values) for a field of another space on the same mesh.
    - `cell_fields`: name to cell values, shaped as nodal ones are.

    **Raises:** `ValueError` if the path has another ending, or a field lacks a value for each node or cell.
    """
    path = pathlib.Path(path)
    if path.suffix != ".vtu":
        raise ValueError(f"`path` must end in .vtu, got {str(path)!r}.")
    if isinstance(domain, Mesh):
        domain = FunctionSpace(domain, domain.degree)
    if isinstance(domain, FunctionSpace):
        domain, point_fields = _on_one(domain, point_fields or {})
    points, blocks = np.asarray(domain.points), _blocks(domain)
    at_points = _fields("point", point_fields, len(points))
    sizes = [len(cells) for cells, _ in blocks]
    at_cells = _fields("cell", cell_fields, sum(sizes))
    at_cells = {name: np.split(values, np.cumsum(sizes)[:-1]) for name, values in at_cells.items()}
    written = []
    for k, (cells, cell_type) in enumerate(blocks):
        degree = domain.degree
        if degree > 2:
            parts = subdivision(cell_type, degree)
            cells = cells[:, parts].reshape(-1, parts.shape[1])
            for values in at_cells.values():
                values[k] = np.repeat(values[k], len(parts), axis=0)
            degree = 1
        kind = _KIND[cell_type, degree]
        written.append((_WRITTEN.get(kind, kind), cells[:, from_basix(_WRITTEN.get(kind, kind))]))
    padded = np.zeros((len(points), 3), dtype=points.dtype)
    padded[:, : points.shape[1]] = points
    _write_vtu(path, padded, written, at_points, at_cells)


class FieldSeries:
    """Fields at a sequence of times, as a PVD file beside a folder of VTU files, or on a `Grid` of VTI or VTR files.

    After each `write` the PVD file on disk is complete and lists every step so far, so a run that dies
    leaves a series that opens.
    """

    def __init__(self, path, domain: Mesh | FunctionSpace | Domain | Grid):
        """**Arguments:**

        - `path`: the file, ending in `.pvd`; a series that is there is replaced.
        - `domain`: as in [`write_fields`][]; or a `Grid`.

        **Raises:** `ValueError` if the path has another ending.
        """
        self._path = pathlib.Path(path)
        if self._path.suffix != ".pvd":
            raise ValueError(f"`path` must end in .pvd, got {str(path)!r}.")
        self._domain = domain
        self._steps: list[tuple[float, str]] = []

    def write(self, time: float, point_fields=None, cell_fields=None):
        """Add the fields at one time.

        **Arguments:**

        - `time`: later than those before.
        - `point_fields`, `cell_fields`: as in [`write_fields`][]; on a grid fields of it, as in [`write_grid`][].

        **Raises:** `ValueError` if the time is not finite or not later, or a field does not fit.
        """
        time = float(time)
        if not math.isfinite(time) or (self._steps and time <= self._steps[-1][0]):
            last = f" later than {self._steps[-1][0]:g}" if self._steps else ""
            raise ValueError(f"`time` must be finite{last and ' and'}{last}, got {time}.")
        on_grid = isinstance(self._domain, Grid)
        kind = grid_suffix(self._domain) if on_grid else ".vtu"
        name = f"{self._path.stem}/{self._path.stem}_{len(self._steps):05d}{kind}"
        if on_grid:
            write_grid(self._path.parent / name, self._domain, {**(point_fields or {}), **(cell_fields or {})})
        else:
            write_fields(self._path.parent / name, self._domain, point_fields, cell_fields)
        self._steps.append((time, name))
        entries = "".join(f'    <DataSet timestep="{t!r}" file={quoteattr(file)}/>\n' for t, file in self._steps)
        text = (
            '<?xml version="1.0"?>\n<VTKFile type="Collection" version="0.1" byte_order="LittleEndian">\n'
            f"  <Collection>\n{entries}  </Collection>\n</VTKFile>\n"
        )
        with replacing(self._path) as temporary:
            temporary.write_text(text, encoding="utf-8")


def _on_one(space, fields):
    """The nodes and cells of one space that shows all fields, and these at its nodes."""
    placed = {name: given if isinstance(given, tuple) else (space, given) for name, given in fields.items()}
    sizes = lambda mesh: [block.nodes.shape for block in mesh.blocks]
    for name, (own, values) in placed.items():
        if not isinstance(own, FunctionSpace) or sizes(own.mesh) != sizes(space.mesh):
            raise ValueError(f"The point field {name!r} must be of a space on the same mesh, got {own!r}.")
        if np.shape(values)[:1] != (own.n_nodes,):
            raise ValueError(
                f"The point field {name!r} must have shape ({own.n_nodes},) or ({own.n_nodes}, k), got {np.shape(values)}."
            )
    target = shown_space(space, *(own for own, _ in placed.values()))
    at_nodes = lambda own, values: values if own is target else np.asarray(raised(own, jnp.asarray(values), target))
    cells = tuple(block.cells for block in target.blocks)
    nodes = Domain(target.nodes(), cells, target.mesh.cell_types, target.degree)
    return nodes, {name: at_nodes(*field) for name, field in placed.items()}


def _blocks(domain):
    """Cells and type of each block, checked."""
    several = isinstance(domain.cell_type, tuple)
    types, tables = (domain.cell_type, domain.cells) if several else ((domain.cell_type,), (domain.cells,))
    if not isinstance(domain.degree, int) or domain.degree < 1:
        raise ValueError(f"`degree` must be a positive integer, got {domain.degree!r}.")
    blocks = []
    for name, cells in zip(types, map(np.asarray, tables), strict=True):
        if name not in CELL_DIMENSION:
            raise ValueError(f"`cell_type` must be one of {', '.join(CELL_DIMENSION)}, got {name!r}.")
        local = len(reference_nodes(name, domain.degree))
        if cells.dtype.kind not in "iu":
            raise ValueError(f"`cells` must hold whole numbers, got {cells.dtype}.")
        if cells.ndim != 2 or cells.shape[1] != local:
            raise ValueError(
                f"`cells` of {name} and degree {domain.degree} must have shape (cell, {local}), got {cells.shape}."
            )
        blocks.append((cells, name))
    return blocks


def _fields(what, fields, n):
    out = {}
    for name, values in (fields or {}).items():
        values = np.asarray(values)
        square = values.ndim < 3 or values.shape[1] == values.shape[2] <= 3
        if values.ndim not in (1, 2, 3) or values.shape[0] != n or not square:
            raise ValueError(
                f"The {what} field {name!r} must have shape ({n},), ({n}, k) or ({n}, k, k) with k up to 3, "
                f"got {values.shape}."
            )
        if values.dtype.kind not in "biuf":
            raise ValueError(f"The {what} field {name!r} must hold real numbers, got {values.dtype}.")
        values = values.astype(np.uint8) if values.dtype.kind == "b" else values
        if values.ndim > 1 and values.shape[1] < 3 and (values.ndim == 3 or values.shape[1] == 2):
            values = np.pad(values, [(0, 0)] + [(0, 3 - values.shape[1])] * (values.ndim - 1))
        out[name] = values.reshape(n, -1) if values.ndim == 3 else values
    return out


def _write_vtu(path, points, blocks, point_fields, cell_fields):
    # Imported here since it takes longer than the rest of this package.
    import meshio

    # Its table lacks pyramids of 13 nodes, which it can write.
    meshio._mesh.topological_dimension.setdefault("pyramid13", 3)
    mesh = meshio.Mesh(points, blocks, point_data=point_fields, cell_data=cell_fields)
    with replacing(path) as temporary, contextlib.redirect_stderr(io.StringIO()):
        meshio.write(temporary, mesh, file_format="vtu")
