"""Domains of several kinds of cells or facets: a part for each, with tables of its own; and the integrals over them."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from .._typing import Array, PyTree
from ._domain import Domain, Geometry, chosen_side
from ._fields import AbstractField, CellField, DomainField, QuadratureField, check_size, is_field
from ._quadrature import facet_quadrature, quadrature
from ._space import FunctionSpace


class Part(eqx.Module):
    """Cells of one block of a mesh, or facets of one shape of them: `domain` counts the cells within the block."""

    domain: Domain
    block: int = eqx.field(static=True)
    behind: int | None = eqx.field(static=True, default=None)
    """Block of the cells behind facets that are seen from both sides."""

    def of(self, whole):
        """Return a mesh or space as the items see it."""
        return whole.block(self.block) if self.behind is None else whole.pair(self.block, self.behind)

    def n_points(self, mesh) -> int:
        """Number of quadrature points of an item."""
        kind, domain = mesh.cell_types[self.block], self.domain
        rule = (
            quadrature(kind, domain.degree)
            if domain.sides is None
            else facet_quadrature(kind, domain.degree, domain.shape)
        )
        return len(rule[1])

    def n_items(self, mesh) -> int:
        """Number of its cells or facets."""
        cells = self.domain.cells
        return mesh.blocks[self.block].nodes.shape[0] if cells is None else cells.shape[0]


class Spread(eqx.Module):
    """Cells of several types, or facets of several kinds.

    What there is for each item and quadrature point comes part by part; items with fewer points than others repeat their
    last one, with measure 0.

    **Arguments:**

    - `parts`: in the order of the mesh's blocks.
    - `degree`, `unsided`, `where`: as of a `Domain`.
    """

    parts: tuple[Part, ...]
    degree: int = eqx.field(static=True)
    unsided: str | None = eqx.field(static=True)
    where: str = eqx.field(static=True)

    @property
    def two_sided(self) -> bool:
        """Whether integrands see both cells of a facet."""
        return any(part.domain.two_sided for part in self.parts)

    def check_sided(self):
        """Raise `ValueError` on facets between two cells that nobody has chosen a side of."""
        chosen_side(None, self.unsided)

    def nodes(self, space: FunctionSpace) -> Array:
        """Return the nodes of a space that any item depends on, one list."""
        return jnp.concatenate([part.domain.nodes(part.of(space)).ravel() for part in self.parts])

    def basis(self, space: FunctionSpace, *_):
        """Refuse: there is no one table of basis functions."""
        raise ValueError(
            f"Basis functions over {self.where} are asked for as one table, cells of type "
            f"{', '.join(space.mesh.cell_types)} have several: what asks for it is offered for cells of one type with "
            "facets of one shape."
        )

    def geometry(self, mesh) -> Geometry:
        """Map the quadrature rules to every item; differentiable in the mesh's points."""
        found = [part.domain.geometry(part.of(mesh)) for part in self.parts]
        bare = [dataclasses.replace(each, measure=None) for each in found]
        return dataclasses.replace(joined(bare), measure=joined_measures([each.measure for each in found]))


def pieces(integral, spaces: tuple[FunctionSpace, ...]) -> tuple:
    """Take an integral apart into those over cells of one type, or facets of one kind, each with spaces on its block."""
    domain = integral.domain
    if not isinstance(domain, Spread):
        return ((integral, spaces),)
    mesh = spaces[0].mesh
    width = max((part.n_points(mesh) for part in domain.parts), default=0)
    ends = np.cumsum([0, *(part.n_items(mesh) for part in domain.parts)])
    return tuple(
        (
            dataclasses.replace(
                integral,
                domain=part.domain,
                parameters=_of_block(integral.parameters, mesh, part, width, slice(*ends[k : k + 2]), ends[-1]),
            ),
            tuple(part.of(space) for space in spaces),
        )
        for k, part in enumerate(domain.parts)
    )


def _of_block(parameters: PyTree, mesh, part: Part, width: int, items: slice, count: int) -> PyTree:
    """Parameters with the rows of one block in place of all cells' rows, of a domain's own those of one part."""
    own = slice(*mesh.starts[part.block : part.block + 2])

    def one(leaf: AbstractField | Array):
        if isinstance(leaf, CellField):
            check_size("CellField", leaf.values.shape[:1], (mesh.n_cells,))
            return eqx.tree_at(lambda f: f.values, leaf, leaf.values[own])
        if isinstance(leaf, QuadratureField):
            check_size("QuadratureField", leaf.values.shape[:2], (mesh.n_cells, width))
            return eqx.tree_at(lambda f: f.values, leaf, leaf.values[own, : part.n_points(mesh)])
        if isinstance(leaf, DomainField):
            check_size("DomainField", leaf.values.shape[:2], (count, width))
            return eqx.tree_at(lambda f: f.values, leaf, leaf.values[items, : part.n_points(mesh)])
        return leaf

    return jax.tree.map(one, parameters, is_leaf=is_field)


def joined(parts: list[PyTree]) -> PyTree:
    """What there is at the points of each part, (item, quad, …), one after the other; the last points are repeated."""
    if len(parts) == 1:
        return parts[0]
    return jax.tree.map(lambda *same: _stacked(same, "edge"), *parts)


def joined_measures(parts: list[Array]) -> Array:
    """The measures of the parts' points, those repeated being 0."""
    return parts[0] if len(parts) == 1 else _stacked(parts, "constant")


def _stacked(arrays, mode):
    width = max(a.shape[1] for a in arrays)
    pad = lambda a: jnp.pad(a, [(0, 0), (0, width - a.shape[1]), *[(0, 0)] * (a.ndim - 2)], mode)
    return jnp.concatenate([pad(a) for a in arrays])
