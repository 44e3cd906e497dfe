"""Goals made of goals."""

import equinox as eqx
import jax.numpy as jnp

from .._result import RESULTS
from .._typing import Array, Scalar
from ._goal import AbstractGoal, Outcome
from ._layout import Layout


class Maximise(AbstractGoal):
    """−q: an objective that makes a goal q large.

    **Arguments:**

    - `goal`: q.
    """

    goal: AbstractGoal

    @property
    def name(self):
        """That of the goal."""
        return self.goal.name

    def begin(self):
        """As the goal's."""
        return self.goal.begin()

    def __call__(self, layout, x, memory):
        """Return −q."""
        value, rest = self.goal(layout, x, memory)
        return -value, rest

    def check(self, layout):
        """Check the goal."""
        self.goal.check(layout)


class WeightedSum(AbstractGoal):
    """Σ w_i q_i: several loads, several physics. Goals whose matrices are equal share one factorisation.

    **Arguments:**

    - `goals`: q_i.
    - `weights`: w_i, (n,); 1 by default.
    """

    goals: tuple[AbstractGoal, ...]
    weights: Array

    def __init__(self, goals, weights=None):
        self.goals = tuple(goals)
        self.weights = jnp.ones(len(self.goals)) if weights is None else jnp.asarray(weights, float)
        if not self.goals or self.weights.shape != (len(self.goals),):
            raise ValueError(f"`weights` must hold one number for each of {len(self.goals)} goals (one at least).")

    @property
    def name(self):
        """Those of the goals."""
        return " + ".join(dict.fromkeys(goal.name for goal in self.goals))

    def begin(self):
        """As the goals'."""
        return tuple(goal.begin() for goal in self.goals)

    def __call__(self, layout, x, memory):
        """Return the sum."""
        memory = self.begin() if memory is None else memory  # of goals that solve nothing
        values, rest = _together([goal(layout, x, own) for goal, own in zip(self.goals, memory, strict=True)])
        value = jnp.vdot(self.weights, values)
        return value, Outcome(value, *rest)

    def check(self, layout):
        """Check the goals."""
        for goal in self.goals:
            goal.check(layout)


class Robust(AbstractGoal):
    """The worst of three designs that may come out of manufacture: too thin, as drawn, and too thick.

    max_i q(ρ_i) ≈ q* + (|q*| / k) log Σ_i exp(k (q_i − q*) / |q*|), with the threshold of the projection at η + δ, η, η − δ

    Members and holes then have a least width at all three. A bound on the volume is best set on the thick design, by
    `shift = -δ` alone.

    **Arguments:**

    - `goal`: q.
    - `shifts`: of the threshold; (δ, 0, −δ) with δ = 0.2 by default.
    - `hardness`: k, 50 by default.

    Reference: F. Wang, B. S. Lazarov, O. Sigmund, Structural and Multidisciplinary Optimization 43 (2011) 767–784.
    """

    goal: AbstractGoal
    shifts: Array
    hardness: Scalar

    def __init__(self, goal, shifts=(0.2, 0.0, -0.2), hardness=50.0):
        self.goal = goal
        self.shifts, self.hardness = jnp.asarray(shifts, float), jnp.asarray(hardness, float)
        if self.shifts.ndim != 1 or not self.shifts.size or float(jnp.max(jnp.abs(self.shifts))) >= 0.5:
            raise ValueError(f"`shifts` must be some numbers between -0.5 and 0.5, got {shifts}.")

    @property
    def name(self):
        """That of the goal."""
        return f"robust {self.goal.name}"

    def begin(self):
        """As the goal's, for each of the designs."""
        return tuple(self.goal.begin() for _ in range(self.shifts.size))

    def __call__(self, layout, x, memory):
        """Return the soft maximum."""
        designs = [_shifted(layout, shift) for shift in self.shifts]
        memory = self.begin() if memory is None else memory  # of a goal that solves nothing
        values, rest = _together([self.goal(one, x, own) for one, own in zip(designs, memory, strict=True)])
        worst = jnp.max(values)
        size = jnp.abs(worst) + jnp.finfo(values.dtype).tiny
        excess = jnp.sum(jnp.exp(self.hardness * (values - worst) / size))
        value = worst + size / self.hardness * jnp.log(excess)
        return value, Outcome(value, *rest)

    def check(self, layout):
        """Check the goal, and that there is a threshold."""
        if layout.projection is None:
            raise ValueError("`Robust` needs a layout with a `projection`, whose threshold it moves.")
        if layout.network is not None:
            raise ValueError("`Robust` needs designs of different volumes: a layout with a `network` keeps one.")
        low, high = (float(layout.projection.threshold + end(self.shifts)) for end in (jnp.min, jnp.max))
        if not 0 < low <= high < 1:
            raise ValueError(f"The thresholds of `Robust` must lie in (0, 1), got {low:g} to {high:g}.")
        self.goal.check(layout)


def _shifted(layout: Layout, shift: Scalar) -> Layout:
    return eqx.tree_at(lambda one: one.projection.threshold, layout, layout.projection.threshold + shift)


def _together(found):
    """Values as an array; memories, the first status that is a failure, and the worst residual."""
    values, outcomes = zip(*found, strict=True)
    result = outcomes[-1].result
    for one in outcomes[-2::-1]:
        result = RESULTS.where(one.result != RESULTS.successful, one.result, result)
    memory = tuple(one.memory for one in outcomes)
    memory = None if all(m is None for m in memory) else memory
    return jnp.stack(values), (memory, result, jnp.max(jnp.stack([one.residual for one in outcomes])))
