"""One solve for everything."""

import equinox as eqx
import equinox.internal as eqxi
import jax
import jax.numpy as jnp
import optimistix as optx
from jax.ad_checkpoint import checkpoint_name

from .._check import tolerance as checked_tolerance
from .._frozen import thawed
from .._hidden import hashable, in_one_context, opened, refuse_hidden, transformed
from .._progress import Progress, told
from .._ranges import admissible, inadmissible
from .._result import RESULTS
from .._rules import with_rule
from .._typing import Any, PyTree
from ._adjoint import AbstractAdjoint, Implicit, OneStep, Unrolled
from ._captured import with_hidden_values
from ._certificate import Certificate, Solution, Stats, relative_norm, sized, weakly_active
from ._checked import checked_solve
from ._compiled import compiled_for
from ._failed import held_unless, influence, nan_unless
from ._foreign import check_unrolled, unrolled
from ._judged import judged_at
from ._judging import judging
from ._lanes import error_if_failed
from ._method import AbstractMethod
from ._newton import Newton
from ._probe import current_probe
from ._problem import AbstractRootProblem, departure, interpolate
from ._reuse import reused_jacobian
from ._tangent import agrees


class NotConverged(RuntimeError):
    """A solve ended without a root; `solution` holds what it reached."""

    def __init__(self, text: str, solution: Solution):
        super().__init__(text)
        self.solution = solution


@told("solve")
@in_one_context
def solve(
    problem: AbstractRootProblem,
    guess: PyTree | None = None,
    args: Any = None,
    *,
    method: optx.AbstractRootFinder | None = None,
    adjoint: AbstractAdjoint | None = None,
    start: AbstractRootProblem | None = None,
    throw: bool = True,
    probe=None,
    progress: Progress = None,
) -> Solution:
    r"""Solve F(y, args; θ) = 0 for y, with derivatives by the rule that `adjoint` names.

    **Arguments:**

    - `problem`: the root problem; each of its array leaves is a parameter θ.
    - `guess`: guess of the solution's *value*; by default that of the problem, from which a load path starts.
    - `args`: passed on to the problem's methods.
    - `method`: an `optimistix.AbstractRootFinder`; `Newton()` by default.
    - `adjoint`: `Implicit()` (default), `Unrolled()` or `OneStep()`.
    - `start`: a problem of the same structure that `guess` solves; continuation leads from it to `problem`, predicted by
      the tangent. (A load step from the one before; new material parameters from the last ones.)
    - `throw`: raise if no root is found. With `throw=False` look at `result`; `value` is NaN then.
    - `probe`: see `value_and_grad`; needed only to have solves inside your own `jit`, `vmap` or `scan` reported.
    - `progress`: True, False, or a function that is told lines; by default one on terminals and in notebooks after 2 s.

    **Returns:** a `Solution`.

    **Raises:** `NotConverged`, with the state reached; under a JAX transformation an `equinox.EquinoxRuntimeError`
    that names the lanes of `vmap` that failed.
    """
    del progress  # of what is compiled nothing is known but that it runs
    problem, args, start = thawed((problem, args, start))
    method = Newton() if method is None else method
    adjoint = Implicit() if adjoint is None else adjoint
    if not isinstance(problem, AbstractRootProblem):
        raise ValueError(f"`problem` must be a root problem (wrap a function in `RootProblem`), got {problem!r}.")
    if not isinstance(adjoint, AbstractAdjoint):
        raise ValueError(f"`adjoint` must be `Implicit()`, `Unrolled()` or `OneStep()`, got {adjoint!r}.")
    if not isinstance(method, optx.AbstractRootFinder | optx.AbstractLeastSquaresSolver | optx.AbstractMinimiser):
        raise ValueError(f"`method` must be a root finder, `Newton(...)` or one of Optimistix, got {method!r}.")
    if start is not None and jax.tree.structure(start) != jax.tree.structure(problem):
        raise ValueError("`start` must have the structure of `problem`; it differs.")
    if start is not None:
        if guess is None:
            raise ValueError("`start` needs `guess`: the value of its solution.")
        start = departure(start, problem)
    unknowns = jax.tree.leaves(eqx.filter_eval_shape(problem.unknowns, guess))
    if isinstance(method, AbstractMethod):
        method.tolerance(jnp.result_type(*unknowns))
    if isinstance(adjoint, Unrolled):
        check_unrolled(method)
    probe = current_probe() if probe is None else probe
    throw = throw and (problem.raises or not transformed())
    problem, args = hashable((problem, args))
    problem, args, start = with_hidden_values(problem, guess, args, start)
    given = problem, guess, args, start, probe, method, adjoint
    solve = compiled_for(_solve, sum(leaf.size for leaf in unknowns), given)
    solution = solve(problem, guess, args, start, probe, method, adjoint, throw)
    while start is None and _overflown(solution) and (roomier := problem.roomier()) is not None:
        problem = roomier
        solution = solve(problem, guess, args, start, probe, method, adjoint, throw)
    if not throw:
        return solution
    failed = solution.result != RESULTS.successful
    if isinstance(failed, jax.core.Tracer):
        return error_if_failed(solution, solution.result)
    if failed:
        raise NotConverged(_explain(solution, problem, guess, args), solution)
    return solution


