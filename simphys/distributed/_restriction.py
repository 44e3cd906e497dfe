"""The mesh and the terms of a problem as each part sees them: its own cells, and the nodes of these."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from .._trees import any_traced
from .._typing import Array, Bool, Float, Int, PyTree
from ..fem import AbstractField, CellField, Domain, DomainField, FunctionSpace, Integral, NodalField, altered
from ._numbering import Numbering, stacked


class PartField(AbstractField):
    """A field of parameters that is divided already, such as what parts remember from step to step.

    **Arguments:**

    - `values`: (part, …) of each part's cells, copies among them.
    - `kind`: which field it is in each part.
    """

    values: Float[Array, "part ..."]
    kind: type = eqx.field(static=True)


class Items(eqx.Module):
    """The items of one term: cells of each part, and facets of these; None for all cells."""

    cells: Int[Array, "part item"] | None
    sides: Int[Array, "part item"] | None
    rows: Int[Array, "part item"] | None
    """Which items of the whole they are; None for cells all of which are."""


class Restriction(eqx.Module):
    """Numbers of cells, nodes and points of each part in the whole, and of nodes and points in its cells.

    What fills parts up to one size is a copy of a cell, and counts for nothing: the last cell of each part is one.
    """

    nodes: Int[Array, "part node"]
    cells: Int[Array, "part cell"]
    there: Bool[Array, "part cell"]
    """Which cells are no copies."""
    points: Int[Array, "part point"]
    of_mesh: Int[Array, "part cell a"]
    of_space: Int[Array, "part cell a"]
    items: tuple[Items, ...]

    def space(self, space: FunctionSpace) -> FunctionSpace:
        """Return the function space of the parts, its arrays with a leading axis; differentiable in the mesh's points."""
        mesh = space.mesh
        bare = {f"{kind}_groups": {} for kind in ("cell", "facet", "point")}
        own = altered(
            mesh,
            points=mesh.points[self.points],
            blocks=(dataclasses.replace(mesh.blocks[0], nodes=self.of_mesh),),
            splits=(),
            unsided=(),
            **bare,
        )
        count, size = self.nodes.shape
        block = space.blocks[0]
        turned = None if block.orientation is None else block.orientation[self.cells]
        none = jnp.zeros((count, size, 2), block.source.dtype)
        numbers = dataclasses.replace(block, cells=self.of_space, source=none, orientation=turned)
        return altered(space, mesh=own, blocks=(numbers,), n_nodes=size)

    def parameters(self, tree: PyTree, items: Items | None = None) -> PyTree:
        """Return parameters with the rows that each part needs of fields, and all numbers for each part.

        **Arguments:**

        - `items`: of the term whose they are; None for one over all cells.
        """
        of_items = self.cells if items is None or items.rows is None else items.rows

        def own(leaf):
            if isinstance(leaf, PartField):
                return leaf.kind(leaf.values)
            if isinstance(leaf, AbstractField):
                rows = {NodalField: self.nodes, DomainField: of_items}.get(type(leaf), self.cells)
                return dataclasses.replace(leaf, values=leaf.values[rows])
            return jnp.broadcast_to(leaf, (self.cells.shape[0], *leaf.shape)) if eqx.is_array(leaf) else leaf

        return jax.tree.map(own, tree, is_leaf=is_field)

    def remembered(self, tree: PyTree) -> PyTree:
        """Return what the whole remembers at points of its cells as what parts do."""
        divide = lambda leaf: PartField(leaf.values[self.cells], type(leaf))
        return jax.tree.map(divide, tree, is_leaf=is_field)

    def whole(self, tree: PyTree, cells: int) -> PyTree:
        """Return what parts remember as what the whole does, which has so many cells."""
        at = jnp.where(self.there, self.cells, cells)

        def put(leaf):
            room = jnp.zeros((cells, *leaf.values.shape[2:]), leaf.values.dtype)
            return leaf.kind(room.at[at].set(leaf.values, mode="drop"))

        return jax.tree.map(put, tree, is_leaf=is_field)

    def bodies(self, problem: PyTree) -> PyTree:
        """Return a balance law of each part's cells, of which nothing but the law at points is asked."""
        names = [f.name for f in dataclasses.fields(problem)]
        apart = dict(space=self.space(problem.space), constraints=(), loads=(), system=None)
        rest = {name: self.parameters(getattr(problem, name)) for name in names if name not in apart}
        return altered(problem, **apart, **rest)

    def term(self, term: Integral, items: Items) -> Integral:
        """Return a term over the cells of the parts; differentiable in its parameters."""
        parameters = self.parameters(term.parameters, items)
        domain = dataclasses.replace(term.domain, cells=items.cells, sides=items.sides)
        dtype = next((x.dtype for x in jax.tree.leaves(parameters) if eqx.is_inexact_array(x)), jnp.zeros(()).dtype)
        once = CellField(self.there.astype(dtype))
        return dataclasses.replace(term, domain=domain, parameters=parameters).times(once)


