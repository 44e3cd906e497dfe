"""What stands where on a grid: meaning is a type, never guessed from an array's size."""

import equinox as eqx

from .._told import shown
from .._typing import Array


class CellField(eqx.Module):
    """One number for each cell: its mean.

    **Arguments:**

    - `values`: of the grid's shape.
    """

    values: Array

    def __repr__(self):
        return shown(self)


class CellState(eqx.Module):
    """Several numbers for each cell: the means of what is conserved.

    **Arguments:**

    - `values`: (m, …) of the grid's shape, a row for each number.
    """

    values: Array

    def __repr__(self):
        return shown(self)


class FaceField(eqx.Module):
    """A vector whose components stand on the faces that they are normal to.

    **Arguments:**

    - `components`: for each axis an array of the grid's shape, with one entry more along that axis; on an axis that is
      periodic as many, the first on its lower side.
    """

    components: tuple[Array, ...]

    def __repr__(self):
        return shown(self)


class EdgeField(eqx.Module):
    """A vector in three dimensions whose components stand on the edges that they are parallel to.

    **Arguments:**

    - `components`: for each axis an array, with one entry more along the other two (as many where they are periodic).
    """

    components: tuple[Array, ...]

    def __repr__(self):
        return shown(self)


class VertexField(eqx.Module):
    """One number for each corner of cells.

    **Arguments:**

    - `values`: of the grid's shape, with one entry more along each axis that is not periodic.
    """

    values: Array

    def __repr__(self):
        return shown(self)


class Flow(eqx.Module):
    """A velocity and a pressure.

    **Arguments:**

    - `velocity`: a `FaceField`.
    - `pressure`: a `CellField`, over density.
    """

    velocity: FaceField
    pressure: CellField
