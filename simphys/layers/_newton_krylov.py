"""Newton's method with matrix-free linear solves."""

from ..implicit import Newton
from ..linalg import FGMRES


DESCENT = 0.9


def newton_krylov(
    rtol: float | None = None, *, inner: float = 1e-2, restart: int = 40, inner_steps: int = 400, max_steps: int = 100
) -> Newton:
    """Return Newton's method with a line search, each direction found by GMRES from Jacobian-vector products.

    (1 − ∂f/∂z) δ = f(z) − z   to ‖residual‖ ≤ inner ‖f(z) − z‖

    The one method here that needs no contraction: it finds fixed points of any stability. A step costs two evaluations of f
    and one Jacobian-vector product for each inner step.

    **Arguments:**

    - `rtol`: relative residual wanted at the returned point; None for 1e-9 in float64, 1e-4 in float32.
    - `inner`: relative residual of the inner solves; one that gets no further than 0.9 gives a descent direction still.
    - `restart`: inner steps between restarts, and vectors that are kept.
    - `inner_steps`: inner steps at most.
    - `max_steps`: evaluations of the residual at most.

    Reference: D. Knoll, D. Keyes, J. Comput. Phys. 193 (2004) 357.
    """
    solver = FGMRES(rtol=inner, restart=restart, max_steps=inner_steps, accept=DESCENT)
    return Newton(rtol=rtol, linear_solver=solver, max_steps=max_steps)
