"""Solves with many matrices of one pattern, the lanes of `vmap`: a factor each, made and used by several threads."""

import functools
import threading
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import scipy.sparse as sps

from ._factor import POSITIVE, SYMMETRIC, Engine, Entry, SingularMatrix
from ._mkl_library import single_threaded
from ._regular import LARGEST_ERROR, error_of, refined
from ._stale import with_stale_factor
from ._threads import cores, together


class Job(NamedTuple):
    """A system to be solved: the lane that its matrix is of, the entries as they are stored, and b, (n, k)."""

    lane: int
    data: np.ndarray
    b: np.ndarray


class Wish(NamedTuple):
    """How they are to be solved, as `FactorStore.solve` has it."""

    transposed: bool
    rtol: float
    patience: int


class LaneFactors:
    """Factors of the matrices of an ensemble, lane by lane; a `FactorStore` keeps all of them as one.

    Thread t of T has an engine of its own, which makes and keeps the factors of lanes t, t + T, …: no answer depends on
    how threads are scheduled, and an adjoint solve finds its lane's factor. The order of unknowns is sought once.

    **Arguments:**

    - `rows`: of the matrices, as `scalar_rows` returns them.
    - `kind`: of the matrices.
    - `make`: the class of engines.
    - `lanes`: their number.
    """

    def __init__(self, rows, kind: str, make: Callable[..., Engine], lanes: int):
        self.lock, self.gone = threading.Lock(), False
        threads = min(cores(), lanes)
        # What is kept must not lie in the caller's memory, which is a running program's.
        rows = tuple(None if array is None else np.array(array) for array in rows)
        self.workers = [_Worker(rows, kind, make, -(-lanes // threads)) for _ in range(threads)]

    @property
    def entry(self) -> Entry | None:
        """Any of the factors; None before there was one."""
        return next((e for w in self.workers for e in tuple(w.entries.values())), None)

    @property
    def size(self) -> int:
        """Bytes."""
        return sum(worker.size for worker in self.workers)

    def release(self):
        """Give memory back; the lock is held."""
        self.gone = True
        for worker in self.workers:
            worker.release()

    def solve(self, jobs: list[Job], wish: Wish, limit: int) -> list[tuple[np.ndarray, int, int, int]]:
        """Return for each job x, NaN where it fails, and the numbers of factorisations, steps and failures.

        Where factors would take more bytes than `limit`, lanes share places.
        """
        found: list = [None] * len(jobs)
        mine = [
            [k for k, job in enumerate(jobs) if job.lane % len(self.workers) == t] for t in range(len(self.workers))
        ]
        busy = [(worker, own) for worker, own in zip(self.workers, mine, strict=True) if own]
        first = self.workers[0]
        for worker, _ in busy:
            worker.hopeful, worker.like = True, first.engines
        if len(busy) > 1:
            # All phases of a factor by one thread, or Pardiso ends the process.
            with single_threaded():
                first.prepare(jobs[0])

        def work(worker, own):
            for k in own:
                found[k] = worker.attempt(jobs[k], wish, jobs[k].lane // len(self.workers))

        together([functools.partial(work, *pair) for pair in busy])
        largest = max((e.size for w in self.workers for e in w.entries.values()), default=1)
        for worker in self.workers:
            worker.keep(limit // (largest * len(self.workers)))
        return found


class _Worker:
    """What one thread at a time uses: an engine for each kind of matrix, and the factors of its lanes."""

    def __init__(self, rows, kind, make, places):
        (self.indptr, self.columns, self.source), self.kind, self.make = rows, kind, make
        self.most = self.places = places
        self.engines: dict[str, Engine] = {}
        self.entries: dict[int, Entry] = {}
        self.hopeful, self.like = True, self.engines

    @property
    def attempts(self) -> list[str]:
        """Kinds of factors, in the order in which they are tried."""
        return [POSITIVE, SYMMETRIC] if self.kind == SYMMETRIC else [self.kind]

    @property
    def size(self) -> int:
        """Bytes; rows of all matrices are the same arrays."""
        return sum(e.factor.size + e.data.nbytes + e.factor.matrix.data.nbytes for e in tuple(self.entries.values()))

    def prepare(self, job: Job):
        """Have an engine of the first kind, whose order of unknowns others can take over."""
        self._engine(self._matrix(job.data), self.attempts[0])

    def attempt(self, job: Job, wish: Wish, number: int):
        """Solve; NaN where that fails."""
        if not (np.all(np.isfinite(job.data)) and np.all(np.isfinite(job.b))):
            return np.full(job.b.shape, np.nan), 0, 0, 1
        try:
            return *self._solve(number % self.places, job.data, job.b, wish), 0
        except SingularMatrix:
            return np.full(job.b.shape, np.nan), 1, 0, 1

    def _solve(self, number, data, b, wish):
        entry, spent = self.entries.get(number), 0
        if entry is not None and np.array_equal(entry.data, data):
            return refined(entry.factor, entry.factor.matrix, b, wish.transposed, wish.rtol), 0, 0
        matrix = self._matrix(data)
        # Lanes are much alike: the factor of another one may do, and where one has changed too much the others have.
        stale = entry if entry is not None or not self.entries else self.entries[min(self.entries)]
        if stale is not None and wish.patience > 0 and self.hopeful:
            x, spent = with_stale_factor(matrix, b, stale, wish.transposed, wish.rtol, wish.patience)
            if x is not None:
                return x, 0, spent
            self.hopeful = False
        self._factorise(number, matrix, data.copy())
        return refined(self.entries[number].factor, matrix, b, wish.transposed, wish.rtol), 1, spent

    def _matrix(self, data):
        values = data.copy() if self.source is None else data[self.source]
        return sps.csr_array((values, self.columns, self.indptr), shape=(self.indptr.size - 1,) * 2)

    def _engine(self, matrix, kind):
        if kind not in self.engines:
            self.engines[kind] = self.make(matrix, kind, self.most, self.like.get(kind))
        return self.engines[kind]

    def _factorise(self, number, matrix, data):
        old = self.entries.pop(number, None)
        for kind in self.attempts:
            engine = self._engine(matrix, kind)
            if old is not None and old.kind != kind:
                old.engine.rest(number)
            try:
                factor = engine.factorise(matrix, number)
                if error_of(factor, matrix, kind == POSITIVE) > LARGEST_ERROR:
                    raise SingularMatrix("The matrix is singular to working precision.")
                self.entries[number] = Entry(engine, kind, data, factor, self.source)
                return
            except SingularMatrix:
                engine.rest(number)
                if kind == self.attempts[-1]:
                    raise

    def keep(self, most: int):
        """Hold so many factors at most, one at least."""
        self.places = max(1, min(self.most, most))
        for number in [n for n in self.entries if n >= self.places]:
            self.entries.pop(number).engine.rest(number)

    def release(self):
        """Give memory back."""
        self.entries.clear()
        for engine in self.engines.values():
            engine.release()
        self.engines.clear()
