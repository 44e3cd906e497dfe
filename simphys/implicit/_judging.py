"""Newton's method, and what is found of the point where it ended, by one program that evaluates F."""

import abc

import equinox as eqx
import jax
import jax.numpy as jnp
import optimistix as optx

from .._result import RESULTS
from .._trees import choose
from .._typing import Array, Bool, Callable, PyTree, Scalar
from ._judged import Inquiry, Seen, derivative_along, unseen, was_made
from ._newton import Newton
from ._newton_asks import problems_of
from ._newton_state import ended_at, trial_load
from ._problem import Evaluated, interpolate
from ._tangent import direction


def judging(newton: Newton, problem, start):
    """Return the method that finds what `newton` does, and what there is to be known of its end if that costs nothing."""
    if start is not None:
        return _OnPath(newton)
    return _OfLinear(newton) if problem.linear else newton


class _Judging(optx.AbstractRootFinder):
    """`newton`, and then what is asked about the point that it returns, for problems with a matrix of their own.

    To compile F once more than for the steps costs a quarter of a first call. So each evaluation finds a derivative as
    well: on a path ∂F/∂t for the steps, ∂F/∂y v for the questions.
    """

    newton: Newton
    rtol: float | None = eqx.field(static=True, default=None)
    atol: float = eqx.field(static=True, default=0.0)
    norm: Callable[[PyTree], Scalar] = eqx.field(static=True, default=optx.two_norm)

    @abc.abstractmethod
    def begin(self, found: Evaluated, along: PyTree, y: PyTree):
        """Return what is known before there was an evaluation; arguments are shapes, and the guess."""

    @abc.abstractmethod
    def where(self, newton, known, y: PyTree, asking: Bool[Array, ""]):
        """Return where F is evaluated next: y, load factor, a direction, and the rate of the load (None: no path)."""

    @abc.abstractmethod
    def learnt(self, newton, known, at, found, along, asking: Bool[Array, ""]):
        """Return what is known after an evaluation at what `where` had said."""

    @abc.abstractmethod
    def report(self, newton, known) -> dict:
        """Return what `judged_at` makes use of."""

    @abc.abstractmethod
    def content(self, newton, known) -> Bool[Array, ""]:
        """Return whether nothing is left to be asked once Newton's method has ended."""

    def init(self, fn, y, args, options, f_struct, aux_struct, tags):
        """Start with the method's own state, and know nothing."""
        problem, start = problems_of(fn, options, tags)
        state = self.newton.init(fn, y, args, options, f_struct, aux_struct, tags)
        if state.product is None and state.reuse.entries is None:
            return state, None
        shapes = eqx.filter_eval_shape(lambda: _evaluated(problem, start, args, (y, state.t, y, None)))
        return state, self.begin(*shapes, y)

    def step(self, fn, y, args, options, state, tags):
        """Evaluate F where Newton's method or a question wants it, and go on with that."""
        newton, known = state
        if known is None:
            y, newton, aux = self.newton.step(fn, y, args, options, newton, tags)
            return y, (newton, None), aux
        problem, start = problems_of(fn, options, tags)
        asking = self._ended(newton)
        at = self.where(newton, known, y, asking)
        found, along = _evaluated(problem, start, args, at)
        dynamic, static = eqx.partition(newton, eqx.is_array)

        def onwards(found, along):
            given = options | {"evaluated": (found, None if start is None else along), "active": ~asking}
            after, moved, _ = self.newton.step(fn, y, args, given, eqx.combine(dynamic, static), tags)
            return after, eqx.partition(moved, eqx.is_array)[0]

        after, dynamic = jax.lax.cond(asking, lambda *_: (y, dynamic), onwards, found, along)
        newton = eqx.combine(dynamic, static)
        return after, (newton, self.learnt(newton, known, at, found, along, asking)), None

    def terminate(self, fn, y, args, options, state, tags):
        """Stop when Newton's method has, and everything is known."""
        newton, known = state
        done, result = self.newton.terminate(fn, y, args, options, newton, tags)
        if known is None:
            return done, result
        finished = self._ended(newton) & self.content(newton, known)
        result = optx.RESULTS.where(done, result, optx.RESULTS.nonlinear_max_steps_reached)
        return finished, optx.RESULTS.where(finished, result, optx.RESULTS.successful)

    def postprocess(self, fn, y, aux, args, options, state, tags, result):
        """Return the point that Newton's method returns; the report holds what was found there."""
        newton, known = state
        y, aux, report = self.newton.postprocess(fn, y, aux, args, options, newton, tags, result)
        return y, aux, report if known is None else report | self.report(newton, known)

    def _ended(self, newton):
        return newton.done | (newton.stats.residual_evaluations >= self.newton.max_steps)


class _OnPath(_Judging):
    """Known is an `Inquiry`."""

    def begin(self, found, along, y):
        return Inquiry.begin(found, along)

    def where(self, newton, known, y, asking):
        end, load, _ = ended_at(newton, ~_found(newton))
        point, load, v = known.asks(end, load, newton.product)
        still = jax.tree.map(jnp.zeros_like, v)
        point, load, v = choose(asking, (point, load, v), (y, trial_load(newton), still))
        return point, load, v, jnp.where(asking, 0, 1).astype(load.dtype)

    def learnt(self, newton, known, at, found, along, asking):
        return choose(asking, known.told(found, along, at[2], newton.product), known)

    def content(self, newton, known):
        return ~known.asking()

    def report(self, newton, known):
        return {"judged": known.judged}


class _OfLinear(_Judging):
    """Known is the last evaluation, its point, and whether it was asked for; the derivative is that of any point."""

    def begin(self, found, along, y):
        return y, unseen(Seen(found, y, along)), jnp.zeros((), bool)

    def where(self, newton, known, y, asking):
        end, load, _ = ended_at(newton, ~_found(newton))
        point = choose(asking, end, y)
        product = newton.product
        base = point if product is None else choose(was_made(product), product.point, point)
        return point, load, direction(base, newton.along), None

    def learnt(self, newton, known, at, found, along, asking):
        return at[0], Seen(found, at[2], along), asking

    def content(self, newton, known):
        end, _, _ = ended_at(newton, ~_found(newton))
        same = jax.tree.map(lambda a, b: jnp.all(a == b), known[0], end)
        return known[2] | jnp.all(jnp.stack(jax.tree.leaves(same)))

    def report(self, newton, known):
        return {"seen": known[1]}


def _found(newton):
    return newton.done & (newton.result == RESULTS.successful)


def _evaluated(problem, start, args, at):
    """F where `at` says, and its derivative; constants, whoever differentiates the steps."""
    arrays, rest = eqx.partition((problem, start, args, at), eqx.is_array)
    problem, start, args, (y, load, v, by_load) = eqx.combine(jax.lax.stop_gradient(arrays), rest)
    on_path = lambda t: problem if start is None else interpolate(start, problem, t)
    return derivative_along(on_path, y, load, args, v, by_load)
