"""What bodies have in common, on a mesh or on a grid: load steps, and problems made of a scene's numbers."""

import abc
import dataclasses
import time
from collections.abc import Callable, Iterator
from typing import Any

import equinox as eqx

from .. import distributed, implicit, inverse, physics
from .._told import shown
from .._typing import Array, PyTree
from ._blame import blame
from ._interface import AbstractModel, AbstractWay, Fields, MeshErrors
from ._observe import Observer
from ._replace import below, scaled


@dataclasses.dataclass(frozen=True)
class Step:
    """One load step.

    **Attributes:**

    - `number`, `of`: which one, counted from 1, and how many there are.
    - `factor`: what loads were multiplied by; `start`: the factor of the step before.
    - `problem`: the problem of this step.
    - `solution`: its `simphys.Solution`.
    - `before`: the problem that continuation started from, if there is one.
    - `seconds`: what it took.
    """

    number: int
    of: int
    factor: float
    start: float
    problem: implicit.AbstractRootProblem
    solution: implicit.Solution
    before: implicit.AbstractRootProblem | None
    seconds: float = 0.0

    def __repr__(self):
        return shown(self)

    @property
    def converged(self) -> bool:
        """Whether the step's own load was reached."""
        return bool(self.solution.certificate.converged)

    @property
    def reached(self) -> float:
        """Load factor at which the solution is an equilibrium; that of the step before if it is none at all."""
        part = float(self.solution.certificate.load_factor)
        if not self.converged and part == 1:
            return self.start
        return self.start + part * (self.factor - self.start)

    @property
    def state(self) -> implicit.AbstractRootProblem:
        """The problem that the solution solves: that of the factor reached."""
        part = self.solution.certificate.load_factor
        return self.problem if float(part) == 1 else implicit.interpolate(self.before, self.problem, part)


class AbstractBody(AbstractModel):
    """A scene with a body: a root problem that depends on the scene's numbers, seen in pictures and files.

    **Attributes:**

    - `maker`: what made the problem, and makes it of other numbers.
    """

    maker: Any
    lacking = "nothing called {} is observed"

    @property
    @abc.abstractmethod
    def shown(self) -> Any:
        """What fields are drawn, written and observed on: a function space or a grid."""

    @property
    @abc.abstractmethod
    def observers(self) -> tuple[Observer, ...]:
        """What the scene looks at."""

    @property
    @abc.abstractmethod
    def stepper(self) -> str:
        """Name of the stepper by default."""

    @abc.abstractmethod
    def begin(self, problem, drive, t) -> PyTree:
        """Return the state at the first time."""

    @abc.abstractmethod
    def observations(self) -> tuple[inverse.AbstractObservation, ...]:
        """Return what was measured of load steps."""

    @abc.abstractmethod
    def samples(self) -> tuple[inverse.Sampled, ...]:
        """Return what was measured over time."""

    @abc.abstractmethod
    def magnitude(self, name: str, entry: str) -> Callable:
        """Return what picks a magnitude that a signal may lead; `SceneError` where there is none."""

    @abc.abstractmethod
    def written(self, fields: Fields) -> dict[str, dict[str, Any]]:
        """Return what a file holds of a solution: fields by name, at "node" and in "cell"."""

    @abc.abstractmethod
    def errors(self, problem, value, goal: str = "") -> MeshErrors:
        """Return how wrong is what is observed of a solution because of the cells' size; `goal` is what cells owe to."""

    @property
    def way(self) -> AbstractWay:
        """Through time, or up a path of loads."""
        from ._load_path import LoadPath
        from ._time_model import March

        return LoadPath(self) if self.scene.data.time is None else March.build(self)

    @property
    def factors(self) -> tuple[float, ...]:
        """Load factors of the steps."""
        steps = self.scene.data.steps
        if steps.factors is not None:
            return tuple(steps.factors)
        count = 1 if steps.count is None else steps.count
        return tuple((i + 1) / count for i in range(count))

    def problem(
        self, values: dict[str, Array] | None = None, factor: float | Array = 1.0
    ) -> implicit.AbstractRootProblem:
        """Return the problem with new values (possibly traced) for numbers of the scene, at a load factor.

        **Arguments:**

        - `values`: key path, such as `solid.material.c10`, to its value.
        - `factor`: what loads and constraints are multiplied by.
        """
        return self.made(values or {}, self.base, factor)

    def made(self, values, base, factor=None) -> implicit.AbstractRootProblem:
        """Return a problem with new values for numbers of the scene; what none of them concerns stays the very same."""
        section, changed = below(self.scene.data, values), {key.split(".")[1] for key in values}
        if factor is None or (isinstance(factor, float) and factor == 1):
            return self._remade(section, base, changed) if changed else base
        return self._loaded(base, section, factor, changed)

    def _loaded(self, base, section, factor, changed=frozenset()):
        """The same problem under a part of its loads; all that does not change stays the very same arrays."""
        section = scaled(section, factor, self.scene.data.steps.scale)
        return self._remade(section, base, {*changed, "constraints"})

    def _remade(self, section, base, changed):
        with blame(self.scene.file, self.scene.data.physics):
            return self.maker.remade(section, base, changed)

    def march(self, values=None, *, throw: bool = False) -> Iterator[Step]:
        """Solve the load steps in turn; the last one yielded has not converged if there is a failure.

        **Arguments:**

        - `values`: as for `problem`.
        - `throw`: raise at a failure instead.
        """
        section, full, carried = below(self.scene.data, values or {}), self.problem(values), False
        before, guess, start = None, None, 0.0
        for i, factor in enumerate(self.factors):
            problem = self._loaded(full, section, factor)
            if i == 0:
                carried = physics.carries(problem) and len(self.factors) > 1
                # Of several steps made anew, as it will be in those that follow: one program serves them all.
                before = (self._loaded(full, section, factor) if carried else problem).unloaded()
                guess = None if before is None else _at_rest(before)
            if carried:
                # The step before stands under its own loads with the memory that it has left, where its friction acted
                # from as it did: that leads over.
                begin = physics.begin_of(before, None if i == 0 else guess)
                problem = physics.begun(problem, begin)
                before = physics.begun(before, (physics.begin_of(before)[0], begin[1]))
            begun = time.perf_counter()
            with blame(self.scene.file, "solver"):
                solution = distributed.solved(
                    problem, guess, method=self.method, adjoint=self.adjoint, start=before, throw=throw
                )
            done = time.perf_counter() - begun
            yield (step := Step(i + 1, len(self.factors), factor, start, problem, solution, before, done))
            if not throw and not step.converged:
                return
            before, guess, start = problem, solution.value, factor

    @property
    def method(self) -> implicit.Newton:
        """Newton's method as `[solver]` asks for it."""
        solver = self.scene.data.solver
        return implicit.Newton(
            rtol=solver.rtol,
            max_steps=solver.max_steps,
            first_increment=solver.first_increment,
            smallest_increment=solver.smallest_increment,
        )

    @property
    def adjoint(self) -> implicit.AbstractAdjoint:
        """The meaning of gradients as `[solver]` asks for it."""
        solver = self.scene.data.solver
        return implicit.OneStep() if solver.adjoint == "one_step" else implicit.Implicit(rtol=solver.adjoint_rtol)


@eqx.filter_jit
def _at_rest(problem):
    """The value of all unknowns 0, by one program."""
    return problem.value(problem.unknowns(None))
