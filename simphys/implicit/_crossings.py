"""Where between two points of a path the load has an extremum, or an eigenvalue of the tangent is 0."""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

from ._arclength import Point, Reached, predicted
from ._walk import Walk, spectrum


DEEPEST, MANY = 4, 1.5
FLAT = 1e-8
NULL = 1e-6
UNSURE, CLOSE = 0.5, 0.01
MOST = 10


class Crossing(NamedTuple):
    """A point at which J is singular, and its null vector, flat; a limit point or else a branch point."""

    limit: bool
    point: Point
    mode: np.ndarray


def sharpened(walk: Walk, before: Reached, after: Reached) -> Reached:
    """Return the second of two points with the tangent and modes of J there, if it seems that something lies between.

    Those of a step are of the last matrix, which was made one Newton step away.
    """
    if not any(_differences(before, after)):
        return after
    exact = walk.advance(after.point, after.point, (1, 0, 0, 0))
    return exact if exact.good else after


def _replaced(a: Point, b: Point) -> float:
    """How many of the modes at one point are no combination of those at the other."""
    overlap = np.asarray(a.modes) @ np.asarray(b.modes).T
    return len(overlap) - float(np.sum(overlap**2))


def _differences(before: Reached, after: Reached) -> tuple[bool, int]:
    """Whether dλ/ds changes its sign, and by how much the number of eigenvalues below 0 differs."""
    turns = float(before.point.rate) * float(after.point.rate) < 0
    return turns, abs(spectrum(before.projected)[0] - spectrum(after.projected)[0])


def crossings(walk: Walk, before: Reached, after: Reached, depth: int = 0) -> list[Crossing]:
    """Return what lies between two points, in its order.

    A piece of the path that holds more than one, or on which most of the modes are replaced by others, is halved.
    """
    a, b = before.point, after.point
    turns, changed = _differences(before, after)
    several = changed + turns * (changed != 1) > 1 or _replaced(a, b) > MANY
    if several and depth < DEEPEST:
        chord = walk.chord(a, b)
        middle = walk.advance(a, b, chord.weights(0.5 * chord.length))
        if middle.good:
            halves = (before, middle), (middle, after)
            return [found for half in halves for found in crossings(walk, *half, depth + 1)]
    found = []
    if turns:
        point = limit_between(walk, a, b)
        found += [Crossing(True, point, np.asarray(ravel_pytree(point.tangent)[0]))]
    if changed > turns:
        branch = branch_between(walk, a, b, before, after)
        found += [] if branch is None else [Crossing(False, *branch)]
    return found


def limit_between(walk: Walk, near: Point, far: Point) -> Point:
    """Return the point between two, whose dλ/ds differ in sign, at which it is 0.

    By extrema of Hermite's cubics for λ, on ever smaller pieces of the path; where another branch passes through the point
    nothing can be corrected close to it, and the last cubic has the word.
    """
    near, far = (near, far) if abs(near.rate) <= abs(far.rate) else (far, near)
    steepest = abs(float(far.rate))
    for _ in range(MOST):
        if abs(float(near.rate)) <= FLAT * steepest:
            break
        point = walk.advance(near, far, _level(walk, near, far), least=2).point
        if not abs(float(point.rate)) < 0.5 * abs(float(near.rate)):
            break
        near, far = point, far if float(point.rate) * float(far.rate) < 0 else near
    y, load = predicted(near, far, jnp.asarray(_level(walk, near, far), walk.dtype))
    a, b = abs(near.rate), abs(far.rate)
    tangent = jax.tree.map(lambda s, t: (b * s + a * t) / (a + b), near.tangent, far.tangent)
    return Point(y, load, tangent, jnp.zeros_like(load), near.modes)


def _level(walk, near, far):
    """Weights of the point at which the cubic for λ has its extremum."""
    chord, (p, q) = walk.chord(near, far), (float(near.rate), float(far.rate))
    roots = chord.loads(near, far).deriv().roots
    found = [float(r.real) for r in roots if abs(r.imag) < 1e-12 and 0 <= r.real <= 1]
    return chord.weights((found[0] if found else p / (p - q)) * chord.length)


def branch_between(walk: Walk, a: Point, b: Point, before: Reached, after: Reached) -> tuple | None:
    """Return the point between a and b at which an eigenvalue of J is 0, and its vector; None if none passes through 0.

    The number of eigenvalues below 0, of those that are followed, also changes where one takes the place of another.
    """
    negative, size, _ = spectrum(before.projected)
    near, far = (a, size), (b, -spectrum(after.projected)[1])
    largest, smallest, mode = max(size, -far[1]), np.inf, None
    for attempt in range(MOST):
        reached = walk.advance(near[0], far[0], _secant(walk, near, far))
        if not reached.good and smallest > CLOSE * largest:
            # Perhaps the very point at which J is singular.
            reached = walk.advance(near[0], far[0], _secant(walk, near, far, 0.9))
        if not reached.good:
            break
        count, size, vector = spectrum(reached.projected)
        smallest, mode = min((smallest, mode), (size, np.asarray(reached.point.modes).T @ vector), key=lambda x: x[0])
        here = reached.point, size if count == negative else -size
        # On one and the same side twice: the other end counts half (the Illinois rule).
        near, far = here, near if here[1] * near[1] < 0 else (far[0], far[1] / 2)
        if size <= NULL * largest or (attempt == 3 and smallest > UNSURE * largest):
            break
    if smallest > CLOSE * largest:
        return None
    y, load = predicted(near[0], far[0], jnp.asarray(_secant(walk, near, far), walk.dtype))
    return eqx.tree_at(lambda p: (p.y, p.load), near[0], (y, load)), mode


def _secant(walk, near, far, short=1.0):
    """Weights of the point at which what is 0 in between is so by linear interpolation."""
    chord = walk.chord(near[0], far[0])
    return chord.weights(short * near[1] / (near[1] - far[1]) * chord.length)
