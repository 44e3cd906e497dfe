"""Numbers of things that are divided among parts: first those that a part owns, then those of others that it looks at."""

import dataclasses
import itertools
from functools import cached_property

import numpy as np


@dataclasses.dataclass(frozen=True)
class Numbering:
    """For each part what it owns and what it sees of others, by their numbers in the whole; on the host.

    **Arguments:**

    - `own`: sorted numbers of what each part owns.
    - `seen`: sorted numbers of others that it looks at.
    - `owner`: of each thing seen, its part; beside `seen`.
    - `room`: places for what a part owns, at least as many as the largest has; None for just as many.
    """

    own: list[np.ndarray]
    seen: list[np.ndarray]
    owner: list[np.ndarray]
    room: int | None = None

    @property
    def parts(self) -> int:
        """Number of parts."""
        return len(self.own)

    @cached_property
    def places(self) -> int:
        """Places for what is owned, alike in all parts."""
        return max(map(len, self.own)) if self.room is None else self.room

    @cached_property
    def others(self) -> int:
        """Places for what is seen of others."""
        return max(map(len, self.seen))

    def local(self, part: int, numbers: np.ndarray) -> np.ndarray:
        """Return the places in a part of things that it owns or sees."""
        own, seen = self.own[part], self.seen[part]
        numbers = np.asarray(numbers)
        at = np.searchsorted(own, numbers)
        mine = own[np.minimum(at, len(own) - 1)] == numbers if len(own) else np.zeros(numbers.shape, bool)
        return np.where(mine, at, self.places + np.searchsorted(seen, numbers))

    def whole(self, part: int, fill: int) -> np.ndarray:
        """Return for each place in a part the number of what is there, `fill` where nothing is."""
        found = np.full(self.places + self.others, fill, np.int64)
        found[: len(self.own[part])] = self.own[part]
        found[self.places : self.places + len(self.seen[part])] = self.seen[part]
        return found


def numbered(owner: np.ndarray, wanted: list[np.ndarray], parts: int) -> Numbering:
    """Number things that have an owner each, given what each part looks at, its own or not."""
    order = np.argsort(owner, kind="stable")
    cuts = np.searchsorted(owner[order], np.arange(parts + 1))
    own = [order[a:b] for a, b in itertools.pairwise(cuts)]
    seen = []
    for part, numbers in enumerate(wanted):
        numbers = np.unique(numbers)
        seen.append(numbers[owner[numbers] != part])
    return Numbering(own, seen, [owner[numbers] for numbers in seen])


def stacked(rows: list[np.ndarray], length: int, fill) -> np.ndarray:
    """Return arrays of several lengths as one, (part, length, …), filled up."""
    found = np.full((len(rows), length, *rows[0].shape[1:]), fill, rows[0].dtype)
    for part, row in enumerate(rows):
        found[part, : len(row)] = row
    return found
