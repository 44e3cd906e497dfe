"""The host's loop along a path: how long the next step is, what was passed by it, and where it ends."""

import jax
import numpy as np

from .._result import RESULTS
from .._typing import Callable
from ._arclength import Point, Reached
from ._crossings import branch_between, limit_between, tangent_of
from ._family import root_mean_squares
from ._path import CriticalPoint, Step, critical
from ._walk import Chord, Walk, spectrum


CORNER = 1e-4
"""A step so short, beside how far the path has led, is taken round any corner."""


class Trail:
    """A path as far as it has been followed.

    `near` and `far` are the last two points, `step` the next step in multiples of near's tangent; `goal`, if it was met,
    a point near λ = `until`.
    """

    def __init__(self, walk: Walk, point: Point, until: float | None):
        self.walk, self.until = walk, until
        self.far, self.near, self.step, self.goal = None, point, 1.0, None
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
        walk, size = self.walk, abs(perturbation)
        walk.sizes = np.array(branch.sizes)
        moved = size * np.asarray(root_mean_squares(branch.direction))
        walk.sizes[:-1] = np.maximum(walk.sizes[:-1], moved)
        walk.start(self.near)
        reached = walk.advance(self.near, self.near, (1, size, 0, 0))
        if not reached.good:
            self.result = RESULTS.path_lost
            return
        chord = walk.chord(self.near, reached.point)
        self.step = chord.distance
        self._record(reached, walk.arc(chord))

    def walk_on(self, steps: int, stop: Callable | None):
        """Go on until λ is met, `stop` says so, the steps are used up or the path is lost."""
        while self.result == RESULTS.successful:
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
        while self.step > method.shortest:
            self._not_far_beyond()
            curved = back is not None
            weights = back.weights(self.step) if curved else (1, self.step, 0, 0)
            reached = walk.advance(near, far if curved else near, weights)
            if reached.good:
                chord = walk.chord(near, reached.point)
                if chord.length > 0 and (chord.turn < 2 * method.turn or self.step < CORNER):
                    return reached, chord
            walk.cutbacks += 1
            self.step, back = self.step * (0.5 if reached.good else 0.3), None
        return None

    def _not_far_beyond(self):
        """Shorten a step that would lead far beyond the end."""
        if self.until is not None:
            left, ahead = self.until - float(self.near.load), float(self.near.rate)
            if left * ahead > 0:
                self.step = min(self.step, 1.2 * left / ahead)

    def _pass(self, reached: Reached, chord: Chord) -> bool:
        """Take a step: note what was passed by it, and whether λ = `until` was; choose the next one's length."""
        walk, method, near, point = self.walk, self.walk.method, self.near, reached.point
        limit = limit_between(walk, near, point) if float(near.rate) * float(point.rate) < 0 else None
        changed = abs(spectrum(self.last.projected)[0] - spectrum(reached.projected)[0])
        crossed = changed > (float(near.rate) * float(point.rate) < 0)
        branch = branch_between(walk, near, point, self.last, reached) if crossed else None
        self._meet(point if limit is None else limit.point)
        for kind, found in (
            (self.limits, None if limit is None else (limit.point, tangent_of(limit.point))),
            (self.branches, branch),
        ):
            if found is not None and self._before_goal(near, found[0]):
                length = self.length + walk.arc(walk.chord(near, found[0]))
                kind.append(critical(walk.family, walk.observe, *found, length, walk.sizes))
        if self.goal is None and limit is not None:
            self._meet(point, limit.point)
        if self.goal is not None:
            self.beyond = reached
            return True
        self.far = near
        ease = 2.0 ** (method.corrections - int(reached.counts[0]))
        factor = min(method.growth, method.turn / max(chord.turn, 1e-9), ease)
        self.step = chord.distance * max(factor, 0.25)
        self._record(reached, self.length + walk.arc(chord))
        return False

    def _meet(self, point: Point, since: Point | None = None):
        """Note where between two points λ = `until`, if it is met there; by default since the last one."""
        near = self.near if since is None else since
        a, b = float(near.load), float(point.load)
        if self.until is None or (a - self.until) * (b - self.until) > 0 or a == self.until:
            return
        chord = self.walk.chord(near, point)
        roots = (chord.loads(near, point) - self.until).roots
        parts = [r.real for r in roots if abs(r.imag) < 1e-9 and -1e-9 < r.real < 1 + 1e-9]
        part = min(parts, default=(self.until - a) / (b - a))
        self.goal = near, point, chord.weights(part * chord.length)

    def _before_goal(self, near: Point, point: Point) -> bool:
        """Whether a point between the last one and the next lies before the goal."""
        if self.goal is None or self.goal[0] is not near:
            return True
        ahead = float(self.until) - float(near.load)
        return (float(point.load) - self.until) * ahead < 0

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
