"""Which matrices are worth a preconditioner: what is known of them before one is assembled decides."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from .._typing import Array
from ._multigrid import Multigrid
from ._pattern import SparsityPattern, separator_size
from ._platform import accelerated
from ._preconditioner import AbstractPreconditioner


LARGEST_FACTORISED = 9_000
"""Unknowns in 3-D up to which a factorisation is the faster way (measured: docs/design_notes.md)."""
LARGEST_SEPARATOR = 600
"""The same for the unknowns of a cut through the body: sheets and rods of any length are cheap to factorise."""
NONLINEAR = 18_000, 900
"""These limits for problems that are not linear: every second Newton step needs a factorisation."""
LARGEST_SADDLE = 30_000
"""Unknowns of a saddle point in 3-D up to which it is factorised."""
LARGEST_ON_GPU = 3_000
"""Unknowns, in any dimension, up to which a symmetric matrix is brought to the host to be factorised."""


class MatrixFacts(NamedTuple):
    """What is known of the matrices of a problem when it is made.

    **Arguments:**

    - `pattern`: theirs; its blocks are those of nodes.
    - `dim`: of the space in which the nodes lie.
    - `symmetric`: whether each of them is.
    - `linear`: whether there is only one for each problem that is solved.
    - `saddle`: whether they are indefinite, with several fields.
    - `makings`: returns what multigrid is built of, as `Multigrid.build` takes it: entries that show what is coupled, the
      near-nullspace and the nodes' positions. It is called only if they are wanted.
    """

    pattern: SparsityPattern
    dim: int
    symmetric: bool
    linear: bool
    saddle: bool = False
    makings: Callable[[], tuple[np.ndarray, np.ndarray, np.ndarray | Array]] | None = None


def recommended(facts: MatrixFacts) -> AbstractPreconditioner | None:
    """Return multigrid for matrices that are too large to be factorised; None for others, and where none can be built."""
    if facts.makings is None or not too_large_to_factorise(facts):
        return None
    return Multigrid.build(facts.pattern, *facts.makings())


def too_large_to_factorise(facts: MatrixFacts) -> bool:
    """Whether an iteration with multigrid is the faster way."""
    size = facts.pattern.size
    if facts.saddle:
        return facts.dim == 3 and size > LARGEST_SADDLE
    if accelerated() and facts.symmetric:
        return size > LARGEST_ON_GPU
    most, cut = (LARGEST_FACTORISED, LARGEST_SEPARATOR) if facts.linear else NONLINEAR
    return facts.dim == 3 and size > most and separator_size(facts.pattern) > cut
