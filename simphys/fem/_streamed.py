"""Integrals over many cells, chunk by chunk: geometry and basis functions are made anew instead of being kept for all."""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp

from .._arrays import taken
from .._typing import Array, Callable, PyTree
from ..linalg import accelerated
from ._columns import parts_of
from ._domain import Domain
from ._element import tabulate
from ._fields import at_points
from ._point import Point
from ._quadrature import quadrature
from ._seen import pointwise, seen_at
from ._setting import with_components


STREAMED = 2**17
STREAMED_IN_QUADRILATERALS = 2**20
STREAMED_ON_GPU = 2**27
"""Numbers that basis functions at all quadrature points would be, from which on an integral is taken in chunks: of the
few functions of quadrilaterals later."""
CHUNK = 64
CHUNK_ON_GPU = 16_384
"""Cells of a chunk."""


def streamable(integral, spaces) -> bool:
    """Whether a term is an integral over cells, of values and gradients of functions that are the reference cell's own."""
    domain = getattr(integral, "domain", None)
    if type(domain) is not Domain or domain.sides is not None:
        return False
    own = [spaces[f] for f in integral.fields]
    plain = all(space.element.map == "identity" and space.orientation is None for space in own)
    return plain and not any("hessian" in parts_of(slots) for slots in integral.slots)


def streams(integral, spaces) -> bool:
    """Whether an integral is taken in chunks: over many cells, of many points and functions."""
    if not streamable(integral, spaces):
        return False
    domain, mesh, own = integral.domain, spaces[0].mesh, [spaces[f] for f in integral.fields]
    items = (mesh.cells if domain.cells is None else domain.cells).shape[0]
    points = len(quadrature(mesh.cell_type, domain.degree)[1])
    numbers = items * points * mesh.dim * sum(space.element.size for space in own)
    if accelerated():
        return numbers >= STREAMED_ON_GPU
    return numbers >= (STREAMED_IN_QUADRILATERALS if mesh.cell_type == "quadrilateral" else STREAMED)


class Known(NamedTuple):
    """What each cell of a chunk knows."""

    corners: Array
    nodal: tuple[Array, ...]
    mapped: list


def streamed_residuals(integral, spaces, values) -> tuple[tuple[Array, ...], Array | None]:
    """Return for each field of the integral its contribution of each cell, (item, local, component), and ∫ W or None."""
    cells = Cells(integral, spaces)
    weak, density = pointwise(integral, spaces), integral.energy
    known, join = cells.known(values)

    def function(columns, mapped):
        energy = None if density is None else density(seen_at(integral, spaces, columns), *mapped)
        return weak(columns, mapped), energy

    # What a derivative needs is computed again: of all chunks it would be what is not to be kept.
    @functools.partial(jax.checkpoint, prevent_cse=False)
    def of_chunk(chunk: Known):
        at = cells.geometry(chunk.corners)
        fluxes, energy = cells.over_points(function, cells.columns(chunk, at), at, join(chunk.mapped))
        parts = zip(fluxes, cells.tables, integral.slots, strict=True)
        return tuple(at.tested(f, T, s) for f, T, s in parts), None if energy is None else jnp.sum(
            energy * at.measure, axis=0
        )

    residuals, energy = in_chunks(of_chunk, known)
    return residuals, None if energy is None else jnp.sum(energy)


