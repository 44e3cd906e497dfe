"""An integral brought to its quadrature points: what is mapped over them, and what comes back from there."""

import math

import equinox as eqx
import jax
import jax.numpy as jnp

from .._arrays import taken
from .._typing import Array, PyTree
from ._domain import chosen_side
from ._fields import at_points, varies_by_cell
from ._point import Point, UnsidedPoint
from ._space import FunctionSpace


WRITTEN_OUT = 32
FEW = 2**13


class Setting(eqx.Module):
    """An integral ready to be evaluated at the quadrature points."""

    measure: Array  # item, quad
    bases: tuple[Array, ...]  # per field: item, quad, local, slot
    nodal: tuple[Array, ...]  # per field: item, local, component
    mapped: PyTree  # what is mapped over points
    axes: tuple[PyTree, PyTree] = eqx.field(static=True)


def prepare(integral, spaces: tuple[FunctionSpace, ...], values: tuple[Array, ...]) -> Setting:
    mesh, domain = spaces[0].mesh, integral.domain
    if varies_by_cell(integral.parameters):
        unsided = domain.where if domain.two_sided else domain.unsided
        chosen_side(None, unsided, "a parameter that differs from cell to cell has")
    geometry = domain.geometry(mesh)
    bases = tuple(
        domain.basis(spaces[f], geometry, slots) for f, slots in zip(integral.fields, integral.slots, strict=True)
    )
    nodal = tuple(with_components(taken(values[f], domain.nodes(spaces[f])), spaces[f]) for f in integral.fields)
    parameters, over_items, over_points = at_points(
        integral.parameters,
        domain.take,
        *domain.nodal(carrier(integral, spaces), geometry),
        mesh.n_cells,
        geometry.measure.shape[1],
    )
    unsided = domain.unsided
    at, size = geometry.position, geometry.size if integral.sized else None
    point = UnsidedPoint(at, unsided, size) if unsided else Point(at, geometry.normal, size)
    zeros = jax.tree.map(lambda _: 0, point)
    return Setting(
        geometry.measure,
        bases,
        nodal,
        (point, parameters),
        (_Axes((zeros, over_items)), _Axes((zeros, over_points))),
    )


def carrier(integral, spaces: tuple[FunctionSpace, ...]) -> FunctionSpace:
    """Return the space whose nodes a `NodalField` is given at: of the first field that is no constant of the whole mesh."""
    mine = [spaces[f] for f in integral.fields]
    return next((space for space in mine if not space.blocks[0].element.whole), mine[0])


class _Axes:
    """Mapping axes as a static field: compared by their leaves."""

    def __init__(self, tree):
        self.tree = tree
        self.leaves, self.treedef = jax.tree.flatten(tree, is_leaf=lambda x: x is None)

    def __eq__(self, other):
        return (self.leaves, self.treedef) == (other.leaves, other.treedef)

    def __hash__(self):
        return hash((tuple(self.leaves), self.treedef))


def with_components(local, space):
    """Give scalar fields a component axis."""
    return local[..., None] if space.components is None else local


def over_points(function, setting: Setting, *columns):
    """Map function(columns at a point, (point, parameters)) over items and quadrature points."""
    items, points = (axes.tree for axes in setting.axes)
    inner = jax.vmap(function, in_axes=(0, points))
    outer = jax.vmap(inner, in_axes=(0, items))
    return outer(columns, setting.mapped)


def field_columns(setting, items: int | None = None):
    """u and ∇u at the quadrature points: z[e, q, c, s] = Σ_a u[e, a, c] G[e, q, a, s].

    `items` counts those that the program works off, chunk by chunk, where the setting is of one chunk.
    """
    return tuple(_interpolated(u, G, items) for u, G in zip(setting.nodal, setting.bases, strict=True))


def _interpolated(u, G, items):
    """Σ_a u[e, a, c] G[e, q, a, s], written out where that is short: XLA then fuses it, several times faster."""
    if _few(u, G, items):
        return jnp.sum(u[:, None, :, :, None] * G[:, :, :, None, :], axis=2)
    if u.shape[1] > WRITTEN_OUT:
        return jnp.einsum("eac,eqas->eqcs", u, G)
    return sum(u[:, None, a, :, None] * G[:, :, a, None, :] for a in range(u.shape[1]))


def tested(flux, G):
    """Σ_qs flux[e, q, c, s] G[e, q, a, s]."""
    points, slots = flux.shape[1], flux.shape[3]
    if _few(flux, G, None):
        return jnp.sum(flux[:, :, None] * G[:, :, :, None], axis=(1, 4))
    if points * slots > WRITTEN_OUT:
        return jnp.einsum("eqcs,eqas->eac", flux, G)
    return sum(flux[:, q, None, :, s] * G[:, q, :, None, s] for q in range(points) for s in range(slots))


def _few(columns, G, items: int | None) -> bool:
    """Whether a contraction has so few products that its compilation counts: the shortest program then is the best."""
    return (items or G.shape[0]) * math.prod(G.shape[1:]) * columns.shape[2] <= FEW
