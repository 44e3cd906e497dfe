"""Roots of small dense systems inside a material point."""

import equinox as eqx
import jax
import jax.numpy as jnp

from .. import _check
from .._rules import with_rule
from .._small import inverse
from .._typing import Array, Callable, PyTree, Scalar
from ._failed import held_unless, influence, nan_unless


def local_root(
    fn: Callable[[Array, PyTree], Array],
    guess: Array,
    args: PyTree = None,
    *,
    rtol: float | None = None,
    atol: float | Scalar = 0.0,
    max_steps: int = 60,
) -> Array:
    """Solve the small dense system `fn(y, args) = 0` by Newton's method with step halving.

    The derivative is that of the root, `dy = -(∂fn/∂y)⁻¹ ∂fn/∂θ dθ`, to any order and in both modes, where
    θ is whatever differentiable `args` holds or `fn` closes over. The guess carries no derivative.

    The root is accepted at a point y where the Newton step δ = J⁻¹ fn(y) obeys, entry by entry,
    `|δ| ≤ atol + rtol s + 16 ε |J⁻¹| |J| s` with `s = max(|y|, |guess|)` and ε the machine precision: a
    test that does not change with the units of the residuals or of the unknowns. The last term is the
    rounding error of fn.

    **Arguments**

    - `fn`: residual, (y, args) -> array of y's shape; it may close over arrays, traced ones too.
    - `guess`: starting point, a scalar or an array of shape (n,), n small.
    - `args`: parameters θ, any pytree.
    - `rtol`: relative tolerance on the unknowns; default 100 ε.
    - `atol`: absolute tolerance on the unknowns, a number or a scalar array.
    - `max_steps`: number of residual evaluations, halvings included.

    **Returns** the root; NaN (and NaN derivatives) where the iteration did not converge.

    **Raises** `ValueError` for a guess that is neither a scalar nor one-dimensional, or a residual of
    another shape.

    Reference: P. Deuflhard, Newton Methods for Nonlinear Problems, Springer 2011, sections 1.2 and 2.1.
    """
    guess = _strong(jax.lax.stop_gradient(jnp.asarray(guess)))
    args = jax.tree.map(lambda leaf: _strong(leaf) if isinstance(leaf, float | jax.Array) else leaf, args)
    if guess.ndim > 1:
        raise ValueError(f"`guess` must be a scalar or have one axis, got shape {guess.shape}.")
    if not jnp.issubdtype(guess.dtype, jnp.floating):
        raise ValueError(f"`guess` must be real floating, got {guess.dtype}.")
    _check.tolerance("rtol", rtol)
    if max_steps < 1:
        raise ValueError(f"`max_steps` must be 1 or more, got {max_steps}.")
    residual = jax.eval_shape(lambda: fn(guess, args))
    if residual.shape != guess.shape:
        raise ValueError(f"`fn` must return the guess's shape {guess.shape}, got {residual.shape}.")

    flat = eqx.filter_closure_convert(lambda y, a: fn(y.reshape(guess.shape), a).reshape(-1), guess.reshape(-1), args)
    epsilon = float(jnp.finfo(guess.dtype).eps)
    tolerances = (100 * epsilon if rtol is None else rtol, 16 * epsilon)
    atol = jax.lax.stop_gradient(jnp.asarray(atol, guess.dtype))
    root = _root(flat, guess.reshape(-1), args, atol, tolerances, max_steps)
    ok = jnp.all(jnp.isfinite(root))
    return nan_unless(ok, root, influence((flat, args))).reshape(guess.shape)


def affine_local_root(fn: Callable[[Array, PyTree], Array], guess: Array, args: PyTree = None) -> Array:
    """Solve the small dense system `fn(y, args) = 0` whose `fn` is affine in y: y = guess − J⁻¹ fn(guess).

    As `local_root`, without its loop, and differentiated as it stands. The caller vouches for the affinity.

    **Arguments**

    - `fn`: residual, (y, args) -> array of y's shape, affine in y.
    - `guess`: any point, shape (n,), n small.
    - `args`: parameters θ, any pytree.

    **Returns** the root; not finite where J is singular.

    Reference: as `local_root`.
    """
    value, jacobian = _value_and_jacobian(fn, guess, args)
    return guess - inverse(jacobian) @ value


@eqx.filter_jit
def _root_itself(fn, guess, args, atol, tolerances, max_steps):
    rtol, rounding = tolerances

    def expand(y):
        """Residual, Newton step, weights of the residual's rows, and whether y is a root."""
        value, jacobian = _value_and_jacobian(fn, y, args)
        inverted = inverse(jacobian)
        step = inverted @ value
        scale = jnp.maximum(jnp.abs(y), jnp.abs(guess))
        bound = atol + rtol * scale + rounding * (jnp.abs(inverted) @ (jnp.abs(jacobian) @ scale))
        weight = jnp.abs(jacobian) @ jnp.maximum(scale, jnp.abs(step))
        finite = jnp.all(jnp.isfinite(value)) & jnp.all(jnp.isfinite(step))
        return value, step, weight, finite, finite & jnp.all(jnp.abs(step) <= bound)

    def proceed(state):
        _, _, _, _, _, converged, count = state
        # After forty halvings without descent the step is lost in rounding.
        return ~converged & (count < max_steps) & (state[4] > 2.0**-40)

    def body(state):
        y, value, step, weight, length, _, count = state
        trial = y - length * step
        new_value, new_step, new_weight, finite, converged = expand(trial)
        accept = finite & (_norm(new_value, weight) <= _norm(value, weight))
        accepted = (trial, new_value, new_step, new_weight, jnp.ones_like(length), converged)
        rejected = (y, value, step, weight, length / 2, jnp.zeros_like(converged))
        chosen = jax.tree.map(lambda new, old: jnp.where(accept, new, old), accepted, rejected)
        return (*chosen, count + 1)

    value, step, weight, finite, converged = expand(guess)
    length = jnp.where(finite, 1.0, 0.0).astype(guess.dtype)
    state = (guess, value, step, weight, length, converged, jnp.asarray(1))
    y, *_, converged, _ = jax.lax.while_loop(proceed, body, state)
    return jnp.where(converged, y, jnp.nan)


def _root_jvp(primals, tangents):
    fn, guess, args, *_ = primals
    fn_dot, _, args_dot, *_ = tangents
    y = _root(*primals)
    ok = jnp.all(jnp.isfinite(y))
    # Where there is no root no cotangent comes, but 0 · NaN would be NaN.
    at = jnp.where(ok, y, guess)
    held = lambda f, a: held_unless(ok, (f, a))

    def residual(f, a):
        f, a = held(f, a)
        return f(at, a)

    _, value_dot = eqx.filter_jvp(residual, (fn, args), (fn_dot, args_dot))
    fn, args = held(fn, args)
    return y, -(inverse(jax.jacfwd(fn)(at, args)) @ value_dot)


_root = with_rule("local_root", _root_itself, _root_jvp)


def _strong(value):
    """A number as an array of its own type: under a derivative the rule would get a Python number bare."""
    return jax.lax.convert_element_type(value, jnp.result_type(value))


def _value_and_jacobian(fn, y, args):
    def twice(z):
        value = fn(z, args)
        return value, value

    jacobian, value = jax.jacfwd(twice, has_aux=True)(y)
    return value, jacobian


def _norm(value, weight):
    return jnp.sum((value / jnp.where(weight > 0, weight, 1)) ** 2)
