"""Heat conduction."""

import abc

import jax
import numpy as np

from .._ranges import Ranged, positive
from .._typing import Array, Float, Scalar, Value
from ._curve import AbstractCurve, admissible_at, as_curve
from ._moduli import definite, is_concrete


class AbstractConduction(Ranged):
    """A law for the heat flux."""

    @abc.abstractmethod
    def flux(self, gradient: Float[Array, " dim"], temperature: Scalar) -> Float[Array, " dim"]:
        """Heat flux q, in power per area, for the temperature gradient and the temperature at a point."""

    def switches(self, gradient: Float[Array, " dim"], temperature: Scalar) -> Array | None:
        """Return numbers that are 0 where the law's tangent jumps, of order 1 elsewhere; None for a smooth law.

        NaN where the law means nothing, such as at a conductivity of 0 or less.
        """
        return None


class IsotropicConduction(AbstractConduction):
    """Fourier's law, `q = -k(T) ∇T`.

    **Arguments**

    - `k`: conductivity, power/(length·temperature), > 0: a number, a field, or a curve (`Polynomial`,
      `Table`). Steel 50, aluminium 237, water 0.6 W/(m K).

    **Raises** `ValueError` if a known value of k is not positive.

    Reference: H. S. Carslaw, J. C. Jaeger, Conduction of Heat in Solids, 2nd ed., 1959, section 1.2.
    """

    k: AbstractCurve = positive()

    def __init__(self, *, k: Value):
        self.k = as_curve(k)

    def flux(self, gradient, temperature):
        return -self.k(temperature) * gradient

    def switches(self, gradient, temperature):
        return admissible_at(self.k, temperature, lambda k: k > 0)


class AnisotropicConduction(AbstractConduction):
    """Fourier's law with a conductivity matrix, `q = -K(T) ∇T`.

    **Arguments**

    - `k`: K, (dim, dim), symmetric positive definite: an array, a field, or a curve whose values are
      matrices.

    **Raises** `ValueError` if a known value of K is not a symmetric positive definite matrix.

    Reference: H. S. Carslaw, J. C. Jaeger, Conduction of Heat in Solids, 2nd ed., 1959, section 1.17.
    """

    k: AbstractCurve

    def __init__(self, *, k: Value):
        self.k = as_curve(k)
        for leaf in jax.tree.leaves(self.k.samples()):
            if is_concrete(leaf):
                _check_definite(np.asarray(leaf))

    def relations(self):
        return {"k is symmetric and positive definite": jax.tree.map(definite, self.k.samples())}

    def flux(self, gradient, temperature):
        return -(self.k(temperature) @ gradient)

    def switches(self, gradient, temperature):
        return admissible_at(self.k, temperature, definite)


def _check_definite(k):
    if k.ndim < 2 or k.shape[-1] != k.shape[-2]:
        raise ValueError(f"`k` must be a square matrix, got shape {k.shape}.")
    if not np.allclose(k, np.swapaxes(k, -1, -2), rtol=1e-6, atol=1e-6 * np.abs(k).max()):
        raise ValueError(f"`k` must be symmetric, got {k}.")
    smallest = np.linalg.eigvalsh(k).min()
    if not smallest > 0:
        raise ValueError(f"`k` must be positive definite, but its smallest eigenvalue is {smallest:.3g}.")
