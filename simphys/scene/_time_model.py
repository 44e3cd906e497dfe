"""`[time]` and `[signals]` as a march."""

import dataclasses
import hashlib
import json
import pathlib
from collections.abc import Iterator

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from .. import implicit, io, stepping
from .._result import RESULTS, name_of
from .._typing import Any, Callable
from ..physics import AllenCahn, CahnHilliard
from ..stepping import AbstractStepper, Drive, StepFailed, Trajectory, check_fits
from ..stepping._kept import identity_of, parts_kept, taken_up
from ..stepping._march import explain, seen, watched
from ..stepping._parts import begun_at
from ._blame import blame
from ._build_strain import STRAINS, inner_law, strain_of
from ._error import SceneError, listing, nearest
from ._initial import initial_state, spread
from ._model import FieldModel
from ._physics_section import RigidMotion
from ._statistics import check_statistics
from ._time_section import RampSignal, SineSignal


CHANGES = ("mesh", "space", "time", "signals", "solver", "observe")
"""Sections that change what a march gives, beside the physics."""


@dataclasses.dataclass(frozen=True)
class Frame:
    """A state that a march came through.

    **Attributes:**

    - `t`: its time; `u`: the solution; `problem`: the problem at that time, with the internal variables then.
    - `times`: of the ends of the steps since the frame before, of the first frame its own; (step,).
    - `observed`: what was observed then, stacked.
    - `newton_steps`, `weakly_active`: of each of these steps, none of the first frame; the latter: points at a kink.
    - `done`, `steps`: how many steps of how many.
    """

    t: float
    u: Any
    problem: Any
    times: np.ndarray
    observed: Any
    newton_steps: np.ndarray
    weakly_active: np.ndarray
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
                _check_covers(signal, entry, section.span)
                signals += [(_magnitude(model, target, entry.entry), signal) for target in entry.of]
        drive = Drive(*signals) if signals else None
        with blame(file, "time.stepper"):
            stepper = _stepper(model.base, section)
            check_fits(stepper, stepping.Semidiscrete(model.base, drive))
            if isinstance(stepper, stepping.ConvexSplitting):
                model.base.convex_split()
        times = None if section.given is None else np.asarray(section.given)
        check_statistics(model.scene, list(model.scene.data.observe), section.span if times is None else times)
        return cls(model, stepper, drive, times)

    def start(self, problem) -> Any:
        """Return the state at the first time; under a transformation NaN if it should be an equilibrium and is none."""
        initial = self.model.scene.data.time.initial
        driven = stepping.Semidiscrete(problem, self.drive).at(jnp.asarray(self._first, float))
        like = driven.value(driven.unknowns(None))
        with blame(self.model.scene.file, "time.initial"):
            u = initial_state(self.model, problem, like)
            velocity = spread(initial.velocity, like.shape) if problem.terms().derivatives == 2 else None
            if initial.equilibrium:
                begin = driven.unloaded()
                found = implicit.solve(driven, u, method=self.model.method, start=begin, throw=False)
                good = found.certificate.converged
                if not isinstance(good, jax.core.Tracer) and not bool(good):
                    raise SceneError(f"there is no equilibrium to begin with: {RESULTS[found.result]}")
                u = found.value
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

    def last(self, problem, times, method=None) -> Any:
        """March through these times; return the solution at the last of them, as a function of the problem."""
        found = stepping.march(
            self.stepper, problem, self.start(problem), times, drive=self.drive, method=method, save=None,
            checkpoints=4,
        )  # fmt: skip
        return jax.tree.map(lambda a: a[-1], found.values)

    def frames(self, problem, observe: Callable | None, file: pathlib.Path | None = None) -> Iterator[Frame]:
        """March, and stop at every frame.

        **Arguments:**

        - `file`: a checkpoint, written before every frame but the first; if it exists, frames come from it as far as it
          goes, to the last bit as they were.

        **Raises:** `StepFailed` after the last frame, if a step could not be solved; `SceneError` for a checkpoint that is
        damaged or of another scene.
        """
        found, search = self.chosen(problem)
        times = jnp.asarray(found, float)
        evolution = stepping.Semidiscrete(problem, self.drive)
        every = -(-(len(found) - 1) // self.model.scene.data.time.frames)
        identity = self._identity(evolution, times, every)
        begin = begun_at(self.stepper, evolution, self.start(problem), times[0], self.method)
        look = lambda begin: watched(observe, evolution, times[0], begin[0].u, begin[1])
        first = look(begin)
        with blame(None, "--resume"):
            kept = taken_up(file, identity, begin, _kept_of(begin, first), len(found) - 1, every)
        begin, first = kept.begin, first if kept.done == 0 else look(kept.begin)
        keep = lambda part: (
            part.final.u,
            part.history,
            jax.tree.map(lambda a: a[1:], part.observed),
            part.newton_steps,
            part.weakly_active,
        )
        options = dict(every=every, method=self.method, observe=observe, save=False, file=file, identity=identity)
        parts = parts_kept(self.stepper, evolution, times, kept, keep, **options) if len(found) > 1 else ()
        row, none = jax.tree.map(lambda a: jnp.asarray(a)[None], first), (jnp.zeros(0, int),) * 2
        yield self._frame(evolution, found, 0, 0, (begin[0].u, begin[1], row, *none))
        done = 0
        for reached in parts:
            before, done = done, reached.done
            failed = -1 if reached.found is None else int(reached.found.failed_step)
            if failed >= 0:
                done += failed
            if done > before:
                yield self._frame(evolution, found, before, done, reached.kept)
            if failed >= 0:
                part = eqx.tree_at(lambda p: p.failed_step, reached.found, done)
                raise StepFailed(explain(part, times), reached.found)
        if search is not None and search.result != RESULTS.successful:
            status = search.result
            raise StepFailed(
                f"The step after t = {float(times[-1]):g} failed, {name_of(status)}: {RESULTS[status]}", search
            )

    @staticmethod
    def _frame(evolution, times, before: int, done: int, kept) -> Frame:
        u, history, observed, newton, kinks = kept
        first = before + 1 if done else 0
        rows = jax.tree.map(lambda a: np.asarray(a)[: max(done - before, 1)], observed)
        state = seen(evolution, jnp.asarray(times[done], float), history)
        ends = np.asarray(times[first : done + 1])
        counts = (np.asarray(count)[: done - before] for count in (newton, kinks))
        return Frame(float(times[done]), u, state, ends, rows, *counts, done, len(times) - 1)

    def _identity(self, evolution, times, every) -> dict[str, str]:
        """What a checkpoint must agree in; what is computed from the scene, as its first state is, need not be in it."""
        about = self.model.scene.data.model_dump(mode="json", include={*CHANGES, self.model.scene.data.physics})
        of = hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()
        named = identity_of(self.stepper, evolution, None, times, every, self.method, False, name="scene")
        return {"scene": of} | named


def _kept_of(begin, first) -> Callable:
    """What a checkpoint keeps of so many steps: u, internal variables, what was observed, Newton's steps, kinks."""
    observed = lambda length: jax.tree.map(lambda a: io.Entry.like(a, rows=length, finite=False), first)
    state = jax.tree.map(io.Entry.like, (begin[0].u, begin[1]))
    return lambda length: (*state, observed(length), *(io.Entry((length,), np.dtype(np.int32)),) * 2)


def _stepper(problem, section) -> AbstractStepper:
    default = ("Equilibrium", "BackwardEuler", "GeneralisedAlpha")[problem.terms().derivatives]
    default = "ConvexSplitting" if isinstance(problem, AllenCahn | CahnHilliard) else default
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


def _check_covers(signal, entry, span):
    """A table says what happens at all times of the march, or that its end values hold."""
    if not isinstance(signal, stepping.Tabulated) or entry.hold:
        return
    first, last = float(signal.times[0]), float(signal.times[-1])
    slack = 1e-6 * (span[1] - span[0])
    if first > span[0] + slack or last < span[1] - slack:
        raise SceneError(
            f"`times` reach from {first:g} to {last:g}, the march from {span[0]:g} to {span[1]:g}: with `hold = true` the "
            "end values hold before and after."
        )


@dataclasses.dataclass(frozen=True)
class _Magnitude:
    """Picks an entry of a constraint or load; equal ones share their compiled programs, as functions would not."""

    group: str
    number: int
    entry: str

    def __call__(self, problem):
        return getattr(getattr(problem, self.group)[self.number], self.entry)


@dataclasses.dataclass(frozen=True)
class _OwnStrain:
    """Picks the strain that a law has of its own, or its expansion: in proportion to it."""

    name: str

    def __call__(self, problem):
        return strain_of(inner_law(problem.material), self.name).expansion


def _magnitude(model, name: str, entry: str) -> Callable:
    """The function that picks a magnitude of a constraint or load, or a strain of the material."""
    section = getattr(model.scene.data, model.scene.data.physics)
    if name in STRAINS and getattr(getattr(section, "material", None), name, None) is not None:
        return _OwnStrain(name)
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
        return _Magnitude(group, number, entry)
    able = [*section.constraints, *section.loads]
    raise SceneError(f"no constraint or load {name!r}.{nearest(name, able)} There are: {listing(able)}.")