def is_field(leaf) -> bool:
    """Whether a leaf is a field of parameters."""
    return isinstance(leaf, AbstractField)


def check_terms(terms: tuple, space: FunctionSpace) -> None:
    """Raise `ValueError` for what is not divided: the term is named, and why."""
    if len(space.mesh.blocks) > 1 or not space.mesh.uniform:
        raise ValueError(
            f"A mesh to be divided must have cells of one type, this has {', '.join(space.mesh.cell_types)}."
        )
    if not space.nodal or space.hanging is not None:
        raise ValueError("A problem to be divided must have nodal elements, and no nodes that hang.")
    for term in terms:
        if not isinstance(term, Integral) or not isinstance(term.domain, Domain):
            raise ValueError(
                f"The term {term.name!r} cannot be divided among devices: integrals over cells and outer facets can, this "
                f"is a `{type(term).__name__}` over {term.where}."
            )
        if term.domain.unsided is not None:
            raise ValueError(f"The term {term.name!r} is over facets between two cells ({term.where}): not divided.")
        if not (term.symmetric or term.constant):
            raise ValueError(f"The term {term.name!r} has no symmetric tangent; conjugate gradients need one.")
        if any_traced(eqx.filter(term.domain, eqx.is_array)):
            raise ValueError(f"The items of the term {term.name!r} are traced: make `Parts` outside of `jit`.")


def restriction(space: FunctionSpace, terms: tuple, nodes: Numbering, part_of_cell: np.ndarray) -> Restriction:
    """Number all that parts see of a mesh; on the host."""
    parts = nodes.parts
    mesh_cells, space_cells = np.asarray(space.mesh.cells), np.asarray(space.cells)
    own = [np.flatnonzero(part_of_cell == part) for part in range(parts)]
    room = max(map(len, own)) + 1
    cells = np.stack([np.concatenate([c, np.full(room - len(c), c[0])]) for c in own])
    there = np.arange(room) < np.array([len(c) for c in own])[:, None]
    whole = np.stack([nodes.whole(part, 0) for part in range(parts)])
    of_space = np.stack([nodes.local(part, space_cells[cells[part]]) for part in range(parts)])
    if space.on_mesh:
        points, of_mesh = whole, of_space
    else:
        found = [np.unique(mesh_cells[c]) for c in own]
        points = stacked(found, max(map(len, found)), 0)
        of_mesh = np.stack([np.searchsorted(f, mesh_cells[c]) for f, c in zip(found, cells, strict=True)])
    items = tuple(_items(term.domain, own, part_of_cell, room) for term in terms)
    whole_numbers = lambda a: a.astype(np.int32)
    return Restriction(
        *map(whole_numbers, (whole, cells)), there, *map(whole_numbers, (points, of_mesh, of_space)), items
    )


def _items(domain, own, part_of_cell, room) -> Items:
    if domain.cells is None:
        return Items(None, None, None)
    cells = np.asarray(domain.cells)
    rows = [np.flatnonzero(part_of_cell[cells] == part) for part in range(len(own))]
    length = max(1, *map(len, rows))
    local = [np.searchsorted(c, cells[r]) for c, r in zip(own, rows, strict=True)]
    # What fills up lies at the copy of a cell that every part has.
    at, numbers = stacked(local, length, room - 1).astype(np.int32), stacked(rows, length, 0).astype(np.int32)
    if domain.sides is None:
        return Items(at, None, numbers)
    sides = np.asarray(domain.sides)
    return Items(at, stacked([sides[r] for r in rows], length, 0).astype(np.int32), numbers)


def items_of(restriction: Restriction, items: Items, part: int) -> np.ndarray:
    """Return the nodes of a term's items in a part, by their places there; on the host."""
    cells = np.asarray(restriction.of_space)[part]
    return cells if items.cells is None else cells[np.asarray(items.cells)[part]]


def as_rows(values: PyTree) -> PyTree:
    """Give scalar fields a component axis."""
    return values[..., None] if values.ndim == 1 else values
