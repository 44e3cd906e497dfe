"""What is conserved, and how it flows."""

import abc
from typing import ClassVar

import jax.numpy as jnp

from .._ranges import Ranged
from .._typing import Array, Bool


class AbstractLaw(Ranged):
    r"""A hyperbolic law at points, ∂u/∂t + Σ ∂F_a(u)/∂x_a = 0.

    States are arrays (m, …), a row for each conserved number; everything acts point by point, and is finite with finite
    derivatives for whatever finite state.
    """

    mirrors: ClassVar[bool] = False
    """Whether a state has a mirror image, so that there may be walls."""

    @abc.abstractmethod
    def names(self, dimension: int) -> tuple[str, ...]:
        """Return the names of the primitive variables, m of them."""

    @abc.abstractmethod
    def conserved(self, w: Array) -> Array:
        """Return u of primitive variables."""

    @abc.abstractmethod
    def primitive(self, u: Array) -> Array:
        """Return the primitive variables of u."""

    @abc.abstractmethod
    def flux(self, u: Array, axis: int) -> Array:
        """Return F_a(u)."""

    @abc.abstractmethod
    def speeds(self, u: Array, axis: int) -> tuple[Array, Array]:
        """Return the least and the greatest speed of waves along an axis, (…) each."""

    @abc.abstractmethod
    def positives(self, u: Array) -> Array:
        """Return what must be positive, concave functions of u, (k, …); k may be 0."""

    @abc.abstractmethod
    def admissible(self, u: Array) -> Bool[Array, "..."]:
        """Tell of which points the state means something."""

    @abc.abstractmethod
    def mirrored(self, u: Array, axis: int) -> Array:
        """Return what a mirror normal to an axis shows; only where `mirrors`."""

    @abc.abstractmethod
    def to_waves(self, mean: Array, u: Array, axis: int) -> Array:
        """Return the amplitudes of the waves along an axis that u consists of, linearised at another state."""

    @abc.abstractmethod
    def from_waves(self, mean: Array, amplitudes: Array, axis: int) -> Array:
        """The inverse of `to_waves`."""


class AbstractContactLaw(AbstractLaw):
    """A law with two outer waves and, between them, one that moves with the fluid."""

    @abc.abstractmethod
    def contact_flux(self, left: Array, right: Array, axis: int) -> Array:
        """Return the flux between two states by their outer waves and the one in the middle (HLLC)."""


def root(x: Array) -> Array:
    """Return √x, with value and derivative 0 where x ≤ 0."""
    good = x > 0
    return jnp.where(good, jnp.sqrt(jnp.where(good, x, 1)), 0)


def ratio(a: Array, b: Array) -> Array:
    """Return a / b, with value and derivative 0 where b is 0."""
    good = b != 0
    return jnp.where(good, a / jnp.where(good, b, 1), 0)
