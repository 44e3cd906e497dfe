"""The solver that fits an operator, for those who do not want to choose."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import lineax as lx
import numpy as np

from .. import _check
from ._cg import ConjugateGradients
from ._dense import Dense
from ._direct import Direct
from ._fgmres import FGMRES
from ._minres import Minres
from ._operator import SparseOperator
from ._platform import accelerated
from ._preconditioned import Preconditioned
from ._preconditioner import DEFINITE, GENERAL, INDEFINITE, AbstractPreconditioner
from ._solvable import AbstractSolvable


LARGEST_DENSE_AUTO = 2_000
MOST_STEPS = 500
PATIENCE, STILL_FACTORISED = 120, 60_000
"""Steps of conjugate gradients that a factorisation is worth, and unknowns up to which it is."""
LEAST_GAIN, LONG = 0.1, 100
METHODS = {DEFINITE: ConjugateGradients, INDEFINITE: Minres, GENERAL: FGMRES}
ITERATIVE = tuple(METHODS.values())


class Auto(lx.AbstractLinearSolver):
    """Choose by structure and size: factorise sparse matrices, or iterate where whoever assembled them says so.

    | operator | solver |
    | --- | --- |
    | sparse, without a preconditioner (2-D, small 3-D) | `Direct` |
    | sparse, symmetric, with multigrid (large 3-D) | `ConjugateGradients`, or `Direct`, see below |
    | sparse, symmetric, with a block-diagonal saddle-point preconditioner | `Minres` |
    | sparse, with a block-triangular one, or not symmetric with any preconditioner | `FGMRES` |
    | matrix-free, `Preconditioned` | `ConjugateGradients` for definite ones, else `FGMRES` |
    | matrix-free, up to 2,000 unknowns | dense |
    | matrix-free, larger | `lineax.GMRES` |
    | divided among devices | the one that is made for it |

    A matrix of up to 60,000 unknowns for which conjugate gradients with multigrid would take more than 120 steps (nearly
    incompressible bodies, high contrasts) is factorised after all; not so on a GPU.

    **Arguments:**

    - `rtol`: relative residual asked of whatever iterates.
    """

    rtol: float = eqx.field(static=True, default=1e-10)

    def __check_init__(self):
        _check.tolerance("rtol", self.rtol)

    def choose(self, operator) -> lx.AbstractLinearSolver:
        """Return the solver for `operator`; only its class, size, tags and preconditioner count."""
        if isinstance(operator, AbstractSolvable):
            return operator.solver(self.rtol)
        if isinstance(operator, SparseOperator):
            if operator.preconditioner is None:
                return Direct(rtol=self.rtol)
            suited = operator.preconditioner.made_for if lx.is_symmetric(operator) else GENERAL
            if suited == DEFINITE and operator.pattern.size <= STILL_FACTORISED and not accelerated():
                return ConjugateGradients(rtol=self.rtol, max_steps=MOST_STEPS, patience=PATIENCE)
            return METHODS[suited](rtol=self.rtol, max_steps=MOST_STEPS)
        if isinstance(operator, Preconditioned):
            # Nothing tells what rounding leaves of products: for a step of Newton's method any gain will do.
            definite = operator.preconditioner.made_for == DEFINITE and lx.is_symmetric(operator)
            options = dict(rtol=self.rtol, max_steps=3 * MOST_STEPS)
            return ConjugateGradients(**options) if definite else FGMRES(**options, restart=LONG, accept=LEAST_GAIN)
        if operator.in_size() <= LARGEST_DENSE_AUTO:
            suited = lx.AutoLinearSolver(well_posed=True).select_solver(operator)
            return Dense() if isinstance(suited, lx.LU | lx.Cholesky) else suited
        return lx.GMRES(rtol=self.rtol, atol=0.0, restart=50, stagnation_iters=50)

    def init(self, operator, options):
        """Choose and initialise."""
        solver = self.choose(operator)
        return solver, solver.init(operator, options)

    def compute(self, state, vector, options: dict[str, Any]):
        """Solve by the chosen solver."""
        solver, inner = state
        x, result, stats = solver.compute(inner, vector, options)
        if isinstance(solver, ConjugateGradients) and solver.patience is not None:
            x, result, stats = self._or_factorised(inner, vector, options, (x, result, stats))
        zero = np.int32(0)
        return (
            x,
            result,
            {"num_steps": stats.get("num_steps", zero), "factorisations": stats.get("factorisations", zero)},
        )

    def _or_factorised(self, operator, vector, options, found):
        """What was found, or the solution by a factorisation where the iteration ran out of patience."""
        x, result, stats = found
        direct = Direct(rtol=self.rtol)
        # With the preconditioner of another matrix it is worth making a new one first.
        needed = (result == lx.RESULTS.max_steps_reached) & options.get("own", True)
        y, other, more = direct.compute(direct.init(operator, {}), vector, {"needed": needed})
        x = jax.tree.map(lambda a, b: jnp.where(needed, b, a), x, y)
        counts = {name: stats[name] + more[name] for name in ("num_steps", "factorisations")}
        return x, lx.RESULTS.where(needed, other, result), counts

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


def iterates_with(solver: lx.AbstractLinearSolver, operator) -> AbstractPreconditioner | None:
    """Return the operator's preconditioner if `solver` would iterate with it, else None."""
    solver = solver.choose(operator) if isinstance(solver, Auto) else solver
    if isinstance(solver, ITERATIVE) and isinstance(operator, SparseOperator) and solver.preconditioner is None:
        return operator.preconditioner
    return None


def describe(solver: lx.AbstractLinearSolver, operator) -> str:
    """Say in words how a system is solved, and why so."""
    automatic = isinstance(solver, Auto)
    chosen = solver.choose(operator) if automatic else solver
    name = {
        Direct: "direct factorisation",
        ConjugateGradients: "conjugate gradients",
        Minres: "minimal residuals",
        FGMRES: "flexible GMRES",
        Dense: "dense factorisation",
    }.get(type(chosen), type(chosen).__name__)
    own = chosen.preconditioner if isinstance(chosen, ITERATIVE) else None
    if own is None and isinstance(chosen, ITERATIVE) and isinstance(operator, SparseOperator | Preconditioned):
        own = operator.preconditioner
    name = name if own is None else f"{name} with {own.describe()}"
    if automatic and isinstance(chosen, ConjugateGradients) and chosen.patience:
        name = f"{name}, factorised beyond {chosen.patience} steps"
    size = f"{operator.in_size():,} unknowns"
    if not automatic:
        return f"{name}: as asked for, {size}"
    if isinstance(operator, AbstractSolvable):
        return f"{name}: made for this matrix, {size}"
    if not isinstance(operator, SparseOperator | Preconditioned):
        return f"{name}: the operator is matrix-free, {size}"
    why = "no preconditioner is recommended (2-D, or small)" if own is None else "its preconditioner is recommended"
    return f"{name}: {why}, {size}"
