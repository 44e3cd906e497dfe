"""Properties that depend on temperature."""

import abc

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from .. import _check
from .._typing import Array, PyTree, Scalar
from ._moduli import is_concrete


class AbstractCurve(eqx.Module):
    """A property as a function of temperature; its value is a number or an array, say a matrix."""

    @abc.abstractmethod
    def __call__(self, temperature: Scalar) -> Array:
        """Value of the property at a temperature."""

    @abc.abstractmethod
    def samples(self) -> PyTree:
        """Values the property is known to take, stacked, or None; for checks."""


class Constant(AbstractCurve):
    """A property that does not depend on temperature.

    **Arguments**

    - `value`: the value.
    """

    value: PyTree

    def __init__(self, value):
        self.value = _check.finite("value", _check.parameter(value))

    def __call__(self, temperature):
        return self.value

    def samples(self):
        return self.value


class Polynomial(AbstractCurve):
    """`value = Σₙ cₙ Tⁿ`.

    **Arguments**

    - `coefficients`: (degree + 1, ...), lowest power first: `Polynomial([1, 0, 1])` is 1 + T².
    """

    coefficients: PyTree

    def __init__(self, coefficients):
        self.coefficients = _check.finite("coefficients", _check.parameter(coefficients))
        if is_concrete(self.coefficients) and self.coefficients.ndim == 0:
            raise ValueError("`coefficients` must have an axis of powers, got one number; use Constant.")

    def __call__(self, temperature):
        value = self.coefficients[-1]
        for n in range(self.coefficients.shape[0] - 2, -1, -1):
            value = value * temperature + self.coefficients[n]
        return value

    def samples(self):
        return None


class Table(AbstractCurve):
    """Straight lines between measured values; the end values hold outside the measured range.

    **Arguments**

    - `temperatures`: (n,), increasing, n ≥ 2.
    - `values`: (n, ...).

    **Raises** `ValueError` for temperatures that do not increase or another number of values.
    """

    temperatures: PyTree
    values: PyTree

    def __init__(self, temperatures, values):
        self.temperatures = _check.finite("temperatures", _check.parameter(temperatures))
        self.values = _check.finite("values", _check.parameter(values))
        if is_concrete(self.temperatures):
            found = np.asarray(self.temperatures)
            if found.ndim != 1 or found.size < 2 or np.any(np.diff(found) <= 0):
                raise ValueError(f"`temperatures` must be two or more increasing numbers, got {found}.")
        if is_concrete(self.temperatures, self.values) and self.values.shape[:1] != self.temperatures.shape:
            raise ValueError(
                f"`values` must have one entry for each of the {self.temperatures.size} temperatures, "
                f"got shape {self.values.shape}."
            )

    def __call__(self, temperature):
        right = jnp.clip(jnp.searchsorted(self.temperatures, temperature), 1, self.temperatures.shape[0] - 1)
        start, end = self.temperatures[right - 1], self.temperatures[right]
        part = jnp.clip((temperature - start) / (end - start), 0, 1)
        return (1 - part) * self.values[right - 1] + part * self.values[right]

    def samples(self):
        return self.values


def as_curve(value) -> AbstractCurve:
    """A curve as it is; anything else becomes a constant."""
    return value if isinstance(value, AbstractCurve) else Constant(value)


CURVES: dict[str, type[AbstractCurve]] = {kind.__name__: kind for kind in (Constant, Polynomial, Table)}
"""Curves by class name, for scene files."""
