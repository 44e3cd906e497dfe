"""Values of grid fields between their points."""

from collections.abc import Callable

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from .. import grids
from .._typing import Array
from ._error import SceneError


class Sampler(eqx.Module):
    """Positions within a grid that fields are read at: linearly between points, near sides by the line through the last
    two; or by cubics through four.

    **Arguments:**

    - `grid`: a `Grid` whose steps are known.
    - `positions`: (point, dim), within the grid.
    - `order`: of the polynomials along each axis, 1 or 3.
    """

    places: "_Places" = eqx.field(static=True)

    def __init__(self, grid: grids.Grid, positions, order: int = 1):
        positions = np.asarray(positions, float)
        if positions.ndim != 2 or positions.shape[1] != grid.dimension:
            raise SceneError(f"a position on this grid has {grid.dimension} entries, got {positions.shape[-1]}.")
        for axis in range(grid.dimension):
            ends = np.asarray(grid.faces(axis))[[0, -1]]
            slack = 1e-9 * (ends[1] - ends[0])
            out = (positions[:, axis] < ends[0] - slack) | (positions[:, axis] > ends[1] + slack)
            if out.any():
                raise SceneError(f"{positions[out][0].tolist()} lies outside of the grid.")
        axes = range(grid.dimension)
        line = lambda x, axis: _between(np.asarray(x), positions[:, axis], order)
        self.places = _Places(
            [line(grid.centres(axis), axis) for axis in axes],
            [line(grid.faces(axis), axis) for axis in axes],
            positions,
        )

    def __call__(self, field) -> Array:
        """Return (point,), of a `FaceField` (point, component)."""
        if isinstance(field, grids.FaceField):
            return jnp.stack([self._read(x, c) for c, x in enumerate(field.components)], axis=-1)
        return self._read(field.values, None)

    def _read(self, values, component):
        found, rows = values, np.arange(len(self.places.positions))
        for axis in range(values.ndim):
            number, w = (self.places.faces if axis == component else self.places.cells)[axis]
            # On a periodic axis the first face is the last as well.
            ends = [(number + k) % values.shape[axis] for k in range(len(w))]
            # The first axis makes a row for each point, of which all others take their own entry.
            each = [found[i] if axis == 0 else found[rows, i] for i in ends]
            found = sum(a.reshape(-1, *(1,) * (part.ndim - 1)) * part for a, part in zip(w, each, strict=True))
        return found


class _Places:
    """Positions with the points before them and the parts of the way to the next; compared by what they are."""

    def __init__(self, cells, faces, positions):
        self.cells, self.faces, self.positions = cells, faces, positions

    def _key(self):
        return (self.positions.tobytes(), *(w.tobytes() for _, w in (*self.cells, *self.faces)))

    def __eq__(self, other):
        return isinstance(other, _Places) and self._key() == other._key()

    def __hash__(self):
        return hash(self._key())


def _between(x, at, order):
    """The first of the points that a polynomial goes through, and the weight of each of them."""
    number = np.clip(np.searchsorted(x, at) - (order + 1) // 2, 0, len(x) - 1 - order)
    places, weights = [x[number + k] for k in range(order + 1)], []
    for k, own in enumerate(places):
        others = [(at - other) / (own - other) for j, other in enumerate(places) if j != k]
        weights.append(np.prod(others, axis=0))
    return number, np.stack(weights)


def components_of(field) -> list[Array]:
    """Return the values of a field in cells, of a `FaceField` the means of each two opposite faces."""
    if not isinstance(field, grids.FaceField):
        return [field.values]
    shape = [min(x.shape[a] for x in field.components) for a in range(len(field.components))]
    found = []
    for axis, x in enumerate(field.components):
        wraps = x.shape[axis] == shape[axis]
        n = x.shape[axis]
        upper = jnp.roll(x, -1, axis) if wraps else jnp.take(x, jnp.arange(1, n), axis)
        lower = x if wraps else jnp.take(x, jnp.arange(n - 1), axis)
        found.append((lower + upper) / 2)
    return found


class ReadAt(eqx.Module):
    """(problem, value) → values of a quantity at positions, of a vector a component or some of them."""

    values: Callable
    sampler: Sampler
    components: int | tuple[int, ...] | None = eqx.field(static=True)

    def __call__(self, problem, value) -> Array:
        """Return (point,) or (point, component)."""
        read = self.sampler(self.values(problem, value))
        if self.components is None:
            return read
        return read[..., self.components if isinstance(self.components, int) else jnp.asarray(self.components)]
