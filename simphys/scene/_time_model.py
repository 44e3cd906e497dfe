"""`[time]` and `[signals]` as a march."""

import dataclasses
import hashlib
import json
import pathlib
from collections.abc import Iterator
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from .. import distributed, implicit, inverse, io, stepping
from .._keyed import keyed
from .._result import RESULTS, name_of
from .._told import shown
from .._typing import Any, Callable
from ..stepping import (
    AbstractStepper,
    Drive,
    StepFailed,
    Trajectory,
    begun_at,
    check_fits,
    described_failure,
    evolution_of,
    identity_of,
    observed_by,
    parts_kept,
    problem_seen,
    taken_up,
    whole_of,
)
from ._blame import blame
from ._error import SceneError
from ._fit_pictures import draw_search, draw_series, draw_tables
from ._interface import AbstractModel, AbstractWay, Told
from ._march_error import march_errors
from ._march_told import march_told
from ._numbers import numbers_of
from ._observe import Observer
from ._signals import build_drive
from ._square import CHECK_RTOL, CHECKED, relative_squares
from ._statistics import check_statistics


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
    - `done`, `steps`: how many steps of how many; `rejected`: tried and left, where their error decided.
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
    rejected: int

    def __repr__(self):
        return shown(self)


@dataclasses.dataclass(frozen=True, eq=False)
class March(AbstractWay):
    """What a scene's `[time]` describes, ready to go.

    **Attributes:**

    - `stepper`, `drive`: see `simphys.stepping.march`.
    - `times`: (steps + 1,), None if they are chosen on the way.
    - `observers`: what is looked at at every time.
    """

    model: AbstractModel
    stepper: AbstractStepper
    drive: Drive | None
    times: np.ndarray | None
    observers: tuple[Observer, ...]
    checked: ClassVar[str] = f"the solution after {CHECKED} steps of the march at most"

    @classmethod
    def build(cls, model) -> "March":
        """Make stepper, signals and times; every error names its entry in the file."""
        file, section = model.scene.file, model.scene.data.time
        drive, observers = build_drive(model), model.observers
        with blame(file, "time.stepper"):
            stepper = getattr(stepping, section.stepper or model.stepper)(**section.options)
            check_fits(stepper, evolution_of(model.base, drive))
            if isinstance(stepper, stepping.ConvexSplitting):
                model.base.convex_split()
        times = None if section.given is None else np.asarray(section.given)
        known = section.span if times is None else times
        check_statistics(model.scene, [observer.name for observer in observers], known, model.lacking)
        return cls(model, stepper, drive, times, observers)

    def start(self, problem) -> Any:
        """Return the state at the first time; under a transformation NaN if it should be an equilibrium and is none."""
        return self.model.begin(problem, self.drive, jnp.asarray(self.model.scene.data.time.span[0], float))

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
            parts=distributed.parts_around(problem),
            method=self.method,
            throw=False,
        )
        return np.asarray(found.times), found

    @property
    def reader(self) -> Callable:
        """What is observed, as a function of (t, u, problem)."""
        readers = {o.name: o.read for o in self.observers}
        return keyed(lambda t, u, problem: {name: read(problem, u) for name, read in readers.items()})

    @property
    def method(self) -> implicit.Newton:
        """Newton's method as `[solver]` asks for it."""
        return dataclasses.replace(self.model.method, least_steps=max(self.model.method.least_steps, 1))

    def run(self, checkpoint, errors):
        """March; tell every frame."""
        return march_told(self, self.model.base, checkpoint("march.npz"), errors)

    def along(self, file, resume):
        """March as the process does that tells of it."""
        for _ in self.frames(self.model.base, self.reader, file, anew=not resume):
            pass

    def estimated(self, step, progress):
        """Of the last time, and of statistics."""
        return march_errors(self, self.model.base, None, self.chosen(self.model.base)[0], progress)

    def experiment(self, values):
        """Return the march as an experiment: what sensors read over time."""
        numbers, section = numbers_of(self.model, values), self.model.scene.data.fit
        if section.experiments:
            raise SceneError("[fit.experiments] and [time] exclude one another.", file=self.model.scene.file, key="fit")
        samples = self.model.samples()
        with blame(self.model.scene.file, "fit"):
            times, _ = self.chosen(numbers.made())
            return inverse.TimeSeries(
                self.stepper, numbers, self.start, times, samples, drive=self.drive, method=self.method
            )

    def square(self, numbers, step):
        """Return Σ |u|² at the end of the first steps, each field relative to what is known of it."""
        times = jnp.asarray(self.chosen(numbers.base)[0])[: CHECKED + 1]
        method = dataclasses.replace(self.method, rtol=CHECK_RTOL)
        last = lambda problem: self.last(problem, times, method)
        known = eqx.filter_jit(last)(numbers.base)
        return lambda numbers: relative_squares(last(numbers.made()), known)

    def fitted(self, calibration, found, progress):
        """March with the parameters found."""
        pictures = draw_search(self.model.scene.data, found) | draw_series(calibration, found)
        yield Told(pictures=pictures | draw_tables(calibration, found), stage="output")
        # How the fit ended is what counts.
        yield from (told for told in march_told(self, found.problem, None) if not told.status)

    def last(self, problem, times, method=None) -> Any:
        """March through these times; return the solution at the last of them, as a function of the problem."""
        found = stepping.march(
            self.stepper, problem, self.start(problem), times, drive=self.drive, method=method, save=None,
            checkpoints=4,
        )  # fmt: skip
        return jax.tree.map(lambda a: a[-1], found.values)

    def frames(
        self, problem, observe: Callable | None, file: pathlib.Path | None = None, *, anew: bool = False
    ) -> Iterator[Frame]:
        """March, and stop at every frame.

        **Arguments:**

        - `file`: a checkpoint, written before every frame but the first; if it exists, frames come from it as far as it
          goes, to the last bit as they were.
        - `anew`: whether a file that exists is not gone on from.

        **Raises:** `StepFailed` after the last frame, if a step could not be solved; `SceneError` for a checkpoint that is
        damaged or of another scene.
        """
        found, search = self.chosen(problem)
        times = jnp.asarray(found, float)
        evolution = evolution_of(problem, self.drive, distributed.parts_around(problem))
        # What is told is each process's own.
        alone, whole = evolution_of(problem, self.drive), lambda memory: distributed.here(whole_of(evolution, memory))
        every = -(-(len(found) - 1) // self.model.scene.data.time.frames)
        identity = self._identity(alone, times, every)
        begin = begun_at(self.stepper, evolution, self.start(problem), times[0], self.method)

        def look(begin):
            memory, history = whole(begin)
            return memory.u, history, observed_by(observe, self.stepper, alone, times[0], memory, history)

        first = look(begin)
        with blame(None, "--resume"):
            like = _kept_of(*first)
            kept = taken_up(None if anew else file, identity, evolution, begin, like, len(found) - 1, every)
        begin, first = kept.begin, first if kept.done == 0 else look(kept.begin)

        def keep(part):
            memory, history = whole((part.final, part.history))
            observed = jax.tree.map(lambda a: a[1:], part.observed)
            return distributed.here((memory.u, history, observed, part.newton_steps, part.weakly_active))

        options = dict(every=every, method=self.method, observe=observe, save=False, file=file, identity=identity)
        parts = parts_kept(self.stepper, evolution, times, kept, keep, **options) if len(found) > 1 else ()
        row, none = jax.tree.map(lambda a: jnp.asarray(a)[None], first[2]), (jnp.zeros(0, int),) * 2
        frame = lambda *at: self._frame(alone, found, *at, 0 if search is None else int(search.rejected))
        yield frame(0, 0, (*first[:2], row, *none))
        done = 0
        for reached in parts:
            before, done = done, reached.done
            failed = -1 if reached.found is None else int(reached.found.failed_step)
            if failed >= 0:
                done += failed
            if done > before:
                yield frame(before, done, reached.kept)
            if failed >= 0:
                part = eqx.tree_at(lambda p: p.failed_step, reached.found, done)
                raise StepFailed(described_failure(part, times, evolution, self.stepper), reached.found)
        if search is not None and search.result != RESULTS.successful:
            status = search.result
            raise StepFailed(
                f"The step after t = {float(times[-1]):g} failed, {name_of(status)}: {RESULTS[status]}", search
            )

    @staticmethod
    def _frame(evolution, times, before: int, done: int, kept, rejected: int) -> Frame:
        u, history, observed, newton, kinks = kept
        first = before + 1 if done else 0
        rows = jax.tree.map(lambda a: np.asarray(a)[: max(done - before, 1)], observed)
        state = problem_seen(evolution, jnp.asarray(times[done], float), history)
        ends = np.asarray(times[first : done + 1])
        counts = (np.asarray(count)[: done - before] for count in (newton, kinks))
        return Frame(float(times[done]), u, state, ends, rows, *counts, done, len(times) - 1, rejected)

    def _identity(self, evolution, times, every) -> dict[str, str]:
        """What a checkpoint must agree in; what is computed from the scene, as its first state is, need not be in it."""
        about = self.model.scene.data.model_dump(mode="json", include={*CHANGES, self.model.scene.data.physics})
        of = hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()
        named = identity_of(self.stepper, evolution, None, times, every, self.method, False, name="scene")
        return {"scene": of} | named


def _kept_of(u, history, first) -> Callable:
    """What a checkpoint keeps of so many steps: u, internal variables, what was observed, Newton's steps, kinks."""
    observed = lambda length: jax.tree.map(lambda a: io.Entry.like(a, rows=length, finite=False), first)
    state = jax.tree.map(io.Entry.like, (u, history))
    return lambda length: (*state, observed(length), *(io.Entry((length,), np.dtype(np.int32)),) * 2)
