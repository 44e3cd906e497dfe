"""The page around the image of a body: axes or triad, scale bar, colour bar, title."""

import textwrap
from typing import NamedTuple

import matplotlib
import numpy as np
from matplotlib import cm, colors, ticker
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection

from ._body import LINE_STYLES, Body, Frame, render
from ._camera import Camera, camera
from ._lines import chains
from ._page import COLOURS, DPI, GREY, INK, WIDTH, new_figure, place
from ._values import colour_limits


_LEAST, _MOST = 300, 1300
_WITHIN = 1200
"""Pixels along the longer side of a body that is drawn on the user's axes."""
STEPS = [1, 2, 2.5, 5, 10]
"""Multiples of powers of ten at which ticks may stand."""
_NAMES = "xyz"


class Look(NamedTuple):
    """How a body is drawn.

    - `label`: of the colour bar, with unit.
    - `length_unit`: of the axes and the scale bar.
    - `title`, `caption`: above the picture, or "".
    - `limits`: of the colours, or None.
    - `colormap`: name of a Matplotlib colour map.
    - `outline`: draw the undeformed outline.
    - `mesh_lines`: draw the edges of cells; None: if they are far enough apart.
    - `view`: see `camera`.
    - `extent`: two corners of a box that the page shows whatever the body fills of it, or None.
    - `palette`: colours of the numbers 0, 1, …, which count things: no colour bar, but room for a legend like `label`.
    """

    label: str
    length_unit: str
    title: str
    caption: str
    limits: tuple[float, float] | None
    colormap: str
    outline: bool
    mesh_lines: bool | None
    view: str | tuple[float, float] | None
    extent: np.ndarray | None = None
    palette: tuple = ()


def body_axes(body: Body, values: np.ndarray, look: Look, axes: Axes | None = None) -> Axes:
    """Draw a body on axes; without, lay out a page and draw it there, to be called within `style()`.

    **Arguments:**

    - `body`: what to draw.
    - `values`: numbers to colour by, at its samples.
    - `look`: how.
    - `axes`: of the user's, or None.

    **Returns:** the axes.

    **Raises:** `ValueError` if the colour map, the limits or the view do not exist.
    """
    if look.colormap not in matplotlib.colormaps:
        raise ValueError(f"`colormap` must name a Matplotlib colour map, got {look.colormap!r}.")
    eye = camera(body.before, look.view)
    seen = [eye.project(body.after)] + ([eye.project(body.before)] if look.outline else [])
    if look.extent is not None:
        seen.append(eye.project(np.stack(np.meshgrid(*look.extent.T), axis=-1).reshape(-1, look.extent.shape[1])))
    solid = body.before.shape[1] == 3
    margins, points = _margins(solid, look), np.concatenate(seen)[:, :2]
    padding = 0.02 if solid else 0.04
    frame = _frame(points, margins, padding) if axes is None else _frame_within(points, padding, axes)
    norm, colormap = _scale(values, look)
    drawn = render(body, eye, frame, values, colormap, norm, outline=look.outline, mesh_lines=look.mesh_lines)
    if axes is not None:
        _paint(axes, drawn, frame, solid)
        _furnish(axes, body, values, look, norm, colormap, eye)
        return axes
    left, _, bottom, top = margins
    figure = new_figure(frame.height + bottom + top)
    axes = place(figure, left, bottom, frame.width, frame.height)
    _paint(axes, drawn, frame, solid)
    if not look.palette:
        _colour_bar(figure, frame, margins, norm, colormap, values, look.label)
    _headline(figure, left, frame.height + bottom, look)
    if solid:
        axes.set_axis_off()
        _legend_strip(figure, eye, frame, left, bottom, look.length_unit)
    else:
        _rulers(axes, body, look.length_unit)
    return axes


def _paint(axes, drawn, frame, solid):
    """The image and its lines."""
    (x0, x1), (y0, y1) = frame.limits
    axes.imshow(drawn.image, extent=(x0, x1, y0, y1), origin="lower", interpolation="nearest", aspect="auto", zorder=2)
    for name, order in (("outline", 3 if not solid else 1.5), ("cells", 4), ("edges", 5)):
        parts = getattr(drawn, name)
        parts = LineCollection(parts if name == "cells" else chains(parts), zorder=order, **LINE_STYLES[name])
        axes.add_collection(parts, autolim=False)
    axes.set(xlim=(x0, x1), ylim=(y0, y1))


