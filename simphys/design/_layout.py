"""From the numbers that an optimiser moves to the density of every cell."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from .._check import between, indices, parameter, positive
from .._told import Told, brief, counted
from .._typing import Array, Bool, Float, Int, PyTree
from ..fem import Mesh
from ._filters import AbstractFilter, NoFilter, SensitivityFilter, centres_of
from ._neural_density import NeuralDensity


class Heaviside(Told):
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
    """The density ρ of every cell as a function of the design variables, one for each free cell or weights of a network.

    x → one value per cell → filter → projection → ρ, with ρ = 1 and 0 in the passive regions

    **Arguments:**

    - `mesh`: the mesh.
    - `filter`: `ConeFilter`, `HelmholtzFilter`, `SensitivityFilter` or `NoFilter` (default).
    - `projection`: a `Heaviside` step, or None.
    - `solid`, `void`: cells that stay full or empty: names of cell groups, a mask (cell,) or numbers of cells.
    - `symmetry`: a `Plane` or several; cells that they map onto one another share a variable.
    - `network`: a `NeuralDensity` from whose weights x comes; by default x are the variables themselves.

    **Raises:** `ValueError` for unknown or overlapping groups, a mesh without the symmetry, or no free cell; with a network
    for a `SensitivityFilter`, which has no gradient.
    """

    mesh: Mesh
    filter: AbstractFilter
    projection: Heaviside | None
    solid: Bool[Array, " cell"]
    void: Bool[Array, " cell"]
    variable: Int[Array, " cell"]
    """Number of each cell's design variable; that of passive cells is out of range."""
    volumes: Float[Array, " cell"]
    network: NeuralDensity | None
    sample: Int[Array, " value"]
    """A cell of each value x."""
    size: int = eqx.field(static=True)
    """Number of design variables."""

    def __init__(self, mesh, filter=None, projection=None, *, solid=(), void=(), symmetry=(), network=None):
        self.mesh, self.filter, self.projection = mesh, NoFilter() if filter is None else filter, projection
        if isinstance(projection, Heaviside) and not isinstance(filter, AbstractFilter):
            raise ValueError("A `projection` needs a `filter`: without one, densities would not be smooth enough.")
        solid, void = _cells(mesh, "solid", solid), _cells(mesh, "void", void)
        if np.any(solid & void):
            raise ValueError(f"{np.sum(solid & void)} cells are in a `solid` group and in a `void` group.")
        free = ~(solid | void)
        if not free.any():
            raise ValueError("No cell is free to be designed: all are in `solid` or `void` groups.")
        centres, volumes = centres_of(mesh)
        orbit = _orbits(centres, symmetry)
        if np.any(np.bincount(orbit, free) * np.bincount(orbit, ~free)):
            raise ValueError("The passive regions do not have the `symmetry`.")
        numbers, first, variable = np.unique(orbit[free], return_index=True, return_inverse=True)
        every = np.full(len(orbit), len(numbers), np.int32)
        every[free] = variable
        self.network, self.sample = network, jnp.asarray(np.flatnonzero(free)[first])
        self.size = len(numbers) if network is None else network.weights.size
        self.solid, self.void, self.variable = jnp.asarray(solid), jnp.asarray(void), jnp.asarray(every)
        self.volumes = jnp.asarray(volumes, mesh.points.dtype)
        if network is not None:
            self._check_network()

    def __repr__(self):
        parts = [brief(part) for part in (self.filter, self.projection, self.network) if part is not None]
        return f"Layout: {counted(self.size, 'variable')} for {counted(len(self.volumes), 'cell')}; {', '.join(parts)}"

    def __call__(self, x: Float[Array, " n"], shift=0.0) -> Float[Array, " cell"]:
        """Return ρ; `shift` moves the threshold of the projection, upwards to erode the design."""
        return self._finished(self.values(x), shift)

    def values(self, x: Array) -> Array:
        """Return what is spread over the cells: the variables, or what the network makes of them."""
        if self.network is None:
            return x
        filled = lambda values: jnp.vdot(self._finished(values), self.volumes) / jnp.sum(self.volumes)
        return self.network(x, self.sample, filled)

    def spread(self, values: Array) -> Array:
        """Return each cell's own value: its variable, or 0."""
        return values.at[self.variable].get(mode="fill", fill_value=0.0)

    def _finished(self, values, shift=0.0):
        density = self.filter(self._passive(self.spread(values)))
        if self.projection is not None:
            density = self.projection(density, shift)
        return self._passive(density)

    def start(self, fraction: float | None) -> np.ndarray:
        """Return variables that fill a part of the volume evenly (1/2 of the free cells, if none is asked for)."""
        if self.network is not None:
            return np.asarray(self.network.weights, float)
        least, most = self.passive_range
        even = 0.5 if fraction is None else np.clip((fraction - least) / (most - least), 0.0, 1.0)
        return np.full(self.size, float(even))

    def gradient(self, x: Array, gradient: Array) -> Array:
        """Return the gradient that an optimiser is to be given; see `AbstractFilter.gradient`."""
        if self.network is not None:
            return gradient
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

    def _check_network(self):
        cells, (least, most) = self.network.features.shape[0], self.passive_range
        if cells != self.mesh.n_cells:
            raise ValueError(f"The `network` is of a mesh with {cells} cells, the layout's has {self.mesh.n_cells}.")
        if isinstance(self.filter, SensitivityFilter):
            raise ValueError("A `network` needs a filter with a gradient: `ConeFilter`, `HelmholtzFilter` or none.")
        if not least < float(self.network.volume) < most:
            raise ValueError(
                f"The network's volume of {float(self.network.volume):g} cannot be had: the passive regions leave "
                f"{least:.4g} to {most:.4g}."
            )


def _cells(mesh, name, given):
    chosen = np.zeros(mesh.n_cells, bool)
    given = (given,) if isinstance(given, str) else given
    if any(isinstance(part, str) for part in given):
        for group in given:
            chosen[np.asarray(mesh.cells_in(group))] = True
    else:
        chosen[indices(name, given, mesh.n_cells)] = True
    return chosen


def _orbits(centres, planes):
    """Number the sets of cells that the symmetries map onto one another."""
    size = np.ptp(centres, axis=0).max()
    tree, rows, columns = cKDTree(centres), [], []
    for plane in (planes,) if isinstance(planes, Plane) else planes:
        if not isinstance(plane, Plane):
            raise ValueError(f"`symmetry` must hold `Plane`s, got {plane!r}.")
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
