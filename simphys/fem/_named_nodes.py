"""Nodes of a space on named groups of its mesh."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from .._arrays import placed
from .._trees import any_traced
from .._typing import Any, Array
from ._groups import look_up


def nodes_on(space, name: str) -> np.ndarray:
    """Return the numbers of the nodes on the facet, point or cell group of this name, sorted."""
    mesh = space.mesh
    if not isinstance(name, str):
        raise ValueError(f"the name of a group expected, got {type(name).__name__}.")
    if mesh.names_facets(name):
        cells, sides = np.asarray(mesh.facets(name)).T
        members = []
        for block, rows, own in _in_blocks(space, cells):
            there, of_facets = np.asarray(block.cells)[own], block.element.facet_dofs()
            members += [there[sides[rows] == k][:, list(dofs)].ravel() for k, dofs in enumerate(of_facets)]
        return np.unique(np.concatenate(members))
    if name in mesh.cell_groups:
        parts = _in_blocks(space, np.asarray(mesh.cells_in(name)))
        return np.unique(np.concatenate([np.asarray(block.cells)[own].ravel() for block, _, own in parts]))
    points = np.asarray(mesh.nodes_on(name))
    if space.on_mesh:
        return points
    # Vertices come first in a cell: what an element has there belongs to those of the group that are vertices.
    found = [
        np.asarray(block.cells)[np.isin(np.asarray(cells.nodes)[:, v], points)][:, list(dofs)].ravel()
        for block, cells in zip(space.blocks, mesh.blocks, strict=True)
        for v, dofs in enumerate(block.element.entity_dofs[0])
    ]
    return np.unique(np.concatenate(found))


def marked(space, name: str) -> Array:
    """Return for each node whether it is on the group of this name, (node,); a group may be a traced array."""
    mesh = space.mesh
    if not any_traced(eqx.filter(mesh, _is_whole)):
        there = np.zeros(space.n_nodes, bool)
        there[space.nodes_on(name)] = True
        return placed(there)
    none = jnp.zeros(space.n_nodes, bool)
    if mesh.names_facets(name):
        cells, sides = mesh.facets(name).T
        of_facets = space.element.facet_dofs()
        width = max(map(len, of_facets))
        padded = jnp.asarray([(*dofs, *dofs[:1] * (width - len(dofs))) for dofs in of_facets])
        return none.at[space.cells[cells[:, None], padded[sides]]].set(True)
    if name in mesh.cell_groups:
        return none.at[space.cells[mesh.cells_in(name)]].set(True)
    members = look_up("point, facet or cell", mesh.point_groups, name)
    points = jnp.zeros(mesh.n_points, bool).at[members].set(True)
    if space.on_mesh:
        return points
    for v, dofs in enumerate(space.element.entity_dofs[0]):
        none = none.at[space.cells[:, list(dofs)]].max(points[mesh.cells[:, v]][:, None])
    return none


def _in_blocks(space, cells):
    """For each block which of some cells are in it, and their numbers there."""
    starts = space.mesh.starts
    for block, first, last in zip(space.blocks, starts, starts[1:], strict=False):
        rows = np.flatnonzero((cells >= first) & (cells < last))
        yield block, rows, cells[rows] - first


def _is_whole(leaf):
    return eqx.is_array(leaf) and jnp.issubdtype(leaf.dtype, jnp.integer)


def known_nodes(space: Any, what: str) -> np.ndarray:
    """Return the positions of a space's nodes as numbers, while a program is traced as well, (node, dim).

    **Raises:** `ValueError`, naming what asks for them, where the points of the mesh are traced.
    """
    if any_traced(space.mesh.points):
        raise ValueError(
            f"{what} needs to know where nodes are when the problem is made: make it outside of `jit` and `grad`, and "
            "move the points of its mesh within (`eqx.tree_at`, `simphys.design.Morph`)."
        )
    with jax.ensure_compile_time_eval():
        return np.asarray(space.nodes(), float)
