"""Meshes of two bodies on each other, whose nodes do not match where they touch."""

import numpy as np

from simphys import fem


def joined(low, high):
    """Two meshes as one, with groups of both: `low` and `high` where they touch, `bottom`, `top`, and common sides."""
    parts = {}
    for k, mesh in enumerate((low, high)):
        for b, block in enumerate(mesh.blocks):
            parts.setdefault(block.type, []).append((k, b, np.asarray(block.nodes) + k * low.n_points))
    first, start = {}, 0
    for own in parts.values():
        for k, b, cells in own:
            first[k, b] = start
            start += len(cells)

    def facets(k, name):
        mesh, pairs = (low, high)[k], np.asarray((low, high)[k].facets(name))
        block = np.searchsorted(mesh.starts[1:], pairs[:, 0], "right")
        shift = np.array([first[k, b] - mesh.starts[b] for b in range(len(mesh.blocks))])
        return pairs + np.stack([shift[block], 0 * block], axis=1)

    groups = {
        "low": facets(0, "top"),
        "high": facets(1, "bottom"),
        "bottom": facets(0, "bottom"),
        "top": facets(1, "top"),
    }
    for name in ("left", "right", "front", "back"):
        if all(name in mesh.facet_groups for mesh in (low, high)):
            groups[name] = np.concatenate([facets(k, name) for k in (0, 1)])
    cells = {name: np.concatenate([c for *_, c in own]) for name, own in parts.items()}
    return remade(low, np.concatenate([low.points, high.points]), cells, groups)


def remade(mesh, points, cells=None, groups=None):
    """A mesh like another one, with other points."""
    cells = {block.type: block.nodes for block in mesh.blocks} if cells is None else cells
    nodes, names = list(cells.values()), list(cells)
    alone = len(names) == 1
    groups = mesh.facet_groups if groups is None else groups
    return fem.Mesh(
        points, nodes[0] if alone else nodes, names[0] if alone else names, mesh.degree, facet_groups=groups
    )


def moved(mesh, amount, seed=0):
    """The same with nodes moved at random within the planes they lie on."""
    x = np.array(mesh.points)
    inside = (x > x.min(axis=0) + 1e-9) & (x < x.max(axis=0) - 1e-9)
    return remade(mesh, x + amount * np.random.default_rng(seed).uniform(-1, 1, x.shape) * inside)


def shifted(mesh, by=(0.0, 0.0, 1.0)):
    """The same elsewhere."""
    return remade(mesh, np.asarray(mesh.points) + by)


def turned(mesh, seed=1):
    """The same, turned in space; and the turn."""
    turn = np.linalg.qr(np.random.default_rng(seed).standard_normal((3, 3)))[0]
    turn = turn * np.sign(np.linalg.det(turn))
    return remade(mesh, np.asarray(mesh.points) @ turn.T), turn


def wedge(shape, inner, outer, cell_type="hexahedron", degree=1):
    """A piece of a hollow sphere between four planes through its centre."""
    mesh = fem.box(shape, cell_type=cell_type, degree=degree)
    x = np.asarray(mesh.points)
    way = np.stack([np.tan(0.6 * x[:, 0]), np.tan(0.5 * x[:, 1]), np.ones(len(x))], axis=1)
    radius = inner + (outer - inner) * x[:, 2:]
    return remade(mesh, radius * way / np.linalg.norm(way, axis=1)[:, None])
