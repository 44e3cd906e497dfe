"""Schemas from examples."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pydantic

from .._typing import PyTree
from ._core import runtime


def schema_like(name: str, example: dict[str, Any], required: bool = False) -> type[pydantic.BaseModel]:
    """Return the schema of a dictionary: arrays by shape and type, floating ones differentiable, other values as they are.

    **Arguments:**

    - `example`: what it is like; its values are the defaults.
    - `required`: nothing has a default.
    """
    if not isinstance(example, dict) or not all(isinstance(key, str) and key.isidentifier() for key in example):
        raise ValueError(f"An example of a schema must be a dictionary of names and values, got {example!r}.")
    fields = {key: _field(f"{name}_{key}", value, required) for key, value in example.items()}
    return pydantic.create_model(name, __config__=pydantic.ConfigDict(extra="forbid"), **fields)


def _field(name: str, value: PyTree, required: bool):
    if isinstance(value, dict):
        kind = schema_like(name, value, required)
        return kind, ... if required else pydantic.Field(default_factory=kind)
    if isinstance(value, jax.Array | np.ndarray | np.generic | jax.ShapeDtypeStruct):
        kind = _array(value.shape, value.dtype)
        return kind, ... if required else pydantic.Field(default_factory=lambda: np.array(value))
    if value is None or not isinstance(value, bool | int | float | str):
        raise ValueError(
            f"`{name.split('_', 1)[-1]}` must be an array, a number, a text or a dictionary of them, got {value!r}."
        )
    return type(value), ... if required else value


def _array(shape, dtype):
    found = runtime()
    letter = {"f": "Float", "i": "Int", "u": "UInt", "c": "Complex", "b": "Bool"}[np.dtype(dtype).kind]
    kind = getattr(found, letter if letter == "Bool" else f"{letter}{8 * np.dtype(dtype).itemsize}")
    array = found.Array[tuple(shape), kind]
    return found.Differentiable[array] if jnp.issubdtype(dtype, jnp.inexact) else array
