"""Which evolution a problem is."""

from .._frozen import thawed
from ..distributed import Parts
from ..grids import AbstractGridProblem
from ..physics import AbstractBalance
from ._divided_body import DividedBody
from ._evolution import AbstractEvolution
from ._gridded import Gridded
from ._semidiscrete import Semidiscrete


def evolution_of(problem, drive=None, parts: Parts | None = None) -> AbstractEvolution:
    """Return a problem as one that can be stepped; with `parts` divided among them.

    **Raises:** `ValueError` for what is none, and for what is not divided.
    """
    problem = thawed(problem)
    if parts is not None:
        return DividedBody(parts, problem, drive)
    if isinstance(problem, AbstractEvolution):
        if drive is not None:
            raise ValueError("`drive` changes a balance law in time; this problem depends on time itself.")
        return problem
    if isinstance(problem, AbstractBalance):
        return Semidiscrete(problem, drive)
    if isinstance(problem, AbstractGridProblem):
        return Gridded(problem, drive)
    raise ValueError(
        f"`problem` must be a balance law (`simphys.physics`, `simphys.grids`) or an `ODE`, got {problem!r}."
    )
