"""The solver that fits an operator, for those who do not want to choose."""

from typing import Any

import equinox as eqx
import lineax as lx
import numpy as np

from ._direct import Direct
from ._operator import SparseOperator


LARGEST_DENSE_AUTO = 2_000


class Auto(lx.AbstractLinearSolver):
    """Factorise sparse matrices, solve small matrix-free systems densely, and large ones by GMRES.

    **Arguments:**

    - `rtol`: relative residual asked of whatever iterates.
    """

    rtol: float = eqx.field(static=True, default=1e-10)

    def choose(self, operator) -> lx.AbstractLinearSolver:
        """Return the solver for `operator`; only its class, size and tags count."""
        if isinstance(operator, SparseOperator):
            return Direct(rtol=self.rtol)
        if operator.in_size() <= LARGEST_DENSE_AUTO:
            return lx.AutoLinearSolver(well_posed=True)
        return lx.GMRES(rtol=self.rtol, atol=0.0, restart=50, stagnation_iters=50)

    def init(self, operator, options):
        """Choose and initialise."""
        solver = self.choose(operator)
        return solver, solver.init(operator, options)

    def compute(self, state, vector, options: dict[str, Any]):
        """Solve by the chosen solver."""
        solver, inner = state
        x, result, stats = solver.compute(inner, vector, options)
        zero = np.int32(0)
        return (
            x,
            result,
            {"num_steps": stats.get("num_steps", zero), "factorisations": stats.get("factorisations", zero)},
        )

    def transpose(self, state, options):
        """Transpose the chosen solver's state."""
        solver, inner = state
        inner, options = solver.transpose(inner, options)
        return (solver, inner), options

    def conj(self, state, options):
        """Conjugate the chosen solver's state."""
        solver, inner = state
        inner, options = solver.conj(inner, options)
        return (solver, inner), options

    def assume_full_rank(self):
        """A singular operator is a failure."""
        return True
