"""Which unknowns of a flow on a grid couple, and what colours their columns take."""

import itertools

import numpy as np

from .._arrays import int32, placed
from .._trees import any_traced
from ..linalg import ColouredJacobian, SparsityPattern
from ._cell_jacobian import line_colours
from ._face_space import FaceSpace


def flow_jacobian(space: FaceSpace) -> ColouredJacobian:
    """Return what assembles the Jacobian of the balance of momentum and volume, of velocities and pressures.

    In half steps a velocity couples to those of its own component 2 away along one axis, to others within 1 along their
    two axes, to the pressures on both sides of its face; a pressure to the velocities through its cell's faces.
    """
    dimension, fields = space.grid.dimension, [_Field(space, c) for c in (*range(space.grid.dimension), None)]
    starts = np.cumsum([0, *(field.places.shape[0] for field in fields)])
    rows, columns = [], []
    for i, row in enumerate(fields):
        for j, column in enumerate(fields):
            for step in _steps(i, j, dimension):
                found = column.number(row.places + step)
                kept = np.flatnonzero(found >= 0)
                rows.append(starts[i] + kept)
                columns.append(starts[j] + found[kept])
    codes = np.unique(np.concatenate(rows) * starts[-1] + np.concatenate(columns))
    row, column = codes // starts[-1], codes % starts[-1]
    pattern, where = SparsityPattern.from_entries(row, column, int(starts[-1]))
    parts, count = [], 0
    for field in fields:
        own = field.colours()
        parts.append(count + own)
        count += int(own.max()) + 1
    colours = np.concatenate(parts)
    at, of = np.zeros(pattern.stored, np.int32), np.full(pattern.stored, count + 1, np.int32)
    at[where], of[where] = row, colours[column]
    random = np.random.default_rng(0)
    probe = (random.integers(1, 128, starts[-1]) * random.choice([-1, 1], starts[-1])).astype(np.int8)
    return ColouredJacobian(pattern, int32(colours), int32(at), int32(of), placed(probe), count, False, 16)


MOST_CELLS = 25_000
"""Up to so many the pattern is worked out without being asked for."""


def worth_factorising(space: FaceSpace) -> bool:
    """Whether matrices of steady flows are so small, and known so well, that their pattern is worked out at once."""
    return space.grid.dimension == 2 and not any_traced(space) and int(np.prod(space.grid.shape)) <= MOST_CELLS


def _steps(i, j, dimension):
    """Where the unknowns stand that one of field i couples to, of field j, in half steps."""
    unit = lambda axis, s: np.array([s if a == axis else 0 for a in range(dimension)])
    if i == j:
        yield np.zeros(dimension, int)
        if i < dimension:
            yield from (unit(axis, s) for axis in range(dimension) for s in (-2, 2))
    elif dimension in (i, j):
        yield from (unit(min(i, j), s) for s in (-1, 1))
    else:
        yield from (unit(i, s) + unit(j, t) for s, t in itertools.product((-1, 1), repeat=2))


class _Field:
    """The unknowns of a velocity component, or of the pressure (None), by their places in half steps."""

    def __init__(self, space: FaceSpace, component: int | None):
        self.size = np.array([2 * n for n in space.grid.shape])
        self.periodic = np.array([space.periodic(axis) for axis in range(space.grid.dimension)])
        lines = []
        for axis, n in enumerate(space.grid.shape):
            line = 2 * np.arange(n) + 1
            if axis == component:
                low, high = (side.prescribes for side in space.sides[component].pairs[component])
                every = 2 * np.arange(n if self.periodic[axis] else n + 1)
                line = every if self.periodic[axis] else every[int(low) : len(every) - int(high)]
            lines.append(line)
        self.shape = tuple(len(line) for line in lines)
        self.places = np.stack([x.ravel() for x in np.meshgrid(*lines, indexing="ij")], axis=1)
        self.table = np.full(self.size + 1, -1, np.int64)
        self.table[tuple(self.places.T)] = np.arange(len(self.places))

    def number(self, places) -> np.ndarray:
        """Return the numbers of the unknowns at places, −1 where there is none."""
        places = np.where(self.periodic[None], places % self.size[None], places)
        there = np.all((places >= 0) & (places <= self.size[None]), axis=1)
        return np.where(there, self.table[tuple(np.where(there[:, None], places, 0).T)], -1)

    def colours(self) -> np.ndarray:
        """Return colours such that no two unknowns within 3 of one another along all axes share one."""
        total = np.zeros(self.shape, int)
        for axis, n in enumerate(self.shape):
            line = line_colours(n, bool(self.periodic[axis]), 3)
            along = line.reshape(tuple(-1 if a == axis else 1 for a in range(len(self.shape))))
            total = total * (int(line.max()) + 1) + along
        return total.ravel()
