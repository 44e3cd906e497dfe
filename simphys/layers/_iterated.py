"""Linear systems by the iterations that serve for fixed points."""

import jax
import jax.numpy as jnp
import lineax as lx
import optimistix as optx

from ..implicit import RootProblem
from ..linalg import AbstractRealSolver
from ._iteration import AbstractIteration


class Iterated(AbstractRealSolver):
    """Solve A x = b by an iteration for x = x − (A x − b), as fixed points are solved.

    For the adjoint of a fixed point, A = (1 − ∂f/∂z)ᵀ, this is λ ← v + (∂f/∂z)ᵀ λ, by the forward method and at its rate.

    **Arguments:**

    - `method`: `Damped`, `Anderson` or `Broyden`; its `rtol` is the wanted ‖b − A x‖ / ‖b‖.
    """

    method: AbstractIteration

    def init(self, operator, options):
        """Linearise the operator once."""
        return lx.linearise(operator)

    def compute(self, state, vector, options):
        """Iterate from x = b."""
        size = jnp.sqrt(sum(jnp.sum(leaf * leaf) for leaf in jax.tree.leaves(vector)))
        residual = lambda x, _: jax.tree.map(jnp.subtract, state.mv(x), vector)
        problem = RootProblem(residual, scale=jnp.where(size > 0, size, jnp.ones_like(size)))
        steps = self.method.max_steps
        found = optx.root_find(
            lambda x, _: x, self.method, vector, options=dict(problem=problem, each=False), max_steps=steps, throw=False
        )
        good = found.result == optx.RESULTS.successful
        result = lx.RESULTS.where(good, lx.RESULTS.successful, lx.RESULTS.breakdown)
        return found.value, result, {"num_steps": found.stats["num_steps"]}

    def transpose(self, state, options):
        """The same iteration on Aᵀ."""
        return state.transpose(), options