def _overflown(solution) -> bool:
    """Whether lists of pairs were too short, which is known outside of programs only."""
    result = solution.result != RESULTS.contact_overflow
    return not isinstance(result, jax.core.Tracer) and solution.certificate.touching is not None and not bool(result)


def _explain(solution, problem, guess, args):
    text = str(RESULTS[solution.result])
    if solution.result == RESULTS.inadmissible_guess and (said := problem.blamed(problem.unknowns(guess), args)):
        return f"{text} There {'; '.join(said)}."
    if solution.result == RESULTS.parameters_inadmissible:
        named = inadmissible((problem, args)) or ["a coefficient that depends on the solution, at the solution"]
        return f"{text} These are: {', '.join(named)}."
    c = solution.certificate
    text += f" Relative residual {float(c.residual):.2e}, wanted {float(c.tolerance):.0e}"
    text += f", after {int(solution.stats.newton_steps)} steps"
    return text + (f"; load factor reached {float(c.load_factor):.4g}." if float(c.load_factor) != 1 else ".")


def _solve(problem, guess, args, start, probe, method, adjoint, throw):
    if problem.linear:
        # One step leads to the root from anywhere: a path would only be compiled.
        start = None
    elif start is None and guess is None:
        unloaded = problem.unloaded()
        start = None if unloaded is None else departure(unloaded, problem)
    y0 = (problem if start is None else interpolate(start, problem, jnp.zeros(()))).unknowns(guess)
    y0, start = jax.lax.stop_gradient((y0, start)) if not isinstance(adjoint, Unrolled) else (y0, start)
    if isinstance(adjoint, Unrolled):
        kind = "lax" if adjoint.forward else "checkpointed"
        y, (solved, certificate, *_) = _iterate(problem, args, y0, start, method, kind, adjoint.checkpoints, lag=False)
    elif isinstance(adjoint, OneStep):
        fixed = jax.lax.stop_gradient(eqx.filter((problem, args), eqx.is_array))
        fixed = eqx.combine(fixed, (problem, args))
        y, (solved, certificate, *_) = _iterate(*fixed, y0, start, method, "lax", None)
        y = _last_steps(problem, args, (y, y0), certificate, adjoint, throw, probe)
    else:
        y, (solved, certificate, *_) = _root((problem, args), probe, (y0, start), method, adjoint, throw)
    reached = problem if start is None else interpolate(start, problem, certificate.load_factor)
    result, stats = solved
    found = reached.value(y)
    value = nan_unless(result == RESULTS.successful, found, influence((problem, args, guess)))
    found = found if isinstance(adjoint, Unrolled) else jax.lax.stop_gradient(found)
    return Solution(value, result, jax.lax.stop_gradient(certificate), stats, found)


