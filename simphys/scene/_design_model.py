"""`[design]` as a layout, goals and an optimiser."""

import dataclasses

import equinox as eqx
import numpy as np

from .. import design
from .._told import shown
from ._blame import blame
from ._design_section import Compliance, Displacement, Dissipation, Eigenfrequency, Stress, Volume
from ._error import SceneError, listing, nearest
from ._model import FieldModel


@dataclasses.dataclass(frozen=True)
class DesignTask:
    """What a scene's `[design]` describes.

    **Attributes:**

    - `model`: the scene's model: body, loads, material.
    - `layout`, `objective`, `constraints`, `optimiser`, `stages`: as `simphys.design.optimise` takes them.
    """

    model: FieldModel
    layout: design.Layout
    objective: design.AbstractGoal
    constraints: tuple[design.AbstractGoal, ...]
    optimiser: design.AbstractOptimiser
    stages: tuple[design.Stage, ...]

    def __repr__(self):
        return shown(self)

    def run(self, *, file=None, on_iteration=None) -> design.Design:
        """Optimise; see `simphys.design.optimise`."""
        section = self.model.scene.data.design
        with blame(self.model.scene.file, "design"):
            return design.optimise(
                self.layout,
                self.objective,
                self.constraints,
                optimiser=self.optimiser,
                stages=self.stages,
                max_iterations=section.max_iterations,
                tolerance=section.tolerance,
                patience=section.patience,
                file=file,
                every=section.every,
                on_iteration=on_iteration,
            )


MOST_CELLS = 100_000
"""Of a body that is judged on quadratic cells."""


def reanalyse(task: DesignTask, found: design.Design) -> design.Reanalysis:
    """Judge a design as the body that its part is, on quadratic triangles or tetrahedra of its own.

    **Raises:** `ValueError` where there is no body, it has too many cells, or nothing holds it any more; and for channels,
    whose walls the scene does not know.
    """
    scene, section = task.model.scene, task.model.scene.data.design
    if isinstance(section.objective, Dissipation):
        raise ValueError("channels have walls where they are cut, which the scene does not hold.")

    def goals(mesh):
        if mesh.n_cells > MOST_CELLS:
            raise ValueError(f"its mesh has {mesh.n_cells} cells; up to {MOST_CELLS} are judged.")
        model = FieldModel.build(scene, mesh, 2)
        bounded = [_constraint(model, entry, robust=False) for entry in section.constraints.values()]
        return _objective(model, section), bounded

    return design.reanalysed(
        found, goals, threshold=section.part_threshold, smooth=section.part_smooth, strays=section.part_strays
    )


def build_design(model) -> DesignTask:
    """Make the objects that `[design]` describes; `SceneError` naming file and key for what does not fit."""
    scene, section = model.scene, model.scene.data.design
    if section is None:
        raise SceneError("this scene has no [design].", file=scene.file)
    if not isinstance(model, FieldModel):
        raise SceneError("[design] needs [solid], [heat] or [navier_stokes].", file=scene.file, key="design")
    with blame(scene.file, "design"):
        layout = _layout(model.space.mesh, section)
        shapes = [design.Stage(s.iterations, s.penalty, s.sharpness) for s in section.stages]
        optimiser = _optimiser(section)
    with blame(scene.file, "design.objective"):
        objective = _robust(_objective(model, section), section)
        objective.check(layout)
    constraints = []
    for name, entry in section.constraints.items():
        with blame(scene.file, f"design.constraints.{name}"):
            constraints.append(_constraint(model, entry))
            constraints[-1].check(layout)
    with blame(scene.file, "design.optimiser"):
        optimiser.begin(np.zeros(0), len(constraints)) if section.optimiser == "oc" else None
    return DesignTask(model, layout, objective, tuple(constraints), optimiser, tuple(shapes))


def _optimiser(section):
    if section.network is not None:
        return design.Adam(section.network.rate)
    return design.OptimalityCriteria(section.move) if section.optimiser == "oc" else design.MMA(section.move)


def _layout(mesh, section):
    kinds = {"cone": design.ConeFilter, "helmholtz": design.HelmholtzFilter, "sensitivity": design.SensitivityFilter}
    smooth = None if section.filter is None else kinds[section.filter.type](mesh, section.filter.radius)
    step, net = section.projection, section.network
    step = None if step is None else design.Heaviside(step.sharpness, step.threshold)
    if net is not None:
        sizes = dict(waves=net.waves, width=net.width, depth=net.depth, seed=net.seed)
        net = design.NeuralDensity(mesh, section.filled, net.detail, **sizes)
    planes = [design.Plane(plane.point, plane.normal) for plane in section.symmetry]
    return design.Layout(mesh, smooth, step, solid=section.solid, void=section.void, symmetry=planes, network=net)


def _objective(model, section):
    goal = _goal(model, section.objective)
    return design.Maximise(goal) if isinstance(section.objective, Displacement | Eigenfrequency) else goal


def _constraint(model, entry, robust=True):
    goal = _goal(model, entry)
    if entry.at_most is not None:
        return design.AtMost(_robust(goal, model.scene.data.design) if robust else goal, entry.at_most)
    if not robust:
        return design.AtLeast(goal, entry.at_least)
    if isinstance(goal, design.Volume) or model.scene.data.design.projection is None:
        return design.AtLeast(goal, entry.at_least)
    if model.scene.data.design.projection.robust is not None:
        raise SceneError("with `robust` only `at_most` can be bounded, and the volume.")
    return design.AtLeast(goal, entry.at_least)


def _robust(goal, section):
    """Take the worst of three designs; of a volume, that of the thick one."""
    shift = None if section.projection is None else section.projection.robust
    if shift is None:
        return goal
    return design.Robust(goal, (-shift,) if isinstance(goal, design.Volume) else (shift, 0.0, -shift))


def _goal(model, entry):
    if isinstance(entry, Volume):
        return design.Volume()
    resists = isinstance(entry, Dissipation)
    law = _interpolation(model.scene.data.design.interpolation, resists)
    problem, how = model.problem(), (law, model.method, model.adjoint)
    if resists:
        return design.Dissipation(problem, entry.solid, *how)
    if isinstance(entry, Compliance):
        if entry.cases is None:
            return design.Compliance(problem, *how)
        return design.WeightedSum([design.Compliance(_case(model, problem, case), *how) for case in entry.cases])
    if isinstance(entry, Displacement):
        return design.Displacement(problem, entry.where, entry.direction, *how)
    if isinstance(entry, Eigenfrequency):
        return design.Eigenfrequency(problem, entry.modes, law)
    if isinstance(entry, Stress):
        return design.StressNorm(problem, entry.power, *how)
    raise NotImplementedError


def _interpolation(wanted, resists):
    """The law between void and full; what resists does so by RAMP unless something else is said."""
    kind = wanted.law or ("RAMP" if resists else "SIMP")
    law = {"SIMP": design.SIMP, "RAMP": design.RAMP}[kind]
    penalty = 10.0 if resists and kind == "RAMP" and wanted.penalty is None else wanted.penalty
    return law(least=wanted.least) if penalty is None else law(penalty, wanted.least)


def _case(model, problem, names):
    """The problem under some of its loads."""
    known = list(model.scene.data.section.loads)
    for name in names:
        if name not in known:
            raise SceneError(f"no load {name!r}.{nearest(name, known)} There are: {listing(known)}.")
    loads = tuple(load if name in names else load.unloaded() for name, load in zip(known, problem.loads, strict=True))
    return eqx.tree_at(lambda p: p.loads, problem, loads)
