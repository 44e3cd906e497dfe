"""The precision that is computed in, whatever JAX is set to outside."""

import contextlib
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp


def precision(double: bool) -> Any:
    """Return the context in which float64 is there."""
    return jax.enable_x64(True) if double else contextlib.nullcontext()


def raised(inputs: Any, double: bool) -> Any:
    """Return inputs with floating arrays in the precision that is computed in."""
    dtype = jnp.float64 if double else None
    array = lambda x: eqx.is_array_like(x) and not isinstance(x, bool | int | float | complex)
    floating = lambda x: array(x) and jnp.issubdtype(x.dtype, jnp.floating)
    return jax.tree.map(lambda x: jnp.asarray(x, dtype) if floating(x) else x, inputs)
