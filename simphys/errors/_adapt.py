"""Meshes that refine themselves until a goal is known well enough."""

import dataclasses
import time

import numpy as np

from .._hidden import on_host
from .._progress import Progress, told
from .._typing import Any, Callable
from ..fem import refinement
from ..implicit import Solution, solve
from ..physics import AbstractBalance
from ._estimate import Estimate, estimate_error
from ._refined import Refinement
from ._sizes import can_be_marked, ratios, size_field
from ._transfer import IMPOSSIBLE


AIM, AT_ONCE = 0.7, 8.0
"""Part of the tolerance that a new mesh is made for, and how much less of the error it is to have at most."""


@dataclasses.dataclass(frozen=True)
class Round:
    """One mesh of `adapt`: cells and unknowns, the goal, its estimated error, and the seconds until then."""

    cells: int
    unknowns: int
    value: float
    error: float
    seconds: float


@dataclasses.dataclass(frozen=True)
class Adaptation:
    """What `adapt` ends with.

    **Attributes:**

    - `problem`, `solution`, `estimate`: on the last mesh.
    - `history`: a `Round` for each mesh, the last one that of `problem`.
    - `reached`: whether the error is below the tolerance; `message`: what kept it from being so.
    """

    problem: AbstractBalance
    solution: Solution
    estimate: Estimate
    history: tuple[Round, ...]
    reached: bool
    message: str

    def __str__(self):
        rows = [
            f"  {r.cells:8d} cells {r.unknowns:9d} unknowns   {r.value:.10g} ± {abs(r.error):.1e}" for r in self.history
        ]
        return "\n".join([*rows, self.message or f"  {self.estimate}"])

    __repr__ = __str__


@told("adaptation")
@on_host("An adaptation of the mesh")
def adapt(
    problem: AbstractBalance | Callable,
    goal: Callable,
    tolerance: float,
    *,
    mesh=None,
    remesh: Callable | None = None,
    share: float = 0.5,
    max_unknowns: int = 1_000_000,
    max_rounds: int = 30,
    progress: Progress = None,
    **options: Any,
) -> Adaptation:
    r"""Solve, estimate, mark, refine, until a goal's error is below a tolerance.

    Σ_{K marked} |η_K| ≥ θ Σ_K |η_K|,   the fewest cells K that do (Dörfler)

    The solution is carried from mesh to mesh, and so is a memory (`state`) of the law. Gradients on the last mesh are those
    of a fixed mesh: how the mesh came about is not differentiated. Each mesh is a program of its own to be compiled.

    **Arguments:**

    - `problem`: a balance law, whose groups, laws, loads and prescribed values are carried to finer meshes; or a function
      mesh → balance law, for what is to be taken anew from each mesh, such as prescribed functions of position.
    - `goal`: as of `estimate_error`: a `PointValue`, a `ResultantValue`, or a function that asks for no positions.
    - `tolerance`: of the goal, > 0, in its unit.
    - `mesh`: where `problem` is a function the first mesh.
    - `remesh`: where it is, how a new mesh is made for a `SizeField` (see `size_field`), in place of bisection:
      `lambda size: io.read_mesh("part.geo", size=size)`. Nothing is carried then.
    - `share`: θ, 0 < θ ≤ 1. Of prisms, and where cells have several types, all are refined.
    - `max_unknowns`, `max_rounds`: limits. Where they, or memory, end before the tolerance is reached, or there is no finer
      mesh or no solution on it, the last one is returned, with a message.
    - `progress`: True, False, or a function that is told lines; by default one on terminals and in notebooks after 2 s.
    - `options`: of `solve`.

    **Returns:** an `Adaptation`; look at `reached`.

    **Raises:** `ValueError` as `estimate_error`; what the first mesh, its solve or its estimate raise.

    Reference: W. Dörfler, SIAM J. Numer. Anal. 33 (1996) 1106; R. Becker, R. Rannacher, Acta Numerica 10 (2001) 1.
    """
    if not tolerance > 0:
        raise ValueError(f"`tolerance` must be above 0, got {tolerance!r}.")
    if not 0 < share <= 1:
        raise ValueError(f"`share` must lie in (0, 1], got {share!r}.")
    make = None if isinstance(problem, AbstractBalance) else problem
    if make is not None and mesh is None:
        raise ValueError("`problem` is a function of the mesh: give the first `mesh`.")
    now = problem if make is None else make(mesh)
    if remesh is not None and make is None:
        raise ValueError("`remesh` makes meshes of its own: `problem` must be a function of the mesh.")
    begun, rounds, guess, kept, marks = time.perf_counter(), [], None, None, None
    while True:
        try:
            if kept is not None:
                now, guess = _finer(kept[0], kept[1], marks, make) if remesh is None else (make(remesh(marks)), None)
            solution = solve(now, guess, **options)
            estimate = estimate_error(goal)(now, solution)
        except (MemoryError, *IMPOSSIBLE) as error:
            if kept is None:
                raise
            message = _missed(tolerance, kept[2], _why(error))
            break
        kept, size = (now, solution, estimate), now.system.reduction.size
        seconds = time.perf_counter() - begun
        rounds.append(Round(now.spaces[0].mesh.n_cells, size, estimate.value, estimate.error, seconds))
        if progress is not None:
            progress(f"{rounds[-1].cells} cells, {size} unknowns: {estimate}")
        message = ""
        if abs(estimate.error) <= tolerance:
            break
        aim = max(AIM * tolerance, abs(estimate.error) / AT_ONCE)
        try:
            marks, more = _marks(now, estimate, share) if remesh is None else _sizes(now, estimate, aim)
            message = _limited(size * more, len(rounds), max_unknowns, max_rounds)
        except (MemoryError, *IMPOSSIBLE) as error:
            message = _why(error)
        if message:
            message = _missed(tolerance, estimate, message)
            break
    return Adaptation(*kept, tuple(rounds), not message, message)


