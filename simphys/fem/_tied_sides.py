"""A side of a tie: facets of any shape as maps from their reference facets, and the functions that live on them."""

import numpy as np

from ._facets import facet_kinds, facet_vertices, kinds_of_facets
from ._mesh_checks import _cofactor as cofactor, lagrange, reference_nodes


STEPS = 20
CLOSE = 1e-9
APEX = 0.999
ROUNDING = 256
RINGS = {"interval": [0, 1], "triangle": [0, 1, 2], "quadrilateral": [0, 1, 3, 2]}
"""Corners of a facet in order round it."""


class Kind:
    """Facets of one shape of the cells of one block."""

    def __init__(self, space, number, shape, facets):
        mesh, block = space.mesh, space.blocks[number]
        cells, self.sides = facets.T
        self.cell_type, self.shape, self.element = mesh.blocks[number].type, shape, block.element
        self.degree = mesh.degree
        self.corners = np.asarray(mesh.points, float)[np.asarray(mesh.blocks[number].nodes)[cells]]
        every = self.element.facet_dofs()
        width = max(len(every[side]) for side in np.unique(self.sides))
        closure = np.array([(*dofs, *(0,) * (width - len(dofs)))[:width] for dofs in every])
        self.closure, self.nodes = closure[self.sides], np.asarray(block.cells)[cells]
        vertices = reference_nodes(self.cell_type, 1)[facet_vertices(self.cell_type, shape)]
        self.origins = vertices[:, 0]
        self.slopes = np.moveaxis(vertices[:, 1 : mesh.dim] - vertices[:, :1], 1, 2)
        self.back = np.linalg.pinv(np.nan_to_num(self.slopes))

    def reference(self, rows, xi):
        """Points of facets in the reference cells."""
        side = self.sides[rows]
        return self.origins[side] + np.einsum("ndr,nr->nd", self.slopes[side], xi)

    def at(self, rows, xi):
        """Positions of points of facets, and their derivatives (n, dim, dim − 1)."""
        x, slopes = image(self.cell_type, self.degree, self.corners[rows], self.reference(rows, xi))
        return x, slopes @ self.slopes[self.sides[rows]]

    def behind(self, rows, points, near):
        """Where some points are in the cells of facets, continued beyond them, and the vectors to their feet on the facets.

        Points that are `near` facets are taken to lie on them.
        """
        side = self.sides[rows]
        origin, slopes = self.origins[side], self.slopes[side]
        corners = reference_nodes(self.shape, 1)
        start = origin + slopes @ corners.mean(axis=0)
        X = inverted(self.cell_type, self.degree, self.corners[rows], points, start)
        feet = origin + np.einsum("ndr,nr->nd", slopes, np.einsum("nrd,nd->nr", self.back[side], X - origin))
        gap = image(self.cell_type, self.degree, self.corners[rows], feet)[0] - points
        return np.where(np.linalg.norm(gap, axis=1)[:, None] < near, feet, X), gap


class Side:
    """The facets of a group, numbered kind by kind."""

    def __init__(self, space, name):
        mesh = space.mesh
        facets, types = np.asarray(mesh.facets(name)), mesh.cell_types
        which = kinds_of_facets(types, np.diff(mesh.starts), facets)
        self.name, self.kinds, self.n_facets, self.dim = name, [], len(facets), mesh.dim
        for k, (block, shape) in enumerate(facet_kinds(types)):
            if (own := facets[which == k]).size:
                self.kinds.append(Kind(space, block, shape, own - [mesh.starts[block], 0]))
        self.starts = np.cumsum([0, *(len(kind.sides) for kind in self.kinds)])
        width, cells = (max(part.shape[1] for part in parts) for parts in
                        ([k.closure for k in self.kinds], [k.nodes for k in self.kinds]))  # fmt: skip
        self.width, self.cell_width = width, cells
        points = np.asarray(mesh.points)
        self.near = ROUNDING * np.finfo(points.dtype).eps * np.abs(points).max()

    def by_kind(self, facet):
        """For each kind, which of some facets are of it, and their numbers there."""
        for kind, first, last in zip(self.kinds, self.starts, self.starts[1:], strict=False):
            rows = np.flatnonzero((facet >= first) & (facet < last))
            if len(rows):
                yield kind, rows, facet[rows] - first

    def at(self, facet, xi):
        """Positions and their derivatives."""
        x, slopes = np.empty((len(facet), self.dim)), np.empty((len(facet), self.dim, self.dim - 1))
        for kind, rows, own in self.by_kind(facet):
            x[rows], slopes[rows] = kind.at(own, xi[rows])
        return x, slopes

    def functions(self, facet, xi):
        """Values of the functions of each facet's nodes; 0 where it has fewer."""
        values = np.zeros((len(facet), self.width))
        for kind, rows, own in self.by_kind(facet):
            table = kind.element.tabulate(kind.reference(own, xi[rows]), 0)[0][..., 0]
            values[rows, : kind.closure.shape[1]] = np.take_along_axis(table, kind.closure[own], axis=1)
        return values

    def nodes(self):
        """The nodes of each facet, −1 where it has fewer."""
        found = np.full((self.n_facets, self.width), -1)
        for kind, rows, own in self.by_kind(np.arange(self.n_facets)):
            found[rows, : kind.closure.shape[1]] = np.take_along_axis(kind.nodes, kind.closure, axis=1)[own]
        return found

    def continued(self, facet, points):
        """The functions of the cells behind facets at points near these, (n, node), and the vectors to the facets."""
        values, gaps = np.zeros((len(facet), self.cell_width)), np.empty(points.shape)
        for kind, rows, own in self.by_kind(facet):
            X, gaps[rows] = kind.behind(own, points[rows], self.near)
            values[rows, : kind.nodes.shape[1]] = kind.element.tabulate(X, 0)[0][..., 0]
        return values, gaps

    def cell_nodes(self, facet):
        """The nodes of the cells behind facets, −1 where they have fewer."""
        found = np.full((len(facet), self.cell_width), -1)
        for kind, rows, own in self.by_kind(facet):
            found[rows, : kind.nodes.shape[1]] = kind.nodes[own]
        return found


def image(kind: str, degree: int, corners: np.ndarray, X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Positions of points X in cells whose nodes are given, and their derivatives (n, dim, r)."""
    table = np.asarray(lagrange(kind, degree).tabulate(1, X))[..., 0]
    if kind == "pyramid" and (high := X[:, 2] > APEX).any():
        # At the apex gradients have no value.
        table[1:, high] = lagrange(kind, degree).tabulate(1, np.minimum(X[high], [np.inf, np.inf, APEX]))[1:, ..., 0]
    mapped = np.moveaxis(table, 0, 1) @ corners
    return mapped[:, 0], np.swapaxes(mapped[:, 1:], 1, 2)


def inverted(kind: str, degree: int, corners: np.ndarray, points: np.ndarray, start: np.ndarray) -> np.ndarray:
    """Where points are in cells, inside or near them: Newton's method from `start`."""
    X = start.copy()
    for _ in range(STEPS):
        x, slopes = image(kind, degree, corners, X)
        off, cofactors = points - x, cofactor(slopes)
        step = (
            np.einsum("nd,ndr->nr", off, cofactors)
            / np.einsum("nd,nd->n", slopes[:, :, 0], cofactors[:, :, 0])[:, None]
        )
        X = np.clip(X + step, -1, 2)
        # (The next step would be its square.)
        if np.abs(step).max(initial=0) < CLOSE:
            break
    return X
