"""The host's loop along a path: how long the next step is, what was passed by it, and where it ends."""

import itertools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from .._result import RESULTS
from .._typing import Callable
from ._arclength import Point, Reached, predicted
from ._crossings import crossings, sharpened
from ._family import root_mean_squares
from ._path import CriticalPoint, Step, critical
from ._walk import Chord, Walk, spectrum


CORNER = 1e-4
"""A step so short, beside how far the path has led, is taken round any corner."""


class Trail:
    """A path as far as it has been followed.

    `near` and `far` are the last two points, `step` the next step in multiples of near's tangent, `stride` the longest one
    since the path was last in trouble; `goal`, if it was met, a point near λ = `until`.
    """

    def __init__(self, walk: Walk, point: Point, until: float | None):
        self.walk, self.until = walk, until
        self.far, self.near, self.step, self.stride, self.goal = None, point, 1.0, 0.0, None
        self.records, self.limits, self.branches, self.length = [], [], [], 0.0
        self.result = RESULTS.successful
        self.last: Reached | None = None
        self.beyond: Reached | None = None

    def depart(self, first: float):
        """Find the tangent where the path begins, for a first change of λ."""
        walk, seed = self.walk, self.near
        walk.sizes = np.array([*(0.0 for _ in jax.tree.leaves(seed.y)), abs(first)])
        reached = walk.advance(seed, seed, (1, 0, 0, 0))
        if not reached.good:
            self.result = RESULTS.tangent_singular
            return
        walk.sizes[:-1] = np.asarray(root_mean_squares(reached.point.tangent))
        walk.start(reached.point)
        self._record(reached, 0.0)

    def leave(self, branch: CriticalPoint, perturbation: float):
        """Step from a branch point along its mode."""
        walk, moved = self.walk, np.asarray(root_mean_squares(branch.direction))
        walk.sizes = np.array(branch.sizes)
        walk.start(self.near)
        for size in abs(perturbation) * 0.5 ** np.arange(6):
            walk.sizes[:-1] = np.maximum(np.asarray(branch.sizes)[:-1], size * moved)
            reached = walk.advance(self.near, self.near, (1, size, 0, 0))
            if reached.good:
                break
            walk.cutbacks += 1
        else:
            self.result = RESULTS.path_lost
            return
        chord = walk.chord(self.near, reached.point)
        self.step = chord.distance
        self._record(reached, walk.arc(chord))

    def walk_on(self, steps: int, stop: Callable | None, say: Callable):
        """Go on until λ is met, `stop` says so, the steps are used up or the path is lost; `say` is told each point."""
        while self.result == RESULTS.successful:
            say(f"point {len(self.records)}, load {float(self.near.load):.4g}")
            if len(self.records) > steps:
                endless = self.until is None and stop is None
                self.result = RESULTS.successful if endless else RESULTS.path_unfinished
                return
            found = self._next()
            if found is None:
                self.result = RESULTS.path_lost
            elif self._pass(*found) or (stop is not None and stop(self._told())):
                return

    def _next(self) -> tuple[Reached, Chord] | None:
        """Step, shorter and shorter until the corrector succeeds and the path turns little."""
        walk, method, near, far = self.walk, self.walk.method, self.near, self.far
        back = None if far is None else walk.chord(near, far)
        for step in self._trials():
            curved = back is not None
            weights = back.weights(step) if curved else (1, step, 0, 0)
            reached = walk.advance(near, far if curved else near, weights)
            if reached.good:
                chord = walk.chord(near, reached.point)
                if chord.length > 0 and (chord.turn < 2 * method.turn or step < CORNER):
                    return reached, chord
            walk.cutbacks += 1
            back = None
        return None

    def _trials(self):
        """Steps to be tried: shorter ones, those of before, to jump over a singular point, then ever shorter ones."""
        shortest, most = self.walk.method.shortest, np.inf
        if self.until is not None:
            # Not far beyond the end.
            left, ahead = self.until - float(self.near.load), float(self.near.rate)
            most = 1.2 * left / ahead if left * ahead > 0 else np.inf
        plan = min(self.step, most)
        yield from (plan, 0.4 * plan, 0.15 * plan)
        if self.stride > 0.5 * plan:
            yield from (min(self.stride, most), min(2 * self.stride, most))
        self.stride = 0.0
        step = 0.05 * plan
        while step > shortest:
            yield step
            step *= 0.35

    def _pass(self, reached: Reached, chord: Chord) -> bool:
        """Take a step: note what was passed by it, and whether λ = `until` was; choose the next one's length."""
        steps = int(reached.counts[0])
        walk, method, near, reached = self.walk, self.walk.method, self.near, sharpened(self.walk, self.last, reached)
        point, found = reached.point, crossings(walk, self.last, reached)
        turns = [crossing.point for crossing in found if crossing.limit]
        for a, b in itertools.pairwise([near, *turns, point]):
            self.goal = self._met(a, b) if self.goal is None else self.goal
        end = chord.length if self.goal is None else walk.chord(near, self.goal).length
        for limit, place, mode in found:
            to = walk.chord(near, place)
            if to.length < end:
                kind = self.limits if limit else self.branches
                length = self.length + walk.arc(to)
                kind.append(critical(walk.family, walk.observe, place, mode, length, walk.sizes))
        if self.goal is not None:
            self.beyond = reached
            return True
        ease = 2.0 ** (method.corrections - steps)
        factor = min(method.growth, method.turn / max(chord.turn, 1e-9), ease)
        self.step = chord.distance * max(factor, 0.25)
        self.stride = max(self.stride, chord.distance)
        self.far = near
        self._record(reached, self.length + walk.arc(chord))
        return False

    def _met(self, near: Point, far: Point) -> Point | None:
        """Return about where between two points λ = `until`, None if it is not."""
        a, b, until = float(near.load), float(far.load), self.until
        if until is None or (a - until) * (b - until) > 0 or a == until:
            return None
        chord = self.walk.chord(near, far)
        roots = (chord.loads(near, far) - until).roots
        parts = [r.real for r in roots if abs(r.imag) < 1e-9 and -1e-9 < r.real < 1 + 1e-9]
        part = min(parts, default=(until - a) / (b - a))
        y, _ = predicted(near, far, jnp.asarray(chord.weights(part * chord.length), near.load.dtype))
        return eqx.tree_at(lambda p: (p.y, p.load), near, (y, jnp.asarray(until, near.load.dtype)))

    def _record(self, reached: Reached, length: float):
        """Keep a point, and let what counts as a change of 1 grow with the path."""
        walk, point = self.walk, reached.point
        self.near, self.length, self.last = point, length, reached
        walk.grow(point)
        negative = spectrum(reached.projected)[0]
        self.records.append((float(point.load), length, float(point.rate), negative, reached.observed))

    def end_at(self, point: Point, observed, further: bool):
        """Keep the end of the path, if it lies `further` than the last point (or is all there is)."""
        if not self.records:
            self.records.append((float(point.load), 0.0, np.nan, 0, observed))
        elif further:
            length = self.length + self.walk.arc(self.walk.chord(self.near, point))
            negative = spectrum(self.beyond.projected)[0]
            self.records.append((float(point.load), length, float(self.beyond.point.rate), negative, observed))

    def _told(self) -> Step:
        load, length, rate, negative, observed = self.records[-1]
        counts = len(self.limits), len(self.branches)
        return Step(len(self.records) - 1, load, length, rate, negative, observed, *counts)
