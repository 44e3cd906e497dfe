"""The mesh: points, cells of one type or of several, and named groups of cells, facets and points."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from .._arrays import int32, placed
from .._frozen import AbstractPosed
from .._notebook import Displayed
from .._trees import any_traced
from .._typing import Array, ArrayLike, Callable, CellNodes, Int, Points
from ._blocks import Cells, altered, check_conforming, is_uniform, only
from ._facets import boundary_facets, facet_shapes, nodes_by_kind, other_side
from ._forest import Forest
from ._groups import check_groups, concrete, extended, integers, look_up, members, sorted_groups
from ._mesh_checks import CELL_DIMENSION, check_cells, check_kind, check_orientation, check_points
from ._select import selected


class Mesh(AbstractPosed, Displayed):
    r"""Cells that tile a body, of one type or of several, with names for the parts of it.

    A cell is the image of its reference cell under $x(X) = \sum_a N_a(X)\, x_a$, with $N_a$ the Lagrange
    basis of `degree` on equispaced nodes. Nodes in a cell, and its facets, are numbered as in Basix.
    `points` is a differentiable leaf like any other.

    Cells of several types make blocks, one for each type; cells are numbered one block after the other.
    """

    points: Points
    blocks: tuple[Cells, ...]
    cell_groups: dict[str, Int[Array, " n"]]
    facet_groups: dict[str, Int[Array, "n 2"]]
    point_groups: dict[str, Int[Array, " n"]]
    degree: int = eqx.field(static=True)
    unsided: tuple[str, ...] = eqx.field(static=True)
    """Facet groups with facets between two cells that nobody has chosen a side of: they have no outward normal."""
    forest: Forest | None
    """Of quadrilaterals or hexahedra of several sizes which facets and edges are split by smaller ones; else None."""
    splits: tuple[tuple[str, str, tuple[int, ...]], ...] = eqx.field(static=True)
    """Of cell and facet groups that are not all of one kind: how many members there are of each block or kind of facet."""

    def __init__(
        self,
        points,
        cells,
        cell_type,
        degree=1,
        *,
        cell_groups=None,
        facet_groups=None,
        point_groups=None,
        unsided=(),
        allow_folded=False,
    ):
        """**Arguments:**

        - `points`: node positions $x_a$, shape (node, dim), in a unit of length.
        - `cells`: node numbers of each cell, shape (cell, local), in Basix order; of several types a list of such arrays.
        - `cell_type`: `interval`, `triangle`, `quadrilateral`, `tetrahedron`, `hexahedron`, `prism` or `pyramid`; dim
          follows. For cells of several types a list, side by side with `cells`.
        - `degree`: 1 for straight cells, 2 for quadratic ones, 3 for cubic ones.
        - `cell_groups`: name to cell numbers. (Of these and the other groups a boolean mask of everything does as well.)
        - `facet_groups`: name to (cell, local facet) pairs, shape (n, 2). A facet between two cells is seen from the
          cell in its pair: the normal points out of that one.
        - `point_groups`: name to node numbers.
        - `unsided`: names of the facet groups in which that cell means nothing, because what they were read from names
          facets without a side.
        - `allow_folded`: take cells that are inverted, folded or degenerate, to look at them or to move their nodes. An
          integral over such a cell is NaN.

        **Raises:** `ValueError` if shapes do not fit, an index is out of range, a node belongs to no cell,
        a coordinate is not finite, or a cell is inverted or degenerate at a quadrature point (at a node: a warning).
        Traced points are not checked.
        """
        points = placed(points) if isinstance(points, np.ndarray) else jnp.asarray(points)
        self.points = points if jnp.issubdtype(points.dtype, jnp.floating) else points.astype(float)
        self.degree = degree
        self.blocks = _blocks(cells, cell_type)
        for block in self.blocks:
            check_kind(block.type, degree, self.points.shape, block.nodes.shape)
        self.splits, self.forest = (), None
        self.cell_groups = members("cell_groups", cell_groups, (self.n_cells,))
        self.facet_groups = members("facet_groups", facet_groups, (self.n_cells, self._n_facets))
        self.point_groups = members("point_groups", point_groups, (self.n_points,))
        for name in unsided:
            look_up("facet", self.facet_groups, name)
        self.unsided = tuple(sorted(unsided))
        self._check(allow_folded)
        if not self.uniform:
            self.cell_groups, self.facet_groups, self.splits = sorted_groups(
                self.blocks, self.cell_groups, self.facet_groups
            )

    def _check(self, allow_folded):
        groups = (self.cell_groups, self.facet_groups, self.point_groups)
        if any_traced((self.blocks, groups)):
            return
        cells = [np.asarray(block.nodes) for block in self.blocks]
        check_cells(cells, self.n_points)
        bounds = (self.n_cells,), (self.n_cells, self._n_facets), (self.n_points,)
        for kind, group, bound in zip(("cell", "facet", "point"), groups, bounds, strict=True):
            check_groups(kind, group, bound)
        if len(self.blocks) > 1:
            check_conforming(*self._every_cell("mesh"), np.asarray(self.boundary_facets()))
        if not any_traced(self.points):
            check_points(np.asarray(self.points))
            if not allow_folded:
                for block, own in zip(self.blocks, cells, strict=True):
                    check_orientation(np.asarray(self.points), own, block.type, self.degree)

    @property
    def given(self):
        """All of it."""
        return self

    @property
    def cells(self) -> CellNodes:
        """Node numbers of each cell, (cell, local); `ValueError` for a mesh of several cell types."""
        return only("cells", self.blocks, self.cell_types).nodes

    @property
    def cell_type(self) -> str:
        """Basix name of the cells; `ValueError` for a mesh of several cell types."""
        return only("cell_type", self.blocks, self.cell_types).type

    @property
    def cell_types(self) -> tuple[str, ...]:
        """Basix name of the cells of each block."""
        return tuple(block.type for block in self.blocks)

    @property
    def uniform(self) -> bool:
        """Whether all cells have one type, and all facets one shape."""
        return is_uniform(self.cell_types)

    @property
    def starts(self) -> tuple[int, ...]:
        """Number of the first cell of each block, and behind them how many cells there are."""
        return tuple(np.cumsum([0, *(block.nodes.shape[0] for block in self.blocks)]).tolist())

    def block(self, number: int) -> "Mesh":
        """Return the cells of one block as a mesh on all of the points, without groups."""
        if len(self.blocks) == 1:
            return self
        bare = {f"{kind}_groups": {} for kind in ("cell", "facet", "point")}
        return altered(self, blocks=self.blocks[number : number + 1], splits=(), unsided=(), **bare)

    def pair(self, near: int, far: int) -> "Mesh":
        """Return the cells of two blocks as a mesh on all of the points, without groups; of one twice, `block`."""
        if near == far:
            return self.block(near)
        bare = {f"{kind}_groups": {} for kind in ("cell", "facet", "point")}
        return altered(self, blocks=(self.blocks[near], self.blocks[far]), splits=(), unsided=(), **bare)

    @property
    def _n_facets(self):
        return max(len(facet_shapes(name)) for name in self.cell_types)

    def _every_cell(self, what):
        """Nodes and types of the cells of all blocks, as functions of facets take them."""
        if len(self.blocks) == 1:
            return concrete(what, self.cells), self.cell_type
        return tuple(concrete(what, block.nodes) for block in self.blocks), self.cell_types

    @property
    def dim(self) -> int:
        """Number of space dimensions."""
        return CELL_DIMENSION[self.blocks[0].type]

    @property
    def n_points(self) -> int:
        """Number of nodes."""
        return self.points.shape[0]

    @property
    def n_cells(self) -> int:
        """Number of cells."""
        return self.starts[-1]

    def boundary_facets(self) -> Int[Array, "n 2"]:
        """The (cell, local facet) pairs that belong to one cell only, sorted."""
        return placed(self._outer("boundary_facets"))

    def _outer(self, what) -> np.ndarray:
        """Facets of one cell only, but for those where larger and smaller cells meet."""
        found = boundary_facets(*self._every_cell(what))
        if self.forest is None:
            return found
        split, width = self.forest.splits[0], self._n_facets
        within = np.concatenate([np.asarray(split.coarse), np.asarray(split.fine).reshape(-1, 2)]) @ (width, 1)
        return found[~np.isin(found @ (width, 1), within)]

    def cells_in(self, name: str) -> Int[Array, " n"]:
        """Cell numbers of a cell group; `ValueError` if the name is unknown."""
        return look_up("cell", self.cell_groups, name)

    def facets(self, name: str, side: str | None = None) -> Int[Array, "n 2"]:
        """The (cell, local facet) pairs of a facet group.

        **Arguments:**

        - `name`: of the group; "all" is the whole boundary, unless a group has this name.
        - `side`: name of the cell group that the facets are seen from, for facets between two cells: normals point out
          of it. By default they are seen from the cells that the group names.

        **Raises:** `ValueError` if a name is unknown, or if a facet belongs to no cell of `side`, or to two.
        """
        facets = self._facets_named(name)
        if side is None:
            return facets
        inside = np.zeros(self.n_cells, bool)
        inside[concrete("side", self.cells_in(side))] = True
        near = concrete("side", facets)
        far = other_side(*self._every_cell("side"), near)
        from_near, from_far = inside[near[:, 0]], (far[:, 0] >= 0) & inside[far[:, 0]]
        if (bad := from_near == from_far).any():
            raise ValueError(
                f"Each facet of {name!r} must belong to one cell of `side` {side!r}, but {np.sum(bad & from_near)} of "
                f"{len(near)} belong to two and {np.sum(bad & ~from_near)} to none."
            )
        return int32(np.unique(np.where(from_near[:, None], near, far), axis=0))

    def names_facets(self, name: str) -> bool:
        """Tell whether a facet group has this name; "all", the whole boundary, is one unless a group of any kind has it."""
        return name in self.facet_groups or (name == "all" and name not in {**self.cell_groups, **self.point_groups})

    def _facets_named(self, name):
        if name not in self.facet_groups and self.names_facets(name):
            return int32(self.boundary_facets())
        return look_up("facet", self.facet_groups, name)

    def nodes_on(self, name: str) -> Int[Array, " n"]:
        """Sorted node numbers of the point, facet or cell group of this name; "all" is the whole boundary by default.

        **Raises:** `ValueError` if no group has the name, or if groups of two kinds have it and disagree.
        """
        cells, types = self._every_cell("nodes_on")
        found = {}
        if name in self.point_groups:
            found["point"] = [concrete("nodes_on", self.point_groups[name])]
        if self.names_facets(name):
            pairs = concrete("nodes_on", self._facets_named(name))
            found["facet"] = [np.ravel(nodes) for _, nodes in nodes_by_kind(cells, types, self.degree, pairs)]
        if name in self.cell_groups:
            chosen = np.zeros(self.n_cells, bool)
            chosen[concrete("nodes_on", self.cell_groups[name])] = True
            parts = np.split(chosen, self.starts[1:-1])
            found["cell"] = [np.ravel(np.asarray(b.nodes)[own]) for b, own in zip(self.blocks, parts, strict=True)]
        if not found:
            groups = {**self.point_groups, **self.facet_groups, **self.cell_groups}
            look_up("point, facet or cell", groups, name)
        nodes = [np.unique(np.concatenate(each)) for each in found.values()]
        if not all(np.array_equal(nodes[0], x) for x in nodes[1:]):
            kinds = " and a ".join(found)
            raise ValueError(f"{name!r} names a {kinds} group with different nodes: rename one.")
        return int32(nodes[0])

    def refined(self, marks=None) -> "Mesh":
        """A finer mesh of the same body: all cells cut alike, or the marked ones; see `simphys.fem.refined`."""
        from ._refine import refined

        return refined(self, marks)

    def with_cell_group(self, name: str, predicate: Callable | ArrayLike) -> "Mesh":
        """A mesh that also names the cells all of whose nodes satisfy `predicate`.

        **Arguments:**

        - `name`: a new name.
        - `predicate`: takes one position x, shape (dim,), and returns a boolean, or all, (points, dim), and returns one for
          each, in NumPy as well as JAX (nothing is traced); or a mask of the nodes; or numbers of nodes.

        **Raises:** `ValueError` if the name is taken, or if nothing satisfies the predicate.
        """
        inside = self._select(predicate)
        parts = [np.all(inside[concrete("with_cell_group", block.nodes)], axis=1) for block in self.blocks]
        groups = extended("cell", self.cell_groups, name, np.flatnonzero(np.concatenate(parts)))
        return self._regrouped("cell", groups)

    def with_facet_group(self, name: str, predicate: Callable | ArrayLike) -> "Mesh":
        """A mesh that also names the boundary facets all of whose nodes satisfy `predicate`.

        Arguments and errors are those of [`with_cell_group`][].
        """
        cells, types = self._every_cell("with_facet_group")
        pairs, inside = self._outer("with_facet_group"), self._select(predicate)
        chosen = np.zeros(len(pairs), bool)
        for rows, nodes in nodes_by_kind(cells, types, self.degree, pairs):
            chosen[rows] = np.all(inside[nodes], axis=1)
        return self._regrouped("facet", extended("facet", self.facet_groups, name, pairs[chosen]))

    def with_boundary(self, name: str) -> "Mesh":
        """A mesh that also names all facets of its boundary; `ValueError` if the name is taken."""
        return self._regrouped("facet", extended("facet", self.facet_groups, name, self._outer("with_boundary")))

    def with_union(self, name: str, groups) -> "Mesh":
        """A mesh that also names what belongs to any of some groups, all of facets, of cells or of points.

        **Arguments:**

        - `name`: of the new group; must not be taken.
        - `groups`: names of groups of one kind.

        **Raises:** `ValueError` for names that are unknown, or of groups of different kinds.
        """
        kinds = {"facet": self.facet_groups, "cell": self.cell_groups, "point": self.point_groups}
        for kind, known in kinds.items():
            if groups and all(group in known for group in groups):
                every = np.concatenate([concrete("with_union", known[group]) for group in groups])
                together = extended(kind, known, name, np.unique(every, axis=0))
                sideless = kind == "facet" and any(group in self.unsided for group in groups)
                return self._regrouped(kind, together, (*self.unsided, name) if sideless else self.unsided)
        known = {kind: sorted(names) for kind, names in kinds.items() if names}
        raise ValueError(f"`groups` must name groups of one kind, got {list(groups)}; there are {known}.")

    def with_point_group(self, name: str, predicate: Callable | ArrayLike) -> "Mesh":
        """A mesh that also names the nodes that satisfy `predicate`.

        Arguments and errors are those of [`with_cell_group`][].
        """
        groups = extended("point", self.point_groups, name, np.flatnonzero(self._select(predicate)))
        return self._regrouped("point", groups)

    def _regrouped(self, kind, groups, unsided=None):
        """The mesh with other groups of one kind."""
        unsided = self.unsided if unsided is None else tuple(sorted(unsided))
        made = altered(self, **{f"{kind}_groups": groups}, unsided=unsided)
        if self.uniform:
            return made
        cell_groups, facet_groups, splits = sorted_groups(self.blocks, made.cell_groups, made.facet_groups)
        return altered(made, cell_groups=cell_groups, facet_groups=facet_groups, splits=splits)

    def _select(self, predicate):
        return selected(predicate, concrete("a group by position", self.points))


def _blocks(cells, cell_type):
    if isinstance(cell_type, str) or not isinstance(cell_type, tuple | list):
        return (Cells(integers("cells", cells), cell_type),)
    types = tuple(cell_type)
    if not isinstance(cells, tuple | list) or len(cells) != len(types) or not types:
        raise ValueError(f"`cells` must be a list of arrays side by side with `cell_type`, {list(types)}.")
    if len(set(types)) < len(types) or len({CELL_DIMENSION.get(name) for name in types}) > 1:
        raise ValueError(f"`cell_type` must name different cells of one dimension, got {list(types)}.")
    return tuple(Cells(integers("cells", own), name) for own, name in zip(cells, types, strict=True))
