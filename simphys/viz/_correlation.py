"""How the estimates of parameters depend on each other."""

import pathlib
from collections.abc import Sequence

import matplotlib
import numpy as np
from matplotlib import cm, colors
from matplotlib.axes import Axes

from ._canvas import canvas
from ._page import INK, new_figure, place
from ._values import array


_CHARACTER = 16
"""Width of a character of a name, in pixels."""


def correlation(
    names: Sequence[str], matrix, path=None, *, ax: Axes | None = None, title: str = ""
) -> pathlib.Path | Axes:
    """Draw a correlation matrix; entries near ±1 belong to parameters that the data cannot tell apart.

    **Arguments:**

    - `names`: of the parameters.
    - `matrix`: correlations, shape (parameter, parameter), symmetric with 1 on the diagonal.
    - `path`: where the picture goes, ending in .png, .svg or .pdf; None for a figure of pyplot's, as notebooks show.
    - `ax`: Matplotlib axes to draw on, instead of a path.
    - `title`: above the picture.

    **Returns:** the path, or without one the axes.

    **Raises:** `ValueError` if it is not a correlation matrix of this size (pass no covariance).
    """
    target, names = canvas(path, ax), [str(name) for name in names]
    n = len(names)
    if n == 0:
        raise ValueError("`names` must not be empty.")
    matrix = array("matrix", matrix, (n, n))
    slack = 1e-3
    if np.abs(matrix).max() > 1 + slack or np.abs(np.diag(matrix) - 1).max() > slack:
        raise ValueError("`matrix` must hold correlations: 1 on the diagonal, −1 to 1 elsewhere.")
    if np.abs(matrix - matrix.T).max() > slack:
        raise ValueError("`matrix` must be symmetric.")
    with target.style():
        return target.done(_axes(names, matrix, title, target.one))


def _axes(names, matrix, title, axes):
    n = len(names)
    reach = _CHARACTER * max(len(name) for name in names) + 50
    left = int(np.clip(reach, 120, 560))
    side = int(np.clip(170 * n, 500, 1600 - left - 260))
    upright = reach < side / n + 40
    below, top = 75 if upright else left, 95 if title else 35
    if axes is None:
        figure = new_figure(side + below + top)
        axes = place(figure, left, below, side, side)
        where = dict(cax=place(figure, left + side + 45, below, 34, side))
    else:
        figure, where = axes.figure, dict(ax=axes)
    norm, colormap = colors.Normalize(-1, 1), matplotlib.colormaps["RdBu_r"]
    axes.imshow(matrix, norm=norm, cmap=colormap, aspect="equal", interpolation="nearest")
    axes.set_xticks(range(n), names, rotation=0 if upright else 90)
    axes.set_yticks(range(n), names)
    axes.tick_params(length=0)
    axes.grid(False)
    for spine in axes.spines.values():
        spine.set_visible(False)
    # White gaps between the cells.
    axes.set_xticks(np.arange(n + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(n + 1) - 0.5, minor=True)
    axes.grid(which="minor", color="white", linewidth=1.5)
    axes.tick_params(which="minor", length=0)
    if n <= 12:
        for i, j in np.ndindex(n, n):
            dark = abs(matrix[i, j]) > 0.65
            text = f"{round(matrix[i, j], 2) + 0.0:.2f}".replace("-", "−")
            axes.text(j, i, text, ha="center", va="center", fontsize=9, color="white" if dark else INK)
    bar = figure.colorbar(cm.ScalarMappable(norm, colormap), **where)
    bar.set_label("correlation")
    bar.outline.set_linewidth(0.6)
    bar.ax.grid(False)
    axes.set_title(title, loc="left", pad=14, fontsize=12)
    return axes
