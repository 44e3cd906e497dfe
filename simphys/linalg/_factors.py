"""Factorisations on the host, kept by what they factorise and reused while they are good.

A compiled program cannot hold a factor: it hands over the matrix with every right-hand side. The store compares the
entries with those it factorised last for the same pattern. Equal entries: the factor serves as it is. Other entries:
the stale factor preconditions conjugate gradients (refinement if not positive definite) on the new matrix, which wins
while the change is small; otherwise the matrix is factorised anew. No answer depends on a factor that was not checked.
"""

import contextlib
import itertools
import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import scipy.sparse as sps

from ._caches import Cache, register_cache
from ._cudss import CuDSS
from ._factor import POSITIVE, SYMMETRIC, Engine, Entry, SingularMatrix
from ._lane_factors import Job, LaneFactors, Wish
from ._pardiso import Pardiso
from ._regular import LARGEST_ERROR, STALE_ERROR, error_of, refined
from ._scalar_rows import scalar_rows
from ._stale import with_stale_factor
from ._superlu import SuperLU


ENGINES = {"pardiso": Pardiso, "superlu": SuperLU, "cudss": CuDSS}
CAPACITY, LIMIT = 4, 8 * 2**30
SECOND_OPINION = 50_000
"""Unknowns up to which what Pardiso's static pivots find singular is looked at by SuperLU, which pivots as it goes."""


@dataclass
class _Slot:
    """A place for one factor: whoever solves with it, or makes it, holds the lock meanwhile."""

    entry: Entry | None = None
    resting: dict[str, tuple[Engine, int]] = field(default_factory=dict)
    """By kind, engines that have analysed the pattern and hold no factor, with their bytes."""
    lock: threading.Lock = field(default_factory=threading.Lock)
    gone: bool = False
    wanted: np.ndarray | None = None
    """The entries that its user came with, in memory that is the user's: to be read under the store's lock."""

    def holds(self, data) -> bool:
        entry = self.entry
        return entry is not None and np.array_equal(entry.data, data)

    def will_hold(self, data) -> bool:
        """Whether it does when its user, if any, has done."""
        wanted = self.wanted
        return self.holds(data) if wanted is None else np.array_equal(wanted, data)

    @property
    def size(self) -> int:
        """Bytes."""
        entry = self.entry
        return sum(size for _, size in tuple(self.resting.values())) + (0 if entry is None else entry.size)

    def rest(self, engine: Engine, kind: str):
        """Keep an engine for the next matrix of its kind: which one comes changes to and fro near an instability."""
        size = engine.rest()
        if size is None:
            engine.release()
        else:
            self.resting[kind] = engine, size

    def release(self):
        """Give memory back; the lock is held."""
        self.gone, entry, self.entry = True, self.entry, None
        for engine in [e for e, _ in self.resting.values()] + ([] if entry is None else [entry.engine]):
            engine.release()
        self.resting.clear()


