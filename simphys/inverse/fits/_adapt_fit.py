"""Meshes that refine themselves where the error of fitted parameters comes from."""

import dataclasses
import time

import numpy as np

from ..._hidden import on_host
from ..._progress import Progress, told
from ..._typing import Any, Callable
from ...errors import IMPOSSIBLE, marked
from ...fem import Mesh
from ..experiments import AbstractExperiment, LoadSteps
from ._fit import Fit, fit
from ._shift_indicators import shift_indicators


@dataclasses.dataclass(frozen=True)
class FitRound:
    """One mesh of `adapt_fit`.

    **Attributes:**

    - `cells`, `unknowns`: how many there are.
    - `values`: the fitted parameters; `std`: their deviations because of noise.
    - `relative`: how far the mesh shifts each, in these deviations.
    - `seconds`: from the beginning until then.
    """

    cells: int
    unknowns: int
    values: np.ndarray
    std: np.ndarray
    relative: np.ndarray
    seconds: float

    def told(self, names: list[str]) -> str:
        """Say it in a line, with the parameters' names."""
        shifts = ", ".join(f"{n} {s:+.2g} σ" for n, s in zip(names, self.relative, strict=True))
        return f"{self.cells:8d} cells {self.unknowns:9d} unknowns   the mesh shifts {shifts}"

    def __repr__(self):
        return self.told([f"number {k}" for k in range(len(self.relative))])


@dataclasses.dataclass(frozen=True)
class AdaptedFit:
    """What `adapt_fit` ends with.

    **Attributes:**

    - `fit`: a `Fit`, and `mesh`, the last one, that it is of.
    - `history`: a `FitRound` for each mesh.
    - `reached`: whether no shift is above the tolerance; `message`: what kept them from it.
    """

    fit: Fit
    mesh: Mesh
    history: tuple[FitRound, ...]
    reached: bool
    message: str

    def __str__(self):
        rows = [f"  {each.told(self.fit.names)}" for each in self.history]
        return "\n".join([*rows, *([f"  {self.message}"] if self.message else []), str(self.fit)])

    __repr__ = __str__


@told("adaptation")
@on_host("An adaptation of the mesh")
def adapt_fit(
    make: Callable[[Mesh], AbstractExperiment],
    mesh: Mesh,
    parameters,
    *,
    tolerance: float = 0.5,
    share: float = 0.5,
    max_unknowns: int = 200_000,
    max_rounds: int = 12,
    progress: Progress = None,
    **options: Any,
) -> AdaptedFit:
    r"""Fit, estimate what the mesh does to the parameters, refine where that comes from, until it is less than noise does.

    |δθ_j| ≤ tolerance · σ_j for all j;   else Σ_{K marked} η_K ≥ share Σ_K η_K with η_K = Σ_j |part of K in δφ_j| / σ_j

    The sum goes over the parameters that are shifted too far. Each fit begins with the parameters of the one before.

    **Arguments:**

    - `make`: mesh → `LoadSteps`, with its data; the same on any mesh.
    - `mesh`: the first one. Of prisms, and where cells have several types, all are refined.
    - `parameters`, `options`: as of `fit`; the parameters must be as many on each mesh.
    - `tolerance`: the largest shift, in standard deviations, > 0.
    - `share`: θ of Dörfler, 0 < θ ≤ 1.
    - `max_unknowns`, `max_rounds`: limits. Where they, or memory, end before the tolerance is reached, or there is no finer
      mesh, the last fit is returned, with a message.
    - `progress`: True, False, or a function that is told lines; by default one on terminals and in notebooks after 2 s.

    **Returns:** an `AdaptedFit`; look at `reached`.

    **Raises:** `ValueError` as `fit`, for other experiments than `LoadSteps`, and for input out of range.

    Reference: R. Becker, B. Vexler, Numer. Math. 96 (2004) 435.
    """
    if not tolerance > 0:
        raise ValueError(f"`tolerance` must be above 0, got {tolerance!r}.")
    if not 0 < share <= 1:
        raise ValueError(f"`share` must lie in (0, 1], got {share!r}.")
    begun, rounds, kept, marks = time.perf_counter(), [], None, None
    tell = progress or (lambda _: None)
    limits = (tolerance, share, max_unknowns, max_rounds)
    while True:
        try:
            finer = mesh if kept is None else mesh.refined(marks)
            start = {} if kept is None else {"start": kept.phi}
            experiment = make(finer)
            if not isinstance(experiment, LoadSteps):
                raise ValueError(f"`make` must return `LoadSteps`, got {type(experiment).__name__}.")
            found = fit(experiment, parameters, discretisation="estimate", progress=tell, **(options | start))
            this = _round(found, finer, time.perf_counter() - begun)
            rounds, kept, mesh = [*rounds, this], found, finer
            tell(f"{this.cells} cells, {this.unknowns} unknowns: the mesh shifts by {this.relative} σ")
            reached, message, marks = _judged(found, mesh, len(rounds), *limits)
        except (MemoryError, *IMPOSSIBLE) as error:
            if kept is None:
                raise
            reached, message = False, _missed(tolerance, rounds[-1], _first_line(error))
        if reached or message:
            return AdaptedFit(kept, mesh, tuple(rounds), reached, message)


def _round(found: Fit, mesh, seconds) -> FitRound:
    """What is kept of a fit, which must be one that knows of its mesh."""
    if found.mesh is None:
        raise ValueError(f"a fit ended as {found.status!r}, without deviations: there is no shift to refine for")
    size = found.problem.system.reduction.size
    return FitRound(mesh.n_cells, size, found.values, found.uncertainty.std, found.mesh.relative, seconds)


def _judged(found: Fit, mesh, rounds, tolerance, share, max_unknowns, max_rounds):
    """Whether the shifts are small enough; else why there is no next mesh, or its marks."""
    shifts = np.abs(found.mesh.relative)
    last = FitRound(0, 0, found.values, found.uncertainty.std, found.mesh.relative, 0.0)
    if not np.isfinite(shifts).all():
        return False, _missed(tolerance, last, *found.mesh.remarks[:1]), None
    if (shifts <= tolerance).all():
        return True, "", None
    if rounds >= max_rounds:
        return False, _missed(tolerance, last, f"{max_rounds} meshes were made"), None
    marks = marked(mesh, shift_indicators(found.local, np.flatnonzero(shifts > tolerance)), share)
    wanted = found.problem.system.reduction.size * mesh.refined(marks).n_points / mesh.n_points
    if wanted > max_unknowns:
        return False, _missed(tolerance, last, f"the next mesh has more than {max_unknowns} unknowns"), None
    return False, "", marks


def _missed(tolerance, last, why="") -> str:
    worst = np.nanmax(np.abs(last.relative), initial=0.0)
    return f"The tolerance of {tolerance:.3g} σ was not reached ({why}): the largest shift is {worst:.3g} σ."


def _first_line(error) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]
