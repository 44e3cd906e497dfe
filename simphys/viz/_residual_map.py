"""Residuals of a fit where they were measured."""

import pathlib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib import cm, colors, ticker
from matplotlib.axes import Axes

from ..fem import FunctionSpace
from ._body import FINER, Frame, body
from ._canvas import canvas
from ._page import COLOURS, FAINT, GREY, INK, WIDTH, new_figure, place, with_unit
from ._picture import STEPS
from ._raster import rasterise
from ._values import array, drawn


_LEFT, _RIGHT, _BOTTOM = 165, 620, 135
_SPAN = 3.0
"""Least reach of the colours, in standard deviations."""
_COLOURMAP = "RdBu_r"
_QUANTITY = "residual / noise"


def residual_map(
    space: FunctionSpace,
    positions,
    residuals,
    path=None,
    *,
    ax: Axes | Sequence[Axes] | None = None,
    names: Sequence[str] = (),
    length_unit: str = "",
    limit: float | None = None,
    title: str = "",
) -> pathlib.Path | np.ndarray:
    """Draw residuals over a projection of the body, and their distribution beside the standard normal one.

    A good fit leaves residuals without a pattern on the map, and a histogram that follows the curve.

    **Arguments:**

    - `space`: a space on the body; only its mesh matters.
    - `positions`: where it was measured, shape (point, dim). In 3-D they are seen along the axis of the
      coordinates in which they vary least.
    - `residuals`: (measured − computed) / standard deviation of the noise, shape (point,) or (point,
      component).
    - `path`: where the picture goes, ending in .png, .svg or .pdf; None for a figure of pyplot's, as notebooks show.
    - `ax`: Matplotlib axes for the maps, instead of a path, one for each component; the distribution is left out.
    - `names`: of the components.
    - `length_unit`: of the positions.
    - `limit`: the colours reach from −limit to limit; by default to the largest residual, but to 3 at least,
      and at most to 6.
    - `title`: above the picture; not drawn on axes of your own.

    **Returns:** the path, or without one the axes of the maps, (component,).

    **Raises:** `ValueError` if shapes do not fit, or entries are not finite.
    """
    target, space = canvas(path, ax), drawn(space)[0]
    dim = space.mesh.dim
    positions = np.asarray(positions)
    positions = positions[:, None] if dim == 1 and positions.ndim == 1 else positions
    positions = array("positions", positions, ("point", dim))
    residuals = np.asarray(residuals)
    residuals = residuals[:, None] if residuals.ndim == 1 else residuals
    residuals = array("residuals", residuals, (len(positions), "component"))
    if not residuals.size:
        raise ValueError("`residuals` must not be empty.")
    names = tuple(names) or ("",) * residuals.shape[1]
    if len(names) != residuals.shape[1]:
        raise ValueError(f"`names` must have {residuals.shape[1]} entries, got {len(names)}.")
    reach = _reach(residuals, limit)
    with target.style():
        given = target.axes(len(names))
        axes = _maps(space, positions, residuals, names, length_unit, reach, title, given)
        return target.done(np.array(axes, dtype=object))


def _reach(residuals, limit):
    if limit is None:
        return float(np.clip(np.abs(residuals).max(), _SPAN, 2 * _SPAN))
    limit = float(array("limit", limit, ()))
    if limit <= 0:
        raise ValueError(f"`limit` must be positive, got {limit:g}.")
    return limit


class _Layout(NamedTuple):
    """Pixels: sizes of a map, heights of the lowest map, of all maps together, and of the page."""

    width: int
    height: int
    step: int
    bottom: float
    block: int
    total: int


def _layout(aspect, count, named, titled) -> _Layout:
    width = WIDTH - _LEFT - _RIGHT
    height = int(np.clip(width * aspect, 220, 900 if count == 1 else 560))
    step = height + 30 + (48 if named else 0)
    block = count * step - 30
    room = max(block, 500)
    total = room + _BOTTOM + (95 if titled else 35)
    return _Layout(width, height, step, _BOTTOM + (room - block) / 2, block, total)


def _maps(space, positions, residuals, names, unit, reach, title, given):
    """Draw maps, on axes that are given, or on a page with the distribution beside them; return their axes."""
    dim, count = space.mesh.dim, len(names)
    shape = body(space, None)
    i, j = _plane(positions)
    flat = shape.before[:, [i, j]]
    low, high = flat.min(axis=0), flat.max(axis=0)
    size = (high - low) * 1.06
    page = _layout(0.5 if dim == 1 else size[1] / size[0], count, any(names), title)
    figure = new_figure(page.total) if given is None else given[0].figure
    norm = colors.Normalize(-reach, reach)
    scale = min(page.width / size[0], page.height / size[1])
    corner = (low + high) / 2 - np.array([page.width, page.height]) / scale / 2
    frame = Frame(float(corner[0]), float(corner[1]), scale, page.width, page.height)
    shadow = None if dim == 1 else _shadow(shape, flat, frame)
    low = lambda k: page.bottom + (count - 1 - k) * page.step
    every = given or [place(figure, _LEFT, low(k), page.width, page.height) for k in range(count)]
    for k, (name, axes) in enumerate(zip(names, every, strict=True)):
        if dim == 1:
            _stems(axes, flat[:, 0], positions[:, 0], residuals[:, k], reach)
        else:
            _map(axes, shadow, frame, positions[:, [i, j]], residuals[:, k], norm)
            axes.set_ylabel(with_unit("xyz"[j], unit))
        axes.set_title(name, loc="left", fontsize=10, pad=6)
        axes.tick_params(labelbottom=given is not None or k == count - 1)
    every[-1].set_xlabel(with_unit("xyz"[i], unit))
    middle, tall = page.bottom + page.block / 2, float(np.clip(page.block, 400, 800))
    if dim > 1:
        box = (
            dict(ax=list(every))
            if given
            else dict(cax=place(figure, _LEFT + page.width + 40, middle - tall / 2, 30, tall))
        )
        _scale_of_colours(figure, norm, np.any(np.abs(residuals) > reach), box)
    if given is not None:
        return every
    _histogram(place(figure, WIDTH - 385, middle - 200, 355, 400), residuals)
    if title:
        figure.text(_LEFT / WIDTH, 1 - 48 / page.total, title, fontsize=12, va="center")
    return every


