"""Static validation of what a user gives: concrete values are checked, tracers pass."""

import jax
import jax.numpy as jnp
import numpy as np


def _concrete_leaves(value):
    return [np.asarray(x) for x in jax.tree.leaves(value) if not isinstance(x, jax.core.Tracer)]


def finite(name: str, value):
    """Return `value`; raise `ValueError` if a concrete entry is no number, NaN or infinite."""
    for leaf in _concrete_leaves(value):
        if leaf.dtype.kind not in "biufc":
            given = leaf.tolist()
            how = ": one of positions is given as `NodalField(space.interpolate(function))`" if callable(given) else ""
            raise ValueError(f"`{name}` must be numbers, got {given!r}{how}.")
        if not np.all(np.isfinite(leaf)):
            raise ValueError(f"`{name}` must be finite, got {_show(leaf)}.")
    return value


def positive(name: str, value, *, strict: bool = True):
    """Return `value`; raise `ValueError` if a concrete entry is not positive (or, if not strict, negative)."""
    finite(name, value)
    for leaf in _concrete_leaves(value):
        if np.any(leaf <= 0 if strict else leaf < 0):
            raise ValueError(f"`{name}` must be {'positive' if strict else '0 or more'}, got {_show(leaf)}.")
    return value


def between(name: str, value, low: float, high: float):
    """Return `value`; raise `ValueError` if a concrete entry lies outside the open interval (low, high)."""
    finite(name, value)
    for leaf in _concrete_leaves(value):
        if np.any((leaf <= low) | (leaf >= high)):
            raise ValueError(f"`{name}` must lie between {low:g} and {high:g}, got {_show(leaf)}.")
    return value


def tolerance(name: str, value, *, zero: bool = False):
    """Return a relative tolerance, or None; raise `ValueError` if it is not below 1, where any guess would do, and above 0.

    With `zero` it may be 0, which is never met: of limits that other limits stand beside.
    """
    if value is None or isinstance(value, jax.core.Tracer):
        return value
    if not 0 <= float(value) < 1 or (float(value) == 0 and not zero):
        raise ValueError(f"`{name}` is relative and must lie between 0 and 1, got {float(value):g}.")
    return value


def indices(name: str, value, count: int | None = None, *, mask: bool = True) -> np.ndarray:
    """Return an array of indices as 32-bit whole numbers.

    **Arguments:**

    - `value`: whole numbers, or booleans, one for each of `count` things, that select.
    - `count`: indices must lie in 0 … count − 1; None if that is not known yet.
    - `mask`: whether booleans are taken.

    **Raises:** `ValueError` for floats (also whole ones: they are no indices), for a mask of another shape and for
    indices out of range.
    """
    if isinstance(value, jax.core.Tracer):
        raise ValueError(f"`{name}` must be known when the program is traced, got {value}.")
    value = np.asarray(value)
    if value.dtype == bool:
        if not mask or (count is not None and value.shape != (count,)):
            wanted = f"a mask must have shape ({count},)" if mask else "whole numbers expected"
            raise ValueError(f"`{name}`: {wanted}, got booleans of shape {value.shape}.")
        return np.flatnonzero(value).astype(np.int32)
    if value.size == 0:
        return np.zeros(value.shape, np.int32)
    if value.dtype.kind not in "iu":
        raise ValueError(f"`{name}` must hold whole numbers{' or a mask' if mask else ''}, got {value.dtype}.")
    low, high = (-(2**31), 2**31) if count is None else (0, count)
    if value.min() < low or value.max() >= high:
        raise ValueError(f"`{name}` must have entries in {low} … {high - 1}, got {value.min()} … {value.max()}.")
    return value.astype(np.int32)


def parameter(value):
    """Turn a number or nested sequence of numbers into a floating array; leave pytrees of arrays (fields) alone."""
    if isinstance(value, int | float | list | tuple | np.ndarray | np.generic):
        return jnp.asarray(value, dtype=float)
    return value


def entries(value) -> tuple | None:
    """Return the entries of a tuple, a list or an array of one axis (a vector, however it is given); None for others."""
    if isinstance(value, tuple | list):
        return tuple(value)
    return tuple(value) if getattr(value, "ndim", 0) == 1 else None


def _show(leaf):
    if leaf.ndim == 0:
        return f"{leaf}"
    bad = leaf[~np.isfinite(leaf)] if not np.all(np.isfinite(leaf)) else leaf.ravel()
    return f"an array of shape {leaf.shape} with values from {bad.min() if bad.size else 'nan'} to {bad.max()}"
