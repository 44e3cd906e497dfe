"""The compiled step as the host uses it: what is counted, what a change of 1 is, and how two points lie to each other."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from .._typing import Array, Callable
from ._arclength import Aim, ArcLength, Point, Reached, advance, inner, weigh
from ._family import AbstractFamily, root_mean_squares


@dataclasses.dataclass(frozen=True)
class Chord:
    """From one point to another, in multiples of the first one's tangent t.

    `length` h is the other's projection on t, `slope` c the factor that gives its tangent a projection of 1, `turn` the
    larger of the angles of the chord and of the other tangent with t, `distance` the chord's length, and `moved` the root
    mean square of each field's change, `rise` that of λ.
    """

    length: float
    slope: float
    turn: float
    distance: float
    moved: np.ndarray
    rise: float

    def weights(self, step: float) -> tuple:
        """Return Hermite's weights of both points and their tangents, `step` behind (before 0) the first one."""
        h, u = self.length, step / self.length
        here, there = (1 + 2 * u) * (1 - u) ** 2, u**2 * (3 - 2 * u)
        return here, u * (1 - u) ** 2 * h, there, u**2 * (u - 1) * h * self.slope

    def loads(self, near: Point, far: Point) -> np.poly1d:
        """Return Hermite's cubic for λ, as a function of the part u of the way from near to far."""
        a, b = float(near.load), float(far.load)
        p, q = float(near.rate) * self.length, float(far.rate) * self.slope * self.length
        return np.poly1d([2 * a - 2 * b + p + q, 3 * b - 3 * a - 2 * p - q, p, a])


@eqx.filter_jit
def _measured(near: Point, far: Point, sizes: Array):
    weights = weigh(near.y, sizes)
    times = lambda a, b: inner(weights, sizes, a, b)
    change = jax.tree.map(jnp.subtract, far.y, near.y), far.load - near.load
    t, s = (near.tangent, near.rate), (far.tangent, far.rate)
    return (
        jnp.stack([times(t, t), times(s, s), times(t, s), times(t, change), times(change, change)]),
        root_mean_squares(change[0]),
    )


class Walk:
    """A path's program with its settings, what has been counted, and the sizes by which changes are measured."""

    def __init__(self, family: AbstractFamily, method: ArcLength, observe: Callable | None, dtype):
        self.family, self.method, self.observe, self.dtype = family, method, observe, dtype
        self.sizes = self.units = np.zeros(0)
        self.origin: Point | None = None
        self.counts, self.cutbacks = np.zeros(4, int), 0

    def advance(self, near: Point, far: Point, weights, least: int = 1) -> Reached:
        """Correct a combination of two points and their tangents."""
        real = lambda x: jnp.asarray(np.asarray(x), self.dtype)
        aim = Aim(real(weights), real(self.sizes), jnp.asarray(least, jnp.int32))
        reached = advance(self.family, self.method, self.observe, near, far, aim)
        self.counts += np.asarray(reached.counts)
        return reached

    def chord(self, near: Point, far: Point) -> Chord:
        """Measure how two points lie to each other."""
        found, moved = _measured(near, far, jnp.asarray(self.sizes, self.dtype))
        tt, ss, ts, along, square = (float(x) for x in found)
        cosines = [ts / np.sqrt(tt * ss), abs(along) / np.sqrt(tt * square) if square else 1.0]
        turn = float(np.arccos(np.clip(min(cosines), -1, 1)))
        return Chord(
            along / tt,
            tt / ts if ts else np.inf,
            turn,
            np.sqrt(square),
            np.asarray(moved),
            float(far.load) - float(near.load),
        )

    def start(self, point: Point):
        """Measure arc lengths in the sizes of now, and how far the path has led from here."""
        self.origin, self.units = point, self.sizes.copy()

    def grow(self, point: Point):
        """Let what counts as a change be how far the path has led, where that is more than before."""
        chord = self.chord(self.origin, point)
        led = np.array([*chord.moved, abs(float(point.load) - float(self.origin.load))])
        self.sizes = np.maximum(self.sizes, led)

    def arc(self, chord: Chord) -> float:
        """Return a chord's length in units of λ: fields count by their change per λ where the path began."""
        *fields, load = self.units
        parts = [load * m / unit for m, unit in zip(chord.moved, fields, strict=True) if unit > 0]
        return float(np.sqrt(chord.rise**2 + sum(p**2 for p in parts) / max(len(fields), 1)))


def spectrum(projected) -> tuple[int, float, np.ndarray | None]:
    """Return how many eigenvalues of J, as projected to its modes, are below 0, and of the one nearest 0 |J φ| and φ.

    A mode that is a mixture of others may have a projection of 0; |J φ| is 0 for null vectors alone.
    """
    projected, images = np.asarray(projected, float)
    if projected.size == 0 or not np.all(np.isfinite(projected)):
        return 0, np.inf, None
    values, vectors = np.linalg.eig(projected)
    lengths = np.linalg.norm(images @ vectors, axis=0)
    nearest = np.argmin(lengths)
    return int(np.sum(values.real < 0)), float(lengths[nearest]), vectors[:, nearest].real