def _scale_of_colours(figure, norm, outside, box):
    bar = figure.colorbar(cm.ScalarMappable(norm, _COLOURMAP), extend="both" if outside else "neither", **box)
    bar.set_label(_QUANTITY, labelpad=2)
    bar.outline.set_linewidth(0.6)
    bar.ax.grid(False)


def _plane(positions):
    """The two axes of the map: those that remain when the one in which positions vary least is left out."""
    if positions.shape[1] < 3:
        return 0, 1
    least = int(np.argmin(np.ptp(positions, axis=0)))
    i, j = (k for k in range(3) if k != least)
    return i, j


def _shadow(shape, flat, frame):
    """What the body covers in the projection, (row, column) in finer pixels."""
    points = np.column_stack([flat, np.zeros(len(flat))])
    fine = frame._replace(scale=frame.scale * FINER, width=frame.width * FINER, height=frame.height * FINER)
    return rasterise(fine.pixels(points)[shape.triangles], fine.height, fine.width).triangle >= 0


def _stems(axes, body, x, residuals, reach):
    """Residuals over a 1-D body, on a band of two standard deviations."""
    axes.axhspan(-2, 2, color=FAINT, alpha=0.45, lw=0)
    axes.axhline(0, color=GREY, lw=0.9)
    axes.vlines(x, 0, residuals, color=COLOURS[0], lw=1.0)
    axes.plot(x, residuals, "o", ms=5, color=COLOURS[0])
    margin = 0.03 * np.ptp(body)
    top = max(reach, np.abs(residuals).max()) * 1.08
    axes.set(xlim=(body.min() - margin, body.max() + margin), ylim=(-top, top), ylabel=_QUANTITY)
    axes.grid(False)


def _map(axes, shadow, frame, positions, residuals, norm):
    (x0, x1), (y0, y1) = frame.limits
    rows, columns = shadow.shape
    x = x0 + (np.arange(columns) + 0.5) / columns * (x1 - x0)
    y = y0 + (np.arange(rows) + 0.5) / rows * (y1 - y0)
    axes.contourf(x, y, shadow.astype(float), levels=[0.5, 1.5], colors=["#f3f4f6"])
    axes.contour(x, y, shadow.astype(float), levels=[0.5], colors=[GREY], linewidths=1.0)
    order = np.argsort(np.abs(residuals))
    size = float(np.clip(12_000 / max(len(positions), 1), 10, 44))
    axes.scatter(
        *positions[order].T, c=residuals[order], cmap=_COLOURMAP, norm=norm, s=size, edgecolors=INK,
        linewidths=0.4, zorder=3,
    )  # fmt: skip
    axes.set(xlim=(x0, x1), ylim=(y0, y1))
    axes.grid(False)
    axes.xaxis.set_major_locator(ticker.MaxNLocator(8, steps=STEPS))
    axes.yaxis.set_major_locator(ticker.MaxNLocator(5, steps=STEPS))


def _histogram(axes, residuals):
    flat = residuals.ravel()
    reach = float(np.clip(np.ceil(np.abs(flat).max()), 4, 12))
    # Halves, quarters, … of a standard deviation, finer the more residuals there are.
    width = 2.0 ** -np.clip(np.floor(np.log2(flat.size / 12) / 3), 0, 4)
    edges = np.arange(-reach, reach + width / 2, width)
    axes.hist(np.clip(flat, -reach, reach), edges, density=True, color=FAINT, edgecolor=GREY, linewidth=0.6)
    t = np.linspace(-reach, reach, 300)
    axes.plot(t, np.exp(-(t**2) / 2) / np.sqrt(2 * np.pi), color=COLOURS[1], lw=1.5)
    axes.set(xlim=(-reach, reach), yticks=[], xlabel=_QUANTITY)
    axes.xaxis.set_major_locator(ticker.MaxNLocator(6, integer=True, steps=[1, 2, 4, 5, 10]))
    axes.spines["left"].set_visible(False)
    axes.grid(False)
    mean, deviation = (f"{round(x, 2) + 0.0:.2f}".replace("-", "−") for x in (flat.mean(), flat.std()))
    axes.set_title(f"mean {mean}, deviation {deviation}\nred: standard normal", loc="left", fontsize=9, color=INK)
