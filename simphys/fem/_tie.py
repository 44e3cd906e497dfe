"""Two boundaries whose meshes do not match, joined in the mean: mortar ties of plane bodies."""

from typing import ClassVar

import equinox as eqx
import jax
import jax.core
import numpy as np
from scipy.spatial import cKDTree

from ..assembly import AbstractConstraint, Followers
from ._facets import facet_vertices
from ._mesh_checks import reference_nodes, tabulate
from ._quadrature import quadrature


NEAR = 0.05
"""Gap, relative to a facet, from which on boundaries are not taken to touch."""
NEGLIGIBLE = 1e-15
FINE, COARSE = 2.0**56, 2.0**26


class Tie(AbstractConstraint):
    r"""A boundary that is glued to another one whose nodes are elsewhere, in 2-D.

    ∫ ψ (u_s − u_p) dA = 0 for all ψ on the secondary side:   u_s = D⁻¹ M u_p

    ψ are the dual functions of linear elements (each node then follows few others), of others the elements' own. Integrals
    are taken piece by piece, from node to node of either side: a state of constant stress passes exactly. Where nodes of
    the secondary side follow something else already, as at its ends, ψ is made of the others.

    **Arguments:**

    - `secondary`: name of the facet group whose values follow; the finer side, for accuracy. All of it must touch.
    - `primary`: name of the one that leads.
    - `field`: which field of a mixed space.

    Weights are those of the mesh as the problem is made: they do not follow nodes that move later.

    **Raises:** `ValueError` with the space, for groups that do not exist or do not touch, and other than 2-D meshes.

    Reference: B. I. Wohlmuth, SIAM J. Numer. Anal. 38 (2000) 989.
    """

    secondary: str = eqx.field(static=True)
    primary: str = eqx.field(static=True)
    field: int = eqx.field(static=True)
    prescribes: ClassVar[bool] = False

    def __init__(self, secondary, primary, *, field=0):
        if secondary == primary:
            raise ValueError(f"`secondary` and `primary` must be two groups, got {secondary!r} twice.")
        self.secondary, self.primary, self.field = secondary, primary, field

    @property
    def title(self):
        """What messages call it."""
        return f"tie of {self.secondary!r} to {self.primary!r}"

    def resolved(self, space):
        """Check that the groups exist and touch."""
        if space.mesh.dim != 2 or space.lagrange is None or len(space.blocks) > 1:
            raise ValueError(f"The {self.title} needs Lagrange elements of degree 1 to 3 on cells of one type in 2-D.")
        if isinstance(space.mesh.points, jax.core.Tracer):
            raise ValueError(
                f"The {self.title} needs a concrete mesh when the problem is made: not in `jit` or `grad`."
            )
        if common := set(space.nodes_on(self.secondary).tolist()) & set(space.nodes_on(self.primary).tolist()):
            raise ValueError(f"The groups of the {self.title} have {len(common)} nodes in common: one must do.")
        self._joined(space)
        return self

    def unloaded(self) -> "Tie":
        """The same condition: it carries no load."""
        return self

    def follow(self, space, held):
        """Values of the secondary side follow those of the primary one near them, and their own ones that are held."""
        count, pieces = space.components or 1, self._joined(space)
        nodes = [np.unique(side.nodes) for side in pieces]
        parts = [_rows(pieces, nodes, held.reshape(-1, count)[nodes[0], c]) for c in range(count)]
        width = max(leaders.shape[1] for _, leaders, _ in parts)
        pad = lambda a, fill: np.pad(a, ((0, 0), (0, width - a.shape[1])), constant_values=fill)
        values = np.concatenate([n * count + c for c, (n, _, _) in enumerate(parts)])
        leaders = np.concatenate([np.where(l >= 0, l * count + c, -1) for c, (_, l, _) in
                                  enumerate((n, pad(l, -1), w) for n, l, w in parts)])  # fmt: skip
        weights = np.concatenate([pad(w, 0.0) for _, _, w in parts])
        # In two whole numbers each: these are no parameters.
        coarse = np.round(weights * COARSE)
        return Followers(values, leaders, (coarse, np.round((weights - coarse / COARSE) * FINE)), weighted=True)

    def shares(self, space, coarse, fine):
        """The weights."""
        dtype = space.mesh.points.dtype
        return coarse.astype(dtype) / COARSE + fine.astype(dtype) / FINE

    def _joined(self, space):
        """Both sides at the points of a quadrature of their common pieces; `ValueError` where they do not touch."""
        sides = [_Side(space, name) for name in (self.secondary, self.primary)]
        return _pieces(*sides, 2 * space.degree + 1, self.title)


