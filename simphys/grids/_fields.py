"""What stands where on a grid: meaning is a type, never guessed from an array's size."""

import equinox as eqx

from .._told import Told
from .._typing import Array


class CellField(Told):
    """One number for each cell: its mean.

    **Arguments:**

    - `values`: of the grid's shape.
    """

    values: Array


class CellState(Told):
    """Several numbers for each cell: the means of what is conserved.

    **Arguments:**

    - `values`: (m, …) of the grid's shape, a row for each number.
    """

    values: Array


class FaceField(Told):
    """A vector whose components stand on the faces that they are normal to.

    **Arguments:**

    - `components`: for each axis an array of the grid's shape, with one entry more along that axis; on an axis that is
      periodic as many, the first on its lower side.
    """

    components: tuple[Array, ...]


class EdgeField(Told):
    """A vector in three dimensions whose components stand on the edges that they are parallel to.

    **Arguments:**

    - `components`: for each axis an array, with one entry more along the other two (as many where they are periodic).
    """

    components: tuple[Array, ...]


class VertexField(Told):
    """One number for each corner of cells.

    **Arguments:**

    - `values`: of the grid's shape, with one entry more along each axis that is not periodic.
    """

    values: Array


class Flow(eqx.Module):
    """A velocity and a pressure.

    **Arguments:**

    - `velocity`: a `FaceField`.
    - `pressure`: a `CellField`, over density.
    """

    velocity: FaceField
    pressure: CellField
