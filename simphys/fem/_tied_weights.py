"""What values of one side of a tie are in terms of those of the other: D u_s = M u_p solved for those that follow."""

import itertools

import basix
import numpy as np
import scipy.sparse as sps

from ._tied_pieces import Pieces
from ._tied_sides import RINGS, Side


NEGLIGIBLE = 1e-14
NEAR = 2
"""How many facets away multipliers go to nodes that are free in all components, before others take them."""
RAISED = 0.2
"""Share of the functions of edges that quadratic ones of vertices are given: all have a mean > 0 on triangles then."""


class Matrices:
    """D and M of all nodes of both sides.

    **Attributes:**

    - `nodes`: those of the secondary and of the primary side.
    - `own`, `other`: D and M, rows for the multipliers of the secondary side's nodes.
    - `beside`: which nodes of the secondary side share facets.
    """

    def __init__(self, secondary: Side, primary: Side, facet, other, pieces: Pieces, dual: bool):
        """**Arguments:**

        - `facet`, `other`: of each piece those of the secondary and of the primary side.
        - `dual`: whether multipliers are biorthogonal to functions, each by itself: D is all but diagonal then.
        """
        own, cells = secondary.nodes(), primary.cell_nodes(np.arange(primary.n_facets))
        mass = _summed(facet, pieces.mass, len(own))
        test = _multipliers(secondary, mass) if dual else np.broadcast_to(np.eye(own.shape[1]), mass.shape)
        self.dual = dual
        self.nodes = tuple(np.unique(nodes[nodes >= 0]) for nodes in (own, cells))
        rows, columns = (np.searchsorted(n, np.maximum(e, 0)) for n, e in zip(self.nodes, (own, cells), strict=True))
        shape = tuple(map(len, self.nodes))
        there = own >= 0
        self.own = _sparse(test @ mass, rows, rows, there, there, (shape[0],) * 2)
        coupling = test[facet] @ pieces.coupling
        self.other = _sparse(coupling, rows[facet], columns[other], there[facet], (cells >= 0)[other], shape)
        ones = np.ones_like(mass)
        self.beside = _sparse(ones, rows, rows, there, there, (shape[0],) * 2).astype(bool).astype(float)

    def followers(self, held: np.ndarray, whole: np.ndarray) -> tuple[np.ndarray, np.ndarray, sps.csr_array]:
        """Nodes that follow, nodes that lead, and weights, where some of the secondary side (node,) follow nothing here.

        Multipliers of these go to others near them, in equal shares: those that are left have the sum 1.

        **Arguments:**

        - `whole`: which are free in all components. They are preferred: where walls meet, components that follow each other
          within nodes would else follow in circles.
        """
        active = np.flatnonzero(~held)
        shares = self._shares(held, whole)
        own, other = shares @ self.own, shares @ self.other
        rest = sps.hstack([other, -own[:, held]], format="csr")
        weights = _solved(own[:, active], rest) if self.dual else _solved_densely(own[:, active], rest)
        weights.data[np.abs(weights.data) < NEGLIGIBLE] = 0
        weights.eliminate_zeros()
        return self.nodes[0][active], np.concatenate([self.nodes[1], self.nodes[0][held]]), weights

    def _shares(self, held, whole):
        """Which multipliers each of those that are left is made of."""
        total = sps.diags_array(np.where(held, 0.0, 1.0)).tocsr()
        waits, gives = held.copy(), whole
        for ring in itertools.count():
            gives = gives if ring < NEAR else ~waits
            count = self.beside @ gives.astype(float)
            now = waits & (count > 0)
            if ring > NEAR and not now.any():
                return total.T.tocsr()[~held]
            scale = sps.diags_array(np.where(now, 1 / np.maximum(count, 1), 0.0))
            total = total + (scale @ self.beside @ sps.diags_array(gives.astype(float)) @ total).tocsr()
            waits, gives = waits & ~now, gives | now


def padded(weights: sps.csr_array, leaders: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Leaders and weights of each row, (row, k); −1 and 0 where there are fewer."""
    counts = np.diff(weights.indptr)
    there = np.arange(counts.max(initial=1)) < counts[:, None]
    led, values = np.full(there.shape, -1), np.zeros(there.shape)
    led[there], values[there] = leaders[weights.indices], weights.data
    return led, values


def _summed(facet, blocks, count):
    total = np.zeros((count, *blocks.shape[1:]))
    np.add.at(total, facet, blocks)
    return total


def _multipliers(side, mass):
    """Dual functions of each facet in terms of its own, (facet, i, j): ∫ ψ_i φ̃_j = δ_ij ∫ φ̃_j."""
    test = np.zeros_like(mass)
    for kind, first, last in zip(side.kinds, side.starts, side.starts[1:], strict=False):
        n = kind.closure.shape[1]
        turn = _raised(kind.shape) if kind.element.degree == 2 else np.eye(n)
        own = turn @ mass[first:last, :n, :n] @ turn.T
        whole = np.sum(turn @ mass[first:last, :n, :n], axis=2)
        test[first:last, :n, :n] = whole[:, :, None] * (np.linalg.inv(own) @ turn)
    return test


def _raised(shape):
    """Quadratic functions of vertices with a share of those of the edges that end there."""
    corners = len(RINGS[shape])
    ends = basix.topology(basix.CellType[shape])[1] if corners > 2 else [[0, 1]]
    turn = np.eye(corners + len(ends) + (corners == 4))
    for e, pair in enumerate(ends):
        turn[pair, corners + e] = RAISED
        turn[corners + e, corners + e] = 1 - 2 * RAISED
    return turn


def _sparse(blocks, rows, columns, here, there, shape):
    known = here[:, :, None] & there[:, None, :]
    at = [np.broadcast_to(a, blocks.shape)[known] for a in (rows[:, :, None], columns[:, None, :])]
    return sps.coo_array((blocks[known], at), shape=shape).tocsr()


def _solved(own, rest):
    """Own⁻¹ rest by a series that ends: all of D but its diagonal leads from nodes of edges to those of vertices."""
    scale = sps.diags_array(1 / own.diagonal())
    found = term = (scale @ rest).tocsr()
    across = (scale @ (own - sps.diags_array(own.diagonal()))).tocsr()
    across.data[np.abs(across.data) < NEGLIGIBLE] = 0
    across.eliminate_zeros()
    while across.nnz and abs(term).max() > NEGLIGIBLE:
        term = -(across @ term)
        found = found + term
    return found.tocsr()


def _solved_densely(own, rest):
    return sps.csr_array(np.linalg.solve(own.toarray(), rest.toarray()))
