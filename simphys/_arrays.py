"""Arrays that are made on the host: copied to the device, where `jax.numpy.asarray` compiles a program for each shape."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np


def placed(values, dtype=None) -> jax.Array:
    """Return a copy of an array of NumPy's, concrete even where a program is being traced."""
    dtype = None if dtype is None else jax.dtypes.canonicalize_dtype(dtype)
    with jax.ensure_compile_time_eval():
        return jax.device_put(np.array(values, dtype, order="C"))


def int32(numbers) -> jax.Array:
    """Return whole numbers as 32-bit ones."""
    return placed(numbers, jnp.int32)


def taken(array: jax.Array, numbers: jax.Array) -> jax.Array:
    """Return array[numbers] for numbers that lie in 0 … n − 1: nothing is compiled to turn negative ones round."""
    if any(isinstance(given, jax.core.Tracer) for given in (array, numbers)):
        return _taken(array, numbers)
    return _TAKEN(array, numbers)


def _taken(array, numbers):
    return array.at[numbers].get(mode="promise_in_bounds", wrap_negative_indices=False)


_TAKEN = jax.jit(_taken)
"""Of known arrays by one program for three."""


def as_arrays(tree: Any) -> Any:
    """Return a pytree with arrays for its plain numbers, each of which would have a program of its own."""
    plain = lambda leaf: isinstance(leaf, int | float) and not isinstance(leaf, bool)
    return jax.tree.map(lambda leaf: jnp.asarray(leaf) if plain(leaf) else leaf, tree)
