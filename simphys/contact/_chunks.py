"""Functions of pairs in padded lists, chunk by chunk: what is padding alone is not computed."""

import equinox as eqx
import jax
import jax.numpy as jnp

from .._typing import Array, Callable, PyTree


CHUNK = 256


def each_pair(function: Callable, there: Array, *rows: PyTree) -> PyTree:
    """Return `function` of each row, 0 where there is none; lists are filled from their beginning.

    **Arguments:**

    - `function`: of one row of each of `rows`; finite wherever it is called.
    - `there`: whether a row is one, (pair,).
    """
    size = there.shape[0]
    count = -(-size // CHUNK)
    cut = lambda a: jnp.concatenate([a, jnp.repeat(a[:1], count * CHUNK - size, axis=0)]).reshape(
        count, CHUNK, *a.shape[1:]
    )
    is_there = jnp.concatenate([there, jnp.zeros(count * CHUNK - size, bool)]).reshape(count, CHUNK)

    def compute(is_there, rows):
        mask = lambda v: jnp.where(is_there.reshape(-1, *(1,) * (v.ndim - 1)), v, 0)
        return jax.tree.map(mask, jax.vmap(function)(*rows))

    def one(_, given):
        shapes = eqx.filter_eval_shape(compute, *given)
        nothing = lambda *_: jax.tree.map(lambda s: jnp.zeros(s.shape, s.dtype), shapes)
        return None, jax.lax.cond(jnp.any(given[0]), compute, nothing, *given)

    _, found = jax.lax.scan(one, None, (is_there, jax.tree.map(cut, rows)))
    return jax.tree.map(lambda v: v.reshape(-1, *v.shape[2:])[:size], found)
