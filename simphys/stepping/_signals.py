"""Magnitudes that change in time."""

import abc
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from .. import _check
from .._told import Told
from .._typing import Callable, PyTree, Scalar


class AbstractSignal(Told):
    """A number as a function of time, s(t)."""

    @abc.abstractmethod
    def __call__(self, t: Scalar) -> Scalar:
        """Return s(t)."""


class Sine(AbstractSignal):
    """s(t) = offset + amplitude · sin(2π t / period + phase).

    **Arguments:**

    - `period`: a time, > 0.
    - `amplitude`, `offset`: of any unit.
    - `phase`: in radians.
    """

    period: PyTree
    amplitude: PyTree
    phase: PyTree
    offset: PyTree

    def __init__(self, period, amplitude=1.0, phase=0.0, offset=0.0):
        self.period = _check.positive("period", _check.parameter(period))
        self.amplitude, self.phase, self.offset = (
            _check.finite(name, _check.parameter(value))
            for name, value in (("amplitude", amplitude), ("phase", phase), ("offset", offset))
        )

    def __call__(self, t):
        return self.offset + self.amplitude * jnp.sin(2 * jnp.pi * t / self.period + self.phase)


class Tabulated(AbstractSignal):
    """Straight lines between given values; the end values hold before the first and after the last time.

    **Arguments:**

    - `times`: increasing, (n,), n ≥ 2. Two equal times in a row make a jump, whose later value holds at that time.
    - `values`: (n,).

    **Raises:** `ValueError` for times that decrease, or another number of values.
    """

    times: PyTree
    values: PyTree

    def __init__(self, times, values):
        self.times = _check.finite("times", _check.parameter(times))
        self.values = _check.finite("values", _check.parameter(values))
        if jnp.ndim(self.times) != 1 or jnp.size(self.times) < 2 or jnp.shape(self.values) != jnp.shape(self.times):
            raise ValueError(
                f"`times` and `values` must be two lists of the same two or more numbers, got shapes "
                f"{jnp.shape(self.times)} and {jnp.shape(self.values)}."
            )
        if not isinstance(self.times, jax.core.Tracer) and np.any(np.diff(np.asarray(self.times, float)) < 0):
            raise ValueError(f"`times` must not decrease, got {np.asarray(self.times)}.")

    def __call__(self, t):
        right = jnp.clip(jnp.searchsorted(self.times, t, side="right"), 1, self.times.shape[0] - 1)
        start, end = self.times[right - 1], self.times[right]
        length = jnp.where(end > start, end - start, 1.0)
        part = jnp.where(t <= start, 0.0, jnp.where(t >= end, 1.0, (t - start) / length))
        part = jnp.where(end > start, part, jnp.where(t < end, 0.0, 1.0))
        return (1 - part) * self.values[right - 1] + part * self.values[right]


class Ramp(AbstractSignal):
    """From one value to another, with continuous first and second derivatives.

    s(t) = before + (after − before) x³ (6x² − 15x + 10),   x = (t − begin)/(end − begin) within [0, 1]

    **Arguments:**

    - `begin`, `end`: increasing times.
    - `before`, `after`: values.
    """

    begin: PyTree
    end: PyTree
    before: PyTree
    after: PyTree

    def __init__(self, begin, end, before=0.0, after=1.0):
        given = dict(begin=begin, end=end, before=before, after=after)
        for name, value in given.items():
            setattr(self, name, _check.finite(name, _check.parameter(value)))
        if not isinstance(self.end - self.begin, jax.core.Tracer) and not self.end > self.begin:
            raise ValueError(f"`end` must be after `begin`, got {begin} and {end}.")

    def __call__(self, t):
        x = jnp.clip((t - self.begin) / (self.end - self.begin), 0.0, 1.0)
        return self.before + (self.after - self.before) * x**3 * (6 * x * x - 15 * x + 10)


class Drive(eqx.Module):
    """Loads, prescribed values or parameters of a problem that follow signals: each is its own value times s(t).

    `march(…, drive=Drive((lambda bar: bar.constraints[1].value, Sine(80.0))))`

    **Arguments:**

    - pairs of a function that picks a leaf of the problem, and its signal.
    """

    signals: tuple[AbstractSignal, ...]
    picks: tuple[Callable, ...] = eqx.field(static=True)

    def __init__(self, *pairs: tuple[Callable, AbstractSignal]):
        for pair in pairs:
            if not (isinstance(pair, tuple) and len(pair) == 2 and callable(pair[0])):
                raise ValueError(f"`Drive` takes pairs (function that picks a leaf, signal), got {pair!r}.")
            if not isinstance(pair[1], AbstractSignal):
                raise ValueError(f"A signal such as `Sine`, `Tabulated` or `Ramp` expected, got {pair[1]!r}.")
        self.picks, self.signals = tuple(p for p, _ in pairs), tuple(s for _, s in pairs)

    def __call__(self, problem: Any, t: Scalar) -> Any:
        """Return the problem at time t."""
        factors = [signal(t) for signal in self.signals]
        for pick, factor in zip(self.picks, factors, strict=True):
            leaf = pick(problem)
            problem = eqx.tree_at(pick, problem, jax.tree.map(lambda a, f=factor: a * f.astype(a.dtype), leaf))
        return problem
