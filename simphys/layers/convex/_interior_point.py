"""A primal-dual interior-point method for convex quadratic programs over second-order cones."""

import equinox as eqx
import jax
import jax.numpy as jnp
import optimistix as optx

from ... import _check
from ..._result import RESULTS
from ..._trees import all_finite
from ..._typing import Array, Bool, Callable, Float, Int, PyTree, Scalar
from ...implicit import Reuse, Stats
from ._embedding import (
    Iterate,
    Products,
    advance,
    begin,
    infeasible,
    products,
    separated,
    sharpened,
    shortfall,
    unbounded,
)
from ._polish import polish
from ._program import ConeProgram, tolerance


class _State(eqx.Module):
    """The iterate of the homogeneous embedding, and how it ends."""

    at: Iterate
    products: Products
    steps: Int[Array, ""]
    convex: Bool[Array, ""]
    infeasible: Bool[Array, ""]
    unbounded: Bool[Array, ""]
    done: Bool[Array, ""]
    history: Float[Array, " steps"]


class InteriorPoint(optx.AbstractRootFinder):
    """Mehrotra's predictor-corrector method on the homogeneous embedding of a convex program.

    Q z + Cᵀu + q τ = 0,   C z + (0; s) = (b; h) τ,   κ + zᵀQz/τ + qᵀz + (b; h)ᵀu = 0,   s ∘ w = 0,   τκ = 0

    Its solutions with τ > 0 are optimal points; those with κ > 0 are proofs that there is none. One factorisation a
    step serves predictor and corrector, in Nesterov and Todd's scaling; equalities and near-dependent rows are
    regularised, and iteratively refined. Then the active set that has been identified is solved for exactly by a
    semismooth Newton step, whose factor the gradient reuses.

    **Arguments:**

    - `rtol`: relative residual of the optimality conditions wanted at the returned point; None for 1e-8 in float64,
      1e-4 in float32.
    - `max_steps`: interior-point steps at most.

    References: S. Mehrotra, SIAM J. Optim. 2 (1992) 575; E. D. Andersen, Y. Ye, Math. Program. 84 (1999) 375;
    P. Goulart, Y. Chen, Clarabel, arXiv:2405.12762.
    """

    rtol: float | None = eqx.field(static=True, default=None)
    max_steps: int = eqx.field(static=True, default=60)
    atol: float = eqx.field(static=True, default=0.0)
    norm: Callable[[PyTree], Scalar] = eqx.field(static=True, default=optx.two_norm)

    def __check_init__(self):
        _check.tolerance("rtol", self.rtol)
        if self.max_steps < 1:
            raise ValueError(f"`max_steps` must be 1 or more, got {self.max_steps}.")

    def tolerance(self, dtype) -> float:
        """Return the relative tolerance for numbers of type `dtype`; refuse one that rounding puts out of reach."""
        eps = float(jnp.finfo(dtype).eps)
        if self.rtol is not None and self.rtol < 50 * eps:
            raise ValueError(
                f"`rtol={self.rtol:g}` is out of reach in {jnp.dtype(dtype).name} (machine epsilon {eps:.1e}): "
                f"ask for {60 * eps:.1e} or more."
            )
        return tolerance(dtype) if self.rtol is None else self.rtol

    def init(self, fn, y, args, options, f_struct, aux_struct, tags):
        """Start at the least-squares point, moved into the cone."""
        problem: ConeProgram = options["problem"]
        at, inconsistent = begin(problem)
        shift = 100 * jnp.finfo(problem.q.dtype).eps ** 0.75 * problem.sizes.curvature
        false = jnp.zeros((), bool)
        return _State(
            at=at,
            products=products(problem, at),
            steps=jnp.zeros((), jnp.int32),
            convex=problem.matrices.convex(shift),
            infeasible=inconsistent,
            unbounded=false,
            done=inconsistent,
            history=jnp.full(self.max_steps, jnp.nan, problem.q.dtype),
        )

    def step(self, fn, y, args, options, state, tags):
        """Take one step and look where it has led."""
        problem: ConeProgram = options["problem"]
        sizes = problem.sizes
        at, length = advance(problem, state.at, state.products, sizes)
        finite = jnp.all(jnp.stack([jnp.all(jnp.isfinite(leaf)) for leaf in jax.tree.leaves(at)]))
        at = jax.tree.map(lambda new, old: jnp.where(finite, new, old), at, state.at)
        products_ = products(problem, at)
        short = shortfall(problem, at, products_, sizes)
        near, exact = (1e-8, 1e-13) if jnp.finfo(short.dtype).eps < 1e-12 else (2e-5, 1e-6)
        clear = separated(problem, at) | (short > 0.5 * state.history[state.steps - 1]) | (short <= exact)
        no_point = infeasible(problem, at, products_, sizes)
        no_bound = unbounded(problem, at, products_, sizes)
        steps = state.steps + 1
        stuck = ~finite | (length < 1e-7) | (steps >= self.max_steps)
        done = ((short <= near) & clear) | no_point | no_bound | stuck | ~state.convex
        history = state.history.at[state.steps].set(short)
        state = _State(at, products_, steps, state.convex, no_point, no_bound, done, history)
        return problem_point(problem, at), state, None

    def terminate(self, fn, y, args, options, state, tags):
        """Whether the last step was enough, or useless."""
        return state.done, optx.RESULTS.successful

    def postprocess(self, fn, y, aux, args, options, state, tags, result):
        """Solve for the active set; or return the proof that there is no solution."""
        problem: ConeProgram = options["problem"]
        polished = polish(problem, y, args)
        state = _second_look(problem, state, polished.size > self.tolerance(polished.size.dtype))
        nowhere = state.infeasible | state.unbounded | ~state.convex
        y = jax.tree.map(lambda a, b: jnp.where(nowhere, b, a), polished.y, proof(problem, state))
        status = RESULTS.where(polished.size <= self.tolerance(polished.size.dtype), RESULTS.successful, _ended(state))
        status = RESULTS.where(state.infeasible, RESULTS.infeasible, status)
        status = RESULTS.where(state.unbounded, RESULTS.unbounded, status)
        status = RESULTS.where(state.convex, status, RESULTS.not_convex)
        status = RESULTS.where(all_finite((problem.matrices, problem.q, problem.rhs)), status, RESULTS.not_finite)
        zero = jnp.zeros((), jnp.int32)
        factorisations = state.steps + polished.steps + 1
        stats = Stats(state.steps, state.steps + polished.steps, factorisations, polished.steps, zero)
        reuse = Reuse(polished.factor, None, None, None, None, True)
        return y, aux, {"status": status, "counts": stats, "history": state.history, "reuse": reuse}


