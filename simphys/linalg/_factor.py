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


class Engine(Protocol):
    """Made for one pattern and kind of matrix; factorises as often as the entries change."""

    def factorise(self, matrix: sps.csr_array) -> Factor:
        """Factorise, or raise `SingularMatrix`."""
        ...

    def rest(self) -> int | None:
        """Give the factor's memory back and keep what the pattern decides, of so many bytes; None if there is no such."""
        ...

    def release(self) -> None:
        """Give memory back."""
        ...
