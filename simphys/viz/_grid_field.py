"""Fields on Cartesian grids."""

import pathlib
from typing import NamedTuple

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from matplotlib.axes import Axes
from matplotlib.patheffects import Normal, Stroke

from ..fem import CellField as MeshCells, FunctionSpace, rectangle
from ..grids import CellField, FaceField, Flow, Grid, VertexField
from ._body import body
from ._canvas import canvas
from ._curves import Curve, Panel, curves_axes
from ._page import INK, with_unit
from ._picture import Look, body_axes, short
from ._values import array, scalar_samples


_POINTS = 160
"""Points along the longer side that streamlines are led between."""


def grid_field(
    grid: Grid,
    field,
    path=None,
    *,
    ax: Axes | None = None,
    label: str = "",
    unit: str = "",
    length_unit: str = "",
    streamlines: bool = True,
    normal: str = "y",
    position: float | None = None,
    limits=None,
    colormap: str = "viridis",
    mesh_lines: bool = False,
    title: str = "",
) -> pathlib.Path | Axes:
    """Draw a field on a grid: in 1-D a curve, in 2-D or where a plane cuts 3-D colours, of velocities their lengths.

    **Arguments:**

    - `grid`: a `Grid`.
    - `field`: a `CellField`, `FaceField` or `VertexField` of the grid, or a `Flow`, of which the velocity is drawn. In 1-D
      also a dictionary of such fields by their names, a curve for each.
    - `path`: where the picture goes, ending in .png, .svg or .pdf; None for a figure of pyplot's, as notebooks show.
    - `ax`: Matplotlib axes to draw on, instead of a path.
    - `label`, `unit`: of the values; `length_unit`: of positions.
    - `streamlines`: draw those of a velocity as well; in 3-D of its part within the plane.
    - `normal`: in 3-D the axis that the plane is normal to, `"x"`, `"y"` or `"z"`; `position`: where the plane cuts it, by
      default in the middle of the grid.
    - `limits`: least and greatest value of the colour bar, in 1-D of the axis.
    - `colormap`, `title`: as in [`deformed`][]; `mesh_lines`: draw the edges of cells (in 1-D nothing).

    **Returns:** the path, or without one the axes.

    **Raises:** `ValueError` if something does not fit.
    """
    target = canvas(path, ax)
    if not isinstance(grid, Grid):
        raise ValueError(f"`grid` must be a `Grid`, got {grid!r}.")
    if grid.dimension == 1:
        look = Look(with_unit(label, unit), length_unit, title, "", limits, colormap, False, mesh_lines, None)
        with target.style():
            return target.done(line_axes(grid, field, look, target.one))
    parts = _parts(grid, field.velocity if isinstance(field, Flow) else field)
    plane = _plane(grid, normal, position)
    caption = "" if plane.axis is None else f"{normal} = {short(plane.position)} {length_unit}".rstrip()
    look = Look(with_unit(label, unit), length_unit, title, caption, limits, colormap, False, mesh_lines, None)
    with target.style():
        return target.done(grid_axes(plane, parts, look, streamlines, target.one))


def line_axes(grid: Grid, field, look: Look, axes: Axes | None) -> Axes:
    """Draw fields of one dimension as curves, without axes on a page, within `style()`."""
    fields, curves = field if isinstance(field, dict) else {"": field}, []
    for name, one in fields.items():
        (part,) = _parts(grid, one.velocity if isinstance(one, Flow) else one)
        curves.append(Curve(part.points[0], part.values, name))
    if not curves:
        raise ValueError("`field` must hold at least one field.")
    panel = Panel((), curves, with_unit("x", look.length_unit), look.label, look.title)
    (axes,) = curves_axes([panel], [([], curves)], "", None if axes is None else (axes,))
    if look.limits is not None:
        axes.set_ylim(*look.limits)
    return axes


def grid_axes(plane: "Plane", parts: list, look: Look, streamlines: bool, axes: Axes | None) -> Axes:
    """Draw a field, the parts of which are components; without axes on a page, within `style()`."""
    cells = [plane.values(part, [(x[1:] + x[:-1]) / 2 for x in plane.faces]) for part in parts]
    vector = len(parts) > 1
    axes = _cells_axes(plane.faces, np.linalg.norm(cells, axis=0) if vector else cells[0], look, axes)
    names = [name for axis, name in enumerate("xyz") if axis != plane.axis]
    axes.set(xlabel=with_unit(names[0], look.length_unit), ylabel=with_unit(names[1], look.length_unit))
    if vector and streamlines:
        _draw_streamlines(axes, plane, [p for axis, p in enumerate(parts) if axis != plane.axis])
    return axes


