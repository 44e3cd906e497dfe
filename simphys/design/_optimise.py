"""The loop of a design: evaluate, record, move, and know when to stop."""

import dataclasses
import functools
import os
import pathlib
import time
from collections.abc import Sequence

import numpy as np

from .. import _check
from .._hidden import on_host
from .._notebook import Displayed, OnCells, picture
from .._progress import Progress, told
from .._result import RESULTS, name_of
from .._told import counted, shown
from .._typing import Callable
from ..io import identity_digest, read_checkpoint, write_checkpoint
from ..linalg import forget_factors
from ._adam import Adam
from ._evaluate import density_of
from ._goal import AbstractGoal, AtMost, Volume
from ._layout import Layout
from ._mma import MMA
from ._optimiser import AbstractOptimiser
from ._search import Iteration, Search
from ._stage import Stage, check_stages


FORMAT = 3


@dataclasses.dataclass(frozen=True)
class Design(Displayed):
    """The result of `optimise`.

    **Attributes:**

    - `status`: "successful", or the name of the item of `RESULTS` that says why it ended; `message`: in words.
    - `x`, `density`: the design variables, (n,), and the density of every cell, (cell,).
    - `layout`: as the last stage has it.
    - `objective`: its value; `constraints`: name to the quantity reached.
    - `history`: the iterations.
    - `goals`, `memories`: objective and constraints as the last stage has them, and what their last evaluations left.
    """

    status: str
    message: str
    x: np.ndarray
    density: np.ndarray
    layout: Layout
    objective: float
    constraints: dict[str, float]
    history: list[Iteration]
    goals: tuple[AbstractGoal, ...] = dataclasses.field(repr=False)
    memories: tuple = dataclasses.field(repr=False)

    def __str__(self):
        density, taken = self.density, counted(len(self.history), "iteration")
        reached = [f"{name} {value:.6g}" for name, value in self.constraints.items()]
        cells, grey = counted(len(density), "cell"), np.mean(4 * density * (1 - density))
        lines = [f"design: {self.status}" + (f" ({self.message})" if self.message else "")]
        lines.append(f"  after {taken}: {', '.join([f'objective {self.objective:.6g}', *reached])}")
        lines.append(
            f"  {cells}: {np.mean(density > 0.9):.0%} full, {np.mean(density < 0.1):.0%} empty, grey {grey:.2g}"
        )
        return "\n".join([*lines, f"  {shown(self.layout)}"])

    __repr__ = __str__

    @property
    def successful(self) -> bool:
        """Whether the design settled, and satisfies its constraints."""
        return self.status == "successful"


@picture.register
def _(value: Design):
    return picture(OnCells(value.layout.mesh, value.density, "density"))


