"""The matrices of a sparse convex program, and their augmented system, factorised on the host."""

import equinox as eqx
import jax
import jax.numpy as jnp
import lineax as lx
import numpy as np
import scipy.sparse as sps
from jax.experimental.sparse import BCOO

from ..._typing import Array, Float, Int
from ...linalg import Direct, SparseOperator, SparsityPattern
from ._matrices import AbstractMatrices


class Entries(eqx.Module):
    """A sparse matrix by its entries; repeated ones add up."""

    rows: Int[Array, " z"]
    columns: Int[Array, " z"]
    data: Float[Array, " z"]
    shape: tuple[int, int] = eqx.field(static=True)

    @staticmethod
    def of(matrix) -> "Entries":
        """Take a SciPy sparse matrix, a `jax.experimental.sparse.BCOO` or a dense array."""
        if sps.issparse(matrix):
            found = sps.coo_array(matrix)
            rows, columns, data = found.row, found.col, found.data
        elif isinstance(matrix, BCOO):
            (rows, columns), data = np.asarray(matrix.indices).T, matrix.data
        else:
            dense = np.asarray(matrix)
            rows, columns = np.nonzero(dense)
            data = dense[rows, columns]
        index = lambda x: jnp.asarray(np.asarray(x), jnp.int32)
        return Entries(index(rows), index(columns), jnp.asarray(data), tuple(matrix.shape))

    def times(self, x: Float[Array, " n"]) -> Float[Array, " m"]:
        """Return M x."""
        return jax.ops.segment_sum(self.data * x[self.columns], self.rows, self.shape[0])

    def transposed_times(self, x: Float[Array, " m"]) -> Float[Array, " n"]:
        """Return Mᵀ x."""
        return jax.ops.segment_sum(self.data * x[self.rows], self.columns, self.shape[1])


class Structure(eqx.Module):
    """Where the entries of Q and C stand in [[Q + ρI, CᵀE], [E C, −I]]; made once, on the host."""

    pattern: SparsityPattern
    of_Q: Int[Array, " zq"]
    of_C: Int[Array, " zc"]
    of_Ct: Int[Array, " zc"]
    hessian: SparsityPattern
    in_hessian: Int[Array, " zq"]

    @staticmethod
    def of(Q: Entries, C: Entries) -> "Structure":
        """Build the patterns."""
        n, total = Q.shape[0], Q.shape[0] + C.shape[0]
        host = lambda *arrays: [np.asarray(a, np.int64) for a in arrays]
        q_rows, q_columns, c_rows, c_columns = host(Q.rows, Q.columns, C.rows, C.columns)
        rows = np.concatenate([q_rows, c_rows + n, c_columns])
        columns = np.concatenate([q_columns, c_columns, c_rows + n])
        pattern, spots = SparsityPattern.from_entries(rows, columns, total)
        hessian, in_hessian = SparsityPattern.from_entries(q_rows, q_columns, n)
        of_Q, of_C, of_Ct = np.split(spots, [len(q_rows), len(q_rows) + len(c_rows)])
        index = lambda x: jnp.asarray(x, jnp.int32)
        return Structure(pattern, index(of_Q), index(of_C), index(of_Ct), hessian, index(in_hessian))


class Sparse(AbstractMatrices):
    """Sparse matrices: the augmented system, scaled by E = D^½, is quasi-definite whatever the weights."""

    Q: Entries
    C: Entries
    structure: Structure

    def hessian(self, z):
        """Return Q z for the symmetric part of Q."""
        return (self.Q.times(z) + self.Q.transposed_times(z)) / 2

    def rows(self, z):
        """Return C z."""
        return self.C.times(z)

    def columns(self, u):
        """Return Cᵀ u."""
        return self.C.transposed_times(u)

    def sizes(self):
        """Return max |Q| and the norm of each row of C."""
        squares = jax.ops.segment_sum(self.C.data**2, self.C.rows, self.C.shape[0])
        return jnp.max(jnp.abs(self.Q.data), initial=0.0), jnp.sqrt(squares)

    def scaled(self, factors):
        """Multiply."""
        return eqx.tree_at(lambda m: m.C.data, self, self.C.data * factors[self.C.rows])

    def magnitudes(self, z, u):
        """Return |Q| z + |C|ᵀ u and |C| z."""
        Q, C = (eqx.tree_at(lambda m: m.data, m, jnp.abs(m.data)) for m in (self.Q, self.C))
        return (Q.times(z) + Q.transposed_times(z)) / 2 + C.transposed_times(u), C.times(z)

    def convex(self, shift):
        """Ask a sparse Cholesky factorisation."""
        pattern, s = self.structure.hessian, self.structure
        data = jnp.zeros(pattern.stored, self.Q.data.dtype).at[s.in_hessian].add(self.Q.data / 2)
        data = (data + data[pattern.mirror]).at[pattern.diagonal].add(shift)
        tags = frozenset([lx.symmetric_tag, lx.positive_semidefinite_tag])
        ones = jnp.ones(pattern.size, data.dtype)
        operator = SparseOperator(pattern, data, jax.ShapeDtypeStruct(ones.shape, ones.dtype), tags)
        direct = Direct(patience=0)
        x, result, _ = direct.compute(direct.init(operator, {}), ones, {})
        return (result == lx.RESULTS.successful) & jnp.all(jnp.isfinite(x))

    def factorise(self, rho, equal, weights, cone):
        """Return the entries of the augmented system, and E; the factor itself stays on the host."""
        s, n, half = self.structure, self.Q.shape[0], self.Q.data / 2
        root = jnp.sqrt(jnp.concatenate([equal, weights.orthant]))
        scaled = root[self.C.rows] * self.C.data
        size = s.pattern.size
        diagonal = jnp.where(jnp.arange(size) < n, rho, -1.0).astype(half.dtype)
        data = jnp.zeros(s.pattern.stored, half.dtype).at[s.of_Q].add(half)
        data = data + data[s.pattern.mirror]
        return data.at[s.of_C].add(scaled).at[s.of_Ct].add(scaled).at[s.pattern.diagonal].add(diagonal), root

    def solve(self, factor, first, second):
        """Solve by the factor that belongs to these entries; made where there is none."""
        data, root = factor
        b = jnp.concatenate([first, root * second])
        operator = SparseOperator(self.structure.pattern, data, jax.ShapeDtypeStruct(b.shape, b.dtype))
        direct = Direct(patience=0)
        x, _, _ = direct.compute(direct.init(operator, {}), b, {})
        n = first.shape[0]
        return x[:n], root * x[n:]
