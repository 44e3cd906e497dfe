"""A measured series and what several models leave of it."""

import pathlib
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib import ticker
from matplotlib.axes import Axes

from .._typing import ArrayLike
from ._canvas import canvas
from ._page import COLOURS, INK, WIDTH, new_figure, place, with_unit
from ._values import array


_LEFT, _RIGHT, _BOTTOM, _TALL, _FIRST = 215, 55, 135, 215, 330


def series_residuals(
    x: ArrayLike, measured: ArrayLike, residuals: Mapping[str, ArrayLike], path=None, *,
    ax: Sequence[Axes] | None = None,
    x_label: str = "", label: str = "measured", unit: str = "", factor: float = 1.0, small_unit: str = "",
    title: str = "",
) -> pathlib.Path | np.ndarray:  # fmt: skip
    """Draw a measured series and beneath it, on one common scale, the residuals of each model.

    A residual larger than 20 times the least is drawn on its own scale, which its title tells.

    **Arguments:**

    - `x`: (sample,), increasing.
    - `measured`: (sample,).
    - `residuals`: name of the model to prediction − measurement, (sample,).
    - `path`: where the picture goes, ending in .png, .svg or .pdf; None for a figure of pyplot's, as notebooks show.
    - `ax`: Matplotlib axes to draw on, instead of a path: one for the series, and one for each model.
    - `x_label`, `label`, `unit`: of the axes.
    - `factor`, `small_unit`: residuals times the factor are in this unit.
    - `title`: above the picture; not drawn on axes of your own.

    **Returns:** the path, or without one the axes, (1 + model,).

    **Raises:** `ValueError` if there is nothing to draw, or shapes do not fit.
    """
    target = canvas(path, ax)
    x = array("x", x, ("sample",))
    measured = array("measured", measured, (len(x),))
    if not residuals:
        raise ValueError("`residuals` must name at least one model.")
    rows = {name: factor * array(f"residuals[{name!r}]", r, (len(x),), finite=False) for name, r in residuals.items()}
    top = 95 if title else 35
    total = top + _FIRST + _TALL * len(rows) + _BOTTOM
    with target.style():
        every = target.axes(1 + len(rows)) or _page(rows, total, top)
        first, *others = every
        first.plot(x, measured, lw=0.5, color=INK)
        first.set_ylabel(with_unit(label, unit))
        common = _limits(rows)
        for i, (axes, (name, row)) in enumerate(zip(others, rows.items(), strict=True)):
            axes.plot(x, row, lw=0.5, color=COLOURS[i % len(COLOURS)])
            axes.set_ylim(-common[name], common[name])
            root = np.sqrt(np.mean(row * row))
            axes.set_title(f"{name}: residual, RMS {root:.3g} {small_unit}".rstrip(), loc="left", fontsize=9.5, pad=5)
            axes.set_ylabel(small_unit)
            axes.yaxis.set_major_locator(ticker.MaxNLocator(4, symmetric=True))
        for axes in every:
            axes.set_xlim(x[0], x[-1])
            if target.given is None:
                axes.yaxis.set_label_coords(-0.085, 0.5)
                axes.tick_params(labelbottom=axes is every[-1])
        every[-1].set_xlabel(x_label)
        if title and target.given is None:
            first.figure.text(_LEFT / WIDTH, 1 - 48 / total, title, fontsize=12, va="center")
        return target.done(np.array(every, dtype=object))


def _page(rows, total, top):
    """Axes for the series and for what each model leaves, one below the other."""
    figure, width = new_figure(total), WIDTH - _LEFT - _RIGHT
    place(figure, _LEFT, total - top - _FIRST + 60, width, _FIRST - 75)
    for i in range(len(rows)):
        place(figure, _LEFT, _BOTTOM + _TALL * (len(rows) - 1 - i) + 5, width, _TALL - 70)
    return tuple(figure.axes)


def _limits(rows):
    """One scale for all, but for those that are far larger than the least."""
    largest = {name: float(np.nanmax(np.abs(row), initial=0.0)) or 1.0 for name, row in rows.items()}
    least = min(largest.values())
    shared = max(size for size in largest.values() if size <= 20 * least)
    return {name: 1.05 * (shared if size <= 20 * least else size) for name, size in largest.items()}
