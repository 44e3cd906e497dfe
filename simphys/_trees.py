"""Arithmetic on pytrees."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.core
import jax.numpy as jnp


def dot(a: Any, b: Any) -> jax.Array:
    """Return a · b over all leaves."""
    return sum(jax.tree.leaves(jax.tree.map(jnp.vdot, a, b)))  # pyright: ignore[reportReturnType]


@jax.jit
def norm(tree: Any) -> jax.Array:
    """Return the Euclidean norm over all leaves, free of scale."""
    size = lambda x: jnp.abs(x) if jnp.iscomplexobj(x) else x
    return root_of_squares(lambda factor: sum(jnp.sum(jnp.square(size(x) * factor)) for x in jax.tree.leaves(tree)))


def root_of_squares(squares: Callable[[Any], jax.Array]) -> jax.Array:
    """Return √Σ x², or an array of such roots, for `squares`: c ↦ Σ (c x)².

    Where squares underflow or overflow (of forces of 1e-160, in float32 of 1e-24, they are 0) numbers are scaled first, by
    one of two constants. A factor that is found in the data, such as the largest of them, is not safe: compilers may
    evaluate them twice with different rounding, and a residual that is 0 in one place and 1e-7 in the other would get the
    norm 1.
    """
    plain = jax.lax.stop_gradient(squares(1))
    limits = jnp.finfo(plain.dtype)
    small, large = plain < limits.tiny / limits.eps, plain > limits.max * limits.eps
    # XLA makes x² c² of (x c)²: the squares of these factors are finite, too.
    raised, lowered = 2.0 ** (limits.maxexp // 2 - 4), 2.0 ** (2 - limits.maxexp // 2)
    full = lambda number: jnp.full(plain.shape, number, plain.dtype)
    # (`select` of arrays of one shape, for which `jnp.where` would call a program of its own.)
    factor = jax.lax.select(small, full(raised), jax.lax.select(large, full(lowered), full(1)))
    square = squares(factor)
    # A norm of 0 has the derivative 0 rather than NaN.
    none = square == 0
    return jax.lax.select(none, full(0), jnp.sqrt(jax.lax.select(none, full(1), square)) / factor)


def all_finite(tree: Any) -> jax.Array:
    """Tell whether every number is finite."""
    return jnp.all(jnp.stack([jnp.all(jnp.isfinite(leaf)) for leaf in jax.tree.leaves(tree)]))


def any_traced(*trees: Any) -> bool:
    """Tell whether some array is traced: then its numbers are not known."""
    return any(isinstance(leaf, jax.core.Tracer) for leaf in jax.tree.leaves(trees))


def choose(condition: jax.Array, yes: Any, no: Any) -> Any:
    """Return `yes` or `no`; leaves that are the same object in both are no choice, and nothing is compiled for them."""

    def pick(a, b):
        if not eqx.is_array(a) or a is b:
            return a
        alike = eqx.is_array(b) and (a.shape, a.dtype) == (b.shape, b.dtype)
        return jax.lax.select(condition, a, b) if alike and jnp.ndim(condition) == 0 else jnp.where(condition, a, b)

    return jax.tree.map(pick, yes, no)
