"""Measured points against computed curves."""

import pathlib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib import ticker
from matplotlib.axes import Axes

from .._typing import ArrayLike
from ._canvas import canvas
from ._field import deviations
from ._page import COLOURS, WIDTH, new_figure, place
from ._picture import STEPS
from ._values import array


class Points(NamedTuple):
    """Measured points.

    - `x`, `y`: shape (point,).
    - `noise`: standard deviation of y, a number or shape (point,), or None.
    - `label`: for the legend.
    """

    x: ArrayLike
    y: ArrayLike
    noise: ArrayLike | None = None
    label: str = "measured"


class Curve(NamedTuple):
    """A computed curve.

    - `x`, `y`: shape (point,), in the order in which they are joined.
    - `label`: for the legend; "" for a curve that needs none.
    - `band`: half-width of a band around y, a number or shape (point,), or None.
    """

    x: ArrayLike
    y: ArrayLike
    label: str = "computed"
    band: ArrayLike | None = None


class Panel(NamedTuple):
    """One diagram.

    - `points`: `Points`, or several of them.
    - `curves`: `Curve`, or several of them.
    - `x_label`, `y_label`: with units.
    - `title`: above it.
    - `logarithmic`: whether x has a logarithmic axis.
    """

    points: Points | Sequence[Points] = ()
    curves: Curve | Sequence[Curve] = ()
    x_label: str = ""
    y_label: str = ""
    title: str = ""
    logarithmic: bool = False


_MOST = 3
"""Panels in a row."""


def compare_curves(
    panels: Panel | Sequence[Panel], path=None, *, ax: Axes | Sequence[Axes] | None = None, title: str = ""
) -> pathlib.Path | Axes | np.ndarray:
    """Draw measured points, with error bars of two standard deviations, and computed curves.

    **Arguments:**

    - `panels`: a `Panel`, or several of them, drawn up to three in a row.
    - `path`: where the picture goes, ending in .png, .svg or .pdf; None for a figure of pyplot's, as notebooks show.
    - `ax`: Matplotlib axes to draw on, instead of a path, as many as panels.
    - `title`: above everything; not drawn on axes of your own.

    **Returns:** the path, or without one the axes: of several panels an array.

    **Raises:** `ValueError` if there is nothing to draw, or shapes do not fit.
    """
    target, single = canvas(path, ax), isinstance(panels, Panel)
    panels = [panels] if isinstance(panels, Panel) else list(panels)
    if not panels or not all(isinstance(p, Panel) for p in panels):
        raise ValueError("`panels` must be a `Panel` or a sequence of at least one.")
    parts = [(_points(p), _curves(p)) for p in panels]
    if not all(points or curves for points, curves in parts):
        raise ValueError("Each panel needs points or curves.")
    with target.style():
        axes = curves_axes(panels, parts, title, target.axes(len(panels)))
        return target.done(axes[0] if single else np.array(axes, dtype=object))


def curves_axes(panels, parts, title, given=None):
    """Draw panels with their points and curves, on axes that are given, or on a page, within `style()`."""
    if given is not None:
        for axes, panel, (points, curves) in zip(given, panels, parts, strict=True):
            _draw(axes, panel, points, curves)
            if any(_labels((points, curves))):
                axes.legend(handlelength=1.6)
        return given
    columns = min(len(panels), _MOST)
    rows = -(-len(panels) // columns)
    tall, wide = {1: 850, 2: 680, 3: 560}[columns], WIDTH / columns
    # One legend above all panels serves them if it says the same for each.
    shared = len(panels) > 1 and any(_labels(parts[0])) and all(_labels(part) == _labels(parts[0]) for part in parts)
    top = 20 + 80 * bool(title) + 60 * shared
    total = rows * tall + top
    figure = new_figure(total)
    for i, (panel, (points, curves)) in enumerate(zip(panels, parts, strict=True)):
        row, column = divmod(i, columns)
        low = (rows - 1 - row) * tall + 125
        height = tall - 125 - (75 if panel.title else 25)
        axes = place(figure, column * wide + 160, low, wide - 190, height)
        _draw(axes, panel, points, curves)
        if not shared and any(_labels((points, curves))):
            axes.legend(handlelength=1.6)
    if title:
        figure.text(160 / WIDTH, 1 - 55 / total, title, fontsize=12, va="center")
    if shared:
        handles, names = figure.axes[0].get_legend_handles_labels()
        where = (150 / WIDTH, 1 - (top - 65) / total)
        figure.legend(
            handles,
            names,
            loc="upper left",
            bbox_to_anchor=where,
            ncols=5,
            borderpad=0,
            columnspacing=1.8,
            handlelength=1.6,
        )
    return tuple(figure.axes)


def _draw(axes, panel, points, curves):
    for i, c in enumerate(curves):
        axes.plot(c.x, c.y, color=COLOURS[i % len(COLOURS)], label=c.label, zorder=3)
        if c.band is not None:
            axes.fill_between(c.x, c.y - c.band, c.y + c.band, color=COLOURS[i % len(COLOURS)], alpha=0.18, lw=0)
    # Points take the colour of the curve they belong to where there are as many of both.
    first = 0 if len(points) == len(curves) > 1 else len(curves)
    for i, p in enumerate(points):
        error = None if p.noise is None else 2 * p.noise
        axes.errorbar(
            p.x, p.y, error, fmt="osD^v"[i % 5], ms=4.5, mfc="white", mew=1.1, elinewidth=0.9, capsize=2.5,
            color=COLOURS[(i + first) % len(COLOURS)], label=_point_label(p), zorder=4,
        )  # fmt: skip
    axes.set(xlabel=panel.x_label, ylabel=panel.y_label)
    axes.set_title(panel.title, loc="left")
    axes.yaxis.set_major_locator(ticker.MaxNLocator(6, steps=STEPS))
    if panel.logarithmic:
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(ticker.LogLocator(numticks=5))
        axes.xaxis.set_minor_locator(ticker.NullLocator())
    else:
        axes.xaxis.set_major_locator(ticker.MaxNLocator(6, steps=STEPS))


def _point_label(points):
    return points.label if points.noise is None else f"{points.label} ± 2σ"


def _labels(part):
    points, curves = part
    return [_point_label(p) for p in points] + [c.label for c in curves]


def _points(panel):
    some = [panel.points] if isinstance(panel.points, Points) else list(panel.points)
    out = []
    for p in some:
        x = array("points.x", p.x, ("point",))
        y = array("points.y", p.y, (len(x),))
        out.append(Points(x, y, deviations("points.noise", p.noise, len(x)), p.label))
    return out


def _curves(panel):
    some = [panel.curves] if isinstance(panel.curves, Curve) else list(panel.curves)
    out = []
    for c in some:
        x = array("curves.x", c.x, ("point",))
        y = array("curves.y", c.y, (len(x),), finite=False)
        out.append(Curve(x, y, c.label, deviations("curves.band", c.band, len(x))))
    return out
