"""Signals that were sampled, between their samples."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from .._told import Told
from .._typing import Array, Float, Scalar


INTERPOLATIONS = ("hold", "linear", "cubic", "band_limited")
OVERSAMPLING = 4


class Signal(Told):
    """A sampled signal as a function of time, a polynomial of degree 3 on each piece; made by `sampled`.

    **Attributes:**

    - `coefficients`: of each piece, highest power first, in time since its beginning, (piece, 4).
    - `pieces`: how many there are to a sample.
    """

    coefficients: Float[Array, "piece 4"]
    pieces: int = eqx.field(static=True)

    def __call__(self, t: Scalar) -> Scalar:
        """Return the value at a time, counted in samples; beyond the ends their pieces go on."""
        piece = jnp.clip(jnp.floor(t * self.pieces).astype(int), 0, self.coefficients.shape[0] - 1)
        since = t - piece / self.pieces
        a, b, c, d = self.coefficients[piece]
        return ((a * since + b) * since + c) * since + d


def sampled(values, interpolation: str = "band_limited") -> Signal:
    r"""Return a signal through samples at t = 0, 1, 2, …

    **Arguments:**

    - `values`: (sample,), two or more.
    - `interpolation`: "hold" (each sample lasts to the next), "linear", "cubic" (spline), or "band_limited": no
      frequency above half the sampling rate, as behind an anti-aliasing filter. For records that begin and end at rest.

    **Raises:** `ValueError` for an unknown interpolation, or samples that are not finite.

    Reference: A. V. Oppenheim, R. W. Schafer, Discrete-Time Signal Processing, 3rd ed., 2010, section 4.6.
    """
    values = np.asarray(values, float)
    if values.ndim != 1 or values.size < 2 or not np.all(np.isfinite(values)):
        raise ValueError(f"`values` must be two or more finite samples, got an array of shape {values.shape}.")
    if interpolation not in INTERPOLATIONS:
        raise ValueError(f"`interpolation` must be one of {', '.join(INTERPOLATIONS)}, got {interpolation!r}.")
    pieces, times = 1, np.arange(values.size, dtype=float)
    if interpolation == "hold":
        coefficients = np.stack([0 * values, 0 * values, 0 * values, values], axis=1)
    elif interpolation == "linear":
        rise = np.diff(values)
        coefficients = np.stack([0 * rise, 0 * rise, rise, values[:-1]], axis=1)
    else:
        if interpolation == "band_limited":
            pieces = OVERSAMPLING
            values, times = _oversampled(values), np.arange(values.size * pieces) / pieces
        coefficients = _spline(times, values).c.T
    return Signal(jnp.asarray(np.ascontiguousarray(coefficients)), pieces)


def derivative(values) -> np.ndarray:
    """Return the derivative of a band-limited signal at its samples, per sample; for records that begin and end at rest."""
    dense = np.asarray(_oversampled(np.asarray(values, float)))
    return _spline(np.arange(dense.size) / OVERSAMPLING, dense)(np.arange(np.size(values)), 1)


def _spline(times, values):
    from scipy.interpolate import CubicSpline  # takes a tenth of a second, and few need it

    return CubicSpline(times, values)


def _oversampled(values):
    """Band-limited interpolation by the discrete Fourier transform, continued by its mirror image against a jump."""
    mirrored = np.concatenate([values, values[::-1]])
    spectrum = np.fft.rfft(mirrored)
    padded = np.zeros(mirrored.size * OVERSAMPLING // 2 + 1, complex)
    padded[: spectrum.size] = spectrum
    padded[spectrum.size - 1] /= 2
    return np.fft.irfft(padded * OVERSAMPLING, mirrored.size * OVERSAMPLING)[: values.size * OVERSAMPLING]