def _iterate(problem, args, y0, start, method, kind, checkpoints, lag=True):
    """Run the root finder, then recompute the residual at the point it returned."""
    # Methods of our own take the problem from their options; to trace F once more for them would cost compile time only.
    own_method = isinstance(method, AbstractMethod)
    fn = (lambda y, args: y) if own_method else (lambda y, args: problem.residual(y, args))
    about = dict(start=start, lag=kind == "lax" and lag) if own_method else {}
    steps = method.max_steps if own_method else 256
    finder = judging(method, problem, start) if isinstance(method, Newton) and about.get("lag") else method
    steps += 5 * (finder is not method)
    tags = frozenset()

    def run(problem, fn, y0, args, differentiated=True):
        options = dict(about, problem=problem)
        loop = _Loop(kind, checkpoints) if differentiated else _Loop("lax", None)
        return optx.root_find(fn, finder, y0, args, options, max_steps=steps, adjoint=loop, throw=False, tags=tags)

    found = run(problem, fn, y0, args) if own_method or lag else unrolled(run, problem, y0, args)
    y, report = found.value, found.stats
    load = report.get("load_factor", jnp.ones(()))
    about = judged_at(problem, start, args, y, load, report, own_method)
    judged = about.found
    # A method that reports no rows (`Verify`) has those of the product that was taken at its point.
    unreported = jnp.zeros_like if about.along is None else jnp.abs
    rows = report.get("rows", jax.tree.map(unreported, y if about.along is None else about.along[1]))
    size = relative_norm(judged.residual, sized(judged.scale, judged.residual, rows))
    tolerance = jnp.asarray(
        method.tolerance(size.dtype) if own_method else checked_tolerance("rtol", method.rtol), size.dtype
    )
    result = RESULTS.promote(found.result)
    own = report.get("status", RESULTS.successful)
    result = RESULTS.where(own != RESULTS.successful, own, result)
    settled = report.get("rounding", jnp.zeros((), bool))
    converged = (result == RESULTS.successful) & ((size <= 1.01 * tolerance) | (settled & jnp.isfinite(size)))
    # A method's claim counts for nothing where the recomputed residual denies it.
    result = RESULTS.where((result == RESULTS.successful) & ~converged, RESULTS.stagnated, result)
    defect = about.defect.astype(size.dtype)
    # What ended without a root says why already.
    result = RESULTS.where(agrees(defect) | (result != RESULTS.successful), result, RESULTS.tangent_wrong)
    reached = problem if start is None else interpolate(start, problem, load)
    switches = reached.switches(jax.lax.stop_gradient(y), args)
    at_points = [~(converged & jnp.any(jnp.isnan(s))) for s in switches]
    allowed = admissible((problem, args))
    for holds in at_points if allowed is None else [allowed, *at_points]:
        result = RESULTS.where(holds, result, RESULTS.parameters_inadmissible)
        converged = converged & holds
    zero = jnp.zeros((), jnp.int32)
    steps_taken = jnp.asarray(report["num_steps"], jnp.int32)
    stats = report.get("counts", Stats(steps_taken, zero, zero, zero, zero))
    history = report.get("history", jnp.full(1, size))
    kinks = jnp.where(converged, weakly_active(switches), 0)
    touching = reached.touching(jax.lax.stop_gradient(y), args)
    if touching is not None:
        full = touching.overlooked > 0
        result = RESULTS.where(full, RESULTS.contact_overflow, result)
        converged = converged & ~full
    certificate = Certificate(size, tolerance, converged, history, load, kinks, defect, touching)
    return y, ((result, stats), certificate, report.get("reuse"), about.along)


class _Loop(optx.AbstractAdjoint):
    """Run the loop as it is; the derivative rule is ours."""

    kind: str = eqx.field(static=True)
    checkpoints: int | None = eqx.field(static=True)

    def apply(self, primal_fn, rewrite_fn, inputs, tags):
        extra = {"checkpoints": self.checkpoints} if self.kind == "checkpointed" else {}
        loop = lambda *a, **k: eqxi.while_loop(*a, kind=self.kind, **extra, **k)
        return primal_fn((*inputs, loop))


