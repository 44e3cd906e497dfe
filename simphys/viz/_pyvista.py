"""Fields handed over to PyVista."""

import pathlib
import tempfile
from typing import Any

from .._typing import PyTree
from ..fem import AbstractField, CellField, FunctionSpace, Mesh, NodalField


def to_pyvista(space: FunctionSpace | Mesh, **fields: PyTree) -> Any:
    """Return a `pyvista.UnstructuredGrid` of a mesh with fields on it, curved cells as such.

    **Arguments:**

    - `space`: the space of the nodal fields, of any elements; or a mesh, for values at its nodes.
    - `fields`: by name, nodal values (node,), (node, component) or (node, i, j), or a `CellField` of values by cell.

    **Returns:** the grid; `point_data` and `cell_data` hold the fields, vectors in 2-D with a third component of 0.

    **Raises:** `ImportError` without PyVista (`pip install "simphys[viz3d]"`), `ValueError` for fields that do not fit.

    Reference: C. B. Sullivan, A. A. Kaszynski, J. Open Source Software 4 (2019) 1450.
    """
    from .. import io

    try:
        import pyvista
    except ImportError:
        raise ImportError('`to_pyvista` needs PyVista: pip install "simphys[viz3d]".') from None
    at_points, at_cells = {}, {}
    for name, field in fields.items():
        if isinstance(field, AbstractField) and not isinstance(field, CellField | NodalField):
            raise ValueError(f"{name!r} must be nodal values or a `CellField`, got a `{type(field).__name__}`.")
        values = field.values if isinstance(field, AbstractField) else field
        (at_cells if isinstance(field, CellField) else at_points)[name] = values
    with tempfile.TemporaryDirectory() as folder:
        # By the format that both know: orders of nodes, curved cells and fields of all elements are the writer's.
        path = pathlib.Path(folder) / "fields.vtu"
        io.write_fields(path, space, at_points, at_cells)
        return pyvista.read(path)
