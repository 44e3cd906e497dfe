"""From the numbers that an optimiser moves to the density of every cell."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from .._check import between, parameter, positive
from .._typing import Array, Bool, Float, Int, PyTree
from ..fem import Mesh
from ._filters import AbstractFilter, NoFilter, centres_of


class Heaviside(eqx.Module):
    """A smooth step that drives densities to 0 or 1.

    ρ = (tanh βη + tanh β(ρ̃ − η)) / (tanh βη + tanh β(1 − η))

    **Arguments:**

    - `sharpness`: β > 0; led from 1 to 16 or 64 by `Stage`s.
    - `threshold`: η in (0, 1).

    Reference: F. Wang, B. S. Lazarov, O. Sigmund, Structural and Multidisciplinary Optimization 43 (2011) 767–784.
    """

    sharpness: PyTree
    threshold: PyTree

    def __init__(self, sharpness=1.0, threshold=0.5):
        self.sharpness = positive("sharpness", parameter(sharpness))
        self.threshold = between("threshold", parameter(threshold), 0, 1)

    def __call__(self, density, shift=0.0):
        """Return ρ, with the threshold η + shift."""
        b, eta = self.sharpness, self.threshold + shift
        low = jnp.tanh(b * eta)
        return (low + jnp.tanh(b * (density - eta))) / (low + jnp.tanh(b * (1 - eta)))


class Plane(eqx.Module):
    """A plane (in 2-D a line) of symmetry, through `point` with this `normal`."""

    point: tuple[float, ...] = eqx.field(static=True, converter=tuple)
    normal: tuple[float, ...] = eqx.field(static=True, converter=tuple)


class Layout(eqx.Module):
    """The density ρ of every cell as a function of the design variables x, one for each free cell.

    x → one value per cell → filter → projection → ρ, with ρ = 1 and 0 in the passive regions

    **Arguments:**

    - `mesh`: the mesh.
    - `filter`: `ConeFilter`, `HelmholtzFilter`, `SensitivityFilter` or `NoFilter` (default).
    - `projection`: a `Heaviside` step, or None.
    - `solid`, `void`: names of cell groups that stay full or empty.
    - `symmetry`: `Plane`s; cells that they map onto one another share a variable.

    **Raises:** `ValueError` for unknown or overlapping groups, a mesh without the symmetry, or no free cell.
    """

    mesh: Mesh
    filter: AbstractFilter
    projection: Heaviside | None
    solid: Bool[Array, " cell"]
    void: Bool[Array, " cell"]
    variable: Int[Array, " cell"]
    """Number of each cell's design variable; that of passive cells is out of range."""
    volumes: Float[Array, " cell"]
    size: int = eqx.field(static=True)
    """Number of design variables."""

    def __init__(self, mesh, filter=None, projection=None, *, solid=(), void=(), symmetry=()):
        self.mesh, self.filter, self.projection = mesh, NoFilter() if filter is None else filter, projection
        if isinstance(projection, Heaviside) and not isinstance(filter, AbstractFilter):
            raise ValueError("A `projection` needs a `filter`: without one, densities would not be smooth enough.")
        solid, void = _cells(mesh, solid), _cells(mesh, void)
        if np.any(solid & void):
            raise ValueError(f"{np.sum(solid & void)} cells are in a `solid` group and in a `void` group.")
        free = ~(solid | void)
        if not free.any():
            raise ValueError("No cell is free to be designed: all are in `solid` or `void` groups.")
        centres, volumes = centres_of(mesh)
        orbit = _orbits(centres, symmetry)
        if np.any(np.bincount(orbit, free) * np.bincount(orbit, ~free)):
            raise ValueError("The passive regions do not have the `symmetry`.")
        numbers, variable = np.unique(orbit[free], return_inverse=True)
        self.size = len(numbers)
        every = np.full(len(orbit), self.size, np.int32)
        every[free] = variable
        self.solid, self.void, self.variable = jnp.asarray(solid), jnp.asarray(void), jnp.asarray(every)
        self.volumes = jnp.asarray(volumes, mesh.points.dtype)

    def __call__(self, x: Float[Array, " n"], shift=0.0) -> Float[Array, " cell"]:
        """Return ρ; `shift` moves the threshold of the projection, upwards to erode the design."""
        density = self.filter(self._passive(self.spread(x)))
        if self.projection is not None:
            density = self.projection(density, shift)
        return self._passive(density)

    def spread(self, x: Array) -> Array:
        """Return each cell's own value: its variable, or 0."""
        return x.at[self.variable].get(mode="fill", fill_value=0.0)

    def gradient(self, x: Array, gradient: Array) -> Array:
        """Return the gradient that an optimiser is to be given; see `AbstractFilter.gradient`."""
        zero = jnp.zeros(self.size + 1, gradient.dtype)
        sharing = zero.at[self.variable].add(1.0)
        each = jnp.append(gradient, 0.0)[self.variable] / sharing[self.variable]
        smooth = self.filter.gradient(self._passive(self.spread(x)), each)
        return zero.at[self.variable].add(smooth)[: self.size]

    def _passive(self, density):
        return jnp.where(self.solid, 1.0, jnp.where(self.void, 0.0, density)).astype(density.dtype)

    @property
    def passive_range(self) -> tuple[float, float]:
        """Least and greatest part of the volume that a design can fill."""
        volumes = np.asarray(self.volumes)
        part = lambda cells: float(volumes[np.asarray(cells)].sum() / volumes.sum())
        return part(self.solid), 1 - part(self.void)


def _cells(mesh, groups):
    chosen = np.zeros(mesh.n_cells, bool)
    for name in (groups,) if isinstance(groups, str) else groups:
        chosen[np.asarray(mesh.cells_in(name))] = True
    return chosen


def _orbits(centres, planes):
    """Number the sets of cells that the symmetries map onto one another."""
    size = np.ptp(centres, axis=0).max()
    tree, rows, columns = cKDTree(centres), [], []
    for plane in planes:
        point, normal = np.asarray(plane.point, float), np.asarray(plane.normal, float)
        if point.shape != centres.shape[1:] or normal.shape != point.shape or not normal.any():
            raise ValueError(f"A plane of symmetry needs {centres.shape[1]} entries a vector, got {plane}.")
        normal = normal / np.linalg.norm(normal)
        mirrored = centres - 2 * ((centres - point) @ normal)[:, None] * normal
        distance, partner = tree.query(mirrored)
        if distance.max() > 1e-6 * size:
            raise ValueError(
                f"The mesh is not symmetric about {plane}: a cell's mirror image is {distance.max():.3g} off."
            )
        rows.append(np.arange(len(centres)))
        columns.append(partner)
    if not rows:
        return np.arange(len(centres))
    rows, columns = np.concatenate(rows), np.concatenate(columns)
    graph = coo_array((np.ones(len(rows)), (rows, columns)), shape=(len(centres),) * 2)
    return connected_components(graph, directed=False)[1]
