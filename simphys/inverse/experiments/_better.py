"""What predicts better than an experiment: with less of its errors of discretisation."""

import abc

from ..._typing import Array, Callable
from ._experiment import Evaluation


class Better(abc.ABC):
    """An experiment with less of another's errors of discretisation: on richer spaces, or extrapolated."""

    degree: int = 0
    """Of the richer space; 0 without one."""
    parts: dict[str, Array] = {}  # noqa: RUF012 (nobody changes it)
    """What mesh and steps change of the residuals at the minimum, where both do."""
    errs: str = "mesh"
    """What it is better than, in words."""
    remedies: tuple[str, ...] = ("refine the mesh", "raise the degree")

    @abc.abstractmethod
    def residuals(self, parameters, phi, evaluation: Evaluation, progress: Callable) -> Array | None:
        """Return r⁺ at φ, one Newton step on from what was known; None where a solve fails."""
