"""Properties that depend on temperature."""

import abc

import jax.numpy as jnp
import numpy as np

from .. import _check
from .._ranges import Sampled, related
from .._typing import Array, Callable, PyTree, Scalar, Value
from ._moduli import is_concrete


class AbstractCurve(Sampled):
    """A property as a function of temperature; its value is a number or an array, say a matrix."""

    @abc.abstractmethod
    def __call__(self, temperature: Scalar) -> Array:
        """Value of the property at a temperature."""

    def switches(self, temperature: Scalar) -> Array | None:
        """Return numbers that are 0 where the curve has a kink, of order 1 elsewhere; None for a smooth one."""
        return None


class Constant(AbstractCurve):
    """A property that does not depend on temperature.

    **Arguments**

    - `value`: the value.
    """

    value: PyTree

    def __init__(self, value: Value):
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

    def __init__(self, coefficients: Value):
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

    def __init__(self, temperatures: Value, values: Value):
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
        inside, right = self.place(temperature)
        start, end = self.temperatures[right - 1], self.temperatures[right]
        part = (inside - start) / (end - start)
        return (1 - part) * self.values[right - 1] + part * self.values[right]

    def switches(self, temperature):
        """Distances to the entries over the table's range."""
        return (temperature - self.temperatures) / (self.temperatures[-1] - self.temperatures[0])

    def place(self, temperature: Scalar) -> tuple[Scalar, Scalar]:
        """Return the temperature, or the end of the range that it lies beyond, and the number of the next entry.

        At an entry its derivative is that of one side: a mean of both, as `clip` has it, would be that of neither.
        """
        first, last = self.temperatures[0], self.temperatures[-1]
        inside = jnp.where(temperature <= first, first, jnp.where(temperature >= last, last, temperature))
        return inside, jnp.clip(jnp.searchsorted(self.temperatures, inside), 1, self.temperatures.shape[0] - 1)

    def relations(self):
        increase = lambda temperatures: jnp.diff(temperatures) > 0
        return {"temperatures increase": related(increase, self.temperatures)}

    def samples(self):
        return self.values


def admissible_at(curve: AbstractCurve, temperature: Scalar, holds: Callable[[Array], Array]) -> Array | None:
    """Return a curve's switches, and NaN if `holds(value)` does not: for curves of which no value is known beforehand."""
    found = curve.switches(temperature)
    if curve.samples() is not None:
        return found
    value = curve(temperature)
    told = jnp.where(holds(value), 1.0, jnp.nan).astype(value.dtype).reshape(1)
    return told if found is None else jnp.concatenate([told, found])


def as_curve(value: Value) -> AbstractCurve:
    """A curve as it is; anything else becomes a constant."""
    return value if isinstance(value, AbstractCurve) else Constant(value)
