"""Velocities on the faces of a grid."""

import math

import equinox as eqx
import jax.numpy as jnp

from .._typing import Array, Scalar
from ._fields import CellField, EdgeField, FaceField, VertexField
from ._grid import Grid
from ._lines import (
    Line,
    cells_along,
    coupled,
    diffused,
    end,
    faces_along,
    half_sums,
    inner,
    means,
    pairs,
    put,
    slope,
)
from ._sides import Sides, vector_sides


class FaceSpace(eqx.Module):
    r"""Velocities whose components stand on the faces of a grid that they are normal to, and what holds at its sides.

    D is the divergence in cells, G the slope of a pressure across faces, N(u) the advection by u:

    ∫ p D v dV = −∫ v·G p dV,     ∫ w·N(u) v dV = −∫ v·N(u) w dV

    to rounding, for any steps and conditions, and for v and w that are 0 where the conditions prescribe them.

    **Arguments:**

    - `grid`: a `Grid`.
    - `conditions`: one condition for all sides, or a dictionary by side: `Periodic`, `Wall`, `Slip`, `Symmetry`,
      `Inflow`, `Outflow`, or a tuple of `Dirichlet`, `Neumann`, `Robin`, one for each component. Values over a side are
      numbers, or arrays over the points of their component next to it.

    **Raises:** `ValueError` for sides that are missing or unknown, and values of another shape.
    """

    grid: Grid
    sides: tuple[Sides, ...]

    def __init__(self, grid, conditions):
        self.grid, self.sides = grid, vector_sides(grid, conditions)

    def periodic(self, axis: int) -> bool:
        """Whether an axis has no sides."""
        return self.sides[0].periodic(axis)

    def shape(self, component: int) -> tuple[int, ...]:
        """Shape of a component's array."""
        more = lambda a: a == component and not self.periodic(a)
        return tuple(n + more(a) for a, n in enumerate(self.grid.shape))

    def field(self, values) -> FaceField:
        """Return a field; what the conditions prescribe is put in.

        **Arguments:**

        - `values`: a `FaceField`, or for each component a number, an array of its shape or a function of coordinates.
        """
        values = values.components if isinstance(values, FaceField) else tuple(values)
        if len(values) != self.grid.dimension:
            raise ValueError(f"A velocity on this grid has {self.grid.dimension} components, got {len(values)}.")
        return FaceField(tuple(self._component(c, value) for c, value in enumerate(values)))

    def _component(self, c, value):
        shape = self.shape(c)
        value = value(*self.points(c)) if callable(value) else value
        value = jnp.asarray(value, self.grid.dtype)
        if value.ndim and value.shape != shape:
            raise ValueError(f"Component {c} of a velocity on this grid has shape {shape}, got {value.shape}.")
        return self.filled(c, self.free(c, jnp.broadcast_to(value, shape)))

    def points(self, component: int) -> tuple[Array, ...]:
        """Return the coordinates of a component's points."""
        axes = range(self.grid.dimension)
        points = self.grid.points(*("faces" if a == component else "cells" for a in axes))
        cut = tuple(slice(0, n) for n in self.shape(component))
        return tuple(x[cut] for x in points)

    def free(self, c: int, v):
        """Return what of a component's array no condition prescribes."""
        cut = [slice(None)] * v.ndim
        low, high = (side.prescribes for side in self.sides[c].pairs[c])
        cut[c] = slice(1 if low else 0, v.shape[c] - 1 if high else None)
        return v[tuple(cut)]

    def filled(self, c: int, free, homogeneous: bool = False):
        """Return a component's array: what is free, and what is prescribed (or 0)."""
        shape = tuple(1 if a == c else n for a, n in enumerate(self.shape(c)))
        parts = [free]
        for side, condition in enumerate(self.sides[c].pairs[c]):
            if condition.prescribes:
                value = jnp.zeros((), free.dtype) if homogeneous else jnp.asarray(condition.value, free.dtype)
                layer = jnp.broadcast_to(value, shape)
                parts = [layer, *parts] if side == 0 else [*parts, layer]
        return jnp.concatenate(parts, c) if len(parts) > 1 else free

    def line(self, component: int, axis: int) -> Line:
        """Return a component's points along an axis."""
        make = faces_along if component == axis else cells_along
        return make(self.grid.spacings[axis], self.periodic(axis))

    def volumes(self, c: int) -> Array:
        """Return the control volumes around a component's points; those on a side are half cells."""
        return jnp.broadcast_to(self.grid.area(c) * self.grid.along(self.line(c, c).widths, c), self.shape(c))

    def inner(self, v: FaceField, w: FaceField) -> Scalar:
        """Return ∫ v·w dV."""
        both = zip(v.components, w.components, strict=True)
        return sum(jnp.sum(self.volumes(c) * a * b) for c, (a, b) in enumerate(both))

    def fluxes(self, v) -> tuple[Array, ...]:
        """Return what passes each face, of the arrays of all components."""
        return tuple(self.grid.area(c) * x for c, x in enumerate(v))

    def divergence(self, v: FaceField) -> CellField:
        """Return D v, what leaves each cell per volume."""
        return CellField(self.outflow(self.fluxes(v.components)) / self.grid.volumes)

    def outflow(self, fluxes):
        """Return what leaves each cell, of what passes the faces."""
        total = jnp.zeros(self.grid.shape, self.grid.dtype)
        for axis, flux in enumerate(fluxes):
            lower, upper = pairs(flux, axis, self.periodic(axis))
            total = total + (upper - lower)
        return total

    def gradient(self, p: CellField) -> FaceField:
        """Return G p: the slope between cells; 0 where the velocity is prescribed, and where not to 0 on the side."""
        return FaceField(tuple(-self.push(c, p.values) / self.volumes(c) for c in range(self.grid.dimension)))

    def push(self, c: int, p):
        """Return the force of a pressure on the control volumes of a component, 0 where it is prescribed."""
        periodic, n = self.periodic(c), p.ndim
        if periodic:
            force = jnp.roll(p, 1, c) - p
        else:
            force = jnp.pad(inner_difference(p, c), [(1, 1) if a == c else (0, 0) for a in range(n)])
            for side, condition in enumerate(self.sides[c].pairs[c]):
                if not condition.prescribes:
                    force = put(force, (2 * side - 1) * end(p, c, side), c, side)
        return self.grid.area(c) * force

    def laplacian(self, v: FaceField) -> FaceField:
        """Return ∇²v with the conditions at the sides (κ = 1 in them), 0 where v is prescribed."""
        found = (self.diffusion(c, x)[0] / self.volumes(c) for c, x in enumerate(v.components))
        return FaceField(tuple(self.filled(c, self.free(c, x), homogeneous=True) for c, x in enumerate(found)))

    def diffusion(self, c: int, v, kappa=1.0):
        """Return ∮ κ ∂v/∂n dA of the control volumes of a component, and all fluxes; κ is one number."""
        total, fluxes = jnp.zeros_like(v), []
        for axis in range(v.ndim):
            into, parts = diffused(v, self.line(c, axis), self.sides[c].pairs[axis], axis, (kappa, kappa, kappa))
            area = self._section(c, axis)
            total, fluxes = total + area * into, fluxes + [area * part for part in parts]
        return total, fluxes

    def _section(self, c, axis):
        """Areas of the control volumes of a component across an axis."""
        others = (a for a in range(self.grid.dimension) if a != axis)
        one = jnp.ones((1,) * self.grid.dimension, self.grid.dtype)
        return math.prod((self.grid.along(self.line(c, a).widths, a) for a in others), start=one)

    def advection(self, carrier: FaceField, v: FaceField) -> FaceField:
        """Return N(u) v = ½ (∇·(u v) + u·∇v), without what passes the sides: skew-symmetric whatever the carrier u."""
        fluxes = self.fluxes(carrier.components)
        return self._fields(lambda c, x: self.carried(c, fluxes, x), v)

    def passing(self, carrier: FaceField, v: FaceField) -> FaceField:
        """Return what advection adds where the carrier passes a side: prescribed values enter, others leave.

        Nothing of its own enters through an opening (where the normal component is not prescribed), unless the opening says
        so: so energy never does.
        """
        fluxes = self.fluxes(carrier.components)
        return self._fields(lambda c, x: self.crossed(c, fluxes, x), v)

    def _fields(self, function, v):
        found = (function(c, x) / self.volumes(c) for c, x in enumerate(v.components))
        return FaceField(tuple(self.filled(c, self.free(c, x), homogeneous=True) for c, x in enumerate(found)))

    def carried(self, c: int, fluxes, v):
        """Return the volume integral of N(u) v of one component, of what passes all faces."""
        total = jnp.zeros_like(v)
        for axis in range(v.ndim):
            flux, periodic = self._through(c, axis, fluxes), self.periodic(axis)
            if axis != c:
                flux = jnp.roll(flux, -1, axis) if periodic else inner(flux, axis)
            total = total + coupled(flux / 2, v, axis, periodic)
        return total

    def _through(self, c, axis, fluxes):
        """What passes the control volumes of a component across an axis."""
        flux, periodic = fluxes[axis], self.periodic(c)
        return means(flux, c, periodic) if c == axis else half_sums(flux, c, periodic)

    def crossed(self, c: int, fluxes, v):
        """Return the same of what passes the sides."""
        total = jnp.zeros_like(v)
        for axis in range(v.ndim):
            if self.periodic(axis):
                continue
            # A component is there itself at the sides that it is normal to.
            through = fluxes[c] if axis == c else self._through(c, axis, fluxes)
            for side, condition in enumerate(self.sides[c].pairs[axis]):
                outwards, own = (2 * side - 1) * end(through, axis, side), end(v, axis, side)
                if condition.prescribes:
                    added = outwards * (jnp.asarray(condition.value, v.dtype) - own / 2)
                else:
                    normal = self.sides[axis].pairs[axis][side]
                    open_ = not normal.prescribes and not normal.carries
                    added = (jnp.maximum(outwards, 0) if open_ else outwards) * own / 2
                total = put(total, added, axis, side)
        return total

    def curl(self, v: FaceField) -> VertexField | EdgeField:
        """Return the vorticity: at the corners in 2-D, on the edges in 3-D.

        **Raises:** `ValueError` in one dimension.
        """
        d, u = self.grid.dimension, v.components
        if d == 1:
            raise ValueError("There is no curl in one dimension.")
        rate = lambda c, axis: slope(u[c], self.line(c, axis), self.sides[c].pairs[axis], axis)
        if d == 2:
            return VertexField(rate(1, 0) - rate(0, 1))
        turn = lambda k: rate((k + 2) % 3, (k + 1) % 3) - rate((k + 1) % 3, (k + 2) % 3)
        return EdgeField((turn(0), turn(1), turn(2)))

    def at_cells(self, v: FaceField) -> tuple[CellField, ...]:
        """Return the means of each two opposite faces."""
        return tuple(CellField(means(x, c, self.periodic(c))) for c, x in enumerate(v.components))


def inner_difference(p, axis: int):
    """Return what each cell's lower neighbour has more, at the faces between cells."""
    lower, upper = pairs(p, axis, False)
    return lower - upper
