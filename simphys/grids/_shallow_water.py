"""Flow of shallow water."""

from typing import ClassVar

import jax.numpy as jnp

from .._check import parameter
from .._ranges import positive
from .._typing import Array, Value
from ._law import AbstractContactLaw, ratio, root


class ShallowWater(AbstractContactLaw):
    r"""Shallow water, in 1 or 2 dimensions; the bed may fall dry.

    ∂h/∂t + ∇·(hv) = 0,   ∂(hv)/∂t + ∇·(h v⊗v) + ∇(g h²/2) = 0

    Conserved are depth and discharge hv; primitive variables are depth and the velocity's components.

    **Arguments:**

    - `gravity`: g > 0, a length per time².
    - `dry`: depth below which the velocity hv/h fades to 0, a length; less than −`dry` is a failure.

    Reference: E. F. Toro, Shock-Capturing Methods for Free-Surface Shallow Flows, Wiley 2001; A. Kurganov, G. Petrova,
    Commun. Math. Sci. 5 (2007) 133 for the velocity of thin layers.
    """

    mirrors: ClassVar[bool] = True
    gravity: Array = positive()
    dry: Array = positive()

    def __init__(self, gravity: Value = 9.81, dry: Value = 1e-8):
        self.gravity, self.dry = parameter(gravity), parameter(dry)

    def names(self, dimension):
        """Depth and velocity."""
        if dimension > 2:
            raise ValueError("Shallow water has 1 or 2 dimensions, got 3.")
        return ("depth", *(f"velocity_{x}" for x in "xy"[:dimension]))

    def conserved(self, w):
        """(h, hv)."""
        return jnp.concatenate([w[:1], w[:1] * w[1:]])

    def primitive(self, u):
        """(h, v)."""
        h, thin = u[:1], jnp.asarray(self.dry, u.dtype)
        square = h * h
        return jnp.concatenate([h, 2 * h * u[1:] / (square + jnp.maximum(square, thin * thin))])

    def flux(self, u, axis):
        """(h vₙ, h v vₙ + g h²/2 n)."""
        w = self.primitive(u)
        rows = [row * w[1 + axis] for row in u]
        rows[0], rows[1 + axis] = u[1 + axis], rows[1 + axis] + self._gravity(u) * w[0] ** 2 / 2
        return jnp.stack(rows)

    def speeds(self, u, axis):
        """vₙ ∓ √(g h)."""
        w = self.primitive(u)
        wave = root(self._gravity(w) * w[0])
        return w[1 + axis] - wave, w[1 + axis] + wave

    def positives(self, u):
        """The depth."""
        return u[:1]

    def admissible(self, u):
        """Where there is no less than nothing."""
        return (u[0] >= -jnp.asarray(self.dry, u.dtype)) & jnp.all(jnp.isfinite(u), axis=0)

    def mirrored(self, u, axis):
        """The normal discharge the other way."""
        return jnp.stack([-row if k == 1 + axis else row for k, row in enumerate(u)])

    def to_waves(self, mean, u, axis):
        """Two waves of gravity, one of shear."""
        v, wave = self._linearised(mean)
        shear, deep = list(u[1:] - v * u[:1]), wave * u[0]
        down = (deep - shear[axis]) / 2
        shear[axis] = (deep + shear[axis]) / 2
        return jnp.stack([down, *shear])

    def from_waves(self, mean, amplitudes, axis):
        """The inverse."""
        v, wave = self._linearised(mean)
        down, *shear = amplitudes
        h = ratio(down + shear[axis], wave)
        shear[axis] = shear[axis] - down
        return jnp.concatenate([h[None], jnp.stack(shear) + v * h[None]])

    def contact_flux(self, left, right, axis):
        """By the outer waves, what moves along the face being carried from upwind."""
        u = jnp.stack([left, right], axis=1)
        w, flux = self.primitive(u), self.flux(u, axis)
        slowest, fastest = self._outer(w, axis)
        down, up = jnp.minimum(slowest, 0), jnp.maximum(fastest, 0)
        mixed = up[None] * flux[:, 0] - down[None] * flux[:, 1] + (up * down)[None] * (right - left)
        through = list(ratio(mixed, (up - down)[None]))
        for row in range(1, len(through)):
            if row != 1 + axis:
                through[row] = through[0] * jnp.where(through[0] >= 0, w[row][0], w[row][1])
        return jnp.stack(through)

    def _outer(self, w, axis):
        """Speeds of the outer waves: those of Roe's mean or of the states, onto a dry bed those of its front."""
        g, h, v = self._gravity(w), w[0], w[1 + axis]
        weight, own = root(h), root(g * h)
        mean = ratio(jnp.sum(weight * v, axis=0), jnp.sum(weight, axis=0))
        wave = root(g * jnp.sum(h, axis=0) / 2)
        wet = h > jnp.asarray(self.dry, w.dtype)
        slowest = jnp.where(wet[0], jnp.minimum(v[0] - own[0], mean - wave), v[1] - 2 * own[1])
        return slowest, jnp.where(wet[1], jnp.maximum(v[1] + own[1], mean + wave), v[0] + 2 * own[0])

    def _linearised(self, mean):
        w = self.primitive(mean)
        return w[1:], root(self._gravity(w) * w[0])

    def _gravity(self, like):
        return jnp.asarray(self.gravity, like.dtype)
