"""The mesh: points, cells of one type, and named groups of cells, facets and points."""

import difflib

import equinox as eqx
import jax
import jax.core
import jax.numpy as jnp
import numpy as np

from .._arrays import int32, placed
from .._frozen import AbstractPosed
from .._typing import Array, Callable, CellNodes, Int, Points
from ._facets import boundary_facets, facet_nodes, facet_vertices, other_side
from ._mesh_checks import CELL_DIMENSION, check_cells, check_kind, check_orientation, check_points


class Mesh(AbstractPosed):
    r"""Cells of one type that tile a body, with names for the parts of it.

    A cell is the image of its reference cell under $x(X) = \sum_a N_a(X)\, x_a$, with $N_a$ the Lagrange
    basis of `degree` on equispaced nodes. Nodes in a cell, and its facets, are numbered as in Basix.
    `points` is a differentiable leaf like any other.
    """

    points: Points
    cells: CellNodes
    cell_groups: dict[str, Int[Array, " n"]]
    facet_groups: dict[str, Int[Array, "n 2"]]
    point_groups: dict[str, Int[Array, " n"]]
    cell_type: str = eqx.field(static=True)
    degree: int = eqx.field(static=True)
    unsided: tuple[str, ...] = eqx.field(static=True)
    """Facet groups with facets between two cells that nobody has chosen a side of: they have no outward normal."""

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
        - `cells`: node numbers of each cell, shape (cell, local), in Basix order.
        - `cell_type`: `interval`, `triangle`, `quadrilateral`, `tetrahedron` or `hexahedron`; dim follows.
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
        self.cells = _integers("cells", cells)
        self.cell_type, self.degree = cell_type, degree
        check_kind(cell_type, degree, self.points.shape, self.cells.shape)
        n_facets = len(facet_vertices(cell_type))
        self.cell_groups = _members("cell_groups", cell_groups, (self.n_cells,))
        self.facet_groups = _members("facet_groups", facet_groups, (self.n_cells, n_facets))
        self.point_groups = _members("point_groups", point_groups, (self.n_points,))
        for name in unsided:
            _look_up("facet", self.facet_groups, name)
        self.unsided = tuple(sorted(unsided))
        self._check(allow_folded)

    def _check(self, allow_folded):
        groups = (self.cell_groups, self.facet_groups, self.point_groups)
        if not _is_concrete((self.cells, groups)):
            return
        cells = np.asarray(self.cells)
        check_cells(cells, self.n_points)
        n_facets = len(facet_vertices(self.cell_type))
        for kind, group, bound in zip(
            ("cell", "facet", "point"),
            groups,
            ((self.n_cells,), (self.n_cells, n_facets), (self.n_points,)),
            strict=True,
        ):
            for name, members in group.items():
                _check_group(kind, name, np.asarray(members), bound)
        if _is_concrete(self.points):
            check_points(np.asarray(self.points))
            if not allow_folded:
                check_orientation(np.asarray(self.points), cells, self.cell_type, self.degree)

    @property
    def given(self):
        """All of it."""
        return self

    @property
    def dim(self) -> int:
        """Number of space dimensions."""
        return CELL_DIMENSION[self.cell_type]

    @property
    def n_points(self) -> int:
        """Number of nodes."""
        return self.points.shape[0]

    @property
    def n_cells(self) -> int:
        """Number of cells."""
        return self.cells.shape[0]

    def boundary_facets(self) -> Int[Array, "n 2"]:
        """The (cell, local facet) pairs that belong to one cell only, sorted."""
        return placed(boundary_facets(_concrete("boundary_facets", self.cells), self.cell_type))

    def cells_in(self, name: str) -> Int[Array, " n"]:
        """Cell numbers of a cell group; `ValueError` if the name is unknown."""
        return _look_up("cell", self.cell_groups, name)

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
        inside[_concrete("side", self.cells_in(side))] = True
        near = _concrete("side", facets)
        far = other_side(_concrete("side", self.cells), self.cell_type, near)
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
        return _look_up("facet", self.facet_groups, name)

    def nodes_on(self, name: str) -> Int[Array, " n"]:
        """Sorted node numbers of the point, facet or cell group of this name; "all" is the whole boundary by default.

        **Raises:** `ValueError` if no group has the name, or if groups of two kinds have it and disagree.
        """
        cells = _concrete("nodes_on", self.cells)
        found = {}
        if name in self.point_groups:
            found["point"] = _concrete("nodes_on", self.point_groups[name])
        if self.names_facets(name):
            pairs = _concrete("nodes_on", self._facets_named(name))
            found["facet"] = facet_nodes(cells, self.cell_type, self.degree, pairs)
        if name in self.cell_groups:
            found["cell"] = cells[_concrete("nodes_on", self.cell_groups[name])]
        if not found:
            groups = {**self.point_groups, **self.facet_groups, **self.cell_groups}
            _look_up("point, facet or cell", groups, name)
        nodes = [np.unique(x) for x in found.values()]
        if not all(np.array_equal(nodes[0], x) for x in nodes[1:]):
            kinds = " and a ".join(found)
            raise ValueError(f"{name!r} names a {kinds} group with different nodes: rename one.")
        return int32(nodes[0])

    def with_cell_group(self, name: str, predicate: Callable) -> "Mesh":
        """A mesh that also names the cells all of whose nodes satisfy `predicate`.

        **Arguments:**

        - `name`: a new name.
        - `predicate`: takes one position x, shape (dim,), and returns a boolean; it is traced by `jax.vmap`.

        **Raises:** `ValueError` if the name is taken, or if nothing satisfies the predicate.
        """
        chosen = np.all(self._select(predicate)[_concrete("with_cell_group", self.cells)], axis=1)
        groups = _extended("cell", self.cell_groups, name, np.flatnonzero(chosen))
        return eqx.tree_at(lambda m: m.cell_groups, self, groups)

    def with_facet_group(self, name: str, predicate: Callable) -> "Mesh":
        """A mesh that also names the boundary facets all of whose nodes satisfy `predicate`.

        Arguments and errors are those of [`with_cell_group`][].
        """
        cells = _concrete("with_facet_group", self.cells)
        pairs = boundary_facets(cells, self.cell_type)
        nodes = facet_nodes(cells, self.cell_type, self.degree, pairs)
        chosen = np.all(self._select(predicate)[nodes], axis=1)
        groups = _extended("facet", self.facet_groups, name, pairs[chosen])
        return eqx.tree_at(lambda m: m.facet_groups, self, groups)

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
                members = np.concatenate([_concrete("with_union", known[group]) for group in groups])
                together = _extended(kind, known, name, np.unique(members, axis=0))
                if kind == "facet" and any(group in self.unsided for group in groups):
                    return self._regrouped(together, (*self.unsided, name))
                return eqx.tree_at(lambda m: getattr(m, f"{kind}_groups"), self, together)
        known = {kind: sorted(names) for kind, names in kinds.items() if names}
        raise ValueError(f"`groups` must name groups of one kind, got {list(groups)}; there are {known}.")

    def with_point_group(self, name: str, predicate: Callable) -> "Mesh":
        """A mesh that also names the nodes that satisfy `predicate`.

        Arguments and errors are those of [`with_cell_group`][].
        """
        groups = _extended("point", self.point_groups, name, np.flatnonzero(self._select(predicate)))
        return eqx.tree_at(lambda m: m.point_groups, self, groups)

    def _regrouped(self, facet_groups, unsided):
        others = dict(cell_groups=self.cell_groups, point_groups=self.point_groups)
        what = (self.points, self.cells, self.cell_type, self.degree)
        return Mesh(*what, facet_groups=facet_groups, unsided=unsided, allow_folded=True, **others)

    def _select(self, predicate):
        _concrete("a group by position", self.points)
        try:
            chosen = jax.vmap(predicate)(self.points)
        except jax.errors.TracerBoolConversionError:
            raise ValueError("A predicate is traced: write `&`, `|`, `~` for `and`, `or`, `not`.") from None
        if chosen.shape != (self.n_points,) or chosen.dtype != jnp.bool_:
            raise ValueError(f"A predicate must return one boolean, got {chosen.dtype} of shape {chosen.shape[1:]}.")
        return np.asarray(chosen)


