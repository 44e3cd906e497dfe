"""What one linear solve leaves to the next: a preconditioner, the entries of a constant matrix, and how exact to be."""

import dataclasses

import equinox as eqx
import equinox.internal as eqxi
import jax
import jax.numpy as jnp
import lineax as lx

from .._rules import with_rule
from .._typing import Array, Bool, Int, PyTree, Scalar
from ..linalg import Auto, Direct, Prepared, SparseOperator, iterates_with
from ._adjoint import OneStep
from ._certificate import REPORT_SIZE
from ._checked import checked_solve
from ._failed import held_unless


LOOSEST, FIRST = 1e-2, 1e-3
SLOWER = 1.5
SPARE = 3.0


class Reuse(eqx.Module):
    """Carried from one Newton step to the next, and on to the adjoint solve.

    The preconditioner made for an earlier matrix serves until a solve takes half as many steps again per digit as just
    after it was made. All of it is None for solvers that do not iterate with a preconditioner of the operator.
    """

    prepared: PyTree
    """What `preconditioner.prepare` made."""
    stale: Bool[Array, ""] | None
    """Whether it is to be made anew."""
    pace: Scalar | None
    """Steps per digit just after it was made."""
    forcing: Scalar | None
    """Relative residual asked of the next solve."""
    entries: Array | None
    """Entries of the Jacobian, where it is the same everywhere."""
    lag: bool = eqx.field(static=True)

    def forced(self, before: Scalar, now: Scalar, tolerance: float, problem, y: PyTree) -> "Reuse":
        """Ask the next solve for what a Newton step can use of it: 0.9 (|F| / |F_before|)², and no more than is wanted.

        Reference: S. Eisenstat, H. Walker, SIAM J. Sci. Comput. 17 (1996) 16, choice 2.
        """
        if self.forcing is None or not self.lag:
            return self
        enough = 0.2 * tolerance / jnp.maximum(now, jnp.finfo(now.dtype).tiny)
        if problem.linear:
            # The scale of the residual falls on the way from a guess where one layer of cells takes all strain; it can
            # only grow from one that is 0 everywhere, where nothing resists the loads yet.
            unstrained = jnp.all(jnp.stack([jnp.all(leaf == 0) for leaf in jax.tree.leaves(problem.value(y))]))
            spare = jnp.where(unstrained, 1.0, 0.2).astype(now.dtype)
            return eqx.tree_at(lambda r: r.forcing, self, jnp.clip(spare * enough, 1e-13, 0.1))
        gained = 0.9 * (now / before) ** 2
        wanted = jnp.where(jnp.isfinite(before) & (now < before), jnp.minimum(gained, LOOSEST), FIRST)
        return eqx.tree_at(lambda r: r.forcing, self, jnp.clip(jnp.maximum(wanted, enough), 1e-13, 0.1))


def begin_reuse(solver: lx.AbstractLinearSolver, problem, y, args, lag: bool) -> Reuse:
    """Room for what is to be reused; `lag` only where the loop is not differentiated."""
    # A linear problem is assembled here: an adjoint needs its matrix even where the guess is the root already.
    same = problem.linear and lag
    operator = problem.jacobian(y, args) if same else eqx.filter_eval_shape(problem.jacobian, y, args)
    if not isinstance(operator, SparseOperator):
        return Reuse(None, None, None, None, None, lag)
    entries = operator.data if same else None
    if not lag or iterates_with(solver, operator) is None:
        return Reuse(None, None, None, None, entries, lag)
    shapes = eqx.filter_eval_shape(lambda operator: operator.preconditioner.prepare(operator), operator)
    prepared = jax.tree.map(lambda s: jnp.zeros(s.shape, s.dtype), shapes)
    real = lambda x: jnp.asarray(x, operator.data.dtype)
    return Reuse(prepared, jnp.ones((), bool), real(0.0), real(FIRST), entries, lag)


def exact_enough(solver: lx.AbstractLinearSolver, tolerance: float) -> lx.AbstractLinearSolver:
    """The solver that solves a linear problem by one Newton step; only of those that choose or factorise."""
    if not isinstance(solver, Auto | Direct):
        return solver
    return dataclasses.replace(solver, rtol=min(solver.rtol, 0.1 * tolerance))


