"""Slip along a boundary: what is prescribed is the normal part of a vector field."""

from typing import ClassVar

import equinox as eqx
import jax
import jax.core
import jax.numpy as jnp
import numpy as np
import scipy.linalg

from .._check import finite, parameter
from .._hidden import compiled
from .._small import inverse_and_determinant
from .._typing import Array
from ..assembly import AbstractConstraint, Followers
from ._places import facets_of
from ._quadrature import facet_quadrature
from ._space import FunctionSpace
from ._spread import Spread


SMOOTH = 0.82
"""Cosine of the angle by which a facet's normal may differ from the mean of its group at a node."""
ALIKE = 0.87
"""Cosine of the angle from which on the normals of two groups at a node are two."""
INDEPENDENT = 0.1


class Slip(AbstractConstraint):
    r"""Slip along smooth walls of any direction, u·n = ū; the other parts of u are free.

    n_a = Σ_walls ∫ N_a n dA, normalised: the mean normal by which a field without divergence lets nothing through.

    Where several walls meet in an edge or a corner each of them holds. Normals follow nodes that move.

    **Arguments:**

    - `where`: name of a facet group, or of several: each is a smooth wall.
    - `value`: ū, in the unit of the field, or one for each wall; 0 by default. (A symmetry plane is a wall with 0.)
    - `field`: which field of a mixed space; it must have one component per dimension.

    **Raises:** `ValueError` with the space, for groups that do not exist, have no outward side, or have an edge within.

    Reference: M. S. Engelman, R. L. Sani, P. M. Gresho, Int. J. Numer. Methods Fluids 2 (1982) 225.
    """

    value: Array
    where: tuple[str, ...] = eqx.field(static=True)
    field: int = eqx.field(static=True)
    prescribes: ClassVar[bool] = False
    """False: one part of a vector follows the others."""

    def __init__(self, where, value=0.0, *, field=0):
        self.where = (where,) if isinstance(where, str) else tuple(where)
        self.value, self.field = finite("value", parameter(value)), field
        if not self.where or not all(isinstance(name, str) for name in self.where):
            raise ValueError(f"`where` must be the name of a facet group, or several, got {where!r}.")
        if jnp.shape(self.value) not in ((), (len(self.where),)):
            raise ValueError(f"`value` must be a number or one for each wall, got shape {jnp.shape(self.value)}.")

    @property
    def title(self):
        """What messages call it."""
        return f"slip along {', '.join(map(repr, self.where))}"

    def resolved(self, space):
        """Check that the walls exist, and are smooth."""
        if not space.nodal or space.components != space.mesh.dim or space.mesh.dim == 1:
            raise ValueError(
                f"The {self.title} needs a vector field in 2-D or 3-D, of elements with nodes, one component per dimension."
            )
        _check_smooth(self, space)
        return self

    def unloaded(self) -> "Slip":
        """The same condition with value 0."""
        return eqx.tree_at(lambda c: c.value, self, jnp.zeros_like(self.value))

    def follow(self, space, held):
        """As many components of each node as walls meet there follow the others; held ones only where it must be."""
        dim = space.mesh.dim
        normals = _known(self, space)
        on = np.zeros((len(self.where), space.n_nodes), bool)
        for g, name in enumerate(self.where):
            on[g, space.nodes_on(name)] = True
        nodes = np.flatnonzero(on.any(axis=0))
        member, order = np.zeros((len(nodes), dim, len(self.where)), int), np.tile(np.arange(dim), (len(nodes), 1))
        scale = np.where(held.reshape(-1, dim)[nodes], 1e-3, 1.0)
        rank = np.ones(len(nodes), int)
        alone = on[:, nodes].sum(axis=0) == 1
        member[alone, 0] = on[:, nodes[alone]].T
        pivot = np.argmax(np.abs(np.einsum("ng,gnd->nd", member[:, 0], normals[:, nodes])) * scale, axis=1)
        rows = np.arange(len(nodes))
        order[rows, 0], order[rows, pivot] = pivot, 0
        for i in np.flatnonzero(~alone):
            walls = _walls(normals[:, nodes[i]], on[:, nodes[i]])
            rank[i], member[i, : len(walls)] = len(walls), walls
            units = _unit(walls @ normals[:, nodes[i]])
            order[i] = scipy.linalg.qr(units * scale[i], pivoting=True, mode="r")[-1]
        return self._followers(space, held, nodes, member, order, rank)

    def _followers(self, space, held, nodes, member, order, rank):
        dim, rows = space.mesh.dim, np.arange(len(nodes))
        walls = np.arange(dim) < rank[:, None]
        # Rows of the components that lead make the normals' rows a square matrix.
        filler = np.zeros((len(nodes), dim, dim), int)
        filler[rows[:, None], np.arange(dim), order] = ~walls
        row, k = np.nonzero(walls)
        leads = np.broadcast_to(np.arange(1, dim), (len(row), dim - 1))
        there = leads >= rank[row][:, None]
        leaders = np.where(there, nodes[row][:, None] * dim + order[row[:, None], leads], -1)
        kept = (nodes, member, filler, row, order[row, k], leads)
        with jax.ensure_compile_time_eval():
            shares = np.asarray(_shares_at_once(self.where, space, *kept))
        leaders = np.where((np.abs(shares) < 1e-12) & held[leaders], -1, leaders)
        return Followers(nodes[row] * dim + order[row, k], leaders, kept, weighted=True, constant=True)

    def shares(self, space, nodes, member, filler, row, component, leads):
        """What the other components of a node are to those that follow."""
        return _shares(self.where, space, nodes, member, filler, row, component, leads)

    def added(self, space, count, nodes, member, filler, row, component, leads):
        """What the values of the walls are to those that follow."""
        solved = _solved(self.where, space, nodes, member, filler)[row, component]
        each = member.astype(solved.dtype)
        value = jnp.broadcast_to(self.value, (len(self.where),)).astype(solved.dtype)
        values = jnp.einsum("nkg,g->nk", each, value) / jnp.maximum(jnp.sum(each, axis=2), 1)
        return jnp.sum(solved * values[row], axis=1)


