"""What a scene with a mesh describes, ready to be solved for any values of its numbers."""

import dataclasses

import numpy as np

from .. import fem, physics
from ._blame import blame
from ._body_model import AbstractBody
from ._build_equation import Equation, arrays_of
from ._build_physics import Parts
from ._initial import begin
from ._load import Scene
from ._measurements import build_observations, build_samples
from ._observe import Observer, build_observers
from ._recovered import nodal_quantities
from ._replace import check_scale
from ._signals import magnitude_of


@dataclasses.dataclass(frozen=True, eq=False)
class FieldModel(AbstractBody):
    """A body on a mesh: the scenes with a balance law.

    **Attributes:**

    - `space`: of the displacement, velocity, temperature or concentration, and of parameters that are given at nodes.
    - `base`: the problem as the scene states it; `maker`: what made it, and makes it of other numbers.
    """

    scene: Scene
    space: fem.FunctionSpace
    base: physics.AbstractBalance
    maker: Parts | Equation

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

    def observations(self):
        """Return what was measured of load steps."""
        return build_observations(self)

    def samples(self):
        """Return what was measured over time."""
        return build_samples(self)

    def magnitude(self, name, entry):
        """Return what picks a magnitude of a constraint or load, or a strain of the material."""
        return magnitude_of(self, name, entry)

    def written(self, fields):
        """Return all quantities of the problem, and what else is to be written."""
        _, problem, value, more = fields
        arrays: dict = {"node": {}, "cell": {}}
        for found in problem.quantities():
            arrays[found.where][found.name] = np.asarray(found.values(problem, value))
        arrays["node"] |= {name: np.asarray(v) for name, v in nodal_quantities(self, problem, value).items()}
        for name, (where, values) in more.items():
            arrays[where][name] = (self.space, values) if where == "node" else values
        return arrays

    def errors(self, problem, value, goal=""):
        """Return them by one linear solve on a space of one degree more."""
        from ._mesh_error import mesh_errors

        return mesh_errors(self, problem, value, goal)