def solve_linear(
    operator, vector: PyTree, solver: lx.AbstractLinearSolver, reuse: Reuse, needed: Bool[Array, ""]
) -> tuple[PyTree, Bool[Array, ""], tuple[Int[Array, ""], Int[Array, ""]], Reuse]:
    """Solve for a Newton direction, where it is needed: what comes of other lanes of `vmap` is for no one.

    **Returns:** x; whether the solver calls it a solution; numbers of factorisations and of steps; what may be reused.
    """
    if reuse.entries is not None:
        reuse = eqx.tree_at(lambda r: r.entries, reuse, operator.data)
    if reuse.prepared is None:
        return *_solve_once(operator, vector, solver, needed), reuse
    preconditioner, operator = operator.preconditioner, operator.in_blocks()
    zero = jnp.zeros((), jnp.int32)

    def attempt(carry):
        _, _, (factorisations, steps), reuse, _ = carry
        make = lambda: preconditioner.prepare(operator)
        prepared = jax.lax.cond(reuse.stale, make, lambda: reuse.prepared)
        options = {"rtol": reuse.forcing, "own": reuse.stale}
        found = solver.compute(solver.init(with_prepared(operator, prepared), options), vector, options)
        value, result, stats = found
        good = result == lx.RESULTS.successful
        more = _counts(stats)
        taken, digits = more[1].astype(reuse.forcing.dtype), -jnp.log10(reuse.forcing)
        pace, slow = taken / digits, (taken - SPARE) / digits > SLOWER * reuse.pace
        after = Reuse(
            prepared,
            jnp.where(reuse.stale, False, slow | ~good),
            jnp.where(reuse.stale, pace, reuse.pace),
            reuse.forcing,
            reuse.entries,
            reuse.lag,
        )
        # A failure with a preconditioner made for another matrix is tried once more with its own.
        again = ~good & ~reuse.stale
        return value, good, (factorisations + more[0], steps + more[1]), after, again

    nothing = jax.tree.map(jnp.zeros_like, vector)
    begin = (nothing, jnp.zeros((), bool), (zero, zero), reuse, needed)
    value, good, counts, reuse, _ = jax.lax.while_loop(lambda carry: carry[-1], attempt, begin)
    return value, good, counts, reuse


@eqx.filter_custom_jvp
def _solve_once(operator, vector, solver, needed):
    options = {"needed": needed} if isinstance(solver, Auto | Direct) else {}
    found = lx.linear_solve(operator, vector, solver, options=options, throw=False)
    return found.value, found.result == lx.RESULTS.successful, _counts(found.stats)


@_solve_once.def_jvp
def _solve_once_jvp(primals, tangents):
    """J ẋ = v̇ − J̇ x; Lineax's own rule would raise where the solver failed, and where a discarded lane of `vmap` did."""
    operator, vector, solver, needed = primals
    t_operator, t_vector, *_ = tangents
    x, good, counts = _solve_once(*primals)
    rhs = jax.tree.map(eqxi.materialise_zeros, vector, t_vector, is_leaf=lambda t: t is None)
    if any(t is not None for t in jax.tree.leaves(t_operator, is_leaf=lambda t: t is None)):
        known = jax.tree.map(lambda leaf: jnp.where(good, leaf, 0), x)
        _, change = eqx.filter_jvp(lambda operator: operator.mv(known), (held_unless(good, operator),), (t_operator,))
        rhs = jax.tree.map(lambda r, c: r if c is None else r - c, rhs, change)
    probe = jnp.zeros(REPORT_SIZE, jnp.result_type(*jax.tree.leaves(vector)))
    t_x = checked_solve(operator, rhs, probe, vector, good, OneStep(linear_solver=solver), throw=False)
    return (x, good, counts), (t_x, None, (None, None))


def with_prepared(operator: SparseOperator, prepared: PyTree) -> SparseOperator:
    """The operator with a preconditioner that is ready."""
    own = operator.preconditioner
    return eqx.tree_at(lambda o: o.preconditioner, operator, Prepared(own, prepared))


def reused_jacobian(problem, y: PyTree, args, reuse: Reuse | None):
    """Return J(y) with what Newton's method has left: its preconditioner, and its entries where J is the same everywhere.

    Derivatives are those of J(y) itself.
    """
    operator = problem.jacobian(y, args)
    if reuse is None:
        return operator
    if reuse.entries is not None:
        data = _in_place_of(operator.data, jax.lax.stop_gradient(reuse.entries))
        operator = eqx.tree_at(lambda o: o.data, operator, data)
    if reuse.prepared is not None:
        prepared = reuse.prepared
        if reuse.stale is not None:
            # Where the guess was the root already, nothing has been prepared.
            fixed = jax.lax.stop_gradient(operator)
            make = lambda: fixed.preconditioner.prepare(fixed)
            prepared = jax.lax.cond(reuse.stale, make, lambda: reuse.prepared)
        operator = with_prepared(operator, jax.lax.stop_gradient(prepared))
    return operator


def _in_place_of(fresh, kept):
    """An array that is known to equal `fresh`, which then need not be computed."""
    return _replaced(fresh, kept)


_replaced = with_rule(
    "in_place_of", lambda fresh, kept: kept, lambda primals, tangents: (_replaced(*primals), tangents[0])
)


def _counts(stats):
    count = lambda name: jnp.asarray(stats.get(name, 0), jnp.int32)
    return count("factorisations"), count("num_steps")
