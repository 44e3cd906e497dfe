"""Scalars in the cells of a grid."""

import equinox as eqx
import jax.numpy as jnp

from .._typing import Scalar
from ._fields import CellField, FaceField, VertexField
from ._grid import Grid
from ._lines import Line, cells_along, coupled, diffused, end, half_sums, inner, interpolated, pairs, put, slope
from ._sides import Sides, scalar_sides


class CellSpace(eqx.Module):
    r"""Scalars that stand in the cells of a grid, and what holds for them at its sides.

    **Arguments:**

    - `grid`: a `Grid`.
    - `conditions`: one condition for all sides, or a dictionary by side: `Periodic`, `Dirichlet`, `Neumann`, `Robin`,
      `Symmetry`, `Outflow`. Values over a side are numbers or arrays of its cells.

    **Raises:** `ValueError` for sides that are missing or unknown, and values of another shape.
    """

    grid: Grid
    sides: Sides

    def __init__(self, grid, conditions):
        self.grid, self.sides = grid, scalar_sides(grid, conditions)

    def field(self, values) -> CellField:
        """Return a field of numbers, arrays of the grid's shape, or a function of the coordinates of centres."""
        values = values(*self.grid.points()) if callable(values) else values
        values = jnp.asarray(values, self.grid.dtype)
        if values.ndim and values.shape != self.grid.shape:
            raise ValueError(f"A `CellField` on this grid has shape {self.grid.shape}, got {values.shape}.")
        return CellField(jnp.broadcast_to(values, self.grid.shape))

    def line(self, axis: int) -> Line:
        """Return the cell centres along an axis."""
        return cells_along(self.grid.spacings[axis], self.sides.periodic(axis))

    def inner(self, a: CellField, b: CellField) -> Scalar:
        """Return ∫ a b dV."""
        return jnp.sum(self.grid.volumes * a.values * b.values)

    def laplacian(self, c: CellField) -> CellField:
        """Return ∇²c with the conditions at the sides (κ = 1 in them)."""
        return CellField(self.diffusion(c.values)[0] / self.grid.volumes)

    def diffusion(self, c, kappa=None, active=None):
        """Return ∮ κ ∂c/∂n dA of each cell, and all fluxes through faces.

        **Arguments:**

        - `c`: array of the grid's shape.
        - `kappa`: likewise, > 0; at faces the harmonic mean, which keeps the flux through layers exact. None for 1.
        - `active`: which cells take part; None for all. Nothing passes the faces of others.
        """
        total, fluxes = jnp.zeros_like(c), []
        for axis in range(c.ndim):
            line = self.line(axis)
            between = None if kappa is None else _harmonic(kappa, line, axis)
            if active is not None:
                between = _open(active, line, axis, between)
            into, parts = diffused(c, line, self.sides.pairs[axis], axis, between)
            if active is not None:
                ends = [jnp.where(end(active, axis, side), part, 0) for side, part in enumerate(parts[1:])]
                into, parts = jnp.where(active, into, 0), [parts[0], *ends]
            area = self.grid.area(axis)
            total, fluxes = total + area * into, fluxes + [area * part for part in parts]
        return total, fluxes

    def couplings(self, kappa, active=None):
        """Return for each axis what couples each cell with the next one (the last with none, or the first), per unit of c,
        and what couples all cells with the sides."""
        links, own = [], jnp.zeros_like(kappa)
        for axis in range(kappa.ndim):
            line, area = self.line(axis), self.grid.area(axis)
            between = _harmonic(kappa, line, axis)
            between = between if active is None else _open(active, line, axis, between)
            link = area * between[0] / self.grid.along(line.gaps, axis)
            links.append(link if line.periodic else jnp.pad(link, [(0, int(a == axis)) for a in range(kappa.ndim)]))
            for side, condition in enumerate(self.sides.pairs[axis]):
                if not line.periodic:
                    taken = condition.exchange(between[1 + side], self.grid.along(line.ends[side][None], axis))[0]
                    shape = end(own, axis, side).shape
                    own = put(own, jnp.broadcast_to(jnp.asarray(area * taken, own.dtype), shape), axis, side)
        return tuple(links), own if active is None else jnp.where(active, own, 0)

    def gradient(self, c: CellField) -> FaceField:
        """Return the slope across each face; at the sides what the conditions say (κ = 1 in them)."""
        return self._each(slope, c)

    def advection(self, carrier: FaceField, c: CellField) -> CellField:
        r"""Return the advection of c, skew-symmetric whatever the carrier u, without what passes the sides.

        N(u) c = ½ (∇·(u c) + u·∇c)

        **Returns:** so ∫ a N(u) c dV = −∫ c N(u) a dV to rounding; with a carrier free of divergence that nothing passes
        the sides of, it is ∇·(u c).
        """
        total = jnp.zeros_like(c.values)
        for axis, u in enumerate(carrier.components):
            flux, periodic = self.grid.area(axis) * u, self.sides.periodic(axis)
            flux = jnp.roll(flux, -1, axis) if periodic else inner(flux, axis)
            total = total + coupled(flux / 2, c.values, axis, periodic)
        return CellField(total / self.grid.volumes)

    def passing(self, carrier: FaceField, c: CellField) -> CellField:
        """Return what advection adds where the carrier passes a side: prescribed values enter, others leave."""
        total = jnp.zeros_like(c.values)
        for axis, u in enumerate(carrier.components):
            for side, condition in enumerate(self.sides.pairs[axis]):
                if self.sides.periodic(axis):
                    continue
                outwards = (2 * side - 1) * end(self.grid.area(axis) * u, axis, side)
                own = end(c.values, axis, side)
                crossing = condition.value if condition.prescribes else own
                total = put(total, outwards * (crossing - own / 2), axis, side)
        return CellField(total / self.grid.volumes)

    def at_faces(self, c: CellField) -> FaceField:
        """Return linear interpolants at the faces; at the sides what the conditions make of the nearest cell."""
        return self._each(interpolated, c)

    def _each(self, function, c):
        axes = range(self.grid.dimension)
        return FaceField(tuple(function(c.values, self.line(a), self.sides.pairs[a], a) for a in axes))

    def at_vertices(self, c: CellField) -> VertexField:
        """Return multilinear interpolants at the corners of cells (at the sides those of the nearest cells)."""
        values = c.values
        for axis in range(self.grid.dimension):
            h, periodic = self.grid.along(self.grid.spacings[axis], axis), self.sides.periodic(axis)
            # Each of two neighbours counts by the width of the other one.
            values = half_sums(values / h, axis, periodic) / half_sums(1 / h, axis, periodic)
        return VertexField(values)


def _open(active, line: Line, axis: int, between):
    """κ at faces, 0 where a cell on one side takes no part."""
    lower, upper = pairs(active, axis, line.periodic)
    first, *ends = between
    return (jnp.where(lower & upper, first, 0), *ends)


def _harmonic(kappa, line: Line, axis: int):
    """κ between neighbours, and at both ends."""
    along = lambda x: x.reshape(tuple(-1 if a == axis else 1 for a in range(kappa.ndim)))
    lower, upper = pairs(kappa, axis, line.periodic)
    below, above = (along(w) for w in pairs(line.widths, 0, line.periodic))
    between = (below + above) / (below / lower + above / upper)
    return between, end(kappa, axis, 0), end(kappa, axis, 1)
