"""What an implicit step in time of a divided body has to solve."""

from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from .._trees import norm
from .._typing import Array, Float, Scalar
from ..implicit import AbstractRootProblem, Evaluated
from ._divided import Divided


class DividedStage(AbstractRootProblem):
    r"""One stage of an implicit step of a divided body, see `physics.Stage`.

    c S(u) + R(w u + (1 − w) u₀) = b,   or   c S(u) + ∫₀¹ R(s u + (1 − s) u₀) ds = b

    **Arguments:**

    - `problem`: R and S, with the values that are prescribed for u.
    - `factor`: c.
    - `known`: b, (part, node, component).
    - `acting`: R, if its loads are to be those of another time; None for `problem`.
    - `weight`, `base`: w and u₀; `base` None for w = 1.
    - `points`: Gauss points of the integral from u₀ to u; 0 for R at w.
    - `flowing`: False to leave R away.
    """

    problem: Divided
    factor: Scalar
    known: Float[Array, "part node c"]
    acting: Divided | None = None
    weight: Scalar | float = 1.0
    base: Float[Array, "part node c"] | None = None
    points: int = eqx.field(static=True, default=0)
    flowing: bool = eqx.field(static=True, default=True)
    raises: ClassVar[bool] = False

    @property
    def linear(self):
        """Whether R and S are."""
        stored = all(term.linear for term in self.problem.parameters.stored)
        return stored and (not self.flowing or self.problem.linear)

    def residual(self, y, args=None):
        """Return c S + R − b."""
        return self.evaluate(y, args).residual

    def evaluate(self, y, args=None):
        """Return c S + R − b, the scale of what is summed up in it, and the incremental energy."""
        value = self.problem.value(y)
        stored = self.problem.storage(value)
        total, scale = self.factor * stored.residual, self.factor * stored.scale
        energy = None if stored.energy is None else self.factor * stored.energy
        if not self.flowing:
            # At 0 nothing is stored, and what is wanted is all there is to be judged by.
            scale = norm((scale, self.known))
        for share, weight in self._shares():
            flow = self._source.flow(self._mixed(value, weight))
            total = total + share * flow.residual
            scale = norm((scale, share**0.5 * flow.scale))
            energy = None if energy is None or flow.energy is None else energy + share / weight * flow.energy
        if energy is not None:
            energy = energy - jnp.vdot(self.known, y)
        return Evaluated(total - self.known, scale, energy)

    def jacobian(self, y, args=None):
        """Return c ∂S/∂u + w ∂R/∂u, every part with its own rows."""
        value = self.problem.value(y)
        flows = [(s * w, self._source, "flow", self._mixed(value, w)) for s, w in self._shares()]
        return self.problem.tangent((self.factor, self.problem, "stored", value), *flows)

    def switches(self, y, args=None):
        """Return those of S and R."""
        value = self.problem.value(y)
        found = self.problem.switches_at(value, "stored")
        shares = [self._source.switches_at(self._mixed(value, weight)) for _, weight in self._shares()]
        return sum(shares, found)

    def unknowns(self, guess):
        """Return the free values of a guess, or 0."""
        return self.problem.unknowns(guess)

    def value(self, y):
        """Return u at the nodes that each part owns."""
        return self.problem.value(y)

    def sizes(self, y):
        """Return those of u."""
        return self.problem.sizes(y)

    def unloaded(self):
        """None: a step starts from the one before."""
        return None

    @property
    def _source(self):
        return self.problem if self.acting is None else self.acting

    def _shares(self):
        """Pairs of a share of R and the weight of u there."""
        if not self.flowing:
            return ()
        if not self.points:
            return ((1.0, self.weight),)
        nodes, shares = np.polynomial.legendre.leggauss(self.points)
        return tuple((float(share) / 2, float(1 + node) / 2) for node, share in zip(nodes, shares, strict=True))

    def _mixed(self, value, weight):
        if self.base is None:
            return value
        return jax.tree.map(lambda u, b: weight * u + (1 - weight) * b, value, self.base)
