"""Laws of one number: what is carried along, Burgers' equation, fluxes of the user."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from .._check import entries, finite, parameter
from .._typing import Array
from ._law import AbstractLaw


class AbstractPlainLaw(AbstractLaw):
    """A law whose conserved numbers are also its primitive ones, and whose waves are not taken apart."""

    def conserved(self, w):
        """u itself."""
        return w

    def primitive(self, u):
        """u itself."""
        return u

    def positives(self, u):
        """Nothing."""
        return u[:0]

    def admissible(self, u):
        """Where all numbers are finite, and positive what must be."""
        return jnp.all(jnp.isfinite(u), axis=0) & jnp.all(self.positives(u) > 0, axis=0)

    def to_waves(self, mean, u, axis):
        """u itself."""
        return u

    def from_waves(self, mean, amplitudes, axis):
        """u itself."""
        return amplitudes


class LinearAdvection(AbstractPlainLaw):
    r"""What a uniform velocity carries along.

    ∂u/∂t + a·∇u = 0

    **Arguments:**

    - `velocity`: a, a number for each axis, a length per time.

    Reference: R. J. LeVeque, Finite Volume Methods for Hyperbolic Problems, Cambridge 2002, chapter 4.
    """

    velocity: tuple[Array, ...]

    def __init__(self, velocity: Any):
        self.velocity = tuple(finite("velocity", parameter(a)) for a in entries(velocity) or (velocity,))

    def names(self, dimension):
        """u."""
        if len(self.velocity) != dimension:
            raise ValueError(f"`velocity` must have {dimension} numbers, one for each axis, got {len(self.velocity)}.")
        return ("u",)

    def flux(self, u, axis):
        """a u."""
        return jnp.asarray(self.velocity[axis], u.dtype) * u

    def speeds(self, u, axis):
        """a."""
        a = jnp.broadcast_to(jnp.asarray(self.velocity[axis], u.dtype), u.shape[1:])
        return a, a

    def mirrored(self, u, axis):
        """No wall stops what a given velocity carries."""
        raise ValueError("What a given velocity carries has no mirror image.")


class Burgers(AbstractPlainLaw):
    r"""Burgers' equation without viscosity, with the same flux along each axis.

    ∂u/∂t + Σ ∂(u²/2)/∂x_a = 0

    Reference: R. J. LeVeque, Finite Volume Methods for Hyperbolic Problems, Cambridge 2002, section 11.3.
    """

    def names(self, dimension):
        """u."""
        return ("u",)

    def flux(self, u, axis):
        """u²/2."""
        return u * u / 2

    def speeds(self, u, axis):
        """u."""
        return u[0], u[0]

    def mirrored(self, u, axis):
        """Nothing that obeys this equation is stopped by a wall."""
        raise ValueError("Burgers' equation has no mirror image.")


class FluxFunction(AbstractPlainLaw):
    r"""A law by a flux of your own.

    ∂u/∂t + Σ ∂F_a(u)/∂x_a = 0

    **Arguments:**

    - `flux`: F, a function of (u, axis) for arrays u of shape (m, …), which acts point by point and returns such an
      array. A module may carry parameters, also those of a network.
    - `speed`: a function of (u, axis) that returns a bound of the magnitudes of wave speeds, (…); for one number None
      takes |∂F/∂u|.
    - `unknowns`: names of the m numbers.
    - `positive`: a function of u that returns what must be positive, (k, …); None for nothing.

    **Raises:** `ValueError` where several numbers come without their speed.

    Reference: R. J. LeVeque, Finite Volume Methods for Hyperbolic Problems, Cambridge 2002, chapter 4.
    """

    function: Callable
    speed: Callable | None
    unknowns: tuple[str, ...]
    positive: Callable | None

    def __init__(
        self,
        flux: Callable,
        speed: Callable | None = None,
        unknowns: tuple[str, ...] = ("u",),
        positive: Callable | None = None,
    ):
        if not callable(flux):
            raise ValueError(f"`flux` must be a function of (u, axis), got {flux!r}.")
        self.function, self.speed, self.unknowns, self.positive = flux, speed, tuple(unknowns), positive
        if speed is None and len(self.unknowns) != 1:
            raise ValueError(f"A law of {len(self.unknowns)} numbers needs a bound of its wave speeds, `speed`.")

    def names(self, dimension):
        """What `unknowns` says."""
        return self.unknowns

    def flux(self, u, axis):
        """The user's function."""
        found = self.function(u, axis)
        if found.shape != u.shape:
            raise ValueError(f"`flux` must return an array of u's shape {u.shape}, got {found.shape}.")
        return found

    def speeds(self, u, axis):
        """∓ the bound; of one number its own speed."""
        if self.speed is not None:
            fastest = self.speed(u, axis)
            return -fastest, fastest
        own = jax.jvp(lambda u: self.flux(u, axis), (u,), (jnp.ones_like(u),))[1][0]
        return own, own

    def positives(self, u):
        """What `positive` says."""
        return u[:0] if self.positive is None else self.positive(u)

    def mirrored(self, u, axis):
        """Unknown."""
        raise ValueError("A `FluxFunction` does not say what a mirror shows.")
