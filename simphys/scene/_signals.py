"""`[signals]` as what drives a problem in time."""

import dataclasses
from collections.abc import Callable

import jax.numpy as jnp
import numpy as np

from .. import io, stepping
from ._blame import blame
from ._build_strain import STRAINS, inner_law, strain_of
from ._error import SceneError, listing, nearest
from ._physics_section import RigidMotion
from ._time_section import RampSignal, SineSignal


def build_drive(model) -> stepping.Drive | None:
    """Return what a scene's signals move; None without any."""
    signals = []
    for name, entry in model.scene.data.signals.items():
        with blame(model.scene.file, f"signals.{name}"):
            signal = _signal(model, entry)
            _check_covers(signal, entry, model.scene.data.time.span)
            signals += [(model.magnitude(target, entry.entry), signal) for target in entry.of]
    return stepping.Drive(*signals) if signals else None


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


def magnitude_of(model, name: str, entry: str) -> Callable:
    """Return the function that picks a magnitude of a constraint or load, or a strain of the material."""
    section = model.scene.data.section
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
