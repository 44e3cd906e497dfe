"""Rigid bodies by their signed distance: positive outside, negative inside, of unit slope near the surface."""

import abc

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from .._check import finite, parameter
from .._ranges import Ranged, positive
from .._small import direction
from .._typing import Array, Callable, Float, PyTree, Scalar, Value


class AbstractShape(Ranged):
    """A rigid body; its array leaves are differentiable."""

    @abc.abstractmethod
    def distance(self, x: Float[Array, " dim"]) -> Scalar:
        """Return the signed distance d of a point in space: below 0 inside."""

    def normal(self, x: Float[Array, " dim"]) -> Float[Array, " dim"]:
        """Return ∂d/∂x, the unit normal that points away from the body."""
        return jax.grad(self.distance)(x)


class HalfSpace(AbstractShape):
    """All that lies behind a plane (in 2-D a line), d = n·(x − a).

    **Arguments:**

    - `point`: a, a point of the plane, (dim,).
    - `normal_vector`: n, pointing out of the body, (dim,), of any length.
    """

    point: PyTree
    normal_vector: PyTree

    def __init__(self, point: Value, normal_vector: Value):
        self.point = finite("point", parameter(point))
        self.normal_vector = _direction("normal_vector", normal_vector)

    def distance(self, x):
        """Project on the normal."""
        return jnp.vdot(direction(self.normal_vector)[0], x - self.point)


class Sphere(AbstractShape):
    """A sphere (in 2-D a disc), d = |x − c| − r.

    **Arguments:**

    - `centre`: c, (dim,).
    - `radius`: r, a length.
    """

    centre: PyTree
    radius: PyTree = positive()

    def __init__(self, centre: Value, radius: Value):
        self.centre, self.radius = finite("centre", parameter(centre)), parameter(radius)

    def distance(self, x):
        """Measure from the centre."""
        return _length(x - self.centre) - self.radius


class Cylinder(AbstractShape):
    """A cylinder of infinite length, d = |(I − a aᵀ)(x − c)| − r.

    **Arguments:**

    - `point`: c, a point of the axis, (3,).
    - `axis`: a, its direction, (3,), of any length.
    - `radius`: r, a length.
    """

    point: PyTree
    axis: PyTree
    radius: PyTree = positive()

    def __init__(self, point: Value, axis: Value, radius: Value):
        self.point, self.radius = finite("point", parameter(point)), parameter(radius)
        self.axis = _direction("axis", axis)

    def distance(self, x):
        """Measure from the axis."""
        away, along = x - self.point, direction(self.axis)[0]
        return _length(away - jnp.vdot(away, along) * along) - self.radius


class Box(AbstractShape):
    """A box (in 2-D a rectangle) along the axes, its edges rounded if `rounding` > 0.

    d = |max(q, 0)| + min(max q, 0) − ρ,   q = |x − c| − (h − ρ)

    **Arguments:**

    - `centre`: c, (dim,).
    - `half`: h, half its lengths, (dim,).
    - `rounding`: ρ, radius of its edges: without it a surface that slides round an edge meets a kink.
    """

    centre: PyTree
    half: PyTree = positive(several=True)
    rounding: PyTree = positive(or_zero=True)

    def __init__(self, centre: Value, half: Value, rounding: Value = 0.0):
        self.centre, self.half = finite("centre", parameter(centre)), parameter(half)
        self.rounding = parameter(rounding)

    def distance(self, x):
        """Measure from faces, edges and corners."""
        q = jnp.abs(x - self.centre) - (self.half - self.rounding)
        return _length(jnp.maximum(q, 0.0)) + jnp.minimum(jnp.max(q), 0.0) - self.rounding


class Inverted(AbstractShape):
    """All that lies outside of another body: a box to lie in, a pipe to go through.

    **Arguments:**

    - `shape`: the body.
    """

    shape: AbstractShape

    def distance(self, x):
        """The other sign."""
        return -self.shape.distance(x)


class Distance(AbstractShape):
    """A body by a function of one's own.

    **Arguments:**

    - `function`: (x, parameters) → d, differentiable twice; of unit slope near the surface, which an `Obstacle` looks at.
    - `parameters`: array leaves are differentiable.
    """

    function: Callable = eqx.field(static=True)
    parameters: PyTree

    def __init__(self, function: Callable, parameters: PyTree = None):
        if not callable(function):
            raise ValueError(f"`function` must be a function (x, parameters) → distance, got {function!r}.")
        self.function, self.parameters = function, jax.tree.map(parameter, parameters)

    def distance(self, x):
        """Ask the function."""
        return self.function(x, self.parameters)


class SampledDistance(AbstractShape):
    """A body by its distances at the points of a grid, cubic between them (Catmull–Rom); beyond, by the way to the grid.

    **Arguments:**

    - `origin`: the first point of the grid, (dim,).
    - `spacing`: distance of its points, a number or (dim,).
    - `values`: d there, (n, …), at least four points along each axis.
    """

    origin: PyTree
    spacing: PyTree = positive(several=True)
    values: Array

    def __init__(self, origin: Value, spacing: Value, values: Value):
        self.origin, self.spacing = finite("origin", parameter(origin)), parameter(spacing)
        self.values = finite("values", parameter(values))
        if min(self.values.shape, default=0) < 4:
            raise ValueError(
                f"`values` must be distances at 4 points or more along each axis, got shape {self.values.shape}."
            )

    def distance(self, x):
        """Interpolate along one axis after the other."""
        values = self.values
        place = (x - self.origin) / self.spacing
        inside = jnp.clip(place, 0.0, jnp.asarray(values.shape, place.dtype) - 1)
        for axis in range(values.ndim - 1, -1, -1):
            values = _cubic(values, inside[axis])
        return values + _length((place - inside) * self.spacing)


def _cubic(values, place):
    """Along the last axis."""
    n = values.shape[-1]
    first = jnp.clip(jnp.floor(jax.lax.stop_gradient(place)).astype(int), 0, n - 2)
    t = place - first.astype(place.dtype)
    p = [jnp.take(values, jnp.clip(first + k, 0, n - 1), axis=-1) for k in (-1, 0, 1, 2)]
    # Beyond the ends as the last two points have it.
    p[0] = jnp.where(first == 0, 2 * p[1] - p[2], p[0])
    p[3] = jnp.where(first == n - 2, 2 * p[2] - p[1], p[3])
    a, b = 2 * p[0] - 5 * p[1] + 4 * p[2] - p[3], 3 * (p[1] - p[2]) + p[3] - p[0]
    return p[1] + t * ((p[2] - p[0]) + t * (a + t * b)) / 2


def _length(x):
    """|x|, with the derivative 0 where it is 0."""
    square = jnp.vdot(x, x)
    return jnp.where(square > 0, jnp.sqrt(jnp.where(square > 0, square, 1.0)), 0.0)


def _direction(name, value):
    value = finite(name, parameter(value))
    if not isinstance(value, jax.core.Tracer) and not np.any(np.asarray(value)):
        raise ValueError(f"`{name}` must be a direction, got {np.asarray(value).tolist()}.")
    return value