def _furnish(axes, body, values, look, norm, colormap, eye):
    """What belongs to a body on the user's axes: Matplotlib finds places for it."""
    axes.set_aspect("equal")
    if not look.palette:
        bar = axes.figure.colorbar(cm.ScalarMappable(norm, colormap), ax=axes, extend=_extent(norm, values))
        bar.set_label(look.label)
    headline = "\n".join(part for part in (look.title, look.caption) if part)
    if headline:
        axes.set_title(headline, loc="left")
    if body.before.shape[1] < 3:
        _rulers(axes, body, look.length_unit)
        return
    axes.set_axis_off()
    corner = axes.inset_axes((-0.02, -0.02, 0.16, 0.16))
    corner.set(xlim=(0, 200), ylim=(0, 200), aspect="equal")
    corner.set_axis_off()
    _triad(corner, eye, np.array([95.0, 70.0]), 66.0)


def _scale(values, look):
    """What makes colours of numbers."""
    if look.palette:
        return colors.Normalize(-0.5, len(look.palette) - 0.5), colors.ListedColormap(look.palette)
    low, high = colour_limits(values, look.limits)
    return colors.Normalize(low, high, clip=False), matplotlib.colormaps[look.colormap]


def category_colours(count: int) -> list:
    """Colours for so many things, those of the house first."""
    more = matplotlib.colormaps["tab20"].colors
    return [*(colors.to_rgb(c) for c in COLOURS), *more, *(more[k % 20] for k in range(count))][:count]


def _margins(solid, look):
    top = 30 + 60 * bool(look.title) + 48 * bool(look.caption)
    right = min(110 + 15 * len(look.label), 800) if look.palette else 290
    return (40, right, 170, top) if solid else (165, right, 130, top)


def _frame(points, margins, padding):
    """Fit the points into the width of the page, or into the greatest height."""
    left, right, _, _ = margins
    width = WIDTH - left - right
    low, high = points.min(axis=0), points.max(axis=0)
    size = np.maximum(high - low, 1e-6 * np.max(high - low)) * (1 + 2 * padding)
    scale = min(width / size[0], _MOST / size[1])
    height = int(np.clip(np.ceil(size[1] * scale), _LEAST, _MOST))
    x, y = (low + high) / 2 - np.array([width, height]) / scale / 2
    return Frame(x, y, scale, width, height)


def _frame_within(points, padding, axes):
    """Twice as many pixels along the longer side as the axes have on a screen, within limits; the axes scale them."""
    low, high = points.min(axis=0), points.max(axis=0)
    size = np.maximum(high - low, 1e-6 * np.max(high - low)) * (1 + 2 * padding)
    seen = 2 * max(axes.get_window_extent().size)
    scale = float(np.clip(seen, _LEAST, _WITHIN)) / size.max()
    width, height = np.ceil(size * scale).astype(int)
    x, y = (low + high) / 2 - np.array([width, height]) / scale / 2
    return Frame(x, y, scale, int(width), int(height))


def _extent(norm, values) -> str:
    """At which ends of a colour bar there are values beyond it."""
    finite, slack = values[np.isfinite(values)], 1e-9 * (norm.vmax - norm.vmin)
    below, above = bool(np.any(finite < norm.vmin - slack)), bool(np.any(finite > norm.vmax + slack))
    return {(0, 0): "neither", (1, 0): "min", (0, 1): "max", (1, 1): "both"}[below, above]


