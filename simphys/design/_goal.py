"""What a design is judged by."""

import abc
from typing import ClassVar

import equinox as eqx
import jax.numpy as jnp

from .._result import RESULTS
from .._told import Told
from .._typing import Array, PyTree, Scalar
from ._layout import Layout


class Outcome(Told):
    """What an evaluation leaves beside its value.

    **Attributes:**

    - `quantity`: the quantity itself, where the value is one scaled and shifted.
    - `memory`: what the next evaluation begins with; None for goals that solve nothing.
    - `result`: status of the solves; `residual`: the worst relative residual among them.
    """

    quantity: Scalar
    memory: PyTree
    result: RESULTS
    residual: Scalar


class AbstractGoal(Told):
    """A scalar function of the design: an objective to be made small, or, in `AtMost` and `AtLeast`, a constraint."""

    @property
    @abc.abstractmethod
    def name(self) -> str:
        """What it is, in a word or two."""

    @abc.abstractmethod
    def begin(self) -> PyTree:
        """Return the memory of a goal that was never evaluated."""

    @abc.abstractmethod
    def __call__(self, layout: Layout, x: Array, memory: PyTree) -> tuple[Scalar, Outcome]:
        """Return the value at the design variables x."""

    @abc.abstractmethod
    def check(self, layout: Layout):
        """Raise `ValueError` if the goal makes no sense for a layout."""


def outcome(value: Scalar, solution=None, memory: PyTree = None) -> tuple[Scalar, Outcome]:
    """Return a value, NaN (its gradient too) unless the solve behind it has converged, with its `Outcome`."""
    if solution is None:
        return value, Outcome(value, None, RESULTS.successful, jnp.zeros_like(value))
    good = solution.certificate.converged
    value = value * jnp.where(good, 1.0, jnp.nan).astype(value.dtype)
    return value, Outcome(value, memory, solution.result, solution.certificate.residual)


class Volume(AbstractGoal):
    """The part of the body's volume that is filled, ∫ ρ dV / ∫ dV."""

    name: ClassVar[str] = "volume fraction"

    def begin(self):
        """Nothing is solved."""
        return None

    def __call__(self, layout, x, memory):
        """Return the fraction."""
        return outcome(jnp.vdot(layout(x), layout.volumes) / jnp.sum(layout.volumes))

    def check(self, layout):
        """Any layout has a volume."""


class AbstractBound(AbstractGoal):
    """A constraint ± (q − bound) / |bound| ≤ 0 on a goal q; not scaled for a bound of 0."""

    goal: AbstractGoal
    bound: Scalar = eqx.field(converter=lambda b: jnp.asarray(b, dtype=float))
    sign: eqx.AbstractClassVar[int]
    words: eqx.AbstractClassVar[str]

    @property
    def name(self):
        """That of the goal, and the bound."""
        return f"{self.goal.name} {'≤' if self.sign > 0 else '≥'} {float(self.bound):g}"

    def begin(self):
        """As the goal's."""
        return self.goal.begin()

    def __call__(self, layout, x, memory):
        """Return the scaled excess, or lack."""
        value, rest = self.goal(layout, x, memory)
        return self.excess(value), rest

    def excess(self, value):
        """Return ± (value − bound) / |bound|."""
        return self.sign * (value - self.bound) / jnp.where(self.bound == 0, 1.0, jnp.abs(self.bound))

    def check(self, layout):
        """Check the goal, and that a volume can be had at all."""
        _check_bound(self.goal, float(self.bound), layout, self.words)
        self.goal.check(layout)


class AtMost(AbstractBound):
    """The constraint (q − bound) / |bound| ≤ 0 on a goal q; not scaled for a bound of 0.

    **Arguments:**

    - `goal`: q.
    - `bound`: its greatest value.
    """

    sign: ClassVar[int] = 1
    words: ClassVar[str] = "at most"


class AtLeast(AbstractBound):
    """The constraint (bound − q) / |bound| ≤ 0 on a goal q; not scaled for a bound of 0.

    **Arguments:**

    - `goal`: q.
    - `bound`: its least value.
    """

    sign: ClassVar[int] = -1
    words: ClassVar[str] = "at least"


def _check_bound(goal, bound, layout, words):
    if not isinstance(goal, Volume):
        return
    if not 0 < bound <= 1:
        raise ValueError(f"A volume fraction must lie in (0, 1], got {bound:g}.")
    if layout.network is not None and words == "at most" and bound < float(layout.network.volume) * (1 - 1e-9):
        raise ValueError(f"The layout's network fills {float(layout.network.volume):g}: more than at most {bound:g}.")
    least, most = layout.passive_range
    possible = bound > least if words == "at most" else bound < most
    if not possible:
        raise ValueError(
            f"A volume fraction of {words} {bound:g} cannot be had: the passive regions leave {least:.4g} to {most:.4g}."
        )
