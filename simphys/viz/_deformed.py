"""Deformed bodies."""

import pathlib

import numpy as np
from matplotlib.axes import Axes

from ..fem import FunctionSpace
from ._body import Body, body
from ._canvas import canvas
from ._page import with_unit
from ._picture import Look, body_axes
from ._values import array, drawn, scalar_samples


def deformed(
    space: FunctionSpace,
    displacement,
    path=None,
    *,
    ax: Axes | None = None,
    colour="magnitude",
    label: str | None = None,
    unit: str = "",
    scale: float = 1.0,
    limits=None,
    colormap: str = "viridis",
    outline: bool = True,
    mesh_lines: bool | None = None,
    view=None,
    title: str = "",
) -> pathlib.Path | Axes:
    """Draw a body at x + s u(x), coloured by a field, with the outline it had before.

    **Arguments:**

    - `space`: the space of the displacement.
    - `displacement`: u, shape (node, dim), a length; (node,) will do in 1-D.
    - `path`: where the picture goes, ending in .png, .svg or .pdf; None for a figure of pyplot's, as notebooks show.
    - `ax`: Matplotlib axes to draw on, instead of a path.
    - `colour`: `magnitude` of the displacement, its component `x`, `y` or `z`, values of the same space, or
      a `CellField` of shape (cell,).
    - `label`: of the colour bar, with unit; arrays have none of their own.
    - `unit`: of lengths.
    - `scale`: s.
    - `limits`: least and greatest value of the colour bar; by default those on the visible surface.
    - `colormap`: name of a Matplotlib colour map.
    - `outline`: whether to draw the undeformed outline.
    - `mesh_lines`: whether to draw the edges of cells; by default, if they are far enough apart.
    - `view`: of a 3-D body: `iso`, `xy`, `xz`, `yz`, or azimuth and elevation of the viewer in degrees (z is
      up).
    - `title`: above the picture.

    **Returns:** the path, or without one the axes.

    **Raises:** `ValueError` if something does not fit, or is not finite.
    """
    target, (space, displacement, colour) = canvas(path, ax), drawn(space, displacement, colour)
    dim = space.mesh.dim
    if dim == 1 and np.ndim(displacement) == 1:
        displacement = np.asarray(displacement)[:, None]
    displacement = array("displacement", displacement, (space.n_nodes, dim))
    factor = float(array("scale", scale, ()))
    shape = body(space, factor * displacement)
    values, default = _colours(space, shape, displacement, colour, unit)
    values = np.tile(values, 2) if dim == 1 else values
    moved = factor != 0 and bool(np.any(displacement))
    caption = f"deformation drawn × {factor:g}" if factor != 1 else ""
    if moved and outline:
        caption = f"{caption}{'; ' if caption else ''}grey lines: undeformed"
    look = Look(
        default if label is None else label,
        unit,
        title,
        caption,
        limits,
        colormap,
        moved and outline,
        mesh_lines,
        view,
    )
    with target.style():
        return target.done(body_axes(shape, values, look, target.one))


def _colours(space, shape: Body, displacement, colour, unit):
    if not isinstance(colour, str):
        return scalar_samples(space, shape.surface, "colour", colour), ""
    names = "xyz"[: space.mesh.dim]
    vectors = shape.surface.nodal(space, displacement)
    if colour == "magnitude":
        return np.linalg.norm(vectors, axis=1), with_unit("displacement magnitude", unit)
    if colour in names and len(colour) == 1:
        return vectors[:, names.index(colour)], with_unit(f"displacement in {colour}", unit)
    raise ValueError(f"`colour` must be 'magnitude', one of {', '.join(names)}, or an array, got {colour!r}.")
