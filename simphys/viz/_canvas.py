"""Where a picture goes: to a file, to axes of the user's, or to a new figure of Matplotlib's pyplot."""

import contextlib
import pathlib
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes

from ._page import picture_path, plain_where_no_formula, save, style


class Canvas(NamedTuple):
    """A file, or axes, or neither: then a figure is opened that notebooks show and pyplot knows.

    - `path`: of the file, or None.
    - `given`: the user's axes, or None.
    """

    path: pathlib.Path | None
    given: tuple[Axes, ...] | None

    def style(self):
        """The look of the house, which leaves alone what is drawn on the user's axes."""
        return contextlib.nullcontext() if self.given else style(pyplot=self.path is None)

    def axes(self, count: int = 1) -> tuple[Axes, ...] | None:
        """The user's axes, or None; `ValueError` unless there are so many."""
        if self.given is not None and len(self.given) != count:
            raise ValueError(f"`ax` must be {count} axes here, got {len(self.given)}.")
        return self.given

    @property
    def one(self) -> Axes | None:
        """The user's axes where one is needed, or None."""
        axes = self.axes()
        return None if axes is None else axes[0]

    def done(self, axes):
        """Write the figure of these axes, or return them."""
        figure = np.ravel(axes)[0].figure
        if self.path is not None:
            return save(figure, self.path)
        if self.given is None:
            plain_where_no_formula(figure)
        return axes


def canvas(path, ax) -> Canvas:
    """Check where a picture is to go.

    **Raises:** `ValueError` for a path of another ending, for what is no axes, and for both at once.
    """
    if path is not None and ax is not None:
        raise ValueError("Give `path` to write a file, or `ax` to draw on axes of your own, not both.")
    given = None if ax is None else tuple(np.ravel(np.asarray(ax, dtype=object)))
    for each in given or ():
        if not isinstance(each, Axes):
            raise ValueError(f"`ax` must be Matplotlib axes, got {type(each).__name__}.")
    return Canvas(None if path is None else picture_path(path), given)
