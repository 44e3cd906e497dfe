"""Volumetric energies of compressible laws that are written with Lamé's constants."""

import abc

import equinox as eqx
import jax.numpy as jnp

from .._typing import Scalar


class AbstractVolumetric(eqx.Module):
    """A function U(J) of the volume ratio J = det F with U(1) = U'(1) = 0 and U''(1) = 1."""

    @abc.abstractmethod
    def __call__(self, J: Scalar) -> Scalar:
        """Value of U at J > 0; NaN or infinite for J ≤ 0."""


class LogSquared(AbstractVolumetric):
    """`U = (ln J)²/2`. Not convex for J > e."""

    def __call__(self, J):
        return jnp.log(J) ** 2 / 2


class SimoTaylor(AbstractVolumetric):
    """`U = (J² - 1 - 2 ln J)/4`, convex for every J.

    Reference: J. C. Simo, R. L. Taylor, M. A. Pister, Comput. Methods Appl. Mech. Eng. 51 (1985) 177–208.
    """

    def __call__(self, J):
        return (J**2 - 1 - 2 * jnp.log(J)) / 4


VOLUMETRIC: dict[str, type[AbstractVolumetric]] = {kind.__name__: kind for kind in (LogSquared, SimoTaylor)}
"""Volumetric energies by class name, for scene files."""