def in_chunks(function: Callable, items: PyTree) -> PyTree:
    """Map a function of some items over all of them, chunk by chunk; chunks are filled up by the first items."""
    count = jax.tree.leaves(items)[0].shape[0]
    if count == 0:
        return function(items)
    chunks = -(-count // (CHUNK_ON_GPU if accelerated() else CHUNK))
    missing = -count % chunks
    cut = lambda a: (jnp.concatenate([a, a[:missing]]) if missing else a).reshape(chunks, -1, *a.shape[1:])
    found = jax.lax.map(function, jax.tree.map(cut, items))
    return jax.tree.map(lambda a: a.reshape(-1, *a.shape[2:])[:count], found)


class Cells:
    """Cells and the tables of their functions: gradients are those of the reference cell, by one matrix for all."""

    def __init__(self, integral, spaces, rule=None):
        self.integral, self.spaces, self.mesh = integral, spaces, spaces[0].mesh
        points, weights = quadrature(self.mesh.cell_type, integral.domain.degree) if rule is None else rule
        place = lambda table: jnp.asarray(table, self.mesh.points.dtype)
        values, slopes = tabulate(self.mesh.cell_type, self.mesh.degree, points, 1)
        self.of_mesh, self.weights = (place(values), place(slopes.transpose(2, 0, 1))), place(weights)
        tables = [spaces[f].element.tabulate(points, 1) for f in integral.fields]
        self.tables = tuple((place(v[..., 0]), place(s[:, :, 0].transpose(2, 0, 1))) for v, s in tables)

    def known(self, values):
        """Return what each cell knows, and what joins its parameters with those that all of them share."""
        integral, spaces, mesh, take = self.integral, self.spaces, self.mesh, self.integral.domain.take
        corners = taken(mesh.points, take(mesh.cells))
        nodal = tuple(
            with_components(taken(values[f], integral.domain.nodes(spaces[f])), spaces[f]) for f in integral.fields
        )
        first = spaces[integral.fields[0]]
        by_nodes = (take(first.cells), self.tables[0][0][None], first.n_nodes)
        if not first.element.nodal:
            by_nodes = take(mesh.cells), self.of_mesh[0][None], mesh.n_points
        parameters, items, self.points = at_points(
            integral.parameters, take, *by_nodes, mesh.n_cells, len(self.weights)
        )
        leaves, structure = jax.tree.flatten(parameters, is_leaf=_is_none)
        axes = jax.tree.leaves(_for_leaves(items, parameters), is_leaf=_is_none)
        shared = [leaf if axis is None else None for leaf, axis in zip(leaves, axes, strict=True)]
        own = [leaf if axis == 0 else None for leaf, axis in zip(leaves, axes, strict=True)]
        self.items = items
        join = lambda own: jax.tree.unflatten(
            structure, [b if a is None else a for a, b in zip(own, shared, strict=True)]
        )
        return Known(corners, nodal, own), join

    def columns(self, chunk: Known, at: "_Geometry"):
        """Return what the integrand sees of each field at the points of a chunk."""
        each = zip(chunk.nodal, self.tables, self.integral.slots, strict=True)
        return tuple(at.columns(u, T, slots) for u, T, slots in each)

    def geometry(self, corners) -> "_Geometry":
        values, slopes = self.of_mesh
        inverse, determinant = _inverse(_at_points(slopes, corners))
        # Moved nodes may turn a cell inside out: nothing computed on it means anything.
        measure = jnp.where(determinant > 0, determinant, jnp.nan) * self.weights[:, None]
        size = None
        if self.integral.sized:
            size = jnp.broadcast_to(jnp.sum(measure, axis=0), measure.shape) ** (1 / self.mesh.dim)
        return _Geometry(Point(_at_points(values[None], corners)[0].swapaxes(0, 1), None, size), measure, inverse)

    def over_points(self, function, columns, at: "_Geometry", parameters):
        """Map function(columns at a point, (point, parameters)) over cells and quadrature points."""
        last = jax.tree.map(lambda _: -1, at.point)
        inner = jax.vmap(function, in_axes=(-1, (last, self.points)), out_axes=-1)
        return jax.vmap(inner, in_axes=(-1, (last, self.items)), out_axes=-1)(columns, (at.point, parameters))


class _Geometry(NamedTuple):
    """Quadrature points of the cells of a chunk, (…, q, item): with cells last all of it runs over contiguous numbers.

    `inverse` is (∂x/∂X)⁻¹ with reference coordinates in rows, a list of lists.
    """

    point: Point
    measure: Array
    inverse: list

    def columns(self, u, tables, slots):
        """The field at the points, (component, column, q, item): values first, then gradients."""
        parts, found = parts_of(slots), []
        if "value" in parts:
            found.append(_at_points(tables[0][None], u)[0].swapaxes(0, 1)[:, None])
        if "gradient" in parts:
            # Entry by entry, and the factors of the measure where the fluxes are: XLA takes half as long for it.
            slope, dims, K = _at_points(tables[1], u), range(len(self.inverse)), self.inverse
            entry = lambda c, d: sum(slope[r, :, c] * K[r][d] for r in dims)
            found.append(jnp.stack([jnp.stack([entry(c, d) for d in dims]) for c in range(u.shape[2])]))
        return found[0] if len(found) == 1 else jnp.concatenate(found, axis=1)

    def tested(self, flux, tables, slots):
        """Σ_q flux (component, column, q, item) times the functions' columns, (item, local, component)."""
        flux, parts, total = flux * self.measure[None, None], parts_of(slots), 0
        if "value" in parts:
            total, flux = _tested(tables[0][None], flux[:, 0].swapaxes(0, 1)[None]), flux[:, 1:]
        if "gradient" in parts:
            dims, K = range(len(self.inverse)), self.inverse
            entry = lambda c, r: sum(flux[c, d] * K[r][d] for d in dims)
            slope = jnp.stack([jnp.stack([entry(c, r) for c in range(flux.shape[0])], axis=1) for r in dims])
            total = total + _tested(tables[1], slope)
        return total


def _at_points(table, u):
    """Σ_a table[r, q, a] u[item, a, c] as (r, q, c, item), by one matrix product."""
    (rows, points, local), (items, _, components) = table.shape, u.shape
    found = table.reshape(-1, local) @ u.transpose(1, 2, 0).reshape(local, -1)
    return found.reshape(rows, points, components, items)


def _tested(table, flux):
    """Σ_rq table[r, q, a] flux[r, q, c, item] as (item, a, c), by one matrix product."""
    rows, points, components, items = flux.shape
    found = table.reshape(rows * points, -1).T @ flux.reshape(rows * points, -1)
    return found.reshape(-1, components, items).transpose(2, 0, 1)


def _inverse(slopes):
    """Inverse, with its rows' lists, and determinant of ∂x/∂X, given as (r, …, d, item)."""
    dim = slopes.shape[0]
    at = lambda d, r: slopes[r % dim, :, d % dim]
    if dim == 1:
        return [[1 / at(0, 0)]], at(0, 0)
    if dim == 2:
        adjugate = [[at(1, 1), -at(0, 1)], [-at(1, 0), at(0, 0)]]
    else:
        minor = lambda i, j: at(i + 1, j + 1) * at(i + 2, j + 2) - at(i + 1, j + 2) * at(i + 2, j + 1)
        adjugate = [[minor(j, i) for j in range(3)] for i in range(3)]
    determinant = sum(at(0, k) * adjugate[k][0] for k in range(dim))
    return [[entry / determinant for entry in row] for row in adjugate], determinant


def _for_leaves(axes, tree):
    """Axes for each leaf, as `vmap` understands a prefix of them."""
    return jax.tree.map(
        lambda axis, part: jax.tree.map(lambda _: axis, part, is_leaf=_is_none), axes, tree, is_leaf=_is_none
    )


def _is_none(x):
    return x is None
