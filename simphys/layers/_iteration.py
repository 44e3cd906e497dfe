"""What the iterations have in common: they look at F only, and differ in how they go on from it."""

import abc

import equinox as eqx
import jax
import jax.numpy as jnp
import optimistix as optx
from jax.flatten_util import ravel_pytree

from .. import _check
from .._result import RESULTS
from .._trees import norm
from .._typing import Array, Bool, Float, Int, PyTree, Scalar
from ..implicit import AbstractMethod, RootProblem, Stats, relative_norm, tolerance_within_reach


RUNAWAY = 1e8
GAIN = 1e-3
ROUNDING = 1e3
IDLE = 3


class _State(eqx.Module):
    """Everything but the trial point."""

    memory: PyTree
    best: PyTree
    least: Scalar  # relative residual at the best point
    first: Scalar  # ‖F‖ at the guess
    waited: Int[Array, ""]  # steps since the residual was last seen to fall
    unsettled: Scalar  # least that was seen of how far leaves, and numbers, are from their own tolerances
    idle: Int[Array, ""]  # steps since that was last seen to fall
    steps: Int[Array, ""]
    history: Float[Array, " steps"]
    done: Bool[Array, ""]
    result: RESULTS


class AbstractIteration(AbstractMethod):
    """A root finder that goes from y and F(y) to the next y, by what it remembers of earlier pairs.

    Every step evaluates F once; the iteration ends at the first point whose relative residual is small enough: in all, and,
    as long as that still falls, of each leaf beside f(z) = z − F there, and of each number to √rtol. It fails
    with `diverged` where the residual is not finite or has grown by 1e8; with `contraction_lost` where it has not fallen
    for `patience` steps (`stagnated` if it is down at rounding); with `nonlinear_max_steps_reached`. The best point is
    returned then. F must come from a fixed point, F = z − f(z), or have a Jacobian that is near a multiple of 1.
    """

    rtol: eqx.AbstractVar[float | None]
    patience: eqx.AbstractVar[int]
    relaxation: eqx.AbstractVar[float]

    def __check_init__(self):
        _check.tolerance("rtol", self.rtol)
        if not 0 < self.relaxation <= 2:
            raise ValueError(f"`relaxation` must lie in (0, 2], got {self.relaxation}.")

    def tolerance(self, dtype):
        """Return the relative tolerance for numbers of type `dtype`; refuse one that rounding puts out of reach."""
        return tolerance_within_reach(self.rtol, dtype, 1e-8)

    @abc.abstractmethod
    def begin(self, y: Float[Array, " n"]) -> PyTree:
        """Return an empty memory for points like y."""

    @abc.abstractmethod
    def onwards(self, memory: PyTree, y: Float[Array, " n"], residual: Float[Array, " n"]) -> tuple[Array, PyTree]:
        """Return the next point, and the memory with (y, F(y)) in it."""

    def init(self, fn, y, args, options, f_struct, aux_struct, tags):
        """Start at the guess, without memories."""
        dtype = jnp.result_type(*jax.tree.leaves(y))
        zero, inf = jnp.zeros((), jnp.int32), jnp.asarray(jnp.inf, dtype)
        history = jnp.full(self.max_steps, jnp.nan, dtype)
        memory = self.begin(ravel_pytree(y)[0])
        return _State(memory, y, inf, inf, zero, inf, zero, zero, history, jnp.zeros((), bool), RESULTS.successful)

    def step(self, fn, y, args, options, state, tags):
        """Judge the point; end there, or go on."""
        problem = options.get("problem")
        problem = RootProblem(lambda y, args: fn(y, args)[0], tags=tags) if problem is None else problem
        found = problem.evaluate(y, args)
        size = relative_norm(found.residual, found.scale)
        (flat, unravel), (residual, _) = ravel_pytree(y), ravel_pytree(found.residual)
        own = jnp.zeros_like(size)
        if options.get("each", True):
            own = _in_own_tolerances(y, found.residual, self.tolerance(size.dtype)).astype(size.dtype)
        state = self._judge(state, y, *jax.lax.stop_gradient((size, norm(residual), own)))
        after, memory = self.onwards(state.memory, flat, residual)
        after = jax.tree.map(lambda new, old: jnp.where(state.done, old, new), unravel(after), y)
        return after, eqx.tree_at(lambda s: s.memory, state, memory), None

    def terminate(self, fn, y, args, options, state, tags):
        """Stop at a root, or when there is nothing to be hoped for; stats hold our own status."""
        good = state.result == RESULTS.successful
        return state.done, optx.RESULTS.where(good, optx.RESULTS.successful, optx.RESULTS.nonlinear_divergence)

    def postprocess(self, fn, y, aux, args, options, state, tags, result):
        """Return the root, or the best point."""
        zero = jnp.zeros((), jnp.int32)
        counts = Stats(state.steps, state.steps, zero, zero, zero, type(self).__name__)
        return state.best, aux, dict(counts=counts, history=state.history, status=state.result)

    def _judge(self, state, y, size, absolute, own):
        tolerance = self.tolerance(size.dtype)
        better = size < state.least
        first = jnp.where(state.steps == 0, absolute, state.first)
        falls = size < (1 - GAIN) * state.least
        waited = jnp.where(falls | (state.steps == 0), 0, state.waited + 1)
        idle = jnp.where(own < (1 - GAIN) * state.unsettled, 0, state.idle + 1)
        last = state.steps + 1 >= self.max_steps
        root = (size <= tolerance) & ((own <= 1) | (idle >= IDLE) | last)
        # The relative residual stays of order 1 where f grows with z.
        wild = ~jnp.isfinite(size) | (absolute > RUNAWAY * jnp.maximum(first, jnp.finfo(size.dtype).tiny))
        stuck = waited >= self.patience
        at_rounding = state.least <= ROUNDING * jnp.finfo(size.dtype).eps
        lost = RESULTS.where(at_rounding, RESULTS.stagnated, RESULTS.contraction_lost)
        reason = RESULTS.where(wild, RESULTS.diverged, lost)
        return _State(
            memory=state.memory,
            best=jax.tree.map(lambda new, old: jnp.where(better, new, old), y, state.best),
            least=jnp.where(better, size, state.least),
            first=first,
            waited=waited,
            steps=state.steps + 1,
            history=state.history.at[state.steps].set(size, mode="drop"),
            unsettled=jnp.minimum(own, state.unsettled),
            idle=idle,
            done=root | wild | stuck,
            result=RESULTS.where((wild | stuck) & ~(size <= tolerance), reason, RESULTS.successful),
        )


def _in_own_tolerances(y: PyTree, residual: PyTree, rtol: float) -> Scalar:
    """Return the largest |F| beside what is wanted of it: rtol ‖f‖ of each leaf, √rtol |f_i| of each number f_i ≠ 0.

    Numbers of one leaf may have units of their own; but a network has numbers near 0 that mean nothing by themselves.
    """

    def one(y, residual):
        image = y - residual
        of_leaf, of_number = norm(residual) / rtol, jnp.abs(residual) / rtol**0.5
        beside = lambda wanted, size: jnp.where((size == 0) | (wanted == 0), 0, wanted / size)
        return jnp.maximum(beside(of_leaf, norm(image)), jnp.max(beside(of_number, jnp.abs(image)), initial=0))

    return jnp.max(jnp.stack(jax.tree.leaves(jax.tree.map(one, y, residual))))