class FactorStore:
    """The last few factors; `solve` answers from them or factorises.

    Threads that solve at the same time have a factor each, unless they solve with one matrix.

    **Arguments:**

    - `capacity`: number of factors that are kept; the least recently used one is released.
    - `limit`: bytes that they may take together; the last one is kept whatever its size.
    """

    def __init__(self, capacity: int = CAPACITY, limit: int = LIMIT):
        self.capacity, self.limit = capacity, limit
        self.entries: OrderedDict[tuple, Any] = OrderedDict()
        self.lock, self._numbers = threading.Lock(), itertools.count()

    def solve(self, key, stored, data, b, *, kind, backend, transposed, rtol, patience):
        """Solve A x = b (or Aᵀ x = b) for b of shape (n, k).

        **Arguments:**

        - `stored`: how the entries `data` are stored: see `scalar_rows`.

        **Returns:** x; the number of factorisations; the number of iterations with a stale factor.
        """
        slot = self._claim((bytes(key), kind, backend), data)
        try:
            entry, spent = slot.entry, 0
            if slot.holds(data):
                return refined(entry.factor, entry.factor.matrix, b, transposed, rtol), 0, 0
            if entry is None:
                indptr, columns, source = scalar_rows(*stored)
            else:
                known, source = entry.factor.matrix, entry.source
                indptr, columns = known.indptr, known.indices
            values = data if source is None else data[source]
            matrix = sps.csr_array((values, columns, indptr), shape=(indptr.size - 1,) * 2)
            if entry is not None and patience > 0:
                x, spent = with_stale_factor(matrix, b, entry, transposed, rtol, patience)
                if x is not None:
                    return x, 0, spent
            # What is kept must not lie in the caller's memory, which is a running program's.
            matrix = matrix.copy() if source is None else matrix
            self._factorise(slot, matrix, data.copy(), source, kind, backend)
            return refined(slot.entry.factor, matrix, b, transposed, rtol), 1, spent
        finally:
            with self.lock:
                slot.wanted = None
            slot.lock.release()
            self._trim()

    def solve_lanes(self, key, stored, lanes: int, jobs: list[Job], *, kind, backend, transposed, rtol, patience):
        """Solve systems whose matrices are those of several lanes of `vmap`, several at a time.

        **Arguments:**

        - `lanes`: how many there are, of which `jobs` may be some.

        **Returns:** for each job x, and the numbers of factorisations, steps and failures.
        """
        factors = self._lanes(("lanes", bytes(key), kind, backend, lanes), stored)
        try:
            return factors.solve(jobs, Wish(transposed, rtol, patience), self.limit)
        finally:
            factors.lock.release()
            self._trim()

    def _lanes(self, name, stored) -> LaneFactors:
        """Lock the factors of an ensemble."""
        _, _, kind, backend, lanes = name
        while True:
            with self.lock:
                found = self.entries.get(name)
                if found is None:
                    found = LaneFactors(scalar_rows(*stored), kind, ENGINES[backend], lanes)
                    self.entries[name] = found
                self.entries.move_to_end(name)
            found.lock.acquire()
            if not found.gone:
                return found
            found.lock.release()

    def _claim(self, key, data) -> _Slot:
        """Lock the slot of this pattern that holds the matrix, or will, else one that nobody uses, else a new one."""
        while True:
            with self.lock:
                name, slot = self._chosen(key, data)
                self.entries[name] = slot
                self.entries.move_to_end(name)
                at_once = slot.lock.acquire(blocking=False)
                if at_once:
                    slot.wanted = data
            if not at_once:
                slot.lock.acquire()
                with self.lock:
                    slot.wanted = data
            if not slot.gone:
                return slot
            slot.lock.release()

    def _chosen(self, key, data) -> tuple[tuple, _Slot]:
        own = [(name, slot) for name, slot in reversed(self.entries.items()) if name[:3] == key]
        if len(own) == 1 and not own[0][1].lock.locked():
            return own[0]
        at_rest = ((name, slot) for name, slot in own if not slot.lock.locked())
        found = next((pair for pair in own if pair[1].will_hold(data)), None) or next(at_rest, None)
        if found is None and own and len(self.entries) >= self.capacity:
            return own[0]
        return ((*key, next(self._numbers)), _Slot()) if found is None else found

    def _factorise(self, slot, matrix, data, source, kind, backend):
        # A symmetric matrix is always tried as a positive definite one first: Cholesky is much the faster, stops at the
        # first wrong pivot, and its failure is a proof. Only one factor is kept: the other's memory is worth more.
        old, slot.entry = slot.entry, None
        for attempt in [POSITIVE, SYMMETRIC] if kind == SYMMETRIC else [kind]:
            if old is not None and old.kind != attempt:
                slot.rest(old.engine, old.kind)
                old = None
            known, old = old.engine if old is not None else slot.resting.pop(attempt, (None, 0))[0], None
            engine, factor, error = _tried(ENGINES[backend], known, matrix, attempt, attempt == kind)
            if error <= LARGEST_ERROR:
                break
            if attempt == kind:
                engine.release()
                raise SingularMatrix("The matrix is singular to working precision.")
            slot.rest(engine, attempt)
        slot.entry = Entry(engine, attempt, data, factor, source)

    @property
    def size(self) -> int:
        """Bytes that all factors take."""
        return sum(slot.size for slot in tuple(self.entries.values()))

    def _trim(self):
        """Release what is empty and what is too much, the least recently used first, but nothing that is in use."""
        with self.lock:
            for empty in (True, False):
                for name, slot in list(self.entries.items()):
                    many = len(self.entries) > self.capacity or (len(self.entries) > 1 and self.size > self.limit)
                    if (slot.entry is None if empty else many) and slot.lock.acquire(blocking=False):
                        if slot.entry is None or not empty:  # it may have been filled just now
                            del self.entries[name]
                            slot.release()
                        slot.lock.release()

    def clear(self):
        """Release every factor, those in use as soon as they are not."""
        with self.lock:
            slots = list(self.entries.values())
            self.entries.clear()
        for slot in slots:
            with slot.lock:
                slot.release()


def _tried(make, known, matrix, kind, last) -> tuple[Engine, Any, float]:
    """Factorise by the engine at hand, by a new one where the analysis does not suit, and by one that pivots as it goes."""
    choices = [make] if known is None else [lambda *_: known, *([make] if kind != POSITIVE else [])]
    if last and make is ENGINES["pardiso"] and matrix.shape[0] <= SECOND_OPINION:
        choices.append(SuperLU)
    for left, choice in zip(range(len(choices))[::-1], choices, strict=True):
        engine, factor, error = choice(matrix, kind), None, np.inf
        with contextlib.suppress(SingularMatrix):
            factor = engine.factorise(matrix)
            error = error_of(factor, matrix, kind == POSITIVE)
        stale = engine is known and kind != POSITIVE
        if not left or error <= (STALE_ERROR if stale else LARGEST_ERROR):
            break
        engine.release()
    return engine, factor, error


STORE = FactorStore()
register_cache("factors", lambda: Cache(len(STORE.entries), STORE.size, STORE.limit), STORE.clear)


def forget_factors():
    """Release all factors that are kept: the solves that follow do not depend, to the last bit, on those before."""
    STORE.clear()


def keep_factors(number: int = CAPACITY, size: int = LIMIT):
    """Say how many factors are kept between solves, and how many bytes they may take; the last one always is.

    **Arguments:**

    - `number`: 1 or more.
    - `size`: bytes.
    """
    for name, value in (("number", number), ("size", size)):
        if not isinstance(value, int) or value < 1:
            raise ValueError(f"`{name}` must be a whole number of 1 or more, got {value!r}.")
    STORE.capacity, STORE.limit = number, size
    STORE._trim()
