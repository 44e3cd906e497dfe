"""What a body stores: heat."""

import abc
import functools

import jax.numpy as jnp
import numpy as np

from .. import _check
from .._ranges import Ranged, number, positive
from .._typing import PyTree, Scalar, Value
from ._curve import AbstractCurve, Constant, Polynomial, Table, as_curve


POINTS, WEIGHTS = np.polynomial.legendre.leggauss(12)


class AbstractHeatStorage(Ranged):
    """A law for the heat that a body stores."""

    @abc.abstractmethod
    def enthalpy(self, temperature: Scalar) -> Scalar:
        """Return H(T), heat per volume, increasing in T; its zero is at T = 0."""


class HeatCapacity(AbstractHeatStorage):
    """Sensible heat, `H(T) = ∫₀ᵀ c(τ) dτ`.

    **Arguments**

    - `c`: volumetric heat capacity ρ c_p, energy/(volume·temperature), > 0: a number, a field, or a curve (`Polynomial`,
      `Table`). Steel 3.6e6, water 4.2e6 J/(m³ K).

    **Raises** `ValueError` if a known value of c is not positive.

    Reference: H. S. Carslaw, J. C. Jaeger, Conduction of Heat in Solids, 2nd ed., 1959, section 1.4.
    """

    c: AbstractCurve = positive()

    def __init__(self, c: Value):
        self.c = as_curve(c)

    def enthalpy(self, temperature):
        """Return ∫₀ᵀ c."""
        return integral(self.c, temperature)


class PhaseChange(AbstractHeatStorage):
    """Sensible and latent heat, `H(T) = ∫₀ᵀ c(τ) dτ + L s((T − T_m)/w)`, s rising smoothly from 0 at −½ to 1 at ½.

    What was solid at T = 0 melts between T_m − w/2 and T_m + w/2: alloys over their freezing range, pure matter over a
    small w, which the steps in time and space must resolve.

    **Arguments**

    - `c`: as for `HeatCapacity`.
    - `latent`: L, energy/volume, > 0. Water 3.06e8 J/m³.
    - `melting`: T_m, temperature.
    - `width`: w, temperature, > 0.

    **Raises** `ValueError` for values out of range.

    Reference: V. R. Voller, C. Prakash, Int. J. Heat Mass Transfer 30 (1987) 1709.
    """

    c: AbstractCurve = positive()
    latent: PyTree = positive()
    melting: PyTree = number()
    width: PyTree = positive()

    def __init__(self, c: Value, *, latent: Value, melting: Value, width: Value):
        self.c = as_curve(c)
        self.latent = _check.parameter(latent)
        self.melting = _check.finite("melting", _check.parameter(melting))
        self.width = _check.parameter(width)

    def enthalpy(self, temperature):
        """Return ∫₀ᵀ c + L s."""
        return integral(self.c, temperature) + self.latent * self.molten(temperature)

    def molten(self, temperature: Scalar) -> Scalar:
        """Return the liquid fraction s at a temperature."""
        x = jnp.clip((temperature - self.melting) / self.width + 0.5, 0.0, 1.0)
        return x * x * (3 - 2 * x)


@functools.singledispatch
def integral(curve: AbstractCurve, temperature: Scalar) -> Scalar:
    """Return ∫₀ᵀ of a curve: exact for those that simphys has, by 12 Gauss points for others."""
    points = jnp.asarray((POINTS + 1) / 2, jnp.result_type(temperature)) * temperature
    weights = WEIGHTS / 2
    return temperature * sum(float(w) * curve(t) for w, t in zip(weights, points, strict=True))


@integral.register
def _(curve: Constant, temperature):
    return curve.value * temperature


@integral.register
def _(curve: Polynomial, temperature):
    value = curve.coefficients[-1] / curve.coefficients.shape[0]
    for n in range(curve.coefficients.shape[0] - 2, -1, -1):
        value = value * temperature + curve.coefficients[n] / (n + 1)
    return value * temperature


@integral.register
def _(curve: Table, temperature):
    return _up_to(curve, temperature) - _up_to(curve, jnp.zeros_like(temperature))


def _up_to(curve, temperature):
    """∫ from the first temperature of the table."""
    steps = (curve.values[1:] + curve.values[:-1]) / 2 * jnp.diff(curve.temperatures)
    sums = jnp.concatenate([jnp.zeros(1, steps.dtype), jnp.cumsum(steps)])
    inside, right = curve.place(temperature)
    first, last = curve.temperatures[0], curve.temperatures[-1]
    partial = (curve.values[right - 1] + curve(inside)) / 2 * (inside - curve.temperatures[right - 1])
    below = jnp.where(temperature <= first, (temperature - first) * curve.values[0], 0.0)
    above = jnp.where(temperature >= last, (temperature - last) * curve.values[-1], 0.0)
    return sums[right - 1] + partial + below + above


def as_storage(value: AbstractHeatStorage | Value | None) -> AbstractHeatStorage | None:
    """A law as it is, None as none; anything else becomes a constant heat capacity."""
    return value if value is None or isinstance(value, AbstractHeatStorage) else HeatCapacity(value)


def is_constant(law: AbstractHeatStorage) -> bool:
    """Whether H is proportional to T."""
    return isinstance(law, HeatCapacity) and isinstance(law.c, Constant)