def _colour_bar(figure, frame, margins, norm, colormap, values, label):
    left, _, bottom, _ = margins
    height = min(frame.height * 0.94, 900)
    x, y = left + frame.width + 45, bottom + (frame.height - height) / 2
    box = place(figure, x, y, 34, height)
    finite = values[np.isfinite(values)]
    slack = 1e-9 * (norm.vmax - norm.vmin)
    extend = _extent(norm, values)
    below, above = extend in ("min", "both"), extend in ("max", "both")
    ticks = ticker.MaxNLocator(6 if height > 350 else 4, steps=STEPS)
    bar = figure.colorbar(cm.ScalarMappable(norm, colormap), cax=box, extend=extend, ticks=ticks)
    bar.outline.set_linewidth(0.6)
    bar.set_label("\n".join(textwrap.wrap(label, max(int(height / 19), 12))), labelpad=8)
    box.grid(False)
    if finite.size:
        full = figure.get_size_inches()[1] * DPI
        ends = ((y + height * (1.05 if above else 1) + 18, "bottom", "max", finite.max()),
                (y - height * (0.05 if below else 0) - 18, "top", "min", finite.min()))  # fmt: skip
        for at, where, name, value in ends:
            text = f"{name} {short(value if abs(value) > slack else 0.0)}"
            figure.text((x - 4) / WIDTH, at / full, text, va=where, fontsize=8.5, color=GREY)


def _headline(figure, left, bottom, look):
    height = figure.get_size_inches()[1] * DPI
    y = bottom + 22
    if look.caption:
        figure.text(left / WIDTH, y / height, look.caption, fontsize=9, color=GREY, va="baseline")
        y += 48
    if look.title:
        figure.text(left / WIDTH, y / height, look.title, fontsize=12, va="baseline")


def _rulers(axes, body, unit):
    in_unit = f" ({unit})" if unit else ""
    axes.set_xlabel("x" + in_unit)
    axes.xaxis.set_major_locator(ticker.MaxNLocator(9, steps=STEPS))
    axes.grid(False)
    if body.strip:
        axes.yaxis.set_visible(False)
        axes.spines["left"].set_visible(False)
        return
    axes.set_ylabel("y" + in_unit)
    axes.yaxis.set_major_locator(ticker.MaxNLocator(9, steps=STEPS))


def _legend_strip(figure, eye: Camera, frame: Frame, left, bottom, unit):
    """Below a 3-D body: the directions of the axes, and a length."""
    strip = place(figure, left, 0, frame.width, bottom)
    strip.set(xlim=(0, frame.width), ylim=(0, bottom))
    strip.set_axis_off()
    _triad(strip, eye, np.array([95.0, 70.0]), 66.0)
    length = nice_length(frame.width / frame.scale / 5)
    x0, x1 = 300.0, 300.0 + length * frame.scale
    strip.plot([x0, x0, x0, x1, x1, x1], [34, 50, 42, 42, 34, 50], color=INK, lw=1.2, solid_joinstyle="miter")
    strip.text((x0 + x1) / 2, 60, f"{length:g} {unit}".strip(), fontsize=9, ha="center", va="bottom")


def _triad(axes, eye, centre, reach):
    """Arrows along x, y and z; their names keep clear of one another."""
    arms = eye.axes[:2].T * reach
    shown = [i for i in range(3) if np.linalg.norm(arms[i]) > 0.15 * reach]
    names = {i: arms[i] + 20 * arms[i] / np.linalg.norm(arms[i]) for i in shown}
    for i in shown:
        for j in shown:
            gap = names[j] - names[i]
            if i < j and np.linalg.norm(gap) < 34:
                aside = np.array([arms[i][1], -arms[i][0]]) / np.linalg.norm(arms[i])
                aside *= -np.sign(aside @ (arms[j] / np.linalg.norm(arms[j]))) or 1.0
                names[i], names[j] = names[i] + 14 * aside, names[j] - 14 * aside - 8 * arms[j] / reach
    for i in shown:
        arrow = dict(arrowstyle="-|>,head_width=0.16,head_length=0.32", color=INK, lw=1.1, shrinkA=0, shrinkB=0)
        axes.annotate("", centre + arms[i], centre, arrowprops=arrow)
        axes.text(*(centre + names[i]), _NAMES[i], fontsize=9, ha="center", va="center")


def nice_length(wanted: float) -> float:
    """The largest of 1, 2, 5 times a power of ten that is not greater."""
    power = 10.0 ** np.floor(np.log10(wanted))
    return float(max(m for m in (1, 2, 5) if m * power <= wanted * (1 + 1e-9)) * power)


def short(value: float) -> str:
    """A number to three digits, with a true minus sign and a power of ten where one is due."""
    mantissa, _, power = f"{float(value) + 0.0:.3g}".partition("e")
    text = mantissa.replace("-", "−")
    return text + (rf"$\times10^{{{int(power)}}}$" if power else "")
