"""Damped (Picard) iteration."""

import equinox as eqx
import optimistix as optx

from .._typing import Callable, PyTree, Scalar
from ._iteration import AbstractIteration


class Damped(AbstractIteration):
    """Relaxed fixed-point iteration.

    z ← (1 − β) z + β f(z) = z − β F(z)

    Converges where every eigenvalue of 1 − β (1 − ∂f/∂z) lies within the unit circle, by a factor of their largest
    modulus a step. β < 1 is for eigenvalues of ∂f/∂z below −1.

    **Arguments:**

    - `rtol`: relative residual ‖F‖ / ‖f‖ wanted at the returned point; None for 1e-8 in float64, 1e-4 in float32.
    - `relaxation`: β.
    - `max_steps`: evaluations at most.
    - `patience`: evaluations without a smaller residual after which it gives up.

    Reference: C. Kelley, Iterative Methods for Linear and Nonlinear Equations, SIAM 1995, chapter 4.
    """

    rtol: float | None = eqx.field(static=True, default=None)
    relaxation: float = eqx.field(static=True, default=1.0)
    max_steps: int = eqx.field(static=True, default=1_000)
    patience: int = eqx.field(static=True, default=50)
    atol: float = eqx.field(static=True, default=0.0)
    norm: Callable[[PyTree], Scalar] = eqx.field(static=True, default=optx.two_norm)

    def begin(self, y):
        """Nothing is remembered."""
        return None

    def onwards(self, memory, y, residual):
        """One relaxed step."""
        return y - self.relaxation * residual, memory
