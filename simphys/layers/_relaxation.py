"""The cheapest stand-in for J⁻¹."""

import equinox as eqx
import jax
import jax.numpy as jnp
import lineax as lx

from ..linalg import AbstractSymmetricSolver


class Relaxation(AbstractSymmetricSolver):
    """Take β v for J⁻¹ v: what one relaxed step of a fixed-point iteration does.

    With `OneStep(k, linear_solver=Relaxation(β))` a fixed point has the derivative of k steps z ← (1 − β) z + β f(z) from
    where it was found: the "phantom gradient". It is off by the contraction of k such steps.

    **Arguments:**

    - `factor`: β.

    Reference: Z. Geng et al., On Training Implicit Models, NeurIPS 2021.
    """

    factor: float = eqx.field(static=True, default=1.0)

    def init(self, operator, options):
        """The operator does not matter."""
        return operator

    def compute(self, state, vector, options):
        """Return β v."""
        return jax.tree.map(lambda v: self.factor * v, vector), lx.RESULTS.successful, {"num_steps": jnp.int32(0)}