def _solved(where, space, nodes, member, filler):
    sums = jnp.stack([_sums(space, name) for name in where])[:, nodes]
    units = _unit(jnp.einsum("nkg,gnd->nkd", member.astype(sums.dtype), sums))
    return inverse_and_determinant(units + filler.astype(sums.dtype))[0]


def _shares(where, space, nodes, member, filler, row, component, leads):
    return jnp.take_along_axis(_solved(where, space, nodes, member, filler)[row, component], jnp.asarray(leads), axis=1)


def _unit(vectors):
    xp = np if isinstance(vectors, np.ndarray) else jnp
    square = xp.sum(vectors**2, axis=-1, keepdims=True)
    return vectors / xp.sqrt(xp.where(square > 0, square, 1))


def _walls(normals, on):
    """Which groups make up each of the independent walls at a node, (wall, group)."""
    units, found = _unit(normals), []
    for g in np.flatnonzero(on):
        near = [wall for wall in found if units[wall[0]] @ units[g] > ALIKE]
        near[0].append(g) if near else found.append([g])
    kept = []
    for wall in found:
        rest = _unit(np.sum(normals[wall], axis=0))
        for other in kept:
            rest = rest - (rest @ other[1]) * other[1]
        if np.linalg.norm(rest) > INDEPENDENT:
            kept.append((wall, _unit(rest)))
    member = np.zeros((len(kept), len(on)), int)
    for k, (wall, _) in enumerate(kept):
        member[k, wall] = 1
    return member


def _pieces(space, name):
    """The facets of a group of each block: space, geometry, the functions that count there, (item, q, a), and nodes."""
    domain = facets_of(space, name)
    parts = [(part.domain, part.block) for part in domain.parts] if isinstance(domain, Spread) else [(domain, 0)]
    for own, number in parts:
        block = space.block(number)
        geometry, element = own.geometry(block.mesh), block.element
        points, weights, _ = facet_quadrature(element.cell_type, own.degree, own.shape)
        values = own.basis(block, geometry, "value")[..., 0]
        whole = np.zeros((len(points), element.size), bool)
        for side in np.flatnonzero(np.isfinite(points).all(axis=(1, 2))):
            whole[side] = np.abs(weights @ element.tabulate(points[side], 0)[0][..., 0]) > 1e-6
        # Some functions have no mean on a facet: those of vertices of quadratic triangles.
        yield geometry, jnp.where(jnp.asarray(whole)[own.sides][:, None], values, values**2), own.nodes(block)


def _sums(space: FunctionSpace, name: str):
    """∫ N_a n dA over a group for each node, (node, dim)."""
    total = jnp.zeros((space.n_nodes, space.mesh.dim), space.mesh.points.dtype)
    for geometry, shares, nodes in _pieces(space, name):
        total = total.at[nodes].add(jnp.einsum("eq,eqa,eqd->ead", geometry.measure, shares, geometry.normal))
    return total


def _read(space, name):
    return list(_pieces(space, name)), _sums(space, name)


_read_at_once = compiled(_read)


_shares_at_once = compiled(_shares)


def _known(slip, space) -> np.ndarray:
    if isinstance(space.mesh.points, jax.core.Tracer):
        raise ValueError(
            f"The {slip.title} needs a concrete mesh when the problem is made: make it outside `jit` and `grad`."
        )
    return np.stack([np.asarray(_at_once(space, name)[1], float) for name in slip.where])


def _at_once(space, name):
    """What `_read` finds; by one program, but for an outline without a name, whose facets are found on the host."""
    with jax.ensure_compile_time_eval():
        return (_read_at_once if name in space.mesh.facet_groups else _read)(space, name)


def _check_smooth(slip, space):
    for name, own in zip(slip.where, _known(slip, space), strict=True):
        units = _unit(own)
        with jax.ensure_compile_time_eval():
            for geometry, shares, nodes in _at_once(space, name)[0]:
                mean = _unit(np.einsum("eq,eqd->ed", *map(np.asarray, (geometry.measure, geometry.normal))))
                cosine = np.einsum("ed,ead->ea", mean, units[np.asarray(nodes)])
                there = np.abs(np.asarray(shares)).max(axis=1) > 1e-9
                if (cosine[there] < SMOOTH).any():
                    raise ValueError(
                        f"The facet group {name!r} has an edge: give the walls on both sides of it as groups of their own, "
                        f"`Slip((…, …))`."
                    )
