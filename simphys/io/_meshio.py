"""VTU, XDMF and whatever else meshio reads, without its prints and exits."""

import contextlib
import io
import pathlib

import numpy as np

from ._raw import Block, RawMesh


def read_meshio(path: pathlib.Path) -> RawMesh:
    """Read a file with meshio.

    **Arguments:**

    - `path`: the file; its suffix tells the format.

    **Returns:** a `RawMesh`; groups are meshio's point sets, cell sets, and the numbers in the cell
    data `gmsh:physical`.

    **Raises:** `ValueError` if meshio cannot read it.
    """
    # Imported here since it takes longer than the rest of this package.
    import meshio

    said = io.StringIO()
    try:
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            mesh = meshio.read(path)
    except ModuleNotFoundError as error:
        raise ValueError(f"reading this file needs the package {error.name!r}, which is not installed.") from None
    except (SystemExit, Exception) as error:
        # meshio prints the reason and exits, or lets any error of its parsers through.
        reason = " ".join(said.getvalue().split()) or f"{type(error).__name__}: {error}"
        raise ValueError(f"unreadable: {reason}") from None
    physical = mesh.cell_data.get("gmsh:physical")
    blocks = []
    for i, block in enumerate(mesh.cells):
        groups = {name: np.asarray(sets[i], dtype=np.int64) for name, sets in mesh.cell_sets.items()}
        if physical is not None:
            tags = np.asarray(physical[i]).ravel()
            groups.update({str(t): np.flatnonzero(tags == t) for t in np.unique(tags).tolist() if t != 0})
        blocks.append(Block(block.type, np.asarray(block.data, dtype=np.int64), groups))
    point_sets = {name: np.asarray(ids, dtype=np.int64) for name, ids in mesh.point_sets.items()}
    return RawMesh("vtk", np.asarray(mesh.points), blocks, point_sets, {}, False)
