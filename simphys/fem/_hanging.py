"""Nodes that hang in the middle of a larger neighbour's edge or face, and those of that one whose values they follow."""

import basix
import jax.numpy as jnp
import numpy as np

from .._arrays import int32
from .._told import Told
from .._typing import Array, Int
from ..assembly import HANGING
from ._element import Element
from ._mesh_checks import tabulate


class Hanging(Told):
    """Values at nodes that follow those of others, u_n = Σ_k w_nk u_l(n,k): the larger cell's polynomial there.

    **Arguments:**

    - `nodes`: (n,); `leaders`: (n, k), −1 where there are fewer; `weights`: (n, k), whole multiples of 1 / `HANGING`.

    Leaders do not hang: all cells around a node that does have one size.
    """

    nodes: Int[Array, " n"]
    leaders: Int[Array, "n k"]
    weights: Int[Array, "n k"]

    def conformed(self, values: Array) -> Array:
        """Return nodal values (node, …) with those that hang replaced."""
        led = jnp.sum(self._shares(values) * values[self.leaders], axis=1)
        return values.at[self.nodes].set(led)

    def folded(self, forces: Array) -> Array:
        """Return the transpose: nodal forces (node, …) that do the same work, none of them on nodes that hang."""
        passed = self._shares(forces) * forces[self.nodes][:, None]
        return forces.at[self.nodes].set(0).at[self.leaders].add(passed)

    def _shares(self, values):
        shares = jnp.where(self.leaders >= 0, self.weights, 0).astype(values.dtype) / HANGING
        return shares.reshape(*shares.shape, *(1,) * (values.ndim - 1))


def hanging_of(mesh, elements: tuple[Element, ...], cells: np.ndarray) -> Hanging | None:
    """Return the nodes of a space that hang; None of a conforming mesh, and of spaces that do not join cells.

    **Raises:** `ValueError` for elements other than Lagrange's of degree 1 to 3.
    """
    element = elements[0]
    if mesh.forest is None or element.apart or element.whole:
        return None
    if element.lagrange is None:
        raise ValueError(
            "On a mesh with cells of several sizes side by side Lagrange elements of degree 1 to 3 are offered, or "
            "discontinuous ones."
        )
    topology = basix.topology(basix.CellType[mesh.cell_type])
    rows = [_followers(split, element, cells, topology, d) for d, split in
            zip(range(mesh.dim - 1, 0, -1), mesh.forest.splits, strict=True)]  # fmt: skip
    width = max(leaders.shape[1] for _, leaders, _ in rows)
    pad = lambda a, fill: np.pad(a, ((0, 0), (0, width - a.shape[1])), constant_values=fill)
    nodes = np.concatenate([n for n, _, _ in rows])
    leaders = np.concatenate([pad(l, -1) for _, l, _ in rows])
    weights = np.concatenate([pad(w, 0) for _, _, w in rows])
    nodes, once = np.unique(nodes, return_index=True)
    return Hanging(int32(nodes), int32(leaders[once]), int32(weights[once]))


def _followers(split, element, cells, topology, dimension):
    """Nodes of the parts of split facets or edges, and the coarse cell's nodes with their weights there."""
    coarse, fine, corners = (np.asarray(part) for part in (split.coarse, split.fine, split.corners))
    closure = _closure(element, topology, dimension)
    width = len(closure[0])
    parts = fine.shape[1]
    cell, local = fine.reshape(-1, 2).T
    where = corners.reshape(-1, *corners.shape[2:]) / 2
    nodes = np.zeros((len(cell), width), int)
    at = np.zeros((len(cell), width, where.shape[2]))
    for k, entity in enumerate(topology[dimension]):
        rows = local == k
        nodes[rows] = cells[cell[rows]][:, closure[k]]
        shares = tabulate(element.cell_type, 1, 0, element.points[closure[k]])[0][:, list(entity)]
        at[rows] = np.einsum("pv,nvd->npd", shares, where[rows])
    owner = np.repeat(coarse[:, 0], parts * width)
    distinct, which = np.unique(np.round(at.reshape(-1, at.shape[2]), 12), axis=0, return_inverse=True)
    table = np.round(element.tabulate(distinct, 0)[0][..., 0] * HANGING).astype(int)
    nodes, weights, leaders = nodes.ravel(), table[which.ravel()], cells[owner]
    leaders = np.where(weights != 0, leaders, -1)
    same = (leaders == nodes[:, None]).any(axis=1)
    order = np.argsort(leaders < 0, axis=1, kind="stable")[:, :width]
    leaders, weights = (np.take_along_axis(a, order, 1)[~same] for a in (leaders, weights))
    return nodes[~same], leaders, weights


def _closure(element, topology, dimension):
    """Degrees of freedom on each facet or edge, with those of its edges and vertices."""
    found = []
    for entity in topology[dimension]:
        inside = set(entity)
        found.append(
            [dof for d in range(dimension + 1) for i, own in enumerate(topology[d]) if set(own) <= inside
             for dof in element.entity_dofs[d][i]]
        )  # fmt: skip
    return found