@told("design")
@on_host("A search for a design")
def optimise(
    layout: Layout,
    objective: AbstractGoal,
    constraints: Sequence[AbstractGoal] = (),
    *,
    optimiser: AbstractOptimiser | None = None,
    start=None,
    stages: Sequence[Stage] = (),
    max_iterations: int = 200,
    tolerance: float = 0.01,
    allowance: float = 1e-3,
    patience: int = 50,
    file: str | os.PathLike | None = None,
    every: int = 10,
    progress: Progress = None,
    on_iteration: Callable[[Iteration, np.ndarray], None] | None = None,
    name: str | None = None,
) -> Design:
    """Find the layout that makes an objective small under constraints.

    min f(x)  subject to  g_i(x) ≤ 0,  0 ≤ x ≤ 1

    Every iteration solves each goal once; solves begin with the last design's solution, and factors, multigrid layouts
    and compiled programs are kept. The result does not depend, to the last bit, on whether a run with a `file` was
    interrupted and taken up again.

    **Arguments:**

    - `layout`: variables → densities.
    - `objective`: f.
    - `constraints`: g, an `AtMost` or `AtLeast` of a goal, or several.
    - `optimiser`: `OptimalityCriteria` or `MMA` (default); for a layout with a network `Adam`.
    - `start`: x at the beginning, a number or (n,); by default what fills the bound on the volume evenly, or 1/2, or the
      network's own weights.
    - `stages`: continuation in penalty and sharpness.
    - `max_iterations`: in all.
    - `tolerance`: largest change of a cell's own value at which the design has settled; it also has when the objective
      stayed within 0.1 % for ten iterations and the densities as a whole change by a tenth of it (root mean square).
    - `allowance`: value of a constraint that counts as satisfied.
    - `patience`: iterations of a stage without progress after which the design has stalled.
    - `file`, `every`: checkpoint (`.npz`), and after how many iterations it is written; if it exists, the run goes on
      from it.
    - `progress`: True, False, or a function that is told lines; by default one on terminals and in notebooks after 2 s.
    - `on_iteration`: called with each iteration and the x it was evaluated at. Ctrl-C in it keeps the last design.
    - `name`: by which you vouch for the functions in layout and goals, which a checkpoint else compares by their code.

    **Returns:** a `Design`; look at `status`.

    **Raises:** `ValueError` for goals that make no sense for the layout, or a checkpoint of another run or one that was
    changed.
    """
    if optimiser is None:
        optimiser = MMA() if layout.network is None else Adam()
    single = lambda given, kind: (given,) if isinstance(given, kind) else tuple(given)
    constraints = single(constraints, AbstractGoal)
    stages = check_stages(single(stages, Stage), layout)
    for name, number in (("max_iterations", max_iterations), ("every", every), ("patience", patience)):
        if not isinstance(number, int) or number < 1:
            raise ValueError(f"`{name}` must be a whole number of 1 or more, got {number!r}.")
    _check.tolerance("tolerance", tolerance, zero=True)
    for goal in (objective, *constraints):
        goal.check(layout)
    x = _start(layout, constraints, optimiser, start)
    search = Search(layout, (objective, *constraints), optimiser, stages, x, tolerance, allowance, patience)
    file = None if file is None else pathlib.Path(file)
    if file is not None:
        settings = (optimiser, stages, tolerance, allowance, patience, every)
        identity = _identity(settings, (layout, objective, constraints, x), name)
        if file.exists():
            search.resume(*read_checkpoint(file, identity, search.wanted))
    try:
        while search.status is None and search.done < max_iterations:
            if search.done % every == 0:
                # A stale factor leaves its rounding behind; a run that is resumed has none.
                forget_factors()
            begun = time.perf_counter()
            iteration = search.advance()
            if iteration is not None:
                progress(f"iteration {search.done}, objective {iteration.objective:.6g}, change {iteration.change:.2g}")
            if on_iteration is not None and iteration is not None:
                on_iteration(dataclasses.replace(iteration, seconds=time.perf_counter() - begun), search.evaluated)
            if file is not None and search.status is None and search.done % every == 0:
                write_checkpoint(file, identity, search.done, search.state())
    except KeyboardInterrupt:
        search.status = RESULTS.design_interrupted
    return _finished(search)


def _identity(settings, problem, name) -> dict[str, str]:
    """What a checkpoint must agree in."""
    digest = functools.partial(identity_digest, functions=name is None)
    parts = {"optimiser": digest(settings, "`optimiser`"), "design problem": digest(problem, "the design problem")}
    return {"version": str(FORMAT), "name": repr(name)} | parts


def _start(layout, constraints, optimiser, start):
    if optimiser.bounded != (layout.network is None):
        kind, wanted = ("a", "`Adam`") if optimiser.bounded else ("no", "`MMA` or `OptimalityCriteria`")
        raise ValueError(f"The layout has {kind} `network`: take {wanted}, got {type(optimiser).__name__}.")
    if start is None:
        bounds = [float(c.bound) for c in constraints if isinstance(c, AtMost) and isinstance(c.goal, Volume)]
        return layout.start(min(bounds, default=None))
    x = np.broadcast_to(np.asarray(start, float), (layout.size,)).copy()
    if optimiser.bounded and not np.all((x >= 0) & (x <= 1)):
        raise ValueError(f"`start` must lie in [0, 1], got values from {x.min():g} to {x.max():g}.")
    return x


def _finished(search: Search) -> Design:
    """Status in words, and the design that is kept."""
    last = search.history[-1] if search.history else None
    at = last
    if search.status is RESULTS.design_stalled:
        at = min((h for h in search.history if h.stage == last.stage), key=lambda h: abs(h.objective - search.lowest))
    status = RESULTS.design_unfinished if search.status is None else search.status
    name, message = (status, search.message) if isinstance(status, str) else (name_of(status), str(RESULTS[status]))
    if last is not None and last.violation > search.allowance and name in ("design_unfinished", "design_infeasible"):
        name, message = "design_infeasible", f"{RESULTS[RESULTS.design_infeasible]} {_missed(search, last)}"
    elif name == "design_unfinished":
        message = f"{message} In the last iteration a cell still moved by {last.change:.3g}, all by {last.drift:.3g}."
    layout, goals = search.stages[search.stage].applied((search.layout, search.goals))
    density = density_of(layout, search.evaluated)
    objective, reached = (np.nan, {}) if at is None else (at.objective, at.constraints)
    return Design(
        name, message, search.evaluated, density, layout, objective, reached, search.history, goals, search.memories
    )


def _missed(search, last):
    """Which constraints are not satisfied, and how close the design came."""
    texts = []
    for goal, (name, reached) in zip(search.goals[1:], last.constraints.items(), strict=True):
        if goal.excess(reached) > search.allowance:
            texts.append(f"{name}: {reached:.6g} was reached.")
    return " ".join(texts)
