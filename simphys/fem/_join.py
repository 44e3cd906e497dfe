"""Several bodies in one mesh."""

from collections.abc import Mapping

import jax.numpy as jnp
import numpy as np

from ._mesh import Mesh


def join(parts: Mapping[str, Mesh]) -> Mesh:
    """Return one mesh of several that stand side by side, each as it is: no nodes are merged.

    Points stay differentiable leaves. The cells of the part "upper" are the cell group "upper", and its group "top" is
    called "upper_top".

    **Arguments:**

    - `parts`: meshes by name, of one dimension and degree, none of them with cells of several sizes.

    **Raises:** `ValueError` for meshes that do not fit together, and for names that make two groups one.
    """
    if not isinstance(parts, Mapping) or not parts or not all(isinstance(mesh, Mesh) for mesh in parts.values()):
        raise ValueError(f"`parts` must be a dictionary of meshes by name, got {parts!r}.")
    meshes = list(parts.values())
    if len({(mesh.dim, mesh.degree) for mesh in meshes}) > 1:
        kinds = ", ".join(f"{name!r}: {mesh.dim}-D of degree {mesh.degree}" for name, mesh in parts.items())
        raise ValueError(f"`parts` must have one dimension and degree, got {kinds}.")
    if any(mesh.forest is not None for mesh in meshes):
        raise ValueError("`parts` must be meshes without nodes that hang between larger cells.")
    types = list(dict.fromkeys(name for mesh in meshes for name in mesh.cell_types))
    cells, numbers = _joined_cells(meshes, types)
    groups = {"cell": {}, "facet": {}, "point": {}}
    first_point, unsided = 0, []
    for (name, mesh), number in zip(parts.items(), numbers, strict=True):
        _enter(groups["cell"], name, number)
        for group, own in mesh.cell_groups.items():
            _enter(groups["cell"], f"{name}_{group}", number[np.asarray(own)])
        for group, own in mesh.facet_groups.items():
            pairs = np.asarray(own)
            _enter(groups["facet"], f"{name}_{group}", np.stack([number[pairs[:, 0]], pairs[:, 1]], axis=1))
        for group, own in mesh.point_groups.items():
            _enter(groups["point"], f"{name}_{group}", np.asarray(own) + first_point)
        unsided += [f"{name}_{group}" for group in mesh.unsided]
        first_point += mesh.n_points
    points = jnp.concatenate([mesh.points for mesh in meshes])
    kind = types[0] if len(types) == 1 else types
    every = {f"{what}_groups": found for what, found in groups.items()}
    return Mesh(points, cells[0] if len(types) == 1 else cells, kind, meshes[0].degree, **every, unsided=unsided)


def _joined_cells(meshes, types):
    """Cells of each type, and for each mesh the numbers that its cells have got."""
    cells, numbers, first = [], [np.empty(mesh.n_cells, np.int64) for mesh in meshes], 0
    for name in types:
        own, first_point = [], 0
        for mesh, number in zip(meshes, numbers, strict=True):
            for block, start in zip(mesh.blocks, mesh.starts, strict=False):
                if block.type == name:
                    count = len(block.nodes)
                    number[start : start + count] = first + np.arange(count)
                    first += count
                    own.append(np.asarray(block.nodes) + first_point)
            first_point += mesh.n_points
        cells.append(np.concatenate(own))
    return cells, numbers


def _enter(groups, name, members):
    if name in groups:
        raise ValueError(f"`parts` and their groups give the name {name!r} twice: rename one.")
    groups[name] = members
