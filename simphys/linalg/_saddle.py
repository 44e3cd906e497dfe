"""Block preconditioning of saddle points."""

import equinox as eqx
import jax
import jax.numpy as jnp
import lineax as lx
import numpy as np

from .._arrays import placed
from .._told import Told
from .._typing import Array, Float, Int
from ._operator import SparseOperator
from ._pattern import SparsityPattern, padded_data, padded_product
from ._preconditioner import GENERAL, INDEFINITE, AbstractPreconditioner


class Block(Told):
    """A part of a sparse matrix, as a sparse matrix of its own."""

    pattern: SparsityPattern
    entries: Int[Array, " z"]
    """Where the part's entries stand among those of the whole matrix; out of bounds for 0."""

    @staticmethod
    def leading(pattern: SparsityPattern, size: int, owners=None) -> "Block":
        """Take the block of the first `size` rows and columns; on the host. `owners` as for `SparsityPattern`."""
        rows, columns = np.asarray(pattern.rows), np.asarray(pattern.columns)
        kept = np.flatnonzero((rows < size) & (columns < size))
        own, where = SparsityPattern.from_entries(rows[kept], columns[kept], size, owners)
        entries = np.zeros(own.stored, np.int32)
        entries[where] = kept
        return Block(own, placed(entries))

    @staticmethod
    def coupling(pattern: SparsityPattern, size: int) -> "Block":
        """Take what couples the first `size` unknowns and the others, as a matrix of the whole size; on the host."""
        rows, columns = np.asarray(pattern.rows), np.asarray(pattern.columns)
        kept = np.flatnonzero((rows < size) != (columns < size))
        own, where = SparsityPattern.from_entries(rows[kept], columns[kept], pattern.size)
        entries = np.full(own.stored, pattern.stored, np.int32)
        entries[where] = kept
        return Block(own, placed(entries))

    def entries_of(self, operator: SparseOperator) -> Float[Array, " z"]:
        """Return the part's entries, of a matrix in the whole pattern."""
        return operator.data.at[self.entries].get(mode="fill", fill_value=0)

    def of(self, operator: SparseOperator) -> SparseOperator:
        """Return the leading block of a matrix in the whole pattern, as symmetric and positive definite."""
        data = self.entries_of(operator)
        tags = frozenset([lx.symmetric_tag, lx.positive_semidefinite_tag])
        return SparseOperator(self.pattern, data, jax.ShapeDtypeStruct((self.pattern.size,), data.dtype), tags)


