"""Fluxes between two states."""

import abc

import equinox as eqx
import jax.numpy as jnp

from .._typing import Array
from ._law import AbstractContactLaw, AbstractLaw


class AbstractNumericalFlux(eqx.Module):
    """What flows through a face between two states."""

    @abc.abstractmethod
    def check(self, law: AbstractLaw):
        """Raise `ValueError` for a law that it is not for."""

    @abc.abstractmethod
    def between(self, law: AbstractLaw, left: Array, right: Array, axis: int) -> Array:
        """Return the flux along an axis, (m, …)."""


class Rusanov(AbstractNumericalFlux):
    r"""Rusanov's flux: as viscous as the fastest wave asks for; for any law.

    F = (F(u_l) + F(u_r))/2 − s (u_r − u_l)/2,   s the largest magnitude of a wave speed of both

    Reference: V. V. Rusanov, USSR Comput. Math. Math. Phys. 1 (1961) 304.
    """

    def check(self, law):
        """It is for every law."""

    def between(self, law, left, right, axis):
        """Return F."""
        u = jnp.stack([left, right], axis=1)
        slowest, fastest = law.speeds(u, axis)
        speed = jnp.max(jnp.maximum(jnp.abs(slowest), jnp.abs(fastest)), axis=0)
        return (jnp.sum(law.flux(u, axis), axis=1) - speed[None] * (right - left)) / 2


class HLLC(AbstractNumericalFlux):
    r"""The flux by two outer waves and the contact between them (HLLC): keeps contacts and shear layers sharp.

    F = F(u_k) + s_k (u*_k − u_k) of the side k that the contact moves away from, s_l ≤ 0 ≤ s_r

    For `Euler` and `ShallowWater`.

    Reference: E. F. Toro, M. Spruce, W. Speares, Shock Waves 4 (1994) 25; B. Einfeldt, SIAM J. Numer. Anal. 25 (1988) 294
    for the speeds of outer waves.
    """

    def check(self, law):
        """It is for laws with a contact."""
        if not isinstance(law, AbstractContactLaw):
            raise ValueError(f"`HLLC` is for `Euler` and `ShallowWater`; a `{type(law).__name__}` takes `Rusanov()`.")

    def between(self, law, left, right, axis):
        """Return F."""
        return law.contact_flux(left, right, axis)
