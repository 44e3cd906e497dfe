"""Problems that are made of numbers which they do not hold as they are."""

import abc

from ..._told import Told
from ..._typing import PyTree


class AbstractDescription(Told):
    """What a problem is made of: an experiment seeks parameters among its leaves, and solves what is made of them.

    A force of which the body holds the traction, or an angle of which it holds displacements, is a parameter so.
    """

    @abc.abstractmethod
    def made(self) -> PyTree:
        """Return the problem."""

    def coarser(self) -> tuple | None:
        """Return this grid's observations, read by cubics, and the experiment on every second plane; None without a grid.

        **Raises:** `ValueError` for grids that have no such planes, and where what is sought depends on the grid.
        """
        return None


def made(problem: PyTree) -> PyTree:
    """Return the problem that a description describes; anything else as it is."""
    return problem.made() if isinstance(problem, AbstractDescription) else problem
