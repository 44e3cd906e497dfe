"""Which columns of a sparse matrix may share a product, and where each entry is then found."""

import importlib.util
from typing import NamedTuple

import numpy as np

from ._lattice import lattice_colours


class Colouring(NamedTuple):
    """Entry k of a matrix A stands in row `row[k]` of A s for the seed s that is 1 on the columns of `colour[k]`."""

    colours: np.ndarray
    row: np.ndarray
    colour: np.ndarray

    @property
    def count(self) -> int:
        """Number of colours."""
        return int(self.colours.max(initial=-1)) + 1


def colouring(rows, columns, coordinates, symmetric: bool) -> Colouring:
    """Colour the columns of a sparse matrix so that products with one seed per colour hold every entry.

    Columns that meet in a row get different colours: linear forms on the grid where the pattern is a stencil, else
    asdex's greedy colourings. A symmetric matrix may do with fewer, by a star colouring: A_ij is read from row i of
    column j or from row j of column i. (Stencils gain nothing by it: 5 points need 5 colours either way.)

    **Arguments:**

    - `rows`, `columns`: integer arrays (z,), sorted by row, then column; for a symmetric matrix both triangles.
    - `coordinates`: integer array (n, d), the places of the unknowns in their arrays.
    - `symmetric`: whether A = Aᵀ.

    Reference: A. H. Gebremedhin, F. Manne, A. Pothen, SIAM Review 47 (2005) 629.
    """
    colours = lattice_colours(rows, columns, coordinates)
    n = len(coordinates)
    # Only where some rows are much fuller than others can a star colouring beat a lattice's.
    even = colours is not None and colours.max() < 1.5 * rows.size / n
    if symmetric and not even and (colours is None or importlib.util.find_spec("asdex")):
        return _star(rows, columns, n)
    if colours is None:
        colours = import_asdex("Colouring an irregular pattern").color_cols(_theirs(rows, columns, n))[0]
    if symmetric:
        # Both triangles are read from the upper one, so that they are equal to the last bit.
        rows, columns = np.minimum(rows, columns), np.maximum(rows, columns)
    return Colouring(colours, rows, colours[columns])


def _star(rows, columns, n: int) -> Colouring:
    """Star colouring: the edges between two colours form stars, and a star's edges are read from its hub's column."""
    asdex = import_asdex("Colouring an irregular pattern")
    colours, _, stars = asdex.color_symmetric(_theirs(rows, columns, n), postprocess=False)
    low, high = np.minimum(rows, columns).astype(np.int64), np.maximum(rows, columns).astype(np.int64)
    edge = np.searchsorted(stars.edge_lo.astype(np.int64) * n + stars.edge_hi, low * n + high)
    hub = high.copy()
    off = low != high
    centre = stars.hub[stars.star[stars.edge_pos[edge[off]]]]
    hub[off] = np.where(centre < 0, -centre - 1, centre)
    return Colouring(colours, low + high - hub, colours[hub])


def _theirs(rows, columns, n: int):
    return import_asdex("Colouring").SparsityPattern.from_coo(rows, columns, (n, n))


def import_asdex(purpose: str):
    """Import asdex when it is first needed: numba, which it is built on, takes 2 s."""
    try:
        import asdex
    except ImportError as missing:
        raise ValueError(f'{purpose} needs asdex: pip install "simphys[colouring]" ({missing}).') from missing
    return asdex
