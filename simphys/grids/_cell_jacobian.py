"""Which cells of a grid a balance couples, and what colours their columns take."""

import itertools

import numpy as np

from .._arrays import int32, placed
from ..linalg import ColouredJacobian, SparsityPattern


def cell_jacobian(shape: tuple[int, ...], periodic: tuple[bool, ...], count: int, reach: int) -> ColouredJacobian:
    """Return what assembles the Jacobian of a balance of some numbers in each cell.

    **Arguments:**

    - `shape`, `periodic`: of the grid.
    - `count`: numbers in each cell; unknowns are numbered by number, then by cell.
    - `reach`: up to how many cells along each axis one acts upon another.
    """
    cells = np.arange(np.prod(shape)).reshape(shape)
    pairs = [np.stack([cells.ravel(), cells.ravel()])]
    for axis, n in enumerate(shape):
        for step in (*range(-reach, 0), *range(1, reach + 1)):
            other = np.roll(cells, -step, axis)
            place = np.arange(n) + step
            there = np.ones(n, bool) if periodic[axis] else (place >= 0) & (place < n)
            keep = np.flatnonzero(there)
            pairs.append(np.stack([np.take(a, keep, axis).ravel() for a in (cells, other)]))
    rows, columns = np.concatenate(pairs, axis=1)
    codes = np.unique(rows.astype(np.int64) * cells.size + columns)
    rows, columns = codes // cells.size, codes % cells.size
    a, b = (x.ravel() for x in np.meshgrid(np.arange(count), np.arange(count), indexing="ij"))
    row = (a[:, None] * cells.size + rows[None]).ravel()
    column = (b[:, None] * cells.size + columns[None]).ravel()
    size = count * cells.size
    owners = np.stack([np.tile(np.arange(cells.size), count), np.repeat(np.arange(count), cells.size)], axis=1)
    pattern, where = SparsityPattern.from_entries(row, column, size, owners)
    colour = cell_colours(shape, periodic, reach).ravel()
    colours = (np.arange(count)[:, None] + count * colour[None]).ravel()
    number = int(colours.max()) + 1
    at, of = np.zeros(pattern.stored, np.int32), np.full(pattern.stored, number + 1, np.int32)
    at[where], of[where] = row, colours[column]
    random = np.random.default_rng(0)
    probe = (random.integers(1, 128, size) * random.choice([-1, 1], size)).astype(np.int8)
    return ColouredJacobian(pattern, int32(colours), int32(at), int32(of), placed(probe), number, False, 16)


def cell_colours(shape, periodic, reach: int) -> np.ndarray:
    """Return colours of cells such that no two which act upon one cell have the same: linear forms, or for each axis."""
    places = np.indices(shape)
    dimension = len(shape)
    units = [tuple(s if a == axis else 0 for a in range(dimension)) for axis in range(dimension)
             for s in range(-reach, reach + 1)]  # fmt: skip
    apart = {tuple(np.subtract(p, q)) for p in units for q in units} - {(0,) * dimension}
    apart = np.array(sorted(apart))
    least = 2 * reach * dimension + 1
    for m in range(least, 2 * least + 3):
        for rest in itertools.product(range(1, m), repeat=dimension - 1):
            form = np.array((1, *rest))
            closes = all(f * n % m == 0 for f, n, p in zip(form, shape, periodic, strict=True) if p)
            if closes and np.all(apart @ form % m != 0):
                return np.tensordot(form, places, 1) % m
    total = np.zeros(shape, int)
    for axis, n in enumerate(shape):
        line = line_colours(n, periodic[axis], 2 * reach + 1)
        total = total * (int(line.max()) + 1) + line[places[axis]]
    return total


def line_colours(n, periodic, width):
    """Return colours along one axis, each of the cells that are so close having another."""
    if not periodic or n % width == 0:
        return np.arange(n) % width
    if n < 2 * width:
        return np.arange(n)
    # Longer runs, one more than `width`, take up what is left over.
    runs = n // width
    lengths = np.full(runs, width)
    for k in range(n - runs * width):
        lengths[k % runs] += 1
    return np.concatenate([np.arange(length) for length in lengths])