def _marks(problem, estimate, share):
    """Which cells are cut, and how many times as many nodes there are then."""
    mesh = problem.spaces[0].mesh
    marks = marked(mesh, np.abs(estimate.indicators), share)
    return marks, refinement(mesh, marks)[0].n_points / mesh.n_points


def _sizes(problem, estimate, aim):
    """How large cells are to be, and how many times as many there are then."""
    finer = ratios(problem, estimate.indicators, estimate.error, aim)
    return size_field(problem, estimate, aim), (finer ** -problem.spaces[0].mesh.dim).mean()


def _limited(wanted, rounds, max_unknowns, max_rounds) -> str:
    """Which limit the next mesh would pass."""
    if rounds >= max_rounds:
        return f"within {max_rounds} meshes"
    return f"within {max_unknowns} unknowns" if wanted > max_unknowns else ""


def _finer(problem, solution, marks, make):
    """The problem on the next mesh, and what is known of its solution."""
    if make is not None:
        return make(refinement(problem.spaces[0].mesh, marks)[0]), None
    transfer = Refinement(problem, marks)
    return transfer(problem), transfer.prolonged(solution.value)


def _why(error) -> str:
    why = (str(error) or type(error).__name__).splitlines()[0]
    return f"for want of memory ({why})" if _of_memory(error) else f"on a finer mesh ({why})"


def _of_memory(error) -> bool:
    return isinstance(error, MemoryError) or "RESOURCE_EXHAUSTED" in str(error) or "MemoryError" in str(error)


def _missed(tolerance, estimate, why) -> str:
    return f"The tolerance {tolerance:.3g} was not reached {why}: the error is {abs(estimate.error):.3g}."


def marked(mesh, sizes: np.ndarray, share: float) -> np.ndarray | None:
    """Return the fewest cells with a share of what all have, (cell,) sizes of 0 or more; None where all must be refined."""
    if not can_be_marked(mesh):
        return None
    order = np.argsort(-sizes)
    count = int(np.searchsorted(np.cumsum(sizes[order]), share * sizes.sum())) + 1
    return np.sort(order[:count])
