"""Cartesian grids."""

import math

import jax
import jax.numpy as jnp
import numpy as np

from .._check import positive
from .._told import Told
from .._typing import Array, Float


SIDES = {
    1: (("left", "right"),),
    2: (("left", "right"), ("bottom", "top")),
    3: (("left", "right"), ("front", "back"), ("bottom", "top")),
}


class Grid(Told):
    """A box cut into cells by planes, in 1, 2 or 3 dimensions, with steps of any size along each axis.

    Steps are floating leaves: what is computed can be differentiated with respect to them. Sides are called `left`,
    `right` (x), `bottom`, `top` (y in 2-D, z in 3-D) and `front`, `back` (y in 3-D).

    **Arguments:**

    - `spacings`: for each axis the sizes of its cells, (n,), positive, a length.
    - `origin`: the box's lowest corner, (dim,); 0 by default.

    **Raises:** `ValueError` for other than 1 to 3 axes, and for steps that are not positive.
    """

    spacings: tuple[Float[Array, " n"], ...]
    origin: Float[Array, " dim"]

    def __init__(self, spacings, origin=None):
        if not isinstance(spacings, tuple | list) or len(spacings) not in SIDES:
            raise ValueError(f"`spacings` must be 1, 2 or 3 arrays, one for each axis, got {_told(spacings)}.")
        real = lambda h: h if isinstance(h, jax.Array) and jnp.issubdtype(h.dtype, jnp.floating) else _real(h)
        self.spacings = tuple(real(h) for h in spacings)
        for axis, h in enumerate(self.spacings):
            if h.ndim != 1 or h.shape[0] < 2:
                raise ValueError(f"Each axis needs an array of 2 or more steps, got shape {h.shape} on axis {axis}.")
        positive("spacings", self.spacings)
        if len({h.dtype for h in self.spacings}) > 1:
            raise ValueError(f"All `spacings` must be of one type, got {[str(h.dtype) for h in self.spacings]}.")
        start = jnp.zeros(len(self.spacings), self.dtype) if origin is None else jnp.asarray(origin, self.dtype)
        self.origin = jnp.broadcast_to(start, (len(self.spacings),)) if start.ndim == 0 else start
        if self.origin.shape != (self.dimension,):
            raise ValueError(f"`origin` must have shape ({self.dimension},), got {self.origin.shape}.")

    @staticmethod
    def uniform(shape, lower=0.0, upper=1.0, dtype=float) -> "Grid":
        """Return the grid of equal steps from `lower` to `upper` (numbers, or one for each axis), `shape` cells."""
        shape = (shape,) if isinstance(shape, int) else tuple(shape)
        if not all(isinstance(n, int) for n in shape):
            raise ValueError(f"`shape` must hold whole numbers of cells, got {shape}.")
        each = lambda x: jnp.broadcast_to(jnp.asarray(x, dtype), (len(shape),))
        low, high = each(lower), each(upper)
        return Grid(tuple(jnp.full(n, 1, dtype) * (high[a] - low[a]) / n for a, n in enumerate(shape)), low)

    @staticmethod
    def from_faces(*positions) -> "Grid":
        """Return the grid whose cells have these increasing face positions, (n + 1,) along each axis."""
        real = [jnp.asarray(x) for x in positions]
        real = [x if jnp.issubdtype(x.dtype, jnp.floating) else x.astype(float) for x in real]
        return Grid(tuple(jnp.diff(x) for x in real), jnp.stack([x[0] for x in real]))

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of cells along each axis."""
        return tuple(h.shape[0] for h in self.spacings)

    @property
    def dimension(self) -> int:
        """Number of axes."""
        return len(self.spacings)

    @property
    def dtype(self):
        """Type of its numbers."""
        return self.spacings[0].dtype

    @property
    def sides(self) -> tuple[tuple[str, str], ...]:
        """Names of the lower and upper side of each axis."""
        return SIDES[self.dimension]

    def faces(self, axis: int) -> Float[Array, " n+1"]:
        """Return the positions of faces along an axis."""
        h = self.spacings[axis]
        return self.origin[axis] + jnp.concatenate([jnp.zeros(1, h.dtype), jnp.cumsum(h)])

    def centres(self, axis: int) -> Float[Array, " n"]:
        """Return the positions of cell centres along an axis."""
        ends = self.faces(axis)
        return (ends[1:] + ends[:-1]) / 2

    def points(self, *places: str) -> tuple[Array, ...]:
        """Return the coordinates of all points, each an array of the points' shape.

        **Arguments:**

        - `places`: for each axis `"cells"` or `"faces"`; cell centres by default.
        """
        places = places or ("cells",) * self.dimension
        lines = [self.faces(a) if place == "faces" else self.centres(a) for a, place in enumerate(places)]
        return tuple(jnp.meshgrid(*lines, indexing="ij"))

    def along(self, values, axis: int):
        """Return numbers along one axis as an array of the grid's rank."""
        return values.reshape(tuple(-1 if a == axis else 1 for a in range(self.dimension)))

    def area(self, axis: int):
        """Return the areas of faces normal to an axis, for one layer of cells."""
        others = [self.along(h, a) for a, h in enumerate(self.spacings) if a != axis]
        return math.prod(others, start=jnp.ones((1,) * self.dimension, self.dtype))

    @property
    def volumes(self) -> Array:
        """Volumes of cells, of the grid's shape."""
        return self.area(0) * self.along(self.spacings[0], 0)


def stretched(cells: int, low: float = 0.0, high: float = 1.0, strength: float = 2.0) -> np.ndarray:
    r"""Return face positions that are dense at both ends, for `Grid.from_faces`.

    x = low + (high − low) (1 + tanh(a s) / tanh(a)) / 2,   s = −1 … 1

    **Arguments:**

    - `cells`: n.
    - `strength`: a > 0; 2 makes the first cell a fourth of an equal one, at 1 they differ little.
    """
    if cells < 2 or strength <= 0:
        raise ValueError(f"`cells` must be 2 or more and `strength` positive, got {cells} and {strength}.")
    s = np.linspace(-1.0, 1.0, cells + 1)
    return low + (high - low) * (1 + np.tanh(strength * s) / np.tanh(strength)) / 2


def _real(values):
    return jnp.asarray(values, dtype=float)


def _told(value):
    return f"{len(value)}" if isinstance(value, tuple | list) else repr(value)