class _Side:
    """Facets of a group as curves x(t), 0 ≤ t ≤ 1, and the functions that live on them."""

    def __init__(self, space, name):
        mesh = space.mesh
        self.kind, self.degree, self.element = mesh.cell_type, mesh.degree, space.element
        cells, self.sides = np.asarray(mesh.facets(name)).T
        self.corners = np.asarray(mesh.points, float)[np.asarray(mesh.cells)[cells]]
        closure = np.array(space.element.facet_dofs())[self.sides]
        self.closure, self.nodes = closure, np.take_along_axis(np.asarray(space.cells)[cells], closure, axis=1)
        self.ends = np.stack([self.at(np.arange(len(cells)), np.full(len(cells), float(t)))[0] for t in (0, 1)], axis=1)

    def reference(self, facet, t):
        """Points of facets in the reference cells, and their derivative by t."""
        ends = reference_nodes(self.kind, 1)[facet_vertices(self.kind)][self.sides[facet]]
        slope = ends[:, 1] - ends[:, 0]
        return ends[:, 0] + t[:, None] * slope, slope

    def at(self, facet, t):
        """Positions x(t) of some facets, and dx/dt."""
        where, slope = self.reference(facet, t)
        basis, gradients = tabulate(self.kind, self.degree, 0, where)[0], tabulate(self.kind, self.degree, 1, where)
        corners = self.corners[facet]
        return np.einsum("na,nad->nd", basis, corners), np.einsum("rna,nad,nr->nd", gradients, corners, slope)

    def functions(self, facet, t):
        """Values of the functions of each facet's nodes."""
        table = self.element.tabulate(self.reference(facet, t)[0], 0)[0][..., 0]
        return np.take_along_axis(table, self.closure[facet], axis=1)

    def projected(self, facet, points):
        """The t of the points of facets (continued beyond their ends) that are next to some points, and their distances."""
        t = np.full(len(facet), 0.5)
        for _ in range(12 if self.degree > 1 else 2):
            x, slope = self.at(facet, t)
            t = np.clip(t + np.sum((points - x) * slope, axis=1) / np.sum(slope**2, axis=1), -1, 2)
        return t, np.linalg.norm(self.at(facet, np.clip(t, 0, 1))[0] - points, axis=1)

    def nearest(self, points):
        """The facets next to some points, t there, and the distances."""
        middle = self.ends.mean(axis=1)
        _, near = cKDTree(middle).query(points, k=min(6, len(middle)))
        near = np.atleast_2d(near.T).T.reshape(len(points), -1)
        each = [self.projected(column, points) for column in near.T]
        best = np.argmin([d for _, d in each], axis=0)
        pick = lambda parts: np.stack(parts, axis=1)[np.arange(len(points)), best]
        t, distance = pick([t for t, _ in each]), pick([d for _, d in each])
        return pick(list(near.T)), np.clip(t, 0, 1), distance


class _Joined:
    """Pieces of the secondary side: nodes and functions of both sides at the points of a quadrature."""

    def __init__(self, nodes, values, measure, facet):
        self.nodes, self.values, self.measure, self.facet = nodes, values, measure, facet


def _pieces(secondary, primary, degree, title):
    count = len(secondary.nodes)
    size = np.linalg.norm(secondary.ends[:, 1] - secondary.ends[:, 0], axis=1)
    vertices = np.unique(np.round(primary.ends.reshape(-1, 2), 12), axis=0)
    facet, t, distance = secondary.nearest(vertices)
    inside = (distance < NEAR * size[facet]) & (t > 1e-9) & (t < 1 - 1e-9)
    facets = np.concatenate([np.arange(count), np.arange(count), facet[inside]])
    stops = np.concatenate([np.zeros(count), np.ones(count), t[inside]])
    order = np.lexsort((stops, facets))
    facets, stops = facets[order], stops[order]
    whole = facets[1:] == facets[:-1]
    points, weights = quadrature("interval", degree)
    owner, low, length = facets[:-1][whole], stops[:-1][whole], np.diff(stops)[whole]
    t = (low[:, None] + length[:, None] * points[:, 0]).ravel()
    owner = np.repeat(owner, len(weights))
    x, slope = secondary.at(owner, t)
    measure = np.linalg.norm(slope, axis=1) * (length[:, None] * weights).ravel()
    there, along, gap = primary.nearest(x)
    if (apart := gap > NEAR * size[owner]).any():
        raise ValueError(
            f"The sides of the {title} do not touch: {len(np.unique(owner[apart]))} of {count} facets are up to "
            f"{gap.max():.2e} away. Name only those that do, and the longer side as `primary`."
        )
    return (
        _Joined(secondary.nodes[owner], secondary.functions(owner, t), measure, owner),
        _Joined(primary.nodes[there], primary.functions(there, along), measure, owner),
    )


def _rows(pieces, nodes, held):
    """Followers, leaders and weights of one component; `held`: which nodes of the secondary side follow nothing here."""
    own, other = pieces
    active = np.flatnonzero(~held)
    number = [np.searchsorted(each, side.nodes) for each, side in zip(nodes, pieces, strict=True)]
    test = _multipliers(own, held[number[0]])
    sums = []
    for each, side, at in zip(nodes, pieces, number, strict=True):
        total = np.zeros((len(nodes[0]), len(each)))
        block = side.measure[:, None, None] * test[:, :, None] * side.values[:, None, :]
        np.add.at(total, (number[0][:, :, None], at[:, None, :]), block)
        sums.append(total[active])
    rest = np.concatenate([sums[1], -sums[0][:, held]], axis=1)
    weights = np.linalg.solve(sums[0][:, active], rest) if len(active) else rest
    weights[np.abs(weights) < NEGLIGIBLE] = 0
    order = np.argsort(weights == 0, axis=1, kind="stable")[:, : int((weights != 0).sum(axis=1).max(initial=1))]
    weights = np.take_along_axis(weights, order, 1)
    leaders = np.where(weights != 0, np.concatenate([nodes[1], nodes[0][held]])[order], -1)
    return nodes[0][active], leaders, weights


def _multipliers(own, held):
    """ψ at the points: dual functions of linear elements, else their own; held ones give their share to the others."""
    values, width = own.values, own.values.shape[1]
    if width == 2:
        mass, whole = np.zeros((own.facet.max() + 1, 2, 2)), np.zeros((own.facet.max() + 1, 2))
        np.add.at(mass, own.facet, own.measure[:, None, None] * values[:, :, None] * values[:, None])
        np.add.at(whole, own.facet, own.measure[:, None] * values)
        dual = whole[:, :, None] * np.linalg.inv(mass)
        values = np.einsum("nij,nj->ni", dual[own.facet], values)
    free = np.sum(~held, axis=1, keepdims=True)
    shared = np.sum(np.where(held, values, 0), axis=1, keepdims=True) / np.maximum(free, 1)
    return np.where(held, 0, values + shared)