@eqx.filter_jit  # so that what the derivative rule runs once more, and a loop around it more often, is traced once
def _root_itself(parameters, begin, method):
    problem, args = parameters
    return _iterate(problem, args, *begin, method, "lax", None)


def _root_jvp(primals, tangents):
    parameters, probe, begin, method, adjoint, throw = primals
    t_parameters, t_probe, *_ = tangents
    y, aux = _root(parameters, probe, begin, method, adjoint, throw)
    # Named, so that a loop which keeps little for reverse mode can keep these and need not solve again: whatever follows
    # may ask for the status as well.
    y, (solved, certificate, *rest) = _named(y), (*_named(aux[:2]), *aux[2:])
    aux = (solved, certificate, *rest)
    converged, kinks, defect = certificate.converged, certificate.weakly_active, certificate.tangent_defect
    moving = jax.tree.map(lambda t: t is None, t_parameters, is_leaf=lambda t: t is None)
    fixed, free = eqx.partition(parameters, moving, is_leaf=lambda x: x is None)
    at = _differentiable(converged, y, begin[0])

    def residual(free, fixed, at, converged):
        problem, args = held_unless(converged, eqx.combine(free, fixed))
        return problem.residual(at, args)

    residual = opened(residual, free, fixed, at, converged)
    refuse_hidden(residual, f"The residual of this `{type(parameters[0]).__name__}`")
    if jax.tree.leaves(free):
        at_root, rate = jax.jvp(lambda free: residual(free, fixed, at, converged), (free,), (t_parameters,))
    else:
        at_root = residual(free, fixed, at, converged)
        rate = jax.tree.map(jnp.zeros_like, at_root)
    problem, args = held_unless(converged, parameters)
    t_probe = jnp.zeros_like(probe) if t_probe is None else t_probe
    operator = reused_jacobian(problem, at, args, aux[2] if adjoint.recycle else None)
    rate = jax.tree.map(jnp.negative, rate)
    # In a loop that keeps little the product would have to be found again.
    tangent = agrees(defect, operator, aux[3]) if adjoint.recycle else agrees(defect)
    t_y = checked_solve(operator, rate, t_probe, at_root, converged, adjoint, throw, y, tangent, kinks)
    return (y, aux), (t_y, jax.tree.map(lambda _: None, aux))


def _named(tree):
    """Name what a loop that keeps little keeps all the same."""
    return jax.tree.map(lambda a: checkpoint_name(a, "simphys_root") if eqx.is_array(a) else a, tree)


_root = with_rule(
    "root", lambda parameters, probe, begin, method, *_: _root_itself(parameters, begin, method), _root_jvp
)


def _differentiable(converged, y, begin):
    """A point to differentiate at: where there is no root, no cotangent comes, but 0 · NaN would be NaN."""
    return jax.tree.map(lambda a, b: jnp.where(converged, a, b), y, begin)


def _last_steps(problem, args, ends, certificate, policy, throw, probe):
    found, begin = jax.lax.stop_gradient(ends)
    converged, kinks = certificate.converged & agrees(certificate.tangent_defect), certificate.weakly_active
    y, (problem, args) = _differentiable(converged, found, begin), held_unless(converged, (problem, args))
    fixed_problem, fixed_args = jax.lax.stop_gradient(eqx.filter((problem, args), eqx.is_array))
    fixed_problem, fixed_args = eqx.combine((fixed_problem, fixed_args), (problem, args))
    operator = fixed_problem.jacobian(y, fixed_args)
    for _ in range(policy.steps):
        residual = problem.residual(y, args)
        rhs = jax.tree.map(jnp.negative, residual)
        step = checked_solve(operator, rhs, probe, residual, converged, policy, throw, kinks=kinks)
        y = jax.tree.map(jnp.add, y, step)
    return jax.tree.map(lambda a, b: jnp.where(converged, a, b), y, found)