class SaddlePoint(AbstractPreconditioner):
    """Block preconditioner of a saddle point, diagonal or triangular.

    A = [[K, Bᵀ], [B, −C]],   M = [[K̂, 0], [0, Ŝ]]  or  [[K̂, 0], [B, −Ŝ]],   Ŝ ≈ C + B K⁻¹ Bᵀ

    The diagonal one is symmetric and positive definite: for `Minres`. The triangular one is for `FGMRES`, which takes
    less than half the steps with it and stores a vector for each.

    If K̂ and Ŝ are spectrally equivalent to K and to the Schur complement, the number of iterations does not depend on
    the size of the mesh. For a viscosity (shear modulus) μ and stable elements the pressure's mass matrix weighted
    with 1/μ is equivalent to B K⁻¹ Bᵀ; it is inverted by a fixed number of Chebyshev steps, preconditioned by its
    diagonal, on the interval that contains its scaled eigenvalues whatever the mesh.

    **Arguments:**

    - `primal`: K̂, an `AbstractPreconditioner` made for the pattern of `block`.
    - `block`: which part of the matrix K is.
    - `schur_pattern`, `schur`: Ŝ's matrix S.
    - `bodies`: for problems in which a pressure counts only up to a constant in each of some bodies, and is held at one
      node of each: for every other pressure the number of its body (or how many they are). S then has rows for the
      held nodes as well, last, in the order of the bodies, and Ŝ⁻¹ = Tᵀ S⁻¹ T with T r = (r, −Σ_body r): what S⁻¹ is
      to a singular Schur complement, this is to one that has lost a row and a column. (S itself, less that row, would
      differ from it by an eigenvalue of the order of the cell's volume.)
    - `bounds`: an interval that contains the eigenvalues of (diag S)⁻¹ S; for a mass matrix those of its elements'
      matrices bound them (A. J. Wathen, IMA J. Numer. Anal. 7 (1987) 449).
    - `steps`: Chebyshev steps; 5 leave Ŝ within 5 % of S on quadrilaterals.
    - `coupling`: which part B and Bᵀ are, for a triangular M; None for a diagonal one.

    Reference: H. Elman, D. Silvester, A. Wathen, Finite Elements and Fast Iterative Solvers, 2nd ed., Oxford 2014,
    sections 4.2 and 4.4.
    """

    primal: AbstractPreconditioner
    block: Block
    schur_pattern: SparsityPattern
    schur: Float[Array, " z"]
    bounds: tuple[float, float] = eqx.field(static=True)
    bodies: Int[Array, " pressure"] | None = None
    steps: int = eqx.field(static=True, default=5)
    coupling: Block | None = None

    @property
    def made_for(self):
        """Saddle points, by MINRES if diagonal."""
        return INDEFINITE if self.coupling is None else GENERAL

    def __check_init__(self):
        if not 0 < self.bounds[0] < self.bounds[1]:
            raise ValueError(f"`bounds` must be two increasing positive numbers, got {self.bounds}.")
        if self.steps < 1:
            raise ValueError(f"`steps` must be 1 or more, got {self.steps}.")

    def prepare(self, operator):
        """Return what K̂ needs of K, and S in rows with its inverted diagonal."""
        pressures = self.schur_pattern.size if self.bodies is None else self.bodies.shape[0]
        n = self.block.pattern.size + pressures
        if operator.pattern.size != n:
            raise ValueError(f"This `SaddlePoint` was made for {n} unknowns, got {operator.pattern.size}.")
        inner = self.primal.prepare(self.block.of(operator))
        schur = self.schur.astype(operator.data.dtype)
        part = self.coupling
        between = None if part is None else padded_data(part.pattern, part.entries_of(operator))
        return inner, padded_data(self.schur_pattern, schur), 1 / schur[self.schur_pattern.diagonal], between

    def apply(self, prepared, residual):
        """Return (x, Ŝ⁻¹ s) with x = K̂⁻¹ r; for the triangular one (x, Ŝ⁻¹ (B x − s))."""
        inner, padded, inverse, between = prepared
        n = self.block.pattern.size
        product = lambda v: padded_product(self.schur_pattern, padded, v)
        first, below = self.primal.apply(inner, residual[:n]), residual[n:]
        if self.coupling is not None:
            below = padded_product(self.coupling.pattern, between, jnp.concatenate([first, 0 * below]))[n:] - below
        second = chebyshev(product, inverse, self._closed(below), self.bounds, self.steps)
        return jnp.concatenate([first, self._opened(second)])

    def _closed(self, s):
        """T s."""
        if self.bodies is None:
            return s
        count = self.schur_pattern.size - s.size
        return jnp.concatenate([s, -jax.ops.segment_sum(s, self.bodies, count + 1)[:count]])

    def _opened(self, q):
        """Tᵀ q: the pressures less that of the held node of their body."""
        if self.bodies is None:
            return q
        n = self.bodies.shape[0]
        return q[:n] - jnp.concatenate([q[n:], jnp.zeros(1, q.dtype)])[self.bodies]

    def describe(self):
        """Name both blocks."""
        kind = "block-diagonal" if self.coupling is None else "block-triangular"
        return f"{kind}: {self.primal.describe()}; pressure mass, {self.steps} Chebyshev steps"


def chebyshev(product, inverse, b, bounds: tuple[float, float], steps: int) -> Float[Array, " n"]:
    """Return the approximation of S⁻¹ b after a number of Chebyshev steps from 0.

    x = p(D⁻¹S) D⁻¹ b with 1 − t p(t) the polynomial smallest on [low, high] that is 1 at t = 0: symmetric positive
    definite in b if the interval contains the eigenvalues of D⁻¹S.

    **Arguments:**

    - `product`: v → S v.
    - `inverse`: D⁻¹, the inverted diagonal.
    - `bounds`: low, high.

    Reference: Y. Saad, Iterative Methods for Sparse Linear Systems, SIAM 2003, algorithm 12.1.
    """
    middle, half = (bounds[1] + bounds[0]) / 2, (bounds[1] - bounds[0]) / 2
    sigma = middle / half
    rho = 1 / sigma
    d = inverse * b / middle
    x, r = d, b
    for _ in range(steps - 1):
        r = r - product(d)
        before, rho = rho, 1 / (2 * sigma - rho)
        d = rho * before * d + 2 * rho / half * (inverse * r)
        x = x + d
    return x
