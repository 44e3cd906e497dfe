"""A sparse matrix as a Lineax operator."""

import math

import equinox as eqx
import jax
import jax.numpy as jnp
import lineax as lx
from jax.flatten_util import ravel_pytree

from .._told import shown
from .._typing import Array, Float, PyTree
from ._pattern import SparsityPattern, matrix_vector
from ._preconditioner import AbstractPreconditioner
from ._scalar_rows import scalar_matrix


LARGEST_DENSE = 20_000


class SparseOperator(lx.AbstractLinearOperator):
    """A square sparse matrix A on pytrees, assembled into a fixed pattern.

    **Arguments:**

    - `pattern`: where A may be nonzero.
    - `data`: entries of A, shape (z,), in the pattern's order.
    - `structure`: pytree of `jax.ShapeDtypeStruct` of the vectors A acts on; their concatenation has length n.
    - `tags`: Lineax tags that must be true of A (symmetric, positive semidefinite).
    - `preconditioner`: what whoever assembled A recommends for Krylov methods; None where A is to be factorised.
    - `blocks`: the entries once more, as `as_blocks` returns them, where that is to be done once; None for on demand.
    """

    pattern: SparsityPattern
    data: Float[Array, " z"]
    structure: PyTree[jax.ShapeDtypeStruct] = eqx.field(static=True)
    tags: frozenset[object] = eqx.field(static=True, default=frozenset())
    preconditioner: AbstractPreconditioner | None = None
    blocks: Float[Array, "block b b"] | None = None

    def __repr__(self):
        return shown(self)

    def __check_init__(self):
        if self.data.shape[-1] != self.pattern.stored:
            raise ValueError(f"`data` must hold {self.pattern.stored} entries, got shape {self.data.shape}.")
        length = sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(self.structure))
        if length != self.pattern.size:
            raise ValueError(f"`structure` holds {length} numbers, but the pattern has {self.pattern.size} rows.")

    def mv(self, vector):
        """Return A x."""
        flat, unravel = ravel_pytree(vector)
        return unravel(matrix_vector(self.pattern, self.data, flat))

    def as_blocks(self) -> Float[Array, "block b b"]:
        """Return the entries as blocks of the unknowns of nodes, as `pattern.layout` has them."""
        return self.pattern.layout.blocks(self.data) if self.blocks is None else self.blocks

    def in_blocks(self) -> "SparseOperator":
        """Return A with its blocks at hand, for what is to multiply by it and to prepare a preconditioner as well."""
        if self.pattern.scalar is None:
            return self
        return SparseOperator(self.pattern, self.data, self.structure, self.tags, self.preconditioner, self.as_blocks())

    def as_rows(self) -> tuple[Array, ...]:
        """Return the entries laid out for many products, see `padded_product`."""
        return self.pattern.layout.rows.lay_out(self.as_blocks())

    def as_matrix(self):
        """Return A as a dense array; refused above 20,000 rows."""
        n = self.pattern.size
        if n > LARGEST_DENSE:
            raise ValueError(f"A dense matrix of {n} rows was asked for; the limit is {LARGEST_DENSE}.")
        return jnp.zeros((n, n), self.data.dtype).at[self.pattern.rows, self.pattern.columns].add(self.data)

    def transpose(self):
        """Return Aᵀ, on the same (structurally symmetric) pattern."""
        if lx.symmetric_tag in self.tags:
            return self
        data, tags = self.pattern.transposed(self.data), lx.transpose_tags(self.tags)
        return SparseOperator(self.pattern, data, self.structure, tags, self.preconditioner)

    def in_structure(self):
        """Structure of x."""
        return self.structure

    def out_structure(self):
        """Structure of A x."""
        return self.structure


def to_scipy(operator: SparseOperator):
    """Return a concrete `SparseOperator` as a `scipy.sparse.csr_array` (host only)."""
    return scalar_matrix(operator.data, *operator.pattern.on_host)


def register_tagged(cls):
    """Register for Lineax an operator class that answers structural questions from its `tags` field."""
    for question, tag in (
        (lx.is_symmetric, lx.symmetric_tag),
        (lx.is_diagonal, lx.diagonal_tag),
        (lx.is_tridiagonal, lx.tridiagonal_tag),
        (lx.has_unit_diagonal, lx.unit_diagonal_tag),
        (lx.is_lower_triangular, lx.lower_triangular_tag),
        (lx.is_upper_triangular, lx.upper_triangular_tag),
        (lx.is_positive_semidefinite, lx.positive_semidefinite_tag),
        (lx.is_negative_semidefinite, lx.negative_semidefinite_tag),
    ):
        question.register(cls, lambda operator, tag=tag: tag in operator.tags)
    for same in (lx.linearise, lx.materialise, lx.conj):
        same.register(cls, lambda operator: operator)


register_tagged(SparseOperator)


@lx.diagonal.register(SparseOperator)
def _(operator):
    return operator.data[operator.pattern.diagonal]


@lx.tridiagonal.register(SparseOperator)
def _(operator):
    raise NotImplementedError("The tridiagonal of a `SparseOperator` is not offered; use a direct solver.")
