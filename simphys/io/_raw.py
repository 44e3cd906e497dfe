"""What a file reader hands over, undecided: points, blocks of elements, named sets."""

import pathlib
from typing import NamedTuple

import numpy as np


LARGEST = 2**32
"""Bytes that one array of a file may unpack to."""


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

    - `vertices`: indices into the points, shape (facet, vertices per facet), as `stacked` has them.
    - `owners`: the element that each facet was named from, as (block, element of the block), shape (facet, 2);
      None where the file does not say it: a facet between two cells then has no side.
    """

    vertices: np.ndarray
    owners: np.ndarray | None


def stacked(parts: list[np.ndarray]) -> np.ndarray:
    """Facets, (n, vertices), one after the other; triangles among quadrilaterals get −1 for a fourth vertex."""
    width = max((part.shape[1] for part in parts), default=0)
    return np.concatenate([np.pad(part, [(0, 0), (0, width - part.shape[1])], constant_values=-1) for part in parts])


class RawMesh(NamedTuple):
    """The content of a mesh file.

    - `order`: whose node numbering the blocks follow, `vtk`, `gmsh` or `exodus`.
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


def beside(path: pathlib.Path, name: str, within: pathlib.Path | None) -> pathlib.Path:
    """Return the path of a file that another one names.

    **Arguments:**

    - `path`: the file that names it; relative names are looked for in its folder.
    - `within`: folder outside which nothing is read; None for no such limit.

    **Raises:** `ValueError` if it lies outside; `FileNotFoundError` if there is no such file.
    """
    found = path.parent / name
    check_within(found, within)
    if not found.is_file():
        raise FileNotFoundError(f"{path.name} names the file {name!r}, but there is no such file.")
    return found


def check_within(path: pathlib.Path, within: pathlib.Path | None):
    """Raise `ValueError` if a path, links followed, leads out of a folder."""
    if within is not None and not path.resolve().is_relative_to(within.resolve()):
        raise ValueError(f"{path.name!r} lies outside the folder that files are read from, {str(within)!r}.")


def check_size(shape, itemsize: int):
    """Raise `ValueError` if an array of this shape is larger than is ever read, or its shape is none."""
    if any(n < 0 for n in shape):
        raise ValueError(f"an array of shape {tuple(shape)} is announced.")
    size = itemsize
    for n in shape:
        size *= int(n)
    if size > LARGEST:
        raise ValueError(f"an array of {size} bytes is announced; at most {LARGEST} are read.")


def numbers(text: str | None, dtype) -> np.ndarray:
    """Return the numbers of a text, without quoting it if they are none."""
    try:
        return np.array((text or "").split(), dtype=dtype)
    except (ValueError, OverflowError):
        raise ValueError(f"an array of {np.dtype(dtype).name} numbers expected, but the text holds others.") from None
