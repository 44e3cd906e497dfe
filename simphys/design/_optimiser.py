"""What moves the variables of a design."""

import abc
from typing import ClassVar

import numpy as np

from .._typing import PyTree


class AbstractOptimiser(abc.ABC):
    """A method for min f(x), g(x) ≤ 0, 0 ≤ x ≤ 1 that needs values and gradients at one point a step."""

    bounded: ClassVar[bool] = True
    """Whether it keeps 0 ≤ x ≤ 1; one that does not is for the weights of a `NeuralDensity`."""
    restarts: ClassVar[bool] = False
    """Whether it begins anew with each stage, what it remembers being of another objective."""

    @abc.abstractmethod
    def begin(self, x: np.ndarray, constraints: int) -> PyTree:
        """Return the memory before the first step; raise `ValueError` for a number of constraints it cannot deal with."""

    @abc.abstractmethod
    def step(
        self,
        memory: PyTree,
        x: np.ndarray,
        value: float,
        gradient: np.ndarray,
        constraints: np.ndarray,
        jacobian: np.ndarray,
    ) -> tuple[np.ndarray, PyTree]:
        """Return the next point and the memory; f and g, (m,), with gradients (n,) and (m, n), are those at x."""
