"""Flow of a perfect gas without viscosity."""

from typing import ClassVar

import jax.numpy as jnp

from .._check import parameter
from .._ranges import between
from .._typing import Array, Value
from ._law import AbstractContactLaw, ratio, root


class Euler(AbstractContactLaw):
    r"""Euler's equations of a perfect gas, in 1 to 3 dimensions.

    ∂ρ/∂t + ∇·(ρv) = 0,   ∂(ρv)/∂t + ∇·(ρ v⊗v) + ∇p = 0,   ∂E/∂t + ∇·((E + p) v) = 0,   p = (γ − 1)(E − ρ|v|²/2)

    Conserved are density, momentum and total energy; primitive variables are density, the velocity's components and
    pressure.

    **Arguments:**

    - `heat_ratio`: γ > 1, a number; 1.4 for air.

    Reference: E. F. Toro, Riemann Solvers and Numerical Methods for Fluid Dynamics, Springer 2009, chapters 3 and 10.
    """

    mirrors: ClassVar[bool] = True
    heat_ratio: Array = between(1.0, float("inf"))

    def __init__(self, heat_ratio: Value = 1.4):
        self.heat_ratio = parameter(heat_ratio)

    def names(self, dimension):
        """Density, velocity, pressure."""
        return ("density", *(f"velocity_{x}" for x in "xyz"[:dimension]), "pressure")

    def conserved(self, w):
        """(ρ, ρv, E)."""
        rho, v, p = w[:1], w[1:-1], w[-1:]
        energy = p / self._excess(w) + rho * jnp.sum(v * v, axis=0, keepdims=True) / 2
        return jnp.concatenate([rho, rho * v, energy])

    def primitive(self, u):
        """(ρ, v, p)."""
        v = ratio(u[1:-1], u[:1])
        p = self._excess(u) * (u[-1:] - jnp.sum(u[1:-1] * v, axis=0, keepdims=True) / 2)
        return jnp.concatenate([u[:1], v, p])

    def flux(self, u, axis):
        """(ρ vₙ, ρv vₙ + p n, (E + p) vₙ)."""
        w = self.primitive(u)
        normal, p = w[1 + axis], w[-1]
        rows = [row * normal for row in u]
        rows[1 + axis], rows[-1] = rows[1 + axis] + p, rows[-1] + p * normal
        return jnp.stack(rows)

    def speeds(self, u, axis):
        """vₙ ∓ √(γ p/ρ)."""
        w = self.primitive(u)
        sound = self._sound(w)
        return w[1 + axis] - sound, w[1 + axis] + sound

    def positives(self, u):
        """Density and pressure."""
        w = self.primitive(u)
        return jnp.stack([w[0], w[-1]])

    def admissible(self, u):
        """Where both are positive."""
        return jnp.all(self.positives(u) > 0, axis=0) & jnp.all(jnp.isfinite(u), axis=0)

    def mirrored(self, u, axis):
        """The normal momentum the other way."""
        return jnp.stack([-row if k == 1 + axis else row for k, row in enumerate(u)])

    def to_waves(self, mean, u, axis):
        """Two waves of sound, one of entropy, those of shear."""
        v, sound = self._linearised(mean)
        kinetic = jnp.sum(v * v, axis=0) / 2
        p = self._excess(u) * (u[-1] - jnp.sum(v * u[1:-1], axis=0) + kinetic * u[0])
        shear = list(u[1:-1] - v * u[:1])
        normal = sound * shear[axis]
        shear[axis] = (p - normal) / 2
        return jnp.stack([sound**2 * u[0] - p, *shear, (p + normal) / 2])

    def from_waves(self, mean, amplitudes, axis):
        """The inverse."""
        v, sound = self._linearised(mean)
        entropy, *shear, up = amplitudes
        p, down = up + shear[axis], shear[axis]
        shear[axis] = ratio(up - down, sound)
        rho = ratio(entropy + p, sound**2)
        momentum = jnp.stack(shear) + v * rho[None]
        energy = p / self._excess(p) + jnp.sum(v * momentum, axis=0) - rho * jnp.sum(v * v, axis=0) / 2
        return jnp.concatenate([rho[None], momentum, energy[None]])

    def contact_flux(self, left, right, axis):
        """By Einfeldt's speeds of the outer waves, with Roe's means."""
        u = jnp.stack([left, right], axis=1)
        w = self.primitive(u)
        rho, normal, p = w[0], w[1 + axis], w[-1]
        speed = self._outer(w, axis)
        into = rho * (speed - normal)
        push = p - into * normal
        middle = ratio(push[1] - push[0], into[0] - into[1])
        density = ratio(into, speed - middle[None])
        star = [row * ratio(density, rho) for row in u]
        star[1 + axis] = density * middle[None]
        star[-1] = star[-1] + density * (middle[None] - normal) * (middle[None] + ratio(p, into))
        bounded = jnp.stack([jnp.minimum(speed[0], 0), jnp.maximum(speed[1], 0)])
        flux = self.flux(u, axis) + bounded[None] * (jnp.stack(star) - u)
        return jnp.where((middle >= 0)[None], flux[:, 0], flux[:, 1])

    def _outer(self, w, axis):
        """Speeds of the outer waves between two states."""
        weight = root(w[0])
        mean = lambda x: ratio(jnp.sum(weight * x, axis=0), jnp.sum(weight, axis=0))
        enthalpy = self._gamma(w) / self._excess(w) * ratio(w[-1], w[0]) + self._kinetic(w[1:-1])
        v = jnp.stack([mean(row) for row in w[1:-1]])
        sound, own = root(self._excess(v) * (mean(enthalpy) - self._kinetic(v))), self._sound(w)
        slowest = jnp.minimum(w[1 + axis][0] - own[0], v[axis] - sound)
        return jnp.stack([slowest, jnp.maximum(w[1 + axis][1] + own[1], v[axis] + sound)])

    def _linearised(self, mean):
        w = self.primitive(mean)
        return w[1:-1], self._sound(w)

    def _sound(self, w):
        return root(self._gamma(w) * ratio(w[-1], w[0]))

    def _kinetic(self, v):
        return jnp.sum(v * v, axis=0) / 2

    def _gamma(self, like):
        return jnp.asarray(self.heat_ratio, like.dtype)

    def _excess(self, like):
        return self._gamma(like) - 1
