"""Meshes, with the groups that loads and constraints speak of."""

import pathlib
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.patches import Polygon

from ..fem import FunctionSpace, Mesh, kinds_of_facets, nodes_by_kind
from ._body import body
from ._camera import camera
from ._canvas import canvas
from ._picture import Look, body_axes, category_colours


PLAIN = (0.86, 0.88, 0.90)
"""Colour of what belongs to no group."""


def mesh(
    mesh: Mesh,
    path=None,
    *,
    ax: Axes | None = None,
    groups: Sequence[str] | None = None,
    length_unit: str = "",
    mesh_lines: bool | None = True,
    view=None,
    title: str = "",
) -> pathlib.Path | Axes:
    """Draw a mesh and its groups, to be looked at before anything is solved.

    Groups of cells fill them, those of boundary facets colour the surface (in 2-D the edge), those of nodes are dots. A
    cell or facet of several groups has the colour of the one that is named last; the legend counts members.

    **Arguments:**

    - `mesh`: the mesh.
    - `path`: where the picture goes, ending in .png, .svg or .pdf; None for a figure of pyplot's, as notebooks show.
    - `ax`: Matplotlib axes to draw on, instead of a path.
    - `groups`: which to draw, and in which order; by default all, but in 3-D those of cells only where no facets are named.
    - `length_unit`: of positions.
    - `mesh_lines`: whether to draw the edges of cells; None: if they are far enough apart.
    - `view`, `title`: as in [`deformed`][].

    **Returns:** the path, or without one the axes.

    **Raises:** `ValueError` for a group that the mesh has not, and a path of another ending.
    """
    target = canvas(path, ax)
    if not isinstance(mesh, Mesh):
        raise ValueError(f"`mesh` must be a `simphys.fem.Mesh`, got {type(mesh).__name__}.")
    chosen = _chosen(mesh, groups)
    shape = body(FunctionSpace(mesh, mesh.degree), None)
    filled = [(kind, name) for kind, name in chosen if kind == "cell" or (kind == "facet" and mesh.dim == 3)]
    colours = dict(zip(chosen, category_colours(len(chosen)), strict=True))
    values, palette = _filling(mesh, shape, filled), (PLAIN, *(colours[each] for each in filled))
    told = [f"{name}: {_count(mesh, kind, name)}" for kind, name in chosen]
    widest = max(told, key=len, default="")
    look = Look(widest, length_unit, title, "", None, "viridis", False, mesh_lines, view, palette=palette)
    with target.style():
        axes = body_axes(shape, np.tile(values, 2) if mesh.dim == 1 else values, look, target.one)
        for (kind, name), text in zip(chosen, told, strict=True):
            _mark(axes, mesh, shape, view, kind, name, dict(color=colours[kind, name], label=text))
        if chosen:
            handles = axes.get_legend_handles_labels()[0]
            axes.legend(handles=handles, loc="upper left", bbox_to_anchor=(1.01, 1.0), borderaxespad=0.0)
        return target.done(axes)


def _chosen(mesh, groups):
    """Kinds and names, cells first: what lies on top is drawn last."""
    known = {"cell": mesh.cell_groups, "facet": mesh.facet_groups, "point": mesh.point_groups}
    if groups is None:
        kinds = [kind for kind in known if not (kind == "cell" and mesh.dim == 3 and mesh.facet_groups)]
        return [(kind, name) for kind in kinds for name in known[kind]]
    names = [groups] if isinstance(groups, str) else list(groups)
    for name in names:
        if not any(name in own for own in known.values()):
            there = ", ".join(repr(n) for own in known.values() for n in own) or "none"
            raise ValueError(f"`groups`: the mesh has no group {name!r}; there are {there}.")
    return [(kind, name) for kind in known for name in names if name in known[kind]]


def _filling(mesh, shape, filled):
    """At each sample the number of its colour: 0 for none, k + 1 for the k-th of the groups."""
    numbers = np.zeros(mesh.n_cells)
    for k, (kind, name) in enumerate(filled):
        if kind == "cell":
            numbers[np.asarray(mesh.cell_groups[name])] = k + 1
    values = shape.surface.cellwise(numbers)
    if mesh.dim < 3 or not any(kind == "facet" for kind, _ in filled):
        return values
    outer = np.asarray(mesh.boundary_facets())
    which = kinds_of_facets(mesh.cell_types, [block.nodes.shape[0] for block in mesh.blocks], outer)
    outer = outer[np.argsort(which, kind="stable")]  # as the surface has them
    of = np.zeros(len(outer))
    row = {tuple(pair): k for k, pair in enumerate(outer.tolist())}
    for k, (kind, name) in enumerate(filled):
        if kind == "facet":
            there = [row.get(tuple(pair)) for pair in np.asarray(mesh.facets(name)).tolist()]
            of[[r for r in there if r is not None]] = k + 1
    parts = [part for *_, part in shape.surface.parts] if hasattr(shape.surface, "parts") else [shape.surface]
    lattice = np.concatenate([np.full(len(part.cells), part.bases[0].shape[1]) for part in parts])
    on_facet = np.repeat(of, lattice)
    return np.where(on_facet > 0, on_facet, values)


def _count(mesh, kind, name):
    members = {"cell": mesh.cell_groups, "facet": mesh.facet_groups, "point": mesh.point_groups}[kind][name]
    what = "node" if kind == "point" else kind
    return f"{len(members)} {what}{'s' * (len(members) != 1)}"


def _mark(axes, mesh, shape, view, kind, name, look):
    """Draw a group, or if it fills the body only what the legend shows."""
    points, nowhere = np.asarray(mesh.points, float), np.empty((0, 2))
    if kind == "cell" or (kind == "facet" and mesh.dim == 3):
        axes.add_patch(Polygon(nowhere, **look))
    elif kind == "facet" and mesh.dim == 2:
        blocks = tuple((np.asarray(block.nodes), block.type) for block in mesh.blocks)
        cells, types = zip(*blocks, strict=True)
        lines = []
        for _, nodes in nodes_by_kind(cells, types, mesh.degree, np.asarray(mesh.facets(name))):
            lines += list(points[nodes[:, [0, *range(2, nodes.shape[1]), 1]]])  # nodes have both ends first
        axes.add_collection(LineCollection(lines, linewidths=3.5, zorder=7, **look), autolim=False)
    else:
        where = points[np.asarray(mesh.nodes_on(name) if kind == "facet" else mesh.point_groups[name])]
        where = where if mesh.dim > 1 else np.concatenate([where, 0 * where], axis=1)
        seen = camera(shape.before, view).project(where)[:, :2]
        axes.scatter(*seen.T, s=26, edgecolors="white", linewidths=0.8, zorder=8, **look)
