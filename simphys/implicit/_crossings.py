"""Where between two points of a path the load has an extremum, or an eigenvalue of the tangent is 0."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

from ._arclength import Point, Reached, predicted
from ._walk import Walk, spectrum


FLAT = 1e-8
NULL = 1e-6
JUMP, UNSURE = 0.05, 0.5
MOST = 8


def limit_between(walk: Walk, a: Point, b: Point) -> Reached | None:
    """Return the point between a and b, whose dλ/ds differ in sign, at which it is 0; None if none was reached.

    By extrema of Hermite's cubics for λ, on ever smaller pieces of the path.
    """
    steepest, best = max(abs(float(a.rate)), abs(float(b.rate))), None
    near, far = (a, b) if abs(a.rate) <= abs(b.rate) else (b, a)
    for _ in range(MOST):
        chord = walk.chord(near, far)
        part = _inside(chord.loads(near, far).deriv(), float(near.rate), float(far.rate))
        reached = walk.advance(near, far, chord.weights(part * chord.length), least=2)
        if not reached.good or (best is not None and abs(reached.point.rate) >= abs(best.point.rate)):
            break
        best, point = reached, reached.point
        if abs(float(point.rate)) <= FLAT * steepest:
            break
        near, far = point, far if float(point.rate) * float(far.rate) < 0 else near
    return best


def branch_between(walk: Walk, a: Point, b: Point, before: Reached, after: Reached) -> tuple | None:
    """Return the point between a and b at which an eigenvalue of J is 0, and its vector; None if none passes through 0.

    The number of eigenvalues below 0, of those that are followed, also changes where one takes the place of another.
    """
    negative, size, _ = spectrum(before.projected)
    near, far = (a, size), (b, -spectrum(after.projected)[1])
    largest, smallest, mode = max(size, -far[1]), np.inf, None
    for attempt in range(MOST):
        reached = walk.advance(near[0], far[0], _secant(walk, near, far))
        if not reached.good and mode is None:
            # Perhaps the very point at which J is singular.
            reached = walk.advance(near[0], far[0], _secant(walk, near, far, 0.9))
        hit = not reached.good
        if hit:
            break
        count, size, vector = spectrum(reached.projected)
        smallest, mode = min((smallest, mode), (size, np.asarray(reached.point.modes).T @ vector), key=lambda x: x[0])
        here = reached.point, size if count == negative else -size
        # On one and the same side twice: the other end counts half (the Illinois rule).
        near, far = here, near if here[1] * near[1] < 0 else (far[0], far[1] / 2)
        if size <= NULL * largest or (attempt == 3 and smallest > UNSURE * largest):
            break
    if smallest > (UNSURE if hit else JUMP) * largest:
        return None
    y, load = predicted(near[0], far[0], jnp.asarray(_secant(walk, near, far), walk.dtype))
    return eqx.tree_at(lambda p: (p.y, p.load), near[0], (y, load)), mode


def _secant(walk, near, far, short=1.0):
    """Weights of the point at which what is 0 in between is so by linear interpolation."""
    chord = walk.chord(near[0], far[0])
    return chord.weights(short * near[1] / (near[1] - far[1]) * chord.length)


def tangent_of(point: Point) -> np.ndarray:
    """Return dy/ds, flat: at a limit point J's null vector."""
    return np.asarray(ravel_pytree(point.tangent)[0])


def _inside(derivative: np.poly1d, left: float, right: float) -> float:
    """The zero of a quadratic between 0 and 1, at which it has opposite signs."""
    roots = derivative.roots
    found = [float(r.real) for r in roots if abs(r.imag) < 1e-12 and 0 < r.real < 1]
    return found[0] if found else left / (left - right)
