"""The state of an optimisation, and one iteration of it."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np

from .._result import RESULTS
from ..io import Entry
from ._evaluate import Evaluation, density_of, evaluate, values_of


PROGRESS = 1e-4
"""Relative improvement that counts as progress."""
SPREAD, WINDOW, WHOLE = 1e-3, 10, 0.1
"""Relative spread of the objective, over so many iterations, at which it has converged; and the part of the tolerance on a
single cell within which the root mean square over all cells then stays."""


@dataclasses.dataclass(frozen=True)
class Iteration:
    """One evaluated design.

    **Attributes:**

    - `number`: from 1; `stage`: from 0.
    - `objective`: f; `constraints`: name to the quantity that is bounded; `violation`: largest g, scaled.
    - `change`: how far the next design moves a cell's own value at most, before filter and projection.
    - `drift`: root mean square change of the densities since the last design; infinite for the first one of a stage.
    - `forward_residual`, `adjoint_residual`: worst relative residuals of the solves; the second is 0 where no adjoint
      was needed (`adjoint_solves` says how many were).
    - `seconds`: time taken.
    """

    number: int
    stage: int
    objective: float
    constraints: dict[str, float]
    violation: float
    change: float
    drift: float
    forward_residual: float
    adjoint_residual: float
    adjoint_solves: int
    seconds: float = 0.0


class Search:
    """A design on its way.

    **Attributes:**

    - `done`: iterations so far; `x`: the design to be evaluated next; `evaluated`: the last one that was.
    - `density`: that of `evaluated`.
    - `status`, `message`: None and "" while it goes on.
    - `history`: the iterations.
    """

    def __init__(self, layout, goals, optimiser, stages, x, tolerance, allowance, patience):
        self.layout, self.goals, self.optimiser, self.stages = layout, goals, optimiser, stages
        self.tolerance, self.allowance, self.patience = tolerance, allowance, patience
        self.names = [goal.name for goal in goals[1:]]
        self.x = self.evaluated = self.best = x
        self.density = np.full(layout.mesh.n_cells, np.inf)
        self.memory = optimiser.begin(x, len(self.names))
        self.memories = tuple(goal.begin() for goal in goals)
        self.done = self.stage = self.within = self.waiting = 0
        self.reference = (np.inf, np.inf)
        self.lowest = np.inf
        self.history: list[Iteration] = []
        self.status, self.message = None, ""

    def advance(self) -> Iteration | None:
        """Evaluate the design and move it; None if the evaluation failed, which sets `status`."""
        layout, goals = self.stages[self.stage].applied((self.layout, self.goals))
        found = [evaluate(goal, layout, self.x, memory) for goal, memory in zip(goals, self.memories, strict=True)]
        bad = next((one for one in found if one.status != "successful"), None)
        if bad is not None:
            self.status, self.message = bad.status, bad.message
            return None
        first, rest = found[0], found[1:]
        values = np.array([one.value for one in rest])
        jacobian = np.stack([one.gradient for one in rest]) if rest else np.zeros((0, self.x.size))
        new, self.memory = self.optimiser.step(self.memory, self.x, first.value, first.gradient, values, jacobian)
        change = float(np.max(np.abs(values_of(layout, new) - values_of(layout, self.x))))
        iteration = self._record(found, values, change, self._drift(layout))
        self.memories = tuple(one.memory for one in found)
        self.evaluated, self.x = self.x, new
        self.done, self.within = self.done + 1, self.within + 1
        self._judge(iteration)
        return iteration

    def _drift(self, layout) -> float:
        """√(∫ Δρ² dV / ∫ dV), from one design of a stage to the next."""
        density, volumes = density_of(layout, self.x), np.asarray(layout.volumes)
        squares = (density - self.density) ** 2 if self.within else np.full(len(density), np.inf)
        self.density = density
        return float(np.sqrt(np.sum(squares * volumes) / np.sum(volumes)))

    def _record(self, found: list[Evaluation], values, change, drift) -> Iteration:
        worst = float(max(values, default=-np.inf))
        iteration = Iteration(
            self.done + 1,
            self.stage,
            found[0].value,
            {name: one.quantity for name, one in zip(self.names, found[1:], strict=True)},
            worst,
            change,
            drift,
            max(one.forward_residual for one in found),
            max(one.adjoint_residual for one in found),
            sum(one.adjoint_solves for one in found),
        )
        self.history.append(iteration)
        return iteration

    def _judge(self, iteration):
        """Go on, go to the next stage, or end."""
        feasible = iteration.violation <= self.allowance
        if feasible and iteration.objective < self.lowest:
            self.best, self.lowest = self.evaluated, iteration.objective
        measure = (0.0, iteration.objective) if feasible else (1.0, iteration.violation)
        if measure[0] < self.reference[0] or measure[1] < self.reference[1] - PROGRESS * abs(self.reference[1]):
            if measure[0] <= self.reference[0]:
                self.reference, self.waiting = measure, 0
        else:
            self.waiting += 1
        settled, stalled = self._settled(iteration), self.waiting >= self.patience
        if self.stage < len(self.stages) - 1:
            if settled or stalled or self.within >= self.stages[self.stage].iterations:
                self.stage, self.within, self.waiting = self.stage + 1, 0, 0
                self.reference, self.lowest = (np.inf, np.inf), np.inf
                if self.optimiser.restarts:
                    self.memory = self.optimiser.begin(self.x, len(self.names))
            return
        if settled or stalled:
            self.status = RESULTS.successful if feasible else RESULTS.design_infeasible
            if feasible and not settled:
                self.status, self.evaluated = RESULTS.design_stalled, self.best

    def _settled(self, iteration) -> bool:
        """Whether no value moves any more, or neither the design as a whole nor the objective does.

        Some cells of a branching design, or ones whose value is far beyond a projection's threshold, move for ever with
        no effect. Reference: X. Huang, Y. M. Xie, Finite Elements in Analysis and Design 43 (2007) 1039–1049.
        """
        if iteration.change <= self.tolerance:
            return True
        last = np.array([h.objective for h in self.history[-WINDOW:]])
        level = self.within >= WINDOW and np.ptp(last) <= SPREAD * np.max(np.abs(last))
        return bool(level and iteration.drift <= WHOLE * self.tolerance)

    def state(self):
        """Everything that the next iterations depend on, as a pytree of arrays."""
        numbers = (self.stage, self.within, self.waiting, *self.reference, self.lowest)
        rows = [
            (
                h.stage,
                h.objective,
                h.violation,
                h.change,
                h.drift,
                h.forward_residual,
                h.adjoint_residual,
                h.adjoint_solves,
                h.seconds,
            )
            for h in self.history
        ]
        table = np.array(rows, float).reshape(-1, 9)
        reached = np.array([list(h.constraints.values()) for h in self.history], float)
        reached = reached.reshape(len(rows), len(self.names))
        designs = self.x, self.evaluated, self.best, self.density
        return (np.array(numbers, float), designs, self.memory, self.memories, table, reached)

    def wanted(self, done: int):
        """Return what a state after so many iterations must be, an `Entry` for each array."""
        if not done > 0:
            raise ValueError(f"'done' must be 1 or more, got {done}")
        numbers, designs, memory, memories, table, reached = self.state()
        like, loose = Entry.like, lambda array: Entry.like(array, finite=False)
        # Infinite are the bests of a stage that has none yet, and how far its first design came.
        return (
            loose(numbers),
            tuple(Entry.like(design, finite=True) for design in designs),
            jax.tree.map(like, memory),
            jax.tree.map(like, memories),
            Entry((done, table.shape[1]), table.dtype, finite=False),
            Entry((done, reached.shape[1]), reached.dtype),
        )

    def resume(self, done: int, state):
        """Go on from a state; `ValueError` for a stage that there is none of."""
        numbers, designs, self.memory, memories, table, reached = state
        if numbers[0] not in range(len(self.stages)):
            raise ValueError(
                f"The checkpoint is at stage {numbers[0]}, of {len(self.stages)}: delete it to start anew."
            )
        self.x, self.evaluated, self.best, self.density = designs
        self.memories = jax.tree.map(jnp.asarray, memories)
        self.done = done
        self.stage, self.within, self.waiting = (int(n) for n in numbers[:3])
        self.reference, self.lowest = (float(numbers[3]), float(numbers[4])), float(numbers[5])
        self.history = [
            Iteration(
                k + 1,
                int(row[0]),
                row[1],
                dict(zip(self.names, map(float, bounds), strict=True)),
                *map(float, row[2:7]),
                int(row[7]),
                row[8],
            )
            for k, (row, bounds) in enumerate(zip(table, reached, strict=True))
        ]
