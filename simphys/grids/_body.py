"""Bodies within a flow, from signed distances."""

from collections.abc import Callable

import jax.numpy as jnp

from .._check import finite, parameter
from .._ranges import Ranged, positive
from .._typing import Array, Float, Scalar


class Ball(Ranged):
    """Signed distance from a circle or sphere, |x − c| − r: negative within.

    **Arguments:**

    - `centre`: c, (dim,), a length; with two entries in three dimensions it is a cylinder along z.
    - `radius`: r > 0, a length.
    """

    centre: Float[Array, " dim"]
    radius: Scalar = positive()

    def __init__(self, centre, radius):
        self.centre, self.radius = parameter(centre), parameter(radius)

    def __call__(self, *x):
        """Return the distance at coordinates."""
        square = sum((a - self.centre[i]) ** 2 for i, a in enumerate(x[: self.centre.shape[0]]))
        # At the centre the root has no derivative; there none is needed, deep within the body.
        inner = square > 0
        return jnp.where(inner, jnp.sqrt(jnp.where(inner, square, 1)), 0) - self.radius


class Box(Ranged):
    """Signed distance from a box along the axes: negative within.

    **Arguments:**

    - `centre`: (dim,), a length.
    - `half_widths`: (dim,), > 0, lengths.
    """

    centre: Float[Array, " dim"]
    half_widths: Float[Array, " dim"] = positive()

    def __init__(self, centre, half_widths):
        self.centre, self.half_widths = parameter(centre), parameter(half_widths)

    def __call__(self, *x):
        """Return the distance at coordinates."""
        q = [jnp.abs(a - self.centre[i]) - self.half_widths[i] for i, a in enumerate(x)]
        square = sum(jnp.maximum(a, 0) ** 2 for a in q)
        outside = square > 0
        inside = jnp.minimum(jnp.stack(jnp.broadcast_arrays(*q)).max(0), 0)
        return jnp.where(outside, jnp.sqrt(jnp.where(outside, square, 1)), inside)


class HalfSpace(Ranged):
    """Signed distance from a plane, n·(x − p) / |n|: negative behind it.

    **Arguments:**

    - `point`: p, (dim,), a length.
    - `normal`: n, (dim,), not 0; it points outwards.
    """

    point: Float[Array, " dim"]
    normal: Float[Array, " dim"]

    def __init__(self, point, normal):
        self.point, self.normal = finite("point", parameter(point)), finite("normal", parameter(normal))

    def __call__(self, *x):
        """Return the distance at coordinates."""
        n = self.normal / jnp.sqrt(jnp.sum(self.normal**2))
        return sum(n[i] * (a - self.point[i]) for i, a in enumerate(x))


class Body(Ranged):
    r"""A body that a flow goes round, as a resistance within it.

    f = −α χ(d) (v − w),   χ(d) = ½ (1 − s (3 − s²) / 2),   s = d / δ, cut off at ±1

    χ goes from 1 within to 0 outside over twice δ, with a continuous slope, so that what is computed can be differentiated
    by whatever d depends on: place, size, form. Where α is large the fluid sticks to the body; a layer of
    √(ν / α) moves with it. Good values: δ the size of a cell, α 10³ to 10⁵ times speed over size.

    **Arguments:**

    - `distance`: d, a function of coordinates (arrays), negative within, such as `Ball` or `Box`; an Equinox module may
      carry parameters.
    - `resistance`: α ≥ 0, a number, per time.
    - `width`: δ > 0, a length.
    - `velocity`: w, for each component a number; 0 by default.

    Reference: P. Angot, C.-H. Bruneau, P. Fabrie, Numer. Math. 81 (1999) 497.
    """

    distance: Callable
    resistance: Scalar = positive(or_zero=True)
    width: Scalar = positive()
    velocity: tuple[Scalar, ...] | None

    def __init__(self, distance, resistance, width, velocity=None):
        if not callable(distance):
            raise ValueError(f"`distance` must be a function of coordinates, such as `Ball(…)`, got {distance!r}.")
        self.distance = distance
        self.resistance, self.width = finite("resistance", parameter(resistance)), finite("width", parameter(width))
        for name, value in (("resistance", self.resistance), ("width", self.width)):
            if jnp.ndim(value):
                raise ValueError(f"`{name}` must be one number, got shape {jnp.shape(value)}.")
        self.velocity = None if velocity is None else tuple(finite("velocity", parameter(w)) for w in velocity)

    def fraction(self, *x) -> Array:
        """Return χ at coordinates."""
        s = jnp.clip(self.distance(*x) / self.width, -1, 1)
        return (1 - s * (3 - s**2) / 2) / 2

    def speed(self, component: int):
        """Return a component of w."""
        return 0.0 if self.velocity is None else self.velocity[component]
