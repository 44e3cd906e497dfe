"""Small sparse matrices of each structure, as operators."""

import jax
import jax.numpy as jnp
import lineax as lx
import numpy as np

from simphys.linalg import SparseOperator, SparsityPattern


TAGS = {
    "spd": frozenset([lx.symmetric_tag, lx.positive_semidefinite_tag]),
    "indefinite": frozenset([lx.symmetric_tag]),
    "general": frozenset(),
}


def laplacian(n, shift=0.3):
    """Tridiagonal, with a free end and, for shift = 0, singular."""
    A = 2 * np.eye(n) - np.eye(n, k=1) - np.eye(n, k=-1)
    A[0, 0] = A[-1, -1] = 1
    return A + shift * np.eye(n)


def matrix(structure, n=24):
    A = laplacian(n)
    rng = np.random.default_rng(n)
    if structure == "indefinite":
        # A saddle point, with zeros on the diagonal.
        m = n // 4
        A[-m:, -m:] = 0
        A[:m, -m:] = A[-m:, :m] = np.diag(rng.uniform(1, 2, m))
    if structure == "general":
        A[rng.integers(0, n, n), rng.integers(0, n, n)] += rng.standard_normal(n)
    return A


def operator(A, tags=frozenset(), dtype=float):
    rows, columns = np.nonzero(A)
    pattern, where = SparsityPattern.from_entries(rows, columns, len(A))
    data = np.zeros(pattern.stored)
    data[where] = A[rows, columns]
    structure = jax.ShapeDtypeStruct((len(A),), jnp.dtype(dtype))
    return SparseOperator(pattern, jnp.asarray(data, dtype), structure, tags)


def with_data(op, data):
    return SparseOperator(op.pattern, data, op.structure, op.tags)


def vector(n, seed=0):
    return jnp.asarray(np.random.default_rng(seed).standard_normal(n))
