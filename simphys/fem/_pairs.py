"""Pairs of spaces for a vector field and the pressure that goes with it."""

import numpy as np

from ._mesh import Mesh
from ._mesh_checks import SIMPLICES
from ._refine import split_at_centres
from ._space import FunctionSpace


def taylor_hood(mesh: Mesh, degree: int = 2) -> tuple[FunctionSpace, FunctionSpace]:
    """Return the Taylor–Hood pair: a continuous vector field of `degree`, and a continuous pressure of one degree less.

    inf_q sup_v ∫ q div v / (‖q‖ ‖∇v‖) ≥ β > 0, whatever the mesh size

    **Arguments:**

    - `mesh`: of triangles, quadrilaterals, tetrahedra or hexahedra. (Every cell should have a vertex in the interior.)
    - `degree`: of the vector field, 2 or 3.

    **Raises:** `ValueError` for another degree or a mesh of lines.

    Reference: D. Boffi, F. Brezzi, M. Fortin, Mixed Finite Element Methods and Applications, Springer 2013, section 8.8.
    """
    if degree not in (2, 3):
        raise ValueError(f"`degree` of a Taylor–Hood pair must be 2 or 3, got {degree!r}.")
    if mesh.dim == 1:
        raise ValueError("A Taylor–Hood pair needs a mesh in 2-D or 3-D.")
    return FunctionSpace(mesh, degree, mesh.dim), FunctionSpace(mesh, degree - 1)


def mini(mesh: Mesh) -> tuple[FunctionSpace, FunctionSpace]:
    """Return the MINI pair: a linear vector field with a bubble in each cell, and a linear continuous pressure.

    v ∈ [P₁ ⊕ bubble]^dim,   p ∈ P₁: the fewest unknowns of a stable pair; errors of order 2 in v, and of 3/2 in p

    **Arguments:**

    - `mesh`: of triangles or tetrahedra.

    **Raises:** `ValueError` for other cells.

    Reference: D. N. Arnold, F. Brezzi, M. Fortin, Calcolo 21 (1984) 337.
    """
    _only_simplices("A MINI pair", mesh)
    return FunctionSpace(mesh, [1, ("bubble", mesh.dim + 1)], mesh.dim), FunctionSpace(mesh, 1)


def scott_vogelius(mesh: Mesh, degree: int | None = None) -> tuple[FunctionSpace, FunctionSpace]:
    """Return the Scott–Vogelius pair: a continuous vector field, and a pressure that jumps between cells.

    v ∈ [P_k]^dim,   p ∈ discontinuous P_{k−1} ∋ div v: div v = 0 at every point, and v does not depend on the pressure

    **Arguments:**

    - `mesh`: of triangles or tetrahedra; each is split at its centre, which makes the pair stable.
    - `degree`: k, at least dim, the default.

    **Raises:** `ValueError` for other cells, or a lower degree.

    Reference: V. John, A. Linke, C. Merdon, M. Neilan, L. Rebholz, SIAM Review 59 (2017) 492, section 4.5.
    """
    _only_simplices("A Scott–Vogelius pair", mesh)
    degree = mesh.dim if degree is None else degree
    if not isinstance(degree, int) or degree < mesh.dim:
        raise ValueError(f"`degree` of a Scott–Vogelius pair must be at least {mesh.dim} here, got {degree!r}.")
    fine = split_at_centres(mesh)
    return FunctionSpace(fine, degree, mesh.dim), FunctionSpace(fine, ("DG", degree - 1))


def _only_simplices(what, mesh):
    if mesh.dim == 1 or not set(mesh.cell_types) <= set(SIMPLICES):
        raise ValueError(f"{what} needs triangles or tetrahedra, this mesh has {', '.join(mesh.cell_types)}.")


def check_pair(space):
    """Raise `ValueError` unless `space` is a stable pair on one mesh: Taylor–Hood, MINI or Scott–Vogelius."""
    good = (
        isinstance(space, tuple)
        and len(space) == 2
        and space[0].mesh is space[1].mesh
        and space[0].components == space[0].mesh.dim
        and space[1].components is None
        and (_one_less(*space) or _has_bubbles(*space))
    )
    if not good:
        raise ValueError(
            "A mixed problem needs a pair of spaces on one mesh: a vector field and a scalar pressure of one degree "
            "less; make it by `simphys.fem.taylor_hood(mesh)`, `mini(mesh)` or `scott_vogelius(mesh)`."
        )
    if not space[1].continuous and not _split(space[0].mesh, space[0].degree):
        raise ValueError(
            f"A pressure that jumps between cells goes with a vector field of degree {space[0].degree} only where that is "
            "dim or more and cells are split at their centres: make the pair by `simphys.fem.scott_vogelius(mesh)`."
        )


def _one_less(vector, pressure):
    plain = all(_families(space) == {("P",)} for space in (vector, pressure))
    return plain and vector.continuous and vector.degree == pressure.degree + 1


def _has_bubbles(vector, pressure):
    return pressure.lagrange == 1 and vector.continuous and _families(vector) == {("P", "bubble")}


def _families(space):
    return {tuple(part.family for part in block.element.parts) for block in space.blocks}


def _split(mesh, degree):
    """Whether each cell has a vertex that only the dim + 1 cells about it share, and that is no other cell's."""
    if not set(mesh.cell_types) <= set(SIMPLICES) or degree < mesh.dim:
        return False
    vertices = np.asarray(mesh.cells)[:, : mesh.dim + 1]
    cells = np.bincount(vertices.ravel(), minlength=mesh.n_points)
    outside = np.zeros(mesh.n_points, bool)
    outside[np.asarray(FunctionSpace(mesh, mesh.degree).nodes_on("all"))] = True
    return bool(((cells[vertices] == mesh.dim + 1) & ~outside[vertices]).any(axis=1).all())