def _second_look(problem: ConeProgram, state: _State, failed) -> _State:
    """Where no solution was found, try whether the multipliers nearly prove that there is none."""
    sizes = problem.sizes

    def body(carry):
        state, _ = carry
        at = sharpened(problem, state.at, sizes)
        proved = infeasible(problem, at, products(problem, at), sizes)
        return eqx.tree_at(lambda s: (s.at, s.infeasible), state, (at, proved)), jnp.zeros((), bool)

    # A loop of no or one turn: under `vmap` it is entered only if some lane needs it.
    open_ = failed & ~state.infeasible & ~state.unbounded & state.convex
    return jax.lax.while_loop(lambda carry: carry[1], body, (state, open_))[0]


def _ended(state):
    steps = RESULTS.nonlinear_max_steps_reached
    return RESULTS.where(state.steps >= state.history.shape[0], steps, RESULTS.stagnated)


def problem_point(problem: ConeProgram, at: Iterate) -> tuple[Array, Array, Array]:
    """Return (z, y, w − s / θ) of the program for an iterate of its embedding."""
    p = problem.equalities
    return at.z / at.tau, at.u[:p] / at.tau, (at.u[p:] - at.s / problem.theta) / at.tau


def proof(problem: ConeProgram, state: _State) -> tuple[Array, Array, Array]:
    """Return (z, y, w): a ray with qᵀz = −1, or multipliers with bᵀy + hᵀw = −1."""
    at, p = state.at, problem.equalities
    down = jnp.abs(jnp.vdot(problem.rhs, at.u))
    z = at.z / jnp.abs(jnp.vdot(problem.q, at.z))
    u = at.u / jnp.where(down > 0, down, 1.0)
    z = jnp.where(state.unbounded, z, jnp.nan)
    u = jnp.where(state.infeasible, u, jnp.nan)
    return z, u[:p], u[p:]
