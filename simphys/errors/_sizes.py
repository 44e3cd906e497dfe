"""How large cells should be, by what each owes to an error."""

import numpy as np

from ..fem import Mesh, refined, refinement
from ..io import SizeField
from ..physics import AbstractBalance
from ._estimate import Estimate


LEAST, MOST = 0.25, 2.0
"""Sizes of cells change by no more than that at a time."""
SMALLER, MOST_CUTS = 2**-0.5, 2
"""Cells are cut in halves that are to be smaller than that, so often."""


def size_field(problem: AbstractBalance, estimate: Estimate, error: float) -> SizeField:
    r"""Return the sizes of cells with which a goal's error would be as large as wanted, with the fewest cells.

    h_new/h = μ |η_K|^{−1/(q + dim)},   μ^q Σ |η_K|^{dim/(q + dim)} = wanted,   q = p + 1,   ¼ ≤ h_new/h ≤ 2

    Each cell's part of the error is taken to go with h^q, p the degree of the elements: for a smooth solution it is
    h^{2p}, at corners much less. At vertices sizes are means of those of cells.

    **Arguments:**

    - `problem`, `estimate`: a balance law on triangles or tetrahedra, and its `Estimate`.
    - `error`: the wanted one, > 0, in the goal's unit.

    **Returns:** a `simphys.io.SizeField`, of which `read_mesh(geometry, size=…)` makes a mesh.

    Reference: O. C. Zienkiewicz, J. Z. Zhu, Int. J. Numer. Methods Eng. 24 (1987) 337 (for the norm of energy).
    """
    if not error > 0:
        raise ValueError(f"`error` must be above 0, got {error!r}.")
    mesh = problem.spaces[0].mesh
    sizes, ratio = edge_lengths(mesh), ratios(problem, estimate.indicators, estimate.error, error)
    corners = np.asarray(mesh.cells)[:, : mesh.dim + 1]
    total, count = np.zeros(mesh.n_points), np.zeros(mesh.n_points)
    # Their logarithms, so that it does not matter on which side the small ones are.
    np.add.at(total, corners, np.broadcast_to(np.log(sizes * ratio)[:, None], corners.shape))
    np.add.at(count, corners, 1)
    return SizeField(mesh, np.exp(total / np.maximum(count, 1)))


def finer_mesh(problem: AbstractBalance, indicators: np.ndarray, error: float, wanted: float) -> Mesh:
    """Return a mesh on which an error would be as small as wanted, cut in one go where `size_field` asks for smaller cells.

    **Arguments:**

    - `problem`: a balance law.
    - `indicators`: each cell's part of the error, (cell,).
    - `error`, `wanted`: the error now and then.

    **Raises:** `ValueError` for cells that cannot be cut.
    """
    mesh, ratio = problem.spaces[0].mesh, ratios(problem, indicators, error, wanted)
    if not can_be_marked(mesh):
        return refined(mesh)
    for _ in range(MOST_CUTS):
        marks = ratio < SMALLER
        if mesh is problem.spaces[0].mesh and not marks.any():
            marks = ratio <= ratio.min()
        if not marks.any():
            break
        mesh, (children,) = refinement(mesh, marks)
        count = np.bincount(children.parent, minlength=len(ratio))
        ratio = (ratio * count ** (1 / mesh.dim))[children.parent]
    return mesh


def can_be_marked(mesh: Mesh) -> bool:
    """Return whether some of its cells can be cut, and not all of them alone."""
    return len(mesh.cell_types) == 1 and mesh.cell_types[0] not in ("prism", "pyramid")


def ratios(problem: AbstractBalance, indicators: np.ndarray, error: float, wanted: float) -> np.ndarray:
    """Return h_new/h of each cell, (cell,)."""
    parts, mesh = np.abs(indicators), problem.spaces[0].mesh
    rate, dim = 1 + max(space.degree for space in problem.spaces), mesh.dim
    # Indicators of both signs cancel: they are to shrink as their sum does.
    wanted = wanted * parts.sum() / abs(error) if error else wanted
    factor = (wanted / (parts ** (dim / (rate + dim))).sum()) ** (1 / rate)
    with np.errstate(divide="ignore"):
        return np.clip(factor * parts ** (-1 / (rate + dim)), LEAST, MOST)


def edge_lengths(mesh: Mesh) -> np.ndarray:
    """Return the mean length of the edges of each triangle or tetrahedron, (cell,)."""
    corners = np.asarray(mesh.points, float)[np.asarray(mesh.cells)[:, : mesh.dim + 1]]
    a, b = np.triu_indices(mesh.dim + 1, 1)
    return np.linalg.norm(corners[:, a] - corners[:, b], axis=2).mean(axis=1)
