"""A scene's `[oscillator]` and the record of its input and output."""

import dataclasses

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from .. import inverse, io, stepping
from .._typing import Array, Callable, Float, Int
from ._blame import blame
from ._error import SceneError, listing
from ._interface import AbstractModel, AbstractWay
from ._limits import check_numbers
from ._load import Scene
from ._numbers import numbers_of
from ._replace import below
from ._series_section import Record


class Recorded(eqx.Module):
    """A system with the input that drives it, and the moments at which simulations begin."""

    system: Callable
    signal: stepping.Signal
    begin: Int[Array, " lane"]
    warm_up: int = eqx.field(static=True)
    samples: int = eqx.field(static=True)
    rate: float = eqx.field(static=True)
    substeps: int = eqx.field(static=True)
    reverse: bool = eqx.field(static=True, default=False)
    """Whether derivatives are to be taken in reverse; else in forward mode, as least squares need them."""


def predict(recorded: Recorded) -> Float[Array, "lane sample"]:
    """Return the output of each simulation, without its warm-up; from rest, from the input alone."""
    import diffrax  # takes 0.3 s, and few scenes need it

    samples = recorded.warm_up + recorded.samples
    adjoint = diffrax.RecursiveCheckpointAdjoint() if recorded.reverse else diffrax.ForwardMode()
    found = stepping.simulate(
        recorded.system, recorded.signal, recorded.begin, samples, recorded.rate,
        substeps=recorded.substeps, adjoint=adjoint,
    )  # fmt: skip
    return found[:, recorded.warm_up :, 0]


@dataclasses.dataclass(frozen=True, eq=False)
class SeriesModel(AbstractModel, AbstractWay):
    """An oscillator and its record: a scene's `[oscillator]` and the series in its `[fit.data]`.

    **Attributes:**

    - `section`: what the scene says about the record.
    - `system`: the oscillator with the scene's numbers.
    - `signal`: its input; `output`: what was measured.
    """

    scene: Scene
    section: Record
    system: "stepping.Oscillator"
    signal: stepping.Signal
    input: np.ndarray
    output: np.ndarray
    space = None

    @classmethod
    def build(cls, scene: Scene) -> "SeriesModel":
        """Read the record; every error names its entry in the file."""
        fit = scene.data.fit
        if fit is None:
            text = 'an [oscillator] is driven by a measured input: give [fit.data.NAME] with type = "record".'
            raise SceneError(text, file=scene.file, key="oscillator")
        for name, entry in fit.data.items():
            if not isinstance(entry, Record):
                text = f'type = "record" expected in a scene with [oscillator], got {entry.type!r}.'
                raise SceneError(text, file=scene.file, key=f"fit.data.{name}")
        if len(fit.data) > 1:
            raise SceneError(f"one series expected, got {listing(fit.data)}.", file=scene.file, key="fit.data")
        ((name, section),) = fit.data.items()
        with blame(scene.file, f"fit.data.{name}"):
            table = io.read_table(scene.path_of(section.file))
            driven, output = table[section.input], table[section.output]
            last = max(end for _, end in (*section.train, *section.validation))
            if last > output.size:
                raise SceneError(f"ranges reach up to sample {last}, but {section.file} has {output.size}.")
            for name, ranges in (("train", section.train), ("validation", section.validation)):
                longest = max(end - begin for begin, end in ranges) + section.warm_up
                check_numbers(f"`{name}`: the simulations of all ranges", len(ranges), longest)
            signal = stepping.sampled(driven, section.interpolation)
        with blame(scene.file, "oscillator"):
            system = stepping.Oscillator(**scene.data.oscillator.model_dump())
        return cls(scene, section, system, signal, driven, output)

    @property
    def base(self) -> Recorded:
        """The oscillator on the training windows."""
        return self.recorded(self.system)

    def made(self, values, base, factor=None) -> Recorded:
        """Return the oscillator with new values (possibly traced) for numbers of the scene, on the training windows."""
        return eqx.tree_at(lambda r: r.system, base, stepping.Oscillator(**dict(below(self.scene.data, values))))

    def recorded(self, system, ranges=None, windows: int | None = None) -> Recorded:
        """Return a system on windows of the training, all or so many evenly spread, or on whole ranges."""
        s = self.section
        if ranges is None:
            begin, samples = self.windows(windows), s.window
        else:
            begin, samples = np.array([b - s.warm_up for b, _ in ranges]), max(e - b for b, e in ranges)
        return Recorded(system, self.signal, jnp.asarray(begin), s.warm_up, samples, s.rate, s.substeps)

    def windows(self, count: int | None = None) -> np.ndarray:
        """Return where the simulations of the training begin."""
        s = self.section
        found = [i - s.warm_up for b, e in s.train for i in range(b, e - s.window + 1, s.window)]
        if count is not None and count < len(found):
            found = [found[i] for i in np.linspace(0, len(found) - 1, count).round().astype(int)]
        return np.array(found)

    def measured(self, recorded: Recorded) -> np.ndarray:
        """Return what was measured where the simulations are compared; NaN beyond the record."""
        at = np.asarray(recorded.begin)[:, None] + recorded.warm_up + np.arange(recorded.samples)
        return np.where(at < self.output.size, self.output[np.minimum(at, self.output.size - 1)], np.nan)

    @property
    def way(self) -> "SeriesModel":
        """Along its record."""
        return self

    def run(self, checkpoint, errors):
        """Simulate the record."""
        from ._series_told import simulated

        return simulated(self)

    def experiment(self, values) -> inverse.Model:
        """Return what predicts the training windows from numbers of the scene."""
        numbers, section = numbers_of(self, values), self.section
        return inverse.Model(numbers, predict, self.measured(self.base), section.noise, name="output")

    def square(self, numbers, step):
        """Return the mean square of the output in the first window of the training."""
        first = lambda whole: dataclasses.replace(whole, begin=whole.begin[:1], reverse=True)
        return lambda numbers: jnp.mean(predict(first(numbers.made())) ** 2)

    def fitted(self, calibration, found, progress):
        """Judge what was found, and train its rivals."""
        from ._series_told import trained

        return trained(self, found, progress)
