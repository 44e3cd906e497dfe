"""Fields on undeformed bodies."""

import pathlib
from typing import NamedTuple

import numpy as np
from matplotlib import ticker
from matplotlib.axes import Axes

from .._typing import ArrayLike
from ..fem import FunctionSpace
from ..grids import Grid
from ._body import body
from ._canvas import canvas
from ._page import COLOURS, new_figure, place, with_unit
from ._picture import STEPS, Look, body_axes
from ._values import array, colour_limits, drawn, scalar_samples


class Measured(NamedTuple):
    """Measured values of a field.

    - `positions`: shape (point, dim), or (point,) in 1-D.
    - `values`: shape (point,).
    - `noise`: standard deviation of one value, a number or shape (point,), or None.
    """

    positions: ArrayLike
    values: ArrayLike
    noise: ArrayLike | None = None


def field(
    space: FunctionSpace | Grid,
    values,
    path=None,
    *,
    ax: Axes | None = None,
    label: str = "",
    unit: str = "",
    length_unit: str = "",
    measured: Measured | None = None,
    limits=None,
    colormap: str = "viridis",
    mesh_lines: bool | None = None,
    view=None,
    title: str = "",
) -> pathlib.Path | Axes:
    """Draw a scalar field, or the length of a vector, on the undeformed body; in 1-D as a curve over x.

    **Arguments:**

    - `space`: the space of the field, of any elements; or a `Grid`, with a `CellField` of it.
    - `values`: one for each degree of freedom: (node,), of vectors of Lagrange elements (node, component); or a `CellField`
      of shape (cell,).
    - `path`: where the picture goes, ending in .png, .svg or .pdf; None for a figure of pyplot's, as notebooks show.
    - `ax`: Matplotlib axes to draw on, instead of a path.
    - `label`, `unit`: of the values; `length_unit`: of positions.
    - `measured`: values to compare with, drawn as points, in 1-D with error bars of two standard deviations;
      in 1-D and 2-D.
    - `limits`: least and greatest value of the colour bar (the axis in 1-D).
    - `colormap`, `mesh_lines`, `view`, `title`: as in [`deformed`][].

    **Returns:** the path, or without one the axes.

    **Raises:** `ValueError` if something does not fit.
    """
    target, (space, values) = canvas(path, ax), drawn(space, values)
    dim = space.mesh.dim
    points = None if measured is None else _checked(measured, dim)
    shape = body(space, None)
    samples = scalar_samples(space, shape.surface, "values", values)
    name = with_unit(label, unit)
    with target.style():
        if dim == 1:
            given = (space, shape, samples, points, limits, name, length_unit, title)
            return target.done(curve_axes(*given, axes=target.one))
        look = Look(name, length_unit, title, "", limits, colormap, False, mesh_lines, view)
        if points is not None:
            look = look._replace(caption="circles: measured")
            limits_ = colour_limits(np.concatenate([samples, points.values]), limits)
            look = look._replace(limits=limits_)
        axes = body_axes(shape, samples, look, target.one)
        if points is not None:
            low, high = colour_limits(samples, look.limits)
            x, y = np.asarray(points.positions).T
            axes.scatter(
                x, y, c=points.values, cmap=colormap, vmin=low, vmax=high, s=42, zorder=6,
                edgecolors="white", linewidths=1.1,
            )  # fmt: skip
        return target.done(axes)


def _checked(measured, dim):
    if dim == 3:
        raise ValueError("`measured` is for 1-D and 2-D bodies; on a 3-D one use `residual_map`.")
    positions = np.asarray(measured.positions)
    positions = positions[:, None] if dim == 1 and positions.ndim == 1 else positions
    positions = array("measured.positions", positions, ("point", dim))
    values = array("measured.values", measured.values, (len(positions),))
    return Measured(positions, values, deviations("measured.noise", measured.noise, len(values)))


def deviations(name: str, noise, n: int) -> np.ndarray | None:
    """Standard deviations (n,) from one number or one for each point; `ValueError` if they are not 0 or
    more."""
    if noise is None:
        return None
    noise = array(name, noise, () if np.ndim(noise) == 0 else (n,))
    if np.any(noise < 0):
        raise ValueError(f"`{name}` must be 0 or more, got {noise.min():g}.")
    return np.broadcast_to(noise, (n,))


def curve_axes(space, shape, samples, points, limits, label, length_unit, title, axes=None):
    """Draw a field on a 1-D body; without axes, on a page of its own, to be called within `style()`."""
    lattice = shape.surface.bases[0].shape[1]
    x = shape.surface.positions(space)[:, 0].reshape(-1, lattice)
    order = np.argsort(x[0])
    x, y = x[:, order], samples.reshape(-1, lattice)[:, order]
    left_to_right = np.argsort(x[:, 0])
    gaps = np.full((len(x), 1), np.nan)
    continuous = bool(np.allclose(y[left_to_right][1:, 0], y[left_to_right][:-1, -1], equal_nan=True))
    pieces = [v[left_to_right] if continuous else np.hstack([v[left_to_right], gaps]) for v in (x, y)]
    axes = place(new_figure(1000), 200, 150, 1340, 1000 - 150 - (100 if title else 50)) if axes is None else axes
    axes.plot(pieces[0].ravel(), pieces[1].ravel(), color=COLOURS[0], label="computed", zorder=3)
    if points is not None:
        error = None if points.noise is None else 2 * points.noise
        name = "measured" if error is None else "measured ± 2σ"
        axes.errorbar(
            points.positions[:, 0], points.values, error, fmt="o", ms=5, mfc="white", mew=1.2, elinewidth=1,
            capsize=3, color=COLOURS[1], label=name, zorder=4,
        )  # fmt: skip
        axes.legend()
    if limits is not None:
        axes.set_ylim(colour_limits(samples, limits))
    axes.set(xlabel=with_unit("x", length_unit), ylabel=label)
    axes.set_title(title, loc="left", pad=14)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(ticker.MaxNLocator(8, steps=STEPS))
    return axes
