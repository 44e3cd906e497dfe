"""`[statistics]`: numbers read off histories."""

import numpy as np

from ._blame import blame
from ._error import SceneError, listing, nearest


def statistic(entry, t: np.ndarray, y: np.ndarray) -> float:
    """Return one number of a history.

    **Arguments:**

    - `entry`: a `[statistics]` entry of a scene.
    - `t`, `y`: times and values, (n,).

    **Raises:** `SceneError` if there is nothing to read it from.
    """
    check_shape(y.shape[1:])
    check_times(entry, t)
    if entry.type == "at":
        return float(np.interp(entry.at, t, y))
    inside = _between(entry, t)
    t, y = t[inside], y[inside]
    if not np.all(np.isfinite(y)):
        raise SceneError("there are values that are not finite among those that it is of.")
    if entry.type == "mean":
        return float(np.trapezoid(y, t) / (t[-1] - t[0]))
    if entry.type == "frequency":
        found = frequencies(t, y, entry.mode)
        if len(found) < entry.mode:
            raise SceneError(f"the spectrum has {len(found)} peaks, there is no mode {entry.mode}.")
        return float(found[entry.mode - 1])
    low, high = float(y.min()), float(y.max())
    return {"min": low, "max": high, "middle": (low + high) / 2, "amplitude": (high - low) / 2}[entry.type]


def check_statistics(scene, able, times: np.ndarray | None, lacking: str = "nothing called {} is observed"):
    """Raise `SceneError`, naming the entry, if a scene's statistics cannot be computed, as far as that is known before.

    **Arguments:**

    - `able`: names of the histories that there will be.
    - `times`: those of the march; if they are chosen on the way its first and last.
    - `lacking`: what to say of a name that there is not.
    """
    chosen = scene.data.time.given is None
    for name, entry in scene.data.statistics.items():
        with blame(scene.file, f"statistics.{name}"):
            if entry.of not in able:
                missing = lacking.format(repr(entry.of))
                raise SceneError(f"{missing}.{nearest(entry.of, able)} There are: {listing(able)}.")
            # Of chosen times it is not known yet how many lie between two.
            check_times(entry, np.linspace(times[0], times[-1], 1000) if chosen else times)


def check_shape(shape: tuple[int, ...]):
    """Raise `SceneError` unless what is observed at each time is one number."""
    if shape:
        raise SceneError(f"what it is `of` has {shape[0]} components at each time: observe one, by `component`.")


def check_times(entry, t: np.ndarray):
    """Raise `SceneError` if a history at these times has nothing that a statistic could be read from."""
    slack = 1e-9 * (t[-1] - t[0])
    for name in ("at", "since", "until"):
        value = getattr(entry, name)
        if value is not None and not t[0] - slack <= value <= t[-1] + slack:
            raise SceneError(f"`{name}` = {value:g} lies outside the times from {t[0]:g} to {t[-1]:g}.")
    count = int(np.sum(_between(entry, t)))
    if entry.type != "at" and count < 2:
        raise SceneError(f"two times or more expected between `since` and `until`, got {count}.")


def _between(entry, t):
    since, until = (-np.inf if entry.since is None else entry.since), (np.inf if entry.until is None else entry.until)
    return (t >= since) & (t <= until)


def frequencies(t: np.ndarray, y: np.ndarray, count: int) -> np.ndarray:
    """Return the lowest frequencies at which the spectrum of a history has a peak, increasing.

    The history is made equally spaced, its trend taken off, and faded in and out (Blackman–Harris: nothing leaks from one
    peak to another above −92 dB); a parabola through the logarithm of three lines gives the peak between them.

    Reference: F. J. Harris, Proc. IEEE 66 (1978) 51.
    """
    even = np.linspace(t[0], t[-1], t.size)
    y, largest = np.interp(even, t, y), np.abs(y).max()
    y = y - np.polyval(np.polyfit(even, y, 1), even)
    if np.abs(y).max() <= 1e-12 * largest:
        return np.zeros(0)
    x = 2 * np.pi * np.arange(t.size) / t.size
    window = 0.35875 - 0.48829 * np.cos(x) + 0.14128 * np.cos(2 * x) - 0.01168 * np.cos(3 * x)
    size = 8 * t.size
    spectrum = np.abs(np.fft.rfft(y * window, size))
    level = np.log(np.maximum(spectrum, 1e-14 * spectrum.max()))
    inner = level[1:-1]
    # The window's own side lobes are 92 dB (e^10.6) below; within its main lobe of 8 lines nothing can be told apart.
    peaks = 1 + np.flatnonzero((inner > level[:-2]) & (inner >= level[2:]) & (inner > level.max() - 10.0))
    peaks = peaks[peaks >= 16]
    a, b, c = level[peaks - 1], level[peaks], level[peaks + 1]
    shift = (a - c) / (2 * (a - 2 * b + c))
    return ((peaks + shift) / (size * (even[1] - even[0])))[:count]
