"""Ordinary differential equations as what can be stepped."""

from collections.abc import Callable
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import lineax as lx

from .._trees import all_finite, norm
from .._typing import Any, PyTree, Scalar
from ..implicit import AbstractRootProblem, Evaluated
from ._evolution import AbstractMemoryless, Bounds, combine


class ODE(AbstractMemoryless):
    """Ordinary differential equations u̇ = f(t, u, args), or d/dt S(u) = f.

    The Jacobian is dense, by AD: for systems of moderate size. Each leaf of u is solved to its own magnitude, so
    concentrations that differ by decades are best given as separate leaves.

    **Arguments:**

    - `function`: f(t, u, args) → u's structure. A module may carry parameters.
    - `args`: passed on to f.
    - `stored_by`: S(u), by default u itself; where ∂S/∂u is singular the system is differential-algebraic.
    """

    function: Callable
    args: Any = None
    stored_by: Callable | None = None

    def stored(self, u, t):
        """Return S(u)."""
        return u if self.stored_by is None else self.stored_by(u)

    def flow(self, u, t):
        """Return −f."""
        return jax.tree.map(jnp.negative, self.function(t, u, self.args))

    def stage(self, t, factor, known, *, acting_at=None, weight=1.0, base=None, points=0, split=False, flowing=True):
        """Return c S(u) − f(t, w u + (1 − w) u₀) − b."""
        if points or split:
            raise ValueError("Steppers that keep energies in order are for balance laws, not for an `ODE`.")
        return _ODEStage(self, t if acting_at is None else acting_at, factor, known, weight, base, flowing)

    def rate(self, u, t):
        """Return f."""
        if self.stored_by is not None:
            raise ValueError("An explicit stepper takes an `ODE` without `stored_by`.")
        return self.function(t, u, self.args)

    def bounds(self, u, t):
        """The step is the caller's."""
        return Bounds(jnp.asarray(jnp.inf), all_finite(u))

    def consistent(self, u, t):
        """Return u as floating arrays."""
        real = lambda leaf: leaf if jnp.issubdtype(leaf.dtype, jnp.floating) else leaf.astype(float)
        return jax.tree.map(lambda leaf: real(jnp.asarray(leaf)), u)

    def judged(self, error):
        """Return all of it."""
        return error


class _ODEStage(AbstractRootProblem):
    ode: ODE
    t: Scalar
    factor: Scalar
    known: PyTree
    weight: Scalar | float
    base: PyTree
    flowing: bool = eqx.field(static=True)
    linear: ClassVar[bool] = False

    def residual(self, y, args=None):
        return self.evaluate(y, args).residual

    def evaluate(self, y, args=None):
        stored = combine((self.factor, self.ode.stored(y, self.t)))
        parts = [stored, jax.tree.map(jnp.negative, self.known)]
        judged = [stored]
        if self.flowing:
            z = y if self.base is None else combine((self.weight, y), (1 - self.weight, self.base))
            parts.append(self.ode.flow(z, self.t))
            judged += [parts[-1], *_contributions(lambda z: self.ode.flow(z, self.t), z)]
        residual = combine(*((1.0, part) for part in parts))
        scale = jax.tree.map(lambda *terms: sum(norm(term) for term in terms), *judged)
        return Evaluated(residual, jax.lax.stop_gradient(scale), None)

    def jacobian(self, y, args=None):
        return lx.JacobianLinearOperator(self.residual, y, args)

    def unknowns(self, guess):
        return guess

    def value(self, y):
        return y

    def unloaded(self):
        return None


def _contributions(flow, z) -> list:
    """(∂R/∂z_l) z_l for each leaf l: near a quasi-steady state large terms cancel, and leave their rounding."""
    leaves, structure = jax.tree.flatten(z)
    alone = lambda l: [leaf if k == l else jnp.zeros_like(leaf) for k, leaf in enumerate(leaves)]
    return [jax.jvp(flow, (z,), (jax.tree.unflatten(structure, alone(l)),))[1] for l in range(len(leaves))]
