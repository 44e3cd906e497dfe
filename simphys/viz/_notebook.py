"""Pictures that notebooks show."""

import io

import jax

from .._notebook import OnCells, picture
from ..fem import CellField, FunctionSpace, Mesh
from ..physics import AbstractBalance
from ._field import field
from ._mesh import mesh


DPI = 90
MOST_CELLS = 200_000
"""Of larger meshes nothing is drawn without being asked for."""


@picture.register
def _(value: Mesh):
    return _drawn(value, lambda axes: mesh(value, ax=axes))


@picture.register
def _(value: FunctionSpace):
    return picture(value.mesh)


@picture.register
def _(value: AbstractBalance):
    return picture(value.spaces[0].mesh)


@picture.register
def _(value: OnCells):
    whole = value.mesh
    space, look = FunctionSpace(whole, whole.degree), dict(label=value.label, limits=(0.0, 1.0), mesh_lines=False)
    look |= dict(colormap="gray_r") if whole.dim == 2 else {}
    return _drawn(whole, lambda axes: field(space, CellField(value.values), ax=axes, **look))


def _drawn(whole, draw):
    """What is drawn on axes of their own, as a PNG; of traced, or very many, cells nothing."""
    if whole.n_cells > MOST_CELLS or isinstance(whole.points, jax.core.Tracer):
        return None
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(5.6, 3.6), dpi=DPI)
    try:
        draw(axes)
        stream = io.BytesIO()
        figure.savefig(stream, format="png", dpi=DPI, bbox_inches="tight")
        return stream.getvalue()
    finally:
        plt.close(figure)