def _is_concrete(tree):
    return not any(isinstance(x, jax.core.Tracer) for x in jax.tree.leaves(tree))


def _concrete(what, array):
    if not _is_concrete(array):
        raise ValueError(f"`{what}` needs a concrete mesh: call it outside `jit`, `grad` and `vmap`.")
    return np.asarray(array)


def _integers(name, value):
    if isinstance(value, jax.Array):
        kind, size = value.dtype, 0
    else:
        value = np.asarray(value)
        value = value.astype(np.int32) if value.size == 0 else value
        kind, size = value.dtype, value.max(initial=0)
    if not jnp.issubdtype(kind, jnp.integer):
        raise ValueError(f"`{name}` must hold integers, got {kind}.")
    if size > np.iinfo(np.int32).max:
        raise ValueError(f"`{name}` must fit into 32 bits, got {size}.")
    return value.astype(jnp.int32) if isinstance(value, jax.Array) else int32(value)


def _members(what, groups, shape):
    """Groups as whole numbers: what a mask of the given shape selects, or the numbers themselves."""
    found = {}
    for name, value in (groups or {}).items():
        shown = f"{what}[{name!r}]"
        if not isinstance(value, jax.core.Tracer) and (mask := np.asarray(value)).dtype == bool:
            if mask.shape != shape:
                raise ValueError(f"`{shown}`: a mask must have shape {shape}, got {mask.shape}.")
            value = np.argwhere(mask) if len(shape) == 2 else np.flatnonzero(mask)
        found[name] = _integers(shown, value)
    return found


def _check_group(kind, name, members, bounds):
    shape = (2,) if len(bounds) == 2 else ()
    if members.ndim != len(bounds) or members.shape[1:] != shape:
        raise ValueError(
            f"{kind.capitalize()} group {name!r} must have shape {'(n, 2)' if shape else '(n,)'}, got {members.shape}."
        )
    columns = members.T if shape else (members,)
    for column, bound in zip(columns, bounds, strict=True):
        if column.size and (column.min() < 0 or column.max() >= bound):
            raise ValueError(
                f"{kind.capitalize()} group {name!r} must have entries in 0 … {bound - 1}, "
                f"got {column.min()} … {column.max()}."
            )


def _look_up(kind, groups, name):
    if name in groups:
        return groups[name]
    near = difflib.get_close_matches(str(name), groups, n=1, cutoff=0.5)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    raise ValueError(f"No {kind} group {name!r}; there {_listing(groups)}.{hint}")


def _listing(groups):
    return f"are {', '.join(map(repr, sorted(groups)))}" if groups else "are none"


def _extended(kind, groups, name, members):
    if name in groups:
        raise ValueError(f"There is already a {kind} group {name!r}.")
    if len(members) == 0:
        raise ValueError(f"No {kind} satisfies the predicate of group {name!r}.")
    return {**groups, name: int32(members)}
