"""Adam, for variables without bounds."""

import dataclasses
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import optax

from ._optimiser import AbstractOptimiser


@dataclasses.dataclass(frozen=True)
class Adam(AbstractOptimiser):
    """Gradient steps with momentum, scaled by what the gradient was; for the weights of a `NeuralDensity`.

    The rate is halved when for `patience` steps the objective has not become better by a thousandth, so that a design
    settles where no more is to be gained at a rate, and not by a schedule. Constraints must not depend on the variables: a
    volume that the layout keeps does not.

    **Arguments:**

    - `rate`: of the first steps, 0.02 by default.
    - `patience`: 10 by default.

    Reference: D. P. Kingma, J. Ba, Adam, ICLR 2015.
    """

    bounded: ClassVar[bool] = False
    restarts: ClassVar[bool] = True
    rate: float = 0.02
    patience: int = 10

    def __post_init__(self):
        if not self.rate > 0 or not self.patience >= 1:
            raise ValueError(f"`rate` must be positive and `patience` 1 or more, got {self.rate:g}, {self.patience}.")

    def begin(self, x, constraints):
        """Moments of 0."""
        return self._rules().init(jnp.asarray(x))

    def step(self, memory, x, value, gradient, constraints, jacobian):
        """Move against the gradient."""
        if np.any(np.abs(jacobian) > 1e-6):
            raise ValueError("`Adam` keeps no constraint that depends on the variables: only the layout's volume.")
        # Optax mixes widths of numbers, which its users may have forbidden.
        with jax.numpy_dtype_promotion("standard"):
            arrays = jnp.asarray(gradient), jnp.asarray(x)
            change, memory = self._rules().update(arrays[0], memory, arrays[1], value=jnp.asarray(value))
        return x + np.asarray(change, float), memory

    def _rules(self):
        slower = optax.contrib.reduce_on_plateau(factor=0.5, patience=self.patience, rtol=1e-3)
        return optax.chain(optax.adam(self.rate), slower)
