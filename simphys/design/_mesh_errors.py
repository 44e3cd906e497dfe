"""How good a design is off its mesh: its objective and its constraints on spaces of one degree more."""

import dataclasses
import functools
import time

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from .._hidden import compiled, on_host
from .._result import RESULTS
from .._told import shown
from .._typing import PyTree
from ..errors import IMPOSSIBLE, Enrichment
from ..fem import richer
from ._combined import Maximise, Robust, WeightedSum
from ._compliance import Compliance
from ._displacement import Displacement
from ._dissipation import Dissipation
from ._eigenvalue import Eigenfrequency
from ._goal import AbstractBound, AbstractGoal, Volume
from ._optimise import Design
from ._stress import StressNorm
from ._unit_cell import UnitCell
from ._weakened import Memory


TOLD = 1e-3
"""Relative error from which on it is told in words."""


@dataclasses.dataclass(frozen=True)
class GoalError:
    """A goal of a design: `value` on its mesh, `error`, what that lacks, its sign included; NaN where it is not known."""

    value: float
    error: float

    def __str__(self):
        known = bool(np.isfinite(self.error))
        return f"{self.value:.6g}" + (f" ± {abs(self.error):.2g} (mesh)" if known else "")

    @property
    def corrected(self) -> float:
        """The goal on the richer space."""
        return self.value + self.error

    @property
    def relative(self) -> float:
        """The error by the value."""
        return self.error / abs(self.value) if self.value else np.nan


@dataclasses.dataclass(frozen=True)
class DesignErrors:
    """What `mesh_errors` finds.

    **Attributes:**

    - `objective`, `constraints`: a `GoalError` each, of constraints the quantity that is bounded, by its name.
    - `degree`: of the richer space, 0 where none is known.
    - `remarks`: in words.
    - `seconds`: what it took.
    """

    objective: GoalError
    constraints: dict[str, GoalError]
    degree: int
    remarks: tuple[str, ...]
    seconds: float

    def __repr__(self):
        return shown(self)

    def __str__(self):
        named = {"objective": self.objective} | self.constraints
        lines = [f"{name}: {one}" for name, one in named.items()]
        return "\n".join([*lines, *self.remarks])


@on_host("An estimate")
def mesh_errors(found: Design, *, allowance: float = 1e-3, max_unknowns: int = 400_000) -> DesignErrors:
    r"""Judge a design anew on spaces of one degree more of the same mesh, with the densities as they are.

    error = q⁺(ρ) − q(ρ)

    One solve there for each goal (one for each load of a sum). An optimum draws advantage from what its mesh makes too
    stiff, or leaves out; no residual tells so.

    **Arguments:**

    - `found`: what `optimise` returned.
    - `allowance`: as of `optimise`: from which violation on a constraint that fails on the richer space is told.
    - `max_unknowns`: of the richer space, up to which it is gone to.

    **Returns:** a `DesignErrors`; errors are NaN, with a remark, where there is no richer space or no solution on it.

    **Raises:** `ValueError` for a design that was never evaluated.
    """
    if not found.history:
        raise ValueError(f"The design was never evaluated ({found.status}): there is nothing to judge.")
    begun, remarks, find = time.perf_counter(), [], _Enrichments(max_unknowns)
    values = [found.objective, *found.constraints.values()]
    names = ["objective", *found.constraints]
    errors = []
    for number, (goal, memory, value) in enumerate(zip(found.goals, found.memories, values, strict=True)):
        try:
            rich, start = enriched(goal, memory, find)
            x = jnp.asarray(found.x, found.layout.volumes.dtype)
            reached = reached_by(rich, found.layout, x, start, number > 0)
            errors.append(GoalError(value, reached - value))
        except IMPOSSIBLE as error:
            errors.append(GoalError(value, np.nan))
            why = (str(error) or type(error).__name__).splitlines()[0]
            remarks.append(f"the mesh error of {names[number]} is not known: {why}")
    objective, constraints = errors[0], dict(zip(names[1:], errors[1:], strict=True))
    remarks += [*_gained(found.goals[0], objective), *_missed(found.goals[1:], constraints, allowance)]
    return DesignErrors(objective, constraints, find.degree, tuple(remarks), time.perf_counter() - begun)


def _gained(goal, error):
    """What the optimum owes to its mesh."""
    if not abs(error.relative) > TOLD:
        return []
    gain = error.relative
    if isinstance(goal, Compliance) and gain > 0:
        return [f"the optimum gains {gain:.2%} of stiffness from the mesh"]
    side = "better" if gain > 0 else "worse"
    return [f"the mesh makes the objective ({goal.name}) look {abs(gain):.2%} {side} than it is"]


