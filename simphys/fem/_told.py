"""What is printed of meshes and function spaces."""

import numpy as np

from .._told import counted, is_known, listed, told
from ._mesh import Mesh
from ._space import FunctionSpace


@told.register
def _(mesh: Mesh) -> str:
    groups = {"facets": mesh.facet_groups, "cells": mesh.cell_groups, "points": mesh.point_groups}
    sized = {kind: {name: len(members) for name, members in group.items()} for kind, group in groups.items()}
    lines = [f"Mesh: {_cells(mesh)}, {counted(mesh.n_points, 'point')} in {mesh.dim}-D{_extent(mesh)}"]
    return "\n".join([*lines, *(f"  {kind}: {listed(sizes)}" for kind, sizes in sized.items() if sizes)])


@told.register
def _(space: FunctionSpace) -> str:
    element, values = space.blocks[0].element, int(np.prod(space.shape))
    families = " + ".join(f"{part.family}{part.degree}" for part in element.parts) or "real"
    kind = "discontinuous " if element.apart else ""
    shape = "scalar" if space.components is None else counted(space.components, "component")
    shape = "vector functions" if element.vectorial else shape
    where = "" if element.whole else f", {counted(space.n_nodes, 'node')}"
    head = f"FunctionSpace: {kind}{'real' if element.whole else families}, {shape}{where}, {counted(values, 'value')}"
    return f"{head}; quadrature exact to degree {space.quadrature_degree}\n  on {_cells(space.mesh)}"


def _cells(mesh):
    kinds = [counted(len(block.nodes), block.type) for block in mesh.blocks]
    return f"{', '.join(kinds)} of degree {mesh.degree}"


def _extent(mesh):
    if not is_known(mesh.points):
        return " (traced)"
    points = np.asarray(mesh.points)
    spans = zip("xyz", points.min(axis=0), points.max(axis=0), strict=False)
    return ", " + ", ".join(f"{name} {low:.4g} … {high:.4g}" for name, low, high in spans)
