"""The minimiser of a function as a layer."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import lineax as lx
import optimistix as optx
from jax.flatten_util import ravel_pytree

from .. import _check
from .._frozen import thawed, without_given
from .._result import RESULTS
from .._told import Told
from .._typing import Any, Array, Bool, Callable, PyTree, Scalar
from ..implicit import AbstractAdjoint, Newton, RootProblem, Solution, relative_norm, solve
from ..linalg import Auto


LARGEST_DENSE = 400
LANCZOS_STEPS = 60
POLISHING = 3
MOST_STEPS = 250


class Argmin(Told):
    """The minimiser y of f(y, x) as a function of x and of f's own parameters.

    ∂f/∂y = 0,   dy = −(∂²f/∂y²)⁻¹ (∂²f/∂y∂x dx + ∂²f/∂y∂θ dθ)

    The gradient at the point returned is recomputed, and the Hessian there must be positive definite: a saddle, a
    maximum or a flat valley is the failure `not_a_minimum`, and has no derivative.

    **Arguments:**

    - `function`: f(y, x) → scalar; an Equinox module whose arrays are trained with the network. Meshes,
      constraints and loads of problems in it are not, unless `simphys.trainable` picks them.
    - `method`: `Newton()` (default; its line search is guarded by f), `optimistix.BFGS`, `optimistix.LBFGS` or
      another `optimistix.AbstractMinimiser`, which stops when the gradient is small enough, whatever its own
      tolerances, and is followed by a few Newton steps if its line search gets lost in rounding before.
    - `adjoint`: `Implicit()` (default), `Unrolled()` or `OneStep()`: what the gradient means.
    - `scale`: magnitude, per leaf of y or one for all, that ∂f/∂y is measured against.
    - `rtol`: relative gradient at which y is a minimiser; by default that of `Newton`.

    Reference: S. Gould, R. Hartley, D. Campbell, Deep declarative networks, IEEE TPAMI 44 (2022) 3988.
    """

    function: Callable = eqx.field(converter=without_given)
    method: Newton | optx.AbstractMinimiser | None = None
    adjoint: AbstractAdjoint | None = None
    scale: PyTree = 1.0
    rtol: float | None = eqx.field(static=True, default=None)

    def __check_init__(self):
        _check.tolerance("rtol", self.rtol)
        if self.method is not None and not isinstance(self.method, Newton | optx.AbstractMinimiser):
            raise ValueError(f"`method` must be `Newton()` or an optimistix minimiser, got {self.method!r}.")

    def __call__(self, guess: PyTree, x: Any = None, *, throw: bool = True) -> Solution:
        """Minimise from a guess.

        **Arguments:**

        - `guess`: y to start from; no derivative is taken through it.
        - `x`: the layer's input.
        - `throw`: raise if no minimiser is found. With `throw=False` look at `result`; gradients are NaN then.

        **Returns:** a `Solution`; its `value` is y.
        """
        problem = RootProblem(energy=thawed(self.function), scale=self.scale)
        method = Newton(rtol=self.rtol) if self.method is None else self.method
        if isinstance(method, Newton) and self.rtol is not None:
            method = dataclasses.replace(method, rtol=self.rtol)
        dtype = jnp.result_type(*jax.tree.leaves(jax.eval_shape(problem.unknowns, guess)))
        own = method if isinstance(method, Newton) else Newton(rtol=self.rtol)
        finder = _Minimise(method, own.tolerance(dtype))
        return solve(problem, guess, x, method=finder, adjoint=self.adjoint, throw=throw)


class _Minimise(optx.AbstractRootFinder):
    """A minimiser as a root finder of the gradient, that looks at the Hessian when it is done."""

    inner: Newton | optx.AbstractMinimiser
    rtol: float = eqx.field(static=True)
    atol: float = eqx.field(static=True, default=0.0)
    norm: Callable[[PyTree], Scalar] = eqx.field(static=True, default=optx.two_norm)

    def _options(self, options):
        return dict(problem=options["problem"], start=None, lag=False)

    def _energy(self, options):
        return lambda y, args: (options["problem"].energy_function(y, args), None)

    def init(self, fn, y, args, options, f_struct, aux_struct, tags):
        """Initialise the minimiser, and count its steps."""
        begin = jnp.zeros((), jnp.int32)
        if isinstance(self.inner, Newton):
            return self.inner.init(fn, y, args, self._options(options), f_struct, aux_struct, tags), begin
        energy = self._energy(options)
        struct, aux = eqx.filter_eval_shape(energy, y, args)
        return self.inner.init(energy, y, args, {}, struct, aux, frozenset()), begin

    def step(self, fn, y, args, options, state, tags):
        """Take one of its steps."""
        state, count = state
        if isinstance(self.inner, Newton):
            y, state, aux = self.inner.step(fn, y, args, self._options(options), state, tags)
        else:
            y, state, aux = self.inner.step(self._energy(options), y, args, {}, state, frozenset())
        return y, (state, count + 1), aux

    def terminate(self, fn, y, args, options, state, tags):
        """Whether the gradient is small enough, or all steps are taken."""
        state, count = state
        if isinstance(self.inner, Newton):
            done, result = self.inner.terminate(fn, y, args, self._options(options), state, tags)
            return done | (count >= min(self.inner.max_steps, MOST_STEPS)), result
        _, result = self.inner.terminate(self._energy(options), y, args, {}, state, frozenset())
        return (_gradient_size(options["problem"], y, args) <= self.rtol) | (count >= MOST_STEPS), result

    def postprocess(self, fn, y, aux, args, options, state, tags, result):
        """Look at the gradient and at the curvature."""
        problem, (state, _) = options["problem"], state
        if isinstance(self.inner, Newton):
            options = self._options(options)
            y, aux, stats = self.inner.postprocess(fn, y, aux, args, options, state, tags, result)
            status, rounding = stats["status"], jnp.asarray(stats.get("rounding", False))
        else:
            energy = self._energy(options)
            y, _, _ = self.inner.postprocess(energy, y, aux, args, {}, state, frozenset(), result)
            y = _newton_steps(problem, y, args)
            stats, status, rounding = {}, RESULTS.promote(result), jnp.zeros((), bool)
        settled = (_gradient_size(problem, y, args) <= 1.01 * self.rtol) | rounding
        unfinished = (status == RESULTS.successful) & ~settled
        status = RESULTS.where(unfinished, RESULTS.nonlinear_max_steps_reached, status)
        minimum = convex_at(problem.jacobian(y, args))
        wrong = (status == RESULTS.successful) & ~minimum
        return y, aux, stats | {"status": RESULTS.where(wrong, RESULTS.not_a_minimum, status)}


def _gradient_size(problem, y, args):
    found = problem.evaluate(y, args)
    return relative_norm(found.residual, found.scale)


def _newton_steps(problem, y, args):
    """Take Newton steps as long as they lessen the gradient."""

    def body(_, y):
        gradient = problem.residual(y, args)
        operator = problem.jacobian(y, args)
        step = lx.linear_solve(operator, gradient, Auto(), throw=False).value
        new = jax.tree.map(jnp.subtract, y, step)
        better = _gradient_size(problem, new, args) < _gradient_size(problem, y, args)
        return jax.tree.map(lambda a, b: jnp.where(better, a, b), new, y)

    for k in range(POLISHING):
        y = body(k, y)
    return y


def convex_at(operator: lx.AbstractLinearOperator) -> Bool[Array, ""]:
    """Tell whether a symmetric operator is positive definite: its least eigenvalue is above rounding of the largest.

    Of more than 400 unknowns, by Lanczos' method: a negative Ritz value is a proof that it is not; the converse is only
    likely.
    """
    like = jax.tree.map(lambda s: jnp.zeros(s.shape, s.dtype), operator.in_structure())
    flat, unravel = ravel_pytree(like)
    product = lambda x: ravel_pytree(operator.mv(unravel(x)))[0]
    n, eps = flat.size, jnp.finfo(flat.dtype).eps
    if n <= LARGEST_DENSE:
        matrix = jax.vmap(product)(jnp.eye(n, dtype=flat.dtype))
        values = jnp.linalg.eigvalsh(jax.lax.stop_gradient((matrix + matrix.T) / 2))
    else:
        values = _ritz_values(product, jax.random.normal(jax.random.key(0), (n,), flat.dtype))
    return values[0] > 10 * n * eps * jnp.maximum(values[-1], 0.0)


def _ritz_values(product, start):
    """Lanczos' method with full reorthogonalisation."""
    basis = jnp.zeros((LANCZOS_STEPS, start.size), start.dtype).at[0].set(start / jnp.linalg.norm(start))

    def body(k, carry):
        basis, projected = carry
        column = product(basis[k])
        coefficients = basis @ column
        projected = projected.at[k].set(coefficients)
        rest = column - coefficients @ basis
        rest = rest - (basis @ rest) @ basis
        size = jnp.linalg.norm(rest)
        unit = rest / jnp.where(size > 0, size, 1.0)
        return basis.at[k + 1].set(unit, mode="drop"), projected

    blank = jnp.zeros((LANCZOS_STEPS, LANCZOS_STEPS), start.dtype)
    _, projected = jax.lax.fori_loop(0, LANCZOS_STEPS, body, (basis, blank))
    lower = jnp.tril(projected)
    return jnp.linalg.eigvalsh(lower + jnp.tril(lower, -1).T)
