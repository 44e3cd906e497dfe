"""Data with named columns: dictionaries of arrays, and tables such as pandas' or polars' DataFrames."""

from collections.abc import Mapping
from typing import Any

import numpy as np


def columns_of(data: Any) -> dict[str, np.ndarray] | None:
    """Return the columns by their names, or None for what has none.

    A table is what has `columns` and gives each by its name; nothing of pandas is needed for that.
    """
    if isinstance(data, Mapping):
        return {str(name): np.asarray(column, float) for name, column in data.items()}
    names = getattr(data, "columns", None)
    if names is None or not hasattr(data, "__getitem__"):
        return None
    return {str(name): np.asarray(data[name], float) for name in names}


def numbers_in(name: str, data: Any) -> np.ndarray:
    """Return data as an array of floats: of named columns side by side, in their order.

    **Raises:** `ValueError` for columns of different lengths, and for none.
    """
    columns = columns_of(data)
    if columns is None:
        return np.asarray(data, float)
    if len({column.shape for column in columns.values()}) != 1:
        shapes = ", ".join(f"{key!r} {column.shape}" for key, column in columns.items()) or "there are none"
        raise ValueError(f"`{name}`: its columns must be of one shape, {shapes}.")
    found = np.stack(list(columns.values()), axis=-1)
    return found[..., 0] if len(columns) == 1 else found
