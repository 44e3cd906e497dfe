"""How an optimisation or a Newton iteration went."""

import pathlib
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib import ticker
from matplotlib.axes import Axes

from .._typing import ArrayLike
from ._canvas import canvas
from ._page import COLOURS, GREY, new_figure, place
from ._values import array


_TALL, _LEFT, _BOTTOM = 330, 215, 135


def convergence(
    history: Mapping[str, ArrayLike], path=None, *, ax: Axes | Sequence[Axes] | None = None, title: str = ""
) -> pathlib.Path | np.ndarray:
    """Draw quantities of an optimisation over its iterations, each in a panel of its own.

    The axis of a quantity is logarithmic if it is never negative and not always zero.

    **Arguments:**

    - `history`: label to values, shape (iteration,), such as `objective`, `gradient norm`, `step length`; all
      of one length, NaN where there is no value.
    - `path`: where the picture goes, ending in .png, .svg or .pdf; None for a figure of pyplot's, as notebooks show.
    - `ax`: Matplotlib axes to draw on, instead of a path, one for each quantity.
    - `title`: above the picture; not drawn on axes of your own.

    **Returns:** the path, or without one the axes, (quantity,).

    **Raises:** `ValueError` if the history is empty, or its entries differ in length.
    """
    target = canvas(path, ax)
    if not isinstance(history, Mapping) or not history:
        raise ValueError("`history` must map at least one label to values.")
    n = np.size(next(iter(history.values())))
    rows = {name: array(f"history[{name!r}]", v, (n,), finite=False) for name, v in history.items()}
    if n == 0:
        raise ValueError("`history` must have at least one iteration.")
    top = 95 if title else 35
    tall = _TALL if len(rows) > 1 else 2 * _TALL
    total = tall * len(rows) + _BOTTOM + top
    with target.style():
        every = target.axes(len(rows))
        figure = new_figure(total) if every is None else None
        for i, (name, values) in enumerate(rows.items()):
            low = total - top - (i + 1) * tall + 30
            axes = place(figure, _LEFT, low, 1330, tall - 30) if every is None else every[i]
            _iterations(axes, values, COLOURS[i % len(COLOURS)])
            axes.set_xlim(-0.02 * max(n - 1, 1), 1.02 * max(n - 1, 1))
            axes.set_ylabel(name)
            if figure is not None:
                axes.yaxis.set_label_coords(-0.105, 0.5)
            if figure is not None and i < len(rows) - 1:
                axes.tick_params(labelbottom=False)
            else:
                axes.set_xlabel("iteration")
        if title and figure is not None:
            figure.text(_LEFT / 1600, 1 - 48 / total, title, fontsize=12, va="center")
        return target.done(np.array(figure.axes if every is None else every, dtype=object))


def newton_history(
    history,
    path=None,
    *,
    ax: Axes | None = None,
    tolerance: float | None = None,
    labels: Sequence[str] = (),
    title: str = "",
) -> pathlib.Path | Axes:
    """Draw the residuals of one or several Newton iterations, as in a certificate's `history`.

    **Arguments:**

    - `history`: relative residuals, shape (step,) or (solve, step), NaN where there was no step; or a
      sequence of such rows of different lengths.
    - `path`: where the picture goes, ending in .png, .svg or .pdf; None for a figure of pyplot's, as notebooks show.
    - `ax`: Matplotlib axes to draw on, instead of a path.
    - `tolerance`: drawn as a line.
    - `labels`: one for each solve.
    - `title`: above the picture.

    **Returns:** the path, or without one the axes.

    **Raises:** `ValueError` if there is nothing to draw, or shapes do not fit.
    """
    target = canvas(path, ax)
    single = np.ndim(history[0]) == 0 if len(history) else True
    rows = [array("history", row, ("step",), finite=False) for row in ([history] if single else history)]
    rows = [row[np.isfinite(row)] for row in rows]
    if not any(len(row) for row in rows):
        raise ValueError("`history` holds no finite residual.")
    if labels and len(labels) != len(rows):
        raise ValueError(f"`labels` must have {len(rows)} entries, got {len(labels)}.")
    if tolerance is not None and not tolerance > 0:
        raise ValueError(f"`tolerance` must be positive, got {tolerance}.")
    with target.style():
        axes = target.one
        if axes is None:
            axes = place(new_figure(900), _LEFT, _BOTTOM, 1330, 900 - _BOTTOM - (95 if title else 35))
        _newton(axes, rows, labels, tolerance)
        axes.set_title(title, loc="left", pad=12, fontsize=12)
        return target.done(axes)


def _newton(axes, rows, labels, tolerance):
    for i, row in enumerate(rows):
        # Many solves fade from grey to colour, few have colours of their own.
        few = len(rows) <= len(COLOURS)
        colour = COLOURS[i] if few else COLOURS[0]
        alpha = 1.0 if few else 0.25 + 0.75 * i / (len(rows) - 1)
        name = labels[i] if labels and few else None
        axes.plot(np.arange(len(row)), row, "o-", ms=4.5, color=colour, alpha=alpha, label=name)
    if tolerance is not None:
        axes.axhline(tolerance, color=GREY, lw=1.1, ls=(0, (5, 3)), label="tolerance")
    positive = np.concatenate([*rows, [] if tolerance is None else [tolerance]])
    _logarithmic(axes, positive)
    axes.xaxis.set_major_locator(ticker.MaxNLocator(12, integer=True))
    axes.set(xlabel="Newton step", ylabel="relative residual")
    if tolerance is not None or (labels and len(rows) <= len(COLOURS)):
        axes.legend(loc="upper right")


def _iterations(axes, values, colour):
    n = len(values)
    axes.plot(np.arange(n), values, "o-" if n <= 60 else "-", ms=3.5, color=colour)
    finite = values[np.isfinite(values)]
    if finite.size and np.all(finite >= 0) and np.any(finite > 0):
        _logarithmic(axes, finite)
    axes.xaxis.set_major_locator(ticker.MaxNLocator(12, integer=True))


def _logarithmic(axes, values):
    """A logarithmic axis with a few powers of ten; a range below one decade gets ordinary numbers."""
    positive = values[values > 0]
    if not positive.size:
        return
    decades = np.log10(positive.max() / positive.min())
    axes.set_yscale("log", nonpositive="mask")
    if decades < 1:
        for which in (axes.yaxis.set_major_locator, axes.yaxis.set_minor_locator):
            which(ticker.NullLocator())
        axes.yaxis.set_major_locator(ticker.MaxNLocator(4))
        axes.yaxis.set_major_formatter(ticker.ScalarFormatter(useMathText=True, useOffset=False))
        return
    axes.yaxis.set_major_locator(ticker.LogLocator(numticks=6))
    axes.yaxis.set_minor_locator(ticker.NullLocator())
