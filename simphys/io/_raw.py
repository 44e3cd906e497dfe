"""What a file reader hands over, undecided: points, blocks of elements, named sets."""

from typing import NamedTuple

import numpy as np


class Block(NamedTuple):
    """Elements of one kind, in the node order of the file format.

    - `kind`: name of the shape and number of nodes, as in `tetra10`.
    - `nodes`: indices into the points, shape (element, node).
    - `groups`: name to numbers of elements within this block.
    """

    kind: str
    nodes: np.ndarray
    groups: dict[str, np.ndarray]


class Sides(NamedTuple):
    """Facets of some elements.

    - `vertices`: indices into the points, shape (facet, vertices per facet).
    - `owners`: the element that each facet was named from, as (block, element of the block), shape (facet, 2);
      None where the file does not say it: a facet between two cells then has no side.
    """

    vertices: np.ndarray
    owners: np.ndarray | None


class RawMesh(NamedTuple):
    """The content of a mesh file.

    - `order`: whose node numbering the blocks follow, `vtk` or `gmsh`.
    - `points`: shape (point, 2 or 3).
    - `point_sets`: name to point indices.
    - `sides`: name to facets.
    - `repeats`: an element is written again for every group it is in, so equal elements are one.
    """

    order: str
    points: np.ndarray
    blocks: list[Block]
    point_sets: dict[str, np.ndarray]
    sides: dict[str, Sides]
    repeats: bool
