"""Where integrals are taken in a mesh: its cells, groups of them, groups of facets."""

import jax
import jax.core
import numpy as np

from .._arrays import int32
from .._check import indices
from ._blocks import by_block, by_kind, pieces_of
from ._domain import Domain
from ._facets import facet_kinds
from ._space import FunctionSpace
from ._spread import Part, Spread


def cells_of(space: FunctionSpace, cells=None, degree: int | None = None) -> Domain | Spread:
    """The domain of all cells, or of some.

    **Arguments:**

    - `cells`: name of a cell group, cell numbers, or a boolean for each cell; None for all.
    - `degree`: of the quadrature rule; by default the space's `quadrature_degree`, which is enough for terms of gradients.
      For products of values, such as what is stored, take its `mass_degree`.
    """
    mesh, degree = space.mesh, space.quadrature_degree if degree is None else degree
    where = "all cells" if cells is None else f"cells {cells!r}" if isinstance(cells, str) else "given cells"
    if isinstance(cells, str):
        members = mesh.cells_in(cells)
    elif cells is None or isinstance(cells, jax.core.Tracer):
        members = cells
    else:
        members = int32(indices("cells", cells, mesh.n_cells))
    if len(mesh.blocks) == 1:
        return Domain(members, None, degree, where=where)
    if members is None:
        every = [Part(Domain(None, None, degree, where=where), b) for b in range(len(mesh.blocks))]
        return Spread(tuple(every), degree, None, where)
    sizes = [block.nodes.shape[0] for block in mesh.blocks]
    counts = _split(mesh, "cell", cells) if isinstance(cells, str) else None
    if counts is None:
        members, counts = by_block(sizes, _host(members))
    parts = [
        Part(Domain(_numbers(own - mesh.starts[b]), None, degree, where=where), b)
        for b, own in pieces_of(counts, _host(members))
    ]
    return Spread(tuple(parts), degree, None, where)


def facets_of(
    space: FunctionSpace, name: str, degree: int | None = None, *, side: str | None = None
) -> Domain | Spread:
    """The domain of the facets in the group of this name.

    **Arguments:**

    - `name`: of a facet group.
    - `degree`: of the quadrature rule.
    - `side`: name of the cell group that facets between two cells are seen from; see `Mesh.facets`. Without one, a
      group of facets that have no side gives a domain without normals.
    """
    mesh, facets = space.mesh, space.mesh.facets(name, side)
    degree = 2 * max(space.degree, mesh.degree) if degree is None else degree
    unsided = name if side is None and name in mesh.unsided else None
    where = f"facets {name!r}" + (f" seen from {side!r}" if side is not None else "")
    if mesh.uniform:
        own = _host(facets)
        return Domain(_numbers(own[:, 0]), _numbers(own[:, 1]), degree, unsided, where)
    counts = _split(mesh, "facet", name) if side is None else None
    members = _host(facets)
    if counts is None:
        members, counts = by_kind(mesh.cell_types, [block.nodes.shape[0] for block in mesh.blocks], members)
    kinds, parts = facet_kinds(mesh.cell_types), []
    for k, own in pieces_of(counts, members):
        b, shape = kinds[k]
        cells, sides = _numbers(own[:, 0] - mesh.starts[b]), _numbers(own[:, 1])
        parts.append(Part(Domain(cells, sides, degree, unsided, where, shape), b))
    return Spread(tuple(parts), degree, unsided, where)


def _split(mesh, kind, name):
    """How many members of a group there are of each kind; None for what is no group."""
    return next((counts for what, own, counts in mesh.splits if (what, own) == (kind, name)), None)


def _host(members):
    return members if isinstance(members, jax.core.Tracer) else np.asarray(members)


def _numbers(members):
    return members if isinstance(members, jax.core.Tracer) else int32(members)
