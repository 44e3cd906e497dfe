"""A "method" that takes the guess as the root, for derivatives at a solution that is known already."""

import equinox as eqx
import jax.numpy as jnp
import optimistix as optx

from .. import _check
from .._typing import Callable, PyTree, Scalar


class Verify(optx.AbstractRootFinder):
    """Take the guess as it is: `solve` then only recomputes its residual and attaches the derivatives.

    **Arguments:**

    - `rtol`: relative residual above which the guess is refused.
    """

    rtol: float = eqx.field(static=True, default=1e-6)
    atol: float = eqx.field(static=True, default=0.0)
    norm: Callable[[PyTree], Scalar] = eqx.field(static=True, default=optx.two_norm)

    def __check_init__(self):
        _check.tolerance("rtol", self.rtol)

    def init(self, fn, y, args, options, f_struct, aux_struct, tags):
        """Nothing to be prepared."""
        return jnp.zeros((), bool)

    def step(self, fn, y, args, options, state, tags):
        """Leave y where it is."""
        return y, jnp.ones((), bool), None

    def terminate(self, fn, y, args, options, state, tags):
        """Stop at once."""
        return jnp.ones((), bool), optx.RESULTS.successful

    def postprocess(self, fn, y, aux, args, options, state, tags, result):
        """Return y."""
        return y, aux, {}
