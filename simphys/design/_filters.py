"""Filters: no detail of a design is smaller than a radius."""

import abc
import warnings

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from scipy.spatial import cKDTree

from .._check import positive
from .._typing import Array, Float, Int
from ..fem import FunctionSpace, Mesh, cells_of


LEAST_DENSITY = 1e-3


class AbstractFilter(eqx.Module):
    """A linear map of the cells' values that keeps constants."""

    @abc.abstractmethod
    def __call__(self, values: Float[Array, " cell"]) -> Float[Array, " cell"]:
        """Return the filtered densities."""

    @abc.abstractmethod
    def gradient(self, values: Float[Array, " cell"], gradient: Float[Array, " cell"]) -> Float[Array, " cell"]:
        """Return the gradient that an optimiser is to be given; the gradient itself unless the filter is a heuristic."""


class NoFilter(AbstractFilter):
    """Every cell for itself; designs then depend on the mesh."""

    def __call__(self, values):
        return values

    def gradient(self, values, gradient):
        """The gradient itself."""
        return gradient


class _Neighbours(eqx.Module):
    """Weights max(0, R − |x_i − x_j|) of the cells j around i, times their volume, padded to one width."""

    cells: Int[Array, "width cell"]
    weights: Float[Array, "width cell"]

    def __init__(self, mesh: Mesh, radius):
        radius = float(positive("radius", radius))
        centres, volumes = centres_of(mesh)
        pairs = cKDTree(centres).query_pairs(radius, output_type="ndarray")
        if not len(pairs) and len(centres) > 1:
            near = cKDTree(centres).query(centres, 2)[0][:, 1].min()
            warnings.warn(
                f"`radius` {radius:g} reaches no cell's neighbour (the nearest is {near:.3g} away): nothing is filtered. "
                "Take 1.5 cells or more.",
                stacklevel=4,
            )
        own = np.arange(len(centres))
        rows = np.concatenate([own, pairs[:, 0], pairs[:, 1]])
        columns = np.concatenate([own, pairs[:, 1], pairs[:, 0]])
        order = np.lexsort((columns, rows))
        rows, columns = rows[order], columns[order]
        first = np.searchsorted(rows, own)
        place = np.arange(len(rows)) - first[rows]
        cells, weights = (np.zeros((place.max() + 1, len(own)), kind) for kind in (np.int32, float))
        cells[place, rows] = columns
        weights[place, rows] = (radius - np.linalg.norm(centres[rows] - centres[columns], axis=1)) * volumes[columns]
        self.cells, self.weights = jnp.asarray(cells), jnp.asarray(weights, mesh.points.dtype)

    def sums(self, values):
        """Σ_j w_ij v_j; row by row of the table, which XLA fuses into one pass."""
        total = jnp.zeros_like(values)
        for k in range(self.cells.shape[0]):
            total = total + self.weights[k] * values[self.cells[k]]
        return total


class ConeFilter(AbstractFilter):
    """The mean over a ball, with weights that fall off linearly.

    ρ̃_i = Σ_j w_ij v_j ρ_j / Σ_j w_ij v_j,   w_ij = max(0, R − |x_i − x_j|)

    **Arguments:**

    - `mesh`: the mesh; v_j are the volumes of its cells, x_j their centres.
    - `radius`: R, a length; 1.5 cells or more.

    Reference: T. E. Bruns, D. A. Tortorelli, Computer Methods in Applied Mechanics and Engineering 190 (2001) 3443–3459.
    """

    neighbours: _Neighbours

    def __init__(self, mesh, radius):
        self.neighbours = _Neighbours(mesh, radius)

    def __call__(self, values):
        return self.neighbours.sums(values) / jnp.sum(self.neighbours.weights, axis=0)

    def gradient(self, values, gradient):
        """The gradient itself."""
        return gradient


class SensitivityFilter(AbstractFilter):
    """The classic heuristic: densities are left alone, the gradient of the objective is smoothed.

    ĝ_i = Σ_j w_ij ρ_j g_j / (max(10⁻³, ρ_i) Σ_j w_ij),   w_ij = max(0, R − |x_i − x_j|)

    What is given to the optimiser is then no gradient of anything; `ConeFilter` has one.

    **Arguments:**

    - `mesh`: the mesh, with cells of equal volume.
    - `radius`: R, a length.

    Reference: E. Andreassen, A. Clausen, M. Schevenels, B. S. Lazarov, O. Sigmund, Structural and Multidisciplinary
    Optimization 43 (2011) 1–16.
    """

    neighbours: _Neighbours

    def __init__(self, mesh, radius):
        _, volumes = centres_of(mesh)
        if np.ptp(volumes) > 1e-6 * volumes.max():
            raise ValueError("A `SensitivityFilter` needs cells of equal volume: take a `ConeFilter`.")
        self.neighbours = _Neighbours(mesh, radius)

    def __call__(self, values):
        return values

    def gradient(self, values, gradient):
        """The smoothed gradient."""
        sums = self.neighbours.sums(values * gradient)
        return sums / (jnp.sum(self.neighbours.weights, axis=0) * jnp.maximum(LEAST_DENSITY, values))


def centres_of(mesh: Mesh) -> tuple[np.ndarray, np.ndarray]:
    """Return the centroids (cell, dim) and volumes (cell,) of the cells."""
    measure, position = (np.asarray(part) for part in _quadrature(FunctionSpace(mesh, mesh.degree)))
    volumes = measure.sum(axis=1)
    return np.einsum("eq,eqd->ed", measure, position) / volumes[:, None], volumes


@eqx.filter_jit
def _quadrature(space):
    geometry = cells_of(space).geometry(space.mesh)
    return geometry.measure, geometry.position
