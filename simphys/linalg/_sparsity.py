"""Where a Jacobian may be nonzero: as the user says, or as the function's own operations show."""

import equinox as eqx
import jax
import numpy as np
import scipy.sparse as sps

from ._colouring import import_asdex
from ._pattern import SparsityPattern, sorted_distinct


def sparsity_of(function, y, args, sparsity, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Return rows and columns of the entries, sorted and distinct; detected where `sparsity` is None."""
    if sparsity is None:
        rows, columns = _detected(function, y, args)
    elif isinstance(sparsity, SparsityPattern):
        rows, columns = sparsity.rows, sparsity.columns
        _check_shape((sparsity.size, sparsity.size), size)
    elif sps.issparse(sparsity):
        _check_shape(sparsity.shape, size)
        entries = sparsity.tocoo()
        rows, columns = entries.row, entries.col
    elif isinstance(sparsity, tuple) and len(sparsity) == 2:
        rows, columns = sparsity
    else:
        raise ValueError(
            "`sparsity` must be a SciPy sparse matrix, (rows, columns), a `SparsityPattern` or None, "
            f"got a `{type(sparsity).__name__}`."
        )
    rows, columns = np.asarray(rows).ravel(), np.asarray(columns).ravel()
    if rows.shape != columns.shape:
        raise ValueError(f"`sparsity` has {rows.size} rows' numbers, but {columns.size} columns'.")
    for name, numbers in (("row", rows), ("column", columns)):
        if not np.issubdtype(numbers.dtype, np.integer) and numbers.size:
            raise ValueError(f"`sparsity`: {name} numbers must be integers, got {numbers.dtype}.")
        if numbers.size and not 0 <= numbers.min() <= numbers.max() < size:
            raise ValueError(
                f"`sparsity`: {name} numbers must lie in 0 … {size - 1}, got {numbers.min()} … {numbers.max()}."
            )
    code = sorted_distinct(rows.astype(np.int64) * size + columns)
    return code // size, code % size


def _check_shape(shape, size: int):
    if tuple(shape) != (size, size):
        raise ValueError(f"`sparsity` must be of shape {(size, size)} for {size} unknowns, got {tuple(shape)}.")


def _detected(function, y, args):
    """Follow which unknowns each operation's results depend on, whatever the values of y and of the parameters.

    asdex leaves out products with zeros that it knows. Parameters may be zero now and not later; so they enter as
    arguments, not as constants. Integers stay: they may be indices.
    """
    asdex = import_asdex("Detecting a sparsity pattern")
    parameters, fixed = eqx.partition((function, args), eqx.is_inexact_array)
    leaves, treedef = jax.tree.flatten(parameters)

    def opened(y, *leaves):
        function, args = eqx.combine(jax.tree.unflatten(treedef, leaves), fixed)
        return function(y, args)

    found = asdex.jacobian_sparsity(opened, y, *leaves)
    return found.rows, found.cols
