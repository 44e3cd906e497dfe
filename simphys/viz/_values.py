"""Checks of what is to be drawn, and fields at the samples of a surface."""

import jax.numpy as jnp
import numpy as np

from ..fem import AbstractField, CellField, FunctionSpace, NodalField, raised, shown_space
from ..grids import CellField as GridCells, Grid
from ..io import mesh_of_cells
from ._surface import Patchwork, Surface


def check_space(space) -> FunctionSpace:
    """`ValueError` unless this is a function space."""
    if not isinstance(space, FunctionSpace):
        raise ValueError(f"`space` must be a `simphys.fem.FunctionSpace`, got {type(space).__name__}.")
    return space


def drawn(space, *fields) -> tuple:
    """The space that fields of a space are drawn on, and the fields there; cell values and None stay what they are.

    A grid is drawn as the mesh of its cells.
    """
    if isinstance(space, Grid):
        on = FunctionSpace(mesh_of_cells(*(np.asarray(space.faces(axis)) for axis in range(space.dimension))))
        return on, *(_of_cells(space, field) for field in fields)
    target = shown_space(check_space(space))
    if target is space:
        return target, *fields
    return target, *(_at_nodes(space, field, target) for field in fields)


def _of_cells(grid, field):
    if not isinstance(field, GridCells):
        return field
    return CellField(array("field.values", field.values, grid.shape, finite=False).ravel())


def _at_nodes(space, values, target):
    values = values.values if isinstance(values, NodalField) else values
    if values is None or isinstance(values, AbstractField | str) or np.shape(values)[:1] != (space.n_nodes,):
        return values
    return np.asarray(raised(space, jnp.asarray(values), target))


def array(name: str, value, shape: tuple, *, finite: bool = True) -> np.ndarray:
    """A real float64 array of a given shape; a string in `shape` stands for any size.

    **Raises:** `ValueError` if it has another shape, is not real, or (if asked) has entries that are not
    finite.
    """
    try:
        out = np.asarray(value)
    except ValueError:
        raise ValueError(f"`{name}` must be an array, got a ragged sequence.") from None
    if out.dtype.kind not in "biuf":
        raise ValueError(f"`{name}` must hold real numbers, got {out.dtype}.")
    fits = out.ndim == len(shape) and all(isinstance(s, str) or s == n for s, n in zip(shape, out.shape, strict=True))
    if not fits:
        wanted = "(" + ", ".join(map(str, shape)) + ("," if len(shape) == 1 else "") + ")"
        raise ValueError(f"`{name}` must have shape {wanted}, got {out.shape}.")
    if finite and not np.all(np.isfinite(out)):
        raise ValueError(f"`{name}` must be finite, but {np.sum(~np.isfinite(out))} of {out.size} entries are not.")
    return out.astype(float)


def scalar_samples(space: FunctionSpace, surface: Surface | Patchwork, name: str, values) -> np.ndarray:
    """A scalar field at the samples of a surface, or the length of a vector field, (sample,).

    **Arguments:**

    - `values`: nodal values, shape (node,) or (node, component), as an array or `NodalField`; or a `CellField` of shape
      (cell,).

    **Raises:** `ValueError` if it is neither.
    """
    if isinstance(values, CellField):
        return surface.cellwise(array(name, values.values, (space.mesh.n_cells,), finite=False))
    if isinstance(values, AbstractField) and not isinstance(values, NodalField):
        raise ValueError(f"`{name}` must be nodal values or a `CellField`, got a `{type(values).__name__}`.")
    values = values.values if isinstance(values, NodalField) else values
    shape = np.shape(values)
    if shape == (space.mesh.n_cells,) != (space.n_nodes,):
        raise ValueError(
            f"`{name}` must have shape ({space.n_nodes},), one value a node, got {shape}; "
            "wrap cell values in `simphys.fem.CellField`."
        )
    if len(shape) == 2:
        vectors = array(name, values, (space.n_nodes, "component"), finite=False)
        return np.linalg.norm(surface.nodal(space, vectors), axis=1)
    return surface.nodal(space, array(name, values, (space.n_nodes,), finite=False))


def colour_limits(values: np.ndarray, limits) -> tuple[float, float]:
    """The range of the colour bar: as given, or that of the finite values, widened if they are all equal.

    **Raises:** `ValueError` if limits are given that are not two increasing numbers.
    """
    if limits is not None:
        low, high = array("limits", limits, (2,))
        if not low < high:
            raise ValueError(f"`limits` must increase, got ({low:g}, {high:g}).")
        return float(low), float(high)
    finite = values[np.isfinite(values)]
    if not finite.size:
        return 0.0, 1.0
    low, high = float(finite.min()), float(finite.max())
    if high - low <= 1e-9 * max(abs(low), abs(high)):
        margin = 0.05 * max(abs(low), abs(high)) or 1.0
        # A little off centre, where one colour of the map turns into the next.
        return low - margin, high + 1.01 * margin
    return low, high
