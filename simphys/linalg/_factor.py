"""What a sparse factorisation on the host is to those who use it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import scipy.sparse as sps


POSITIVE, SYMMETRIC, GENERAL = "positive definite", "symmetric", "general"


class SingularMatrix(ArithmeticError):
    """The factorisation met a zero pivot."""


@dataclass
class Factor:
    """A factorised matrix: `solve(b, transposed)` for b of shape (n, k)."""

    matrix: sps.csr_array
    solve: Callable[[np.ndarray, bool], np.ndarray]
    price: float
    """What the factorisation cost, in solves."""
    size: int
    """Bytes that it takes, about, without those of `matrix`."""
    roughly: Callable[[np.ndarray, bool], np.ndarray] | None = None
    """Solves without refinement, for whoever iterates with the factor of another matrix; None if that is no less."""

    def rough(self, b: np.ndarray, transposed: bool) -> np.ndarray:
        """Solve as roughly as it can."""
        return (self.roughly or self.solve)(b, transposed)


class Engine(Protocol):
    """Made for one pattern and kind of matrix; factorises as often as the entries change."""

    def factorise(self, matrix: sps.csr_array, number: int = 0) -> Factor:
        """Factorise, or raise `SingularMatrix`; what holds several factors keeps it by its number."""
        ...

    def rest(self, number: int = 0) -> int | None:
        """Give the factor's memory back and keep what the pattern decides, of so many bytes; None if there is no such."""
        ...

    def release(self) -> None:
        """Give memory back."""
        ...


@dataclass
class Entry:
    """A factor that is kept, and what it is known by."""

    engine: Engine
    kind: str
    data: np.ndarray
    factor: Factor
    source: np.ndarray | None
    """Where each entry of the factor's matrix stands in `data`; None where it is their order."""

    @property
    def size(self) -> int:
        """Bytes."""
        matrix = self.factor.matrix
        arrays = (self.data, matrix.data, matrix.indices, matrix.indptr, self.source)
        return self.factor.size + sum(a.nbytes for a in arrays if a is not None)