class Part(NamedTuple):
    """Numbers at points of a lattice, and the points' positions along each axis."""

    values: np.ndarray
    points: list[np.ndarray]


class Plane(NamedTuple):
    """What is seen of a grid: all of it in 2-D, in 3-D where a plane cuts it.

    - `faces`: positions of faces along the two axes that are seen.
    - `axis`, `position`: the axis that is not, and where the plane cuts it; None in 2-D.
    """

    faces: list[np.ndarray]
    axis: int | None
    position: float | None

    def values(self, part: Part, lines: list[np.ndarray]) -> np.ndarray:
        """Return numbers between points, linearly, where lines of the two axes cross; beyond the last point as there."""
        places = list(lines)
        if self.axis is not None:
            places.insert(self.axis, np.array([self.position]))
        values = part.values
        for axis, (at, points) in enumerate(zip(places, part.points, strict=True)):
            # The same weights for all rows: of each point the hat function.
            hats = np.stack([np.interp(at, points, hat) for hat in np.eye(len(points))])
            values = np.moveaxis(np.tensordot(values, hats, (axis, 0)), -1, axis)
        return values.reshape([len(line) for line in lines])


def _plane(grid, normal, position):
    faces = [np.asarray(grid.faces(axis), float) for axis in range(grid.dimension)]
    if grid.dimension == 2:
        return Plane(faces, None, None)
    if normal not in ("x", "y", "z"):
        raise ValueError(f"`normal` must be 'x', 'y' or 'z', got {normal!r}.")
    axis = "xyz".index(normal)
    low, high = faces.pop(axis)[[0, -1]]
    position = float((low + high) / 2 if position is None else position)
    if not low <= position <= high:
        raise ValueError(f"`position` must be within the grid, {low:g} to {high:g}, got {position:g}.")
    return Plane(faces, axis, position)


def _parts(grid, field):
    """Each component of a field with the positions of its points; on a periodic axis the first face is the last, too."""
    axes = range(grid.dimension)
    if isinstance(field, FaceField):
        found = [(f"components[{c}]", x, [a == c for a in axes]) for c, x in enumerate(field.components)]
        if len(found) != grid.dimension:
            raise ValueError(f"`field` must have {grid.dimension} components on this grid, got {len(found)}.")
    elif isinstance(field, CellField | VertexField):
        found = [("values", field.values, [isinstance(field, VertexField)] * grid.dimension)]
    else:
        raise ValueError(f"`field` must be a `CellField`, `FaceField`, `VertexField` or `Flow`, got {type(field)}.")
    parts = []
    for name, values, faces in found:
        values = np.asarray(values)
        for axis in axes:
            if faces[axis] and values.ndim == grid.dimension and values.shape[axis] == grid.shape[axis]:
                values = np.concatenate([values, np.take(values, [0], axis)], axis)
        shape = tuple(n + on for n, on in zip(grid.shape, faces, strict=True))
        values = array(f"field.{name}", values, shape, finite=False)
        points = [np.asarray(grid.faces(a) if on else grid.centres(a), float) for a, on in enumerate(faces)]
        parts.append(Part(values, points))
    return parts


def _cells_axes(faces, values, look, axes):
    """Draw cells as those of a mesh."""
    mesh = rectangle(values.shape)
    places = np.asarray(mesh.points, float) * values.shape
    moved = [np.interp(places[:, axis], np.arange(len(x)), x) for axis, x in enumerate(faces)]
    column, row = places[np.asarray(mesh.cells)].mean(axis=1).astype(int).T
    space = FunctionSpace(eqx.tree_at(lambda m: m.points, mesh, jnp.asarray(np.stack(moved, axis=1))))
    shape = body(space, None)
    return body_axes(shape, scalar_samples(space, shape.surface, "field", MeshCells(values[column, row])), look, axes)


def _draw_streamlines(axes, plane, parts):
    # A little within the sides, along which lines would be hidden.
    ends = [np.array([0.996 * x[0] + 0.004 * x[-1], 0.004 * x[0] + 0.996 * x[-1]]) for x in plane.faces]
    sides = np.array([np.ptp(x) for x in ends])
    numbers = np.maximum(_POINTS * sides / sides.max(), 12).astype(int)
    lines = [np.linspace(*x, n) for x, n in zip(ends, numbers, strict=True)]
    u, v = (np.ma.masked_invalid(plane.values(part, lines)).T for part in parts)
    if np.ma.max(u * u + v * v) > 0:
        density = tuple(np.maximum(1.3 * sides / sides.max(), 0.2))
        drawn = axes.streamplot(*lines, u, v, color="white", density=density, linewidth=0.7, arrowsize=0.7, zorder=4.5)
        drawn.lines.set_path_effects([Stroke(linewidth=1.5, foreground=INK, alpha=0.35), Normal()])