def _missed(goals, errors, allowance):
    """Constraints that hold on the mesh alone."""
    found = []
    for goal, (name, one) in zip(goals, errors.items(), strict=True):
        if goal.excess(one.value) <= allowance < goal.excess(one.corrected):
            found.append(f"{name} holds on the mesh alone: {one.corrected:.6g} on the richer space")
    return found


def reached_by(goal, layout, x, memory, quantity: bool, told: str = "") -> float:
    """Return a goal's value, or the quantity that it bounds; `ValueError` if a solve fails."""
    value, outcome = _evaluated(goal, layout, x, memory)
    if not bool(outcome.result == RESULTS.successful):
        raise ValueError(f"{told}{RESULTS[outcome.result]}")
    return float(outcome.quantity if quantity else value)


@compiled
def _evaluated(goal, layout, x, memory):
    return goal(layout, x, memory)


class _Enrichments:
    """The way of each problem to a richer space; problems that differ in numbers alone share one."""

    def __init__(self, most):
        self.most, self.known, self.degree = most, [], 0

    def __call__(self, problem) -> Enrichment:
        structure = jax.tree.structure(problem)
        for same, enrichment in self.known:
            if same == structure:
                return enrichment
        size = sum(richer(space).n_dofs for space in problem.spaces)
        if size > self.most:
            raise ValueError(f"the richer space has {size} unknowns, more than {self.most}")
        enrichment = Enrichment(problem, recommend=True)
        self.known.append((structure, enrichment))
        self.degree = max(self.degree, enrichment.degree)
        return enrichment


@functools.singledispatch
def enriched(goal: AbstractGoal, memory: PyTree, find) -> tuple[AbstractGoal, PyTree]:
    """Return a goal as one on a richer space, and the memory that its evaluation there begins with.

    Goals of your own are registered by `simphys.design.enriched.register`.

    **Arguments:**

    - `memory`: of its last evaluation.
    - `find`: problem → its `errors.Enrichment`.
    """
    raise ValueError(f"nothing is known of a `{type(goal).__name__}` on a richer space: register it in `enriched`.")


@enriched.register
def _(goal: Volume, memory, find):
    return goal, memory


@enriched.register(Compliance)
@enriched.register(StressNorm)
def _(goal, memory, find):
    enrichment = find(goal.problem)
    value = enrichment.prolonged(memory.value)
    return _on(goal, enrichment), Memory(value, memory.density, memory.loaded)


@enriched.register
def _(goal: Displacement, memory, find):
    enrichment = find(goal.problem)
    # The mean is one over the nodes of the mesh, of which the richer space has more.
    nodes = jnp.asarray(np.asarray(enrichment.maps[0].equals())[np.asarray(goal.nodes)])
    value = enrichment.prolonged(memory.value)
    rich = eqx.tree_at(lambda g: g.nodes, _on(goal, enrichment), nodes)
    return rich, Memory(value, memory.density, memory.loaded)


@enriched.register
def _(goal: Dissipation, memory, find):
    enrichment = find(goal.problem)
    return _on(goal, enrichment), enrichment.prolonged(memory)


@enriched.register
def _(goal: Eigenfrequency, memory, find):
    return _on(goal, find(goal.problem)), memory


@enriched.register
def _(goal: UnitCell, memory, find):
    enrichment = find(goal.problem)
    return _on(goal, enrichment), jnp.stack([enrichment.prolonged(field) for field in memory])


@enriched.register(Maximise)
@enriched.register(AbstractBound)
def _(goal, memory, find):
    inner, memory = enriched(goal.goal, memory, find)
    return eqx.tree_at(lambda g: g.goal, goal, inner), memory


@enriched.register
def _(goal: WeightedSum, memory, find):
    memory = (None,) * len(goal.goals) if memory is None else memory
    parts = [enriched(one, own, find) for one, own in zip(goal.goals, memory, strict=True)]
    return eqx.tree_at(lambda g: g.goals, goal, tuple(g for g, _ in parts)), tuple(m for _, m in parts)


@enriched.register
def _(goal: Robust, memory, find):
    memory = (None,) * goal.shifts.size if memory is None else memory
    parts = [enriched(goal.goal, own, find) for own in memory]
    return eqx.tree_at(lambda g: g.goal, goal, parts[0][0]), tuple(m for _, m in parts)


def _on(goal, enrichment):
    return eqx.tree_at(lambda g: g.problem, goal, enrichment(goal.problem))
