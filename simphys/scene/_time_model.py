"""`[time]` and `[signals]` as a march."""

import dataclasses
from collections.abc import Iterator

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from .. import implicit, io, stepping
from .._result import RESULTS, name_of
from .._typing import Any, Callable
from ..physics import derivatives
from ..stepping import AbstractStepper, Drive, StepFailed, Trajectory, check_fits
from ..stepping._march import explain, seen
from ..stepping._parts import begun_at, parts_of
from ._blame import blame
from ._build_physics import as_array
from ._error import SceneError, listing, nearest
from ._model import FieldModel
from ._physics_section import RigidMotion
from ._time_section import RampSignal, SineSignal


@dataclasses.dataclass(frozen=True)
class Frame:
    """A state that a march came through.

    **Attributes:**

    - `t`: its time; `u`: the solution; `problem`: the problem at that time, with the internal variables then.
    - `part`: the trajectory since the frame before, None of the first; `times`: of its steps' ends.
    - `done`, `steps`: how many steps of how many.
    """

    t: float
    u: Any
    problem: Any
    part: Trajectory | None
    times: np.ndarray
    done: int
    steps: int


@dataclasses.dataclass(frozen=True, eq=False)
class March:
    """What a scene's `[time]` describes, ready to go.

    **Attributes:**

    - `stepper`, `drive`: see `simphys.stepping.march`.
    - `times`: (steps + 1,), None if they are chosen on the way.
    """

    model: FieldModel
    stepper: AbstractStepper
    drive: Drive | None
    times: np.ndarray | None

    @classmethod
    def build(cls, model: FieldModel) -> "March":
        """Make stepper, signals and times; every error names its entry in the file."""
        file, section = model.scene.file, model.scene.data.time
        signals = []
        for name, entry in model.scene.data.signals.items():
            with blame(file, f"signals.{name}"):
                signal = _signal(model, entry)
                signals += [(_magnitude(model, target, entry.entry), signal) for target in entry.of]
        drive = Drive(*signals) if signals else None
        with blame(file, "time.stepper"):
            stepper = _stepper(model.base, section)
            check_fits(stepper, stepping.Semidiscrete(model.base, drive))
        for name, entry in model.scene.data.statistics.items():
            able = list(model.scene.data.observe)
            if entry.of not in able:
                text = f"nothing called {entry.of!r} is observed.{nearest(entry.of, able)} There are: {listing(able)}."
                raise SceneError(text, file=file, key=f"statistics.{name}.of")
        times = None if section.given is None else np.asarray(section.given)
        return cls(model, stepper, drive, times)

    def start(self, problem) -> Any:
        """Return the state at the first time; under a transformation NaN if it should be an equilibrium and is none."""
        initial = self.model.scene.data.time.initial
        driven = stepping.Semidiscrete(problem, self.drive).at(jnp.asarray(self._first, float))
        like = driven.value(driven.unknowns(None))
        spread = lambda value: jax.tree.map(lambda leaf: jnp.broadcast_to(as_array(value), leaf.shape), like)
        with blame(self.model.scene.file, "time.initial"):
            try:
                u = spread(initial.value)
                velocity = spread(initial.velocity) if derivatives(problem) == 2 else None
            except ValueError:
                raise SceneError(f"a number, or one for each of {like.shape[-1]} components expected.") from None
            if initial.equilibrium:
                begin = driven.unloaded()
                found = implicit.solve(driven, u, method=self.model.method, start=begin, throw=False)
                good = found.certificate.converged
                if not isinstance(good, jax.core.Tracer) and not bool(good):
                    raise SceneError(f"there is no equilibrium to begin with: {RESULTS[found.result]}")
                u = jax.tree.map(lambda leaf: jnp.where(good, leaf, jnp.nan), found.value)
        return u if velocity is None else (u, velocity)

    @property
    def _first(self):
        section = self.model.scene.data.time
        return section.start if section.times is None else section.times[0]

    def chosen(self, problem) -> tuple[np.ndarray, Trajectory | None]:
        """Return the times; those that the error of each step decides on are looked for now, see the trajectory."""
        if self.times is not None:
            return self.times, None
        section = self.model.scene.data.time
        found = stepping.march_adaptively(
            self.stepper,
            problem,
            self.start(problem),
            (section.start, section.end),
            rtol=section.rtol,
            atol=section.atol,
            first_step=section.first_step,
            max_steps=section.max_steps,
            drive=self.drive,
            method=self.method,
            throw=False,
        )
        return np.asarray(found.times), found

    @property
    def method(self) -> implicit.Newton:
        """Newton's method as `[solver]` asks for it."""
        return dataclasses.replace(self.model.method, least_steps=1)

    def frames(self, problem, observe: Callable | None) -> Iterator[Frame]:
        """March, and stop at every frame.

        **Raises:** `StepFailed` after the last frame, if a step could not be solved.
        """
        found, search = self.chosen(problem)
        times = jnp.asarray(found, float)
        steps = times.shape[0] - 1
        every = -(-steps // self.model.scene.data.time.frames)
        evolution = stepping.Semidiscrete(problem, self.drive)
        begun = begun_at(self.stepper, evolution, self.start(problem), times[0], self.method)
        yield Frame(float(times[0]), begun[0].u, seen(evolution, times[0], begun[1]), None, found[:1], 0, steps)
        done = 0
        options = dict(every=every, method=self.method, observe=observe, save=False)
        for part in parts_of(self.stepper, evolution, times, begun, 0, **options) if steps else ():
            failed = int(part.failed_step)
            first, done = done, done + (len(part.newton_steps) if failed < 0 else failed)
            state = seen(evolution, times[done], part.history)
            if done > first:
                yield Frame(float(times[done]), part.final.u, state, part, found[first + 1 : done + 1], done, steps)
            if failed >= 0:
                raise StepFailed(explain(eqx.tree_at(lambda p: p.failed_step, part, first + failed), times), part)
        if search is not None and search.result != RESULTS.successful:
            status = search.result
            raise StepFailed(
                f"The step after t = {float(times[-1]):g} failed, {name_of(status)}: {RESULTS[status]}", search
            )


def _stepper(problem, section) -> AbstractStepper:
    default = ("Equilibrium", "BackwardEuler", "GeneralisedAlpha")[derivatives(problem)]
    name = default if section.stepper is None else section.stepper
    options = dict(section.options)
    return getattr(stepping, name)(**options)


def _signal(model, entry):
    if isinstance(entry, SineSignal):
        return stepping.Sine(entry.period, entry.amplitude, np.deg2rad(entry.phase), entry.offset)
    if isinstance(entry, RampSignal):
        return stepping.Ramp(entry.begin, entry.end, entry.before, entry.after)
    if entry.file is None:
        return stepping.Tabulated(entry.times, entry.values)
    table = io.read_table(model.scene.path_of(entry.file))
    return stepping.Tabulated(table[entry.times], table[entry.values])


def _magnitude(model, name: str, entry: str) -> Callable:
    """The function that picks a magnitude of a constraint or load."""
    section = getattr(model.scene.data, model.scene.data.physics)
    for group in ("constraints", "loads"):
        entries = getattr(section, group)
        if name not in entries:
            continue
        number, given = list(entries).index(name), entries[name]
        if isinstance(given, RigidMotion) and given.angle:
            raise SceneError(f"{name!r} turns the body: a part of a turn is not a part of its displacements.")
        part = getattr(model.base, group)[number]
        leaf = getattr(part, entry, None)
        if leaf is None or callable(leaf):
            able = [key for key in ("value", "jump", "ambient", "h") if getattr(part, key, None) is not None]
            raise SceneError(
                f"{name!r} has no `{entry}` that could change in time; it has {listing(able) or 'nothing'}."
            )
        if not bool(jnp.any(jnp.asarray(leaf) != 0)):
            raise SceneError(f"`{entry}` of {name!r} is 0, and stays so whatever the signal: give it a magnitude.")
        return lambda problem: getattr(getattr(problem, group)[number], entry)
    able = [*section.constraints, *section.loads]
    raise SceneError(f"no constraint or load {name!r}.{nearest(name, able)} There are: {listing(able)}.")
