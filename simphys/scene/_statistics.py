"""`[statistics]`: numbers read off histories."""

import numpy as np

from ._error import SceneError


def statistic(entry, t: np.ndarray, y: np.ndarray) -> float:
    """Return one number of a history.

    **Arguments:**

    - `entry`: a `[statistics]` entry of a scene.
    - `t`, `y`: times and values, (n,).

    **Raises:** `SceneError` if there is nothing to read it from.
    """
    if entry.type == "at":
        if not t[0] <= entry.at <= t[-1]:
            raise SceneError(f"`at` = {entry.at:g} lies outside the times from {t[0]:g} to {t[-1]:g}.")
        return float(np.interp(entry.at, t, y))
    inside = (t >= (-np.inf if entry.since is None else entry.since)) & (
        t <= (np.inf if entry.until is None else entry.until)
    )
    t, y = t[inside], y[inside]
    if t.size < 2:
        raise SceneError(f"there are {t.size} values between `since` and `until`.")
    if entry.type == "mean":
        return float(np.trapezoid(y, t) / (t[-1] - t[0]))
    if entry.type == "frequency":
        found = frequencies(t, y, entry.mode)
        if len(found) < entry.mode:
            raise SceneError(f"the spectrum has {len(found)} peaks, there is no mode {entry.mode}.")
        return float(found[entry.mode - 1])
    low, high = float(y.min()), float(y.max())
    return {"min": low, "max": high, "middle": (low + high) / 2, "amplitude": (high - low) / 2}[entry.type]


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
