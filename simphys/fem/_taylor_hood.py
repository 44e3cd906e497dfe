"""Pairs of spaces for a vector field and the pressure that goes with it."""

from ._mesh import Mesh
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


def check_taylor_hood(space):
    """Raise `ValueError` unless `space` is such a pair, on one mesh."""
    good = (
        isinstance(space, tuple)
        and len(space) == 2
        and space[0].mesh is space[1].mesh
        and space[0].components == space[0].mesh.dim
        and space[1].components is None
        and space[0].degree == space[1].degree + 1
    )
    if not good:
        raise ValueError(
            "A mixed problem needs a pair of spaces on one mesh: a vector field and a scalar pressure of one degree "
            "less; make it by `simphys.fem.taylor_hood(mesh)`."
        )
