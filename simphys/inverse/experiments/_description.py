"""Problems that are made of numbers which they do not hold as they are."""

import abc

import equinox as eqx

from ..._told import shown
from ..._typing import PyTree


class AbstractDescription(eqx.Module):
    """What a problem is made of: an experiment seeks parameters among its leaves, and solves what is made of them.

    A force of which the body holds the traction, or an angle of which it holds displacements, is a parameter so.
    """

    def __repr__(self):
        return shown(self)

    @abc.abstractmethod
    def made(self) -> PyTree:
        """Return the problem."""


def made(problem: PyTree) -> PyTree:
    """Return the problem that a description describes; anything else as it is."""
    return problem.made() if isinstance(problem, AbstractDescription) else problem
