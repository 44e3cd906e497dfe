"""What a scene describes, ready to be solved for any values of its numbers."""

import dataclasses
import time
from collections.abc import Iterator

import equinox as eqx

from .. import fem, implicit, inverse, physics
from .._told import shown
from .._typing import Array
from ._blame import blame
from ._build_equation import Equation, arrays_of
from ._build_physics import Parts
from ._initial import begin
from ._interface import AbstractModel, AbstractWay
from ._load import Scene
from ._measurements import build_samples
from ._observe import Observer, build_observers
from ._replace import below, check_scale, scaled


@dataclasses.dataclass(frozen=True)
class Step:
    """One load step.

    **Attributes:**

    - `number`, `of`: which one, counted from 1, and how many there are.
    - `factor`: what loads were multiplied by; `start`: the factor of the step before.
    - `problem`: the problem of this step.
    - `solution`: its `simphys.Solution`.
    - `before`: the problem that continuation started from.
    - `seconds`: what it took.
    """

    number: int
    of: int
    factor: float
    start: float
    problem: physics.AbstractBalance
    solution: implicit.Solution
    before: physics.AbstractBalance
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
    def state(self) -> physics.AbstractBalance:
        """The problem that the solution solves: that of the factor reached."""
        part = self.solution.certificate.load_factor
        return self.problem if float(part) == 1 else implicit.interpolate(self.before, self.problem, part)


@dataclasses.dataclass(frozen=True, eq=False)
class FieldModel(AbstractModel):
    """A body on a mesh: the scenes with a balance law.

    **Attributes:**

    - `space`: of the displacement, velocity, temperature or concentration, and of parameters that are given at nodes.
    - `base`: the problem as the scene states it; `maker`: what made it, and makes it of other numbers.
    """

    scene: Scene
    space: fem.FunctionSpace
    base: physics.AbstractBalance
    maker: Parts | Equation
    lacking = "nothing called {} is observed"

    @property
    def shown(self) -> fem.FunctionSpace:
        """The space of what is drawn, written and observed at points."""
        return self.base.shown_space

    @classmethod
    def build(cls, scene: Scene, mesh: fem.Mesh | None = None, degree: int | None = None) -> "FieldModel":
        """Make mesh, space and problem; every error names its entry in the file.

        **Arguments:**

        - `mesh`, `degree`: in place of those that the scene describes; the mesh has the groups that it names.
        """
        from ._build_mesh import build_mesh, build_space

        steps, section = scene.data.steps, scene.data.section
        if steps.scale is not None or (steps != type(steps)() and section.own_spaces):
            with blame(scene.file, "steps.scale"):
                check_scale(section, steps.scale)
        if not section.own_spaces:
            parts = Parts(scene, build_space(scene, mesh, degree))
            return cls(scene, parts.spaces[0], parts.problem(), parts)
        with blame(scene.file, scene.data.physics):
            made = Equation.build(scene, build_mesh(scene) if mesh is None else mesh)
            base = made.problem(arrays_of(section.parameters))
            # Where a field has no nodes, those of parameters are the mesh's.
            first = base.spaces[0]
            return cls(scene, first if first.nodal else fem.FunctionSpace(made.mesh, made.mesh.degree), base, made)

    @property
    def way(self) -> AbstractWay:
        """Through time, or up a path of loads."""
        from ._load_path import LoadPath
        from ._time_model import March

        return LoadPath(self) if self.scene.data.time is None else March.build(self)

    @property
    def sizes(self) -> dict[str, int]:
        """Numbers of cells, nodes and unknowns."""
        mesh, reduction = self.space.mesh, self.base.system.reduction
        return {"cells": mesh.n_cells, "nodes": self.space.n_nodes, "unknowns": reduction.size}

    @property
    def observers(self) -> tuple[Observer, ...]:
        """What the scene looks at."""
        return build_observers(self)

    @property
    def stepper(self) -> str:
        """Name of the stepper by default."""
        splits = isinstance(self.base, physics.AllenCahn | physics.CahnHilliard)
        kinds = ("Equilibrium", "ConvexSplitting" if splits else "BackwardEuler", "GeneralisedAlpha")
        return kinds[self.base.terms().derivatives]

    def begin(self, problem, drive, t):
        """Return the state at the first time; under a transformation NaN if it should be an equilibrium and is none."""
        return begin(self, problem, drive, t)

    def samples(self) -> tuple[inverse.Sampled, ...]:
        """Return what was measured over time."""
        return build_samples(self)

    @property
    def factors(self) -> tuple[float, ...]:
        """Load factors of the steps."""
        steps = self.scene.data.steps
        if steps.factors is not None:
            return tuple(steps.factors)
        count = 1 if steps.count is None else steps.count
        return tuple((i + 1) / count for i in range(count))

    def problem(self, values: dict[str, Array] | None = None, factor: float | Array = 1.0) -> physics.AbstractBalance:
        """Return the problem with new values (possibly traced) for numbers of the scene, at a load factor.

        **Arguments:**

        - `values`: key path, such as `solid.material.c10`, to its value.
        - `factor`: what loads and constraints are multiplied by.
        """
        return self.made(values or {}, self.base, factor)

    def made(self, values, base, factor=None) -> physics.AbstractBalance:
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
        section, full = below(self.scene.data, values or {}), self.problem(values)
        before, guess, start = None, None, 0.0
        for i, factor in enumerate(self.factors):
            problem = self._loaded(full, section, factor)
            if before is None:
                before = problem.unloaded()
                guess = _at_rest(before)
            begun = time.perf_counter()
            with blame(self.scene.file, "solver"):
                solution = implicit.solve(
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
