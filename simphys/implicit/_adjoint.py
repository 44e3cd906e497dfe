"""What a gradient means: the adjoint policies."""

import equinox as eqx
import lineax as lx

from .. import _check
from ..linalg import Auto


class AbstractAdjoint(eqx.Module):
    """The user's choice of what the gradient of a solution means."""

    linear_solver: eqx.AbstractVar[lx.AbstractLinearSolver]
    rtol: eqx.AbstractVar[float | None]
    trust: eqx.AbstractVar[float | None]


class Implicit(AbstractAdjoint):
    """The derivative of the converged solution, by the implicit function theorem.

    J dy = −∂F/∂θ dθ   (forward),     Jᵀ λ = v,   θ̄ = −λᵀ ∂F/∂θ   (reverse)

    Costs one linear solve; memory does not depend on the number of iterations. The true residual of every such solve
    is checked against `rtol`.

    **Arguments:**

    - `linear_solver`: a `lineax.AbstractLinearSolver`; the factor that Newton's method used last is reused.
    - `rtol`: relative true residual that the tangent and adjoint systems must reach; None for 1e-8 in float64, 1e-3 in
      float32.
    - `recycle`: take over the preconditioner, and the matrix of a linear problem, that Newton's method has left; False
      where many solves are kept for reverse mode, as in a march through time.
    - `trust`: how far y* may be from the true root, relative to its size, for a gradient to be given; None for any. That
      distance is estimated by (‖λ‖ / ‖v‖) ‖F(y*)‖ / ‖y*‖: at a fold it is of order 1, whatever the residual. Only for
      problems whose unknowns all have one unit.

    Reference: A. Griewank, A. Walther, Evaluating Derivatives, SIAM 2008, section 15.
    """

    linear_solver: lx.AbstractLinearSolver = Auto()
    rtol: float | None = eqx.field(static=True, default=None)
    recycle: bool = eqx.field(static=True, default=True)
    trust: float | None = eqx.field(static=True, default=None)

    def __check_init__(self):
        _check.tolerance("rtol", self.rtol)


class Unrolled(AbstractAdjoint):
    """The derivative of the finite computation: of the iterates, line searches and load steps that were taken.

    Memory grows with the logarithm of the number of steps by checkpointing, work by the same factor. Under `throw=False` a
    computation that did not converge has a derivative all the same, by this definition: look at `result`. Methods of
    Optimistix are run twice, first without derivatives; where they fail, what they reached has none. Its minimisers are
    refused: the derivative of their steps is lost.

    **Arguments:**

    - `checkpoints`: number of states kept; None for the logarithm of the largest number of steps.
    - `forward`: True to differentiate in forward mode (`jvp`), False for reverse mode; one of them at a time.
    """

    checkpoints: int | None = eqx.field(static=True, default=None)
    forward: bool = eqx.field(static=True, default=False)
    linear_solver: lx.AbstractLinearSolver = Auto()
    rtol: float | None = eqx.field(static=True, default=None)
    trust: float | None = eqx.field(static=True, default=None)

    def __check_init__(self):
        _check.tolerance("rtol", self.rtol)


class OneStep(AbstractAdjoint):
    """The derivative of the last k steps only, the point before them held fixed (the "phantom" gradient).

    y_{i+1} = y_i − sg(J)⁻¹ F(y_i, θ),   i = 1 … k,   y_1 = sg(y*)

    With exact linear solves and k = 1 it equals the implicit gradient at a root; with a cheap `linear_solver` (one that
    stops early) it costs less, and is off by the contraction of k such steps. The solves are not held to a tolerance.

    **Arguments:**

    - `steps`: k.
    - `linear_solver`: what stands for J⁻¹.

    Reference: J. Bolte, E. Pauwels, S. Vaiter, One-step differentiation of iterative algorithms, NeurIPS 2023.
    """

    steps: int = eqx.field(static=True, default=1)
    linear_solver: lx.AbstractLinearSolver = Auto()
    rtol: float = eqx.field(static=True, default=float("inf"))
    trust: float | None = eqx.field(static=True, default=None)

    def __check_init__(self):
        if self.steps < 1:
            raise ValueError(f"`steps` must be 1 or more, got {self.steps}.")
