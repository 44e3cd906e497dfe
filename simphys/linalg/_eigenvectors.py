"""Eigenvectors of pairs of sparse symmetric matrices."""

import jax
import jax.numpy as jnp
import numpy as np

from .._rules import with_rule
from .._typing import Array, Float, Scalar
from ._operator import SparseOperator
from ._scalar_rows import scalar_matrix


def eigenvectors(
    operator: SparseOperator, mass: Float[Array, " z"], count: int, live: Scalar, above: float = 0.0
) -> tuple[Float[Array, "mode n"], Float[Array, " mode"], Scalar]:
    """Return the eigenvectors of the lowest eigenvalues above a number, K φ = λ M φ with φᵀ M φ = 1.

    By shift and inversion on the host, always with the same first vector.

    **Arguments:**

    - `operator`: K, symmetric; `mass`: the entries of M, semidefinite, in the same pattern.
    - `count`: how many.
    - `live`: any number that depends on what the matrices do; derivatives of the vectors along it are NaN.
    - `above`: σ; K − σ M must not be singular.

    **Returns:** vectors, eigenvalues, and the worst residual ‖Kφ − λMφ‖ / max(‖Kφ‖, |σ| ‖Mφ‖), infinite if none were found.

    Reference: T. Ericsson, A. Ruhe, Math. Comp. 35 (1980) 1251–1268.
    """
    pattern, n = operator.pattern, operator.pattern.size
    real = lambda *shape: jax.ShapeDtypeStruct(shape, operator.data.dtype)
    shapes = (real(count, n), real(count), real())
    arrays = (operator.data, mass, *pattern.on_host)
    vectors, values, error = jax.pure_callback(
        lambda *a: _solve(count, above, *a), shapes, *arrays, vmap_method="sequential"
    )
    return undifferentiated(vectors, live), values, error


def undifferentiated(vectors, live):
    """Return the vectors; their derivatives along `live` are NaN."""
    return _held(vectors, live)


def _held_jvp(primals, tangents):
    # The value must pass through here again, for whoever differentiates the derivative.
    moved = tangents[1]
    return _held(*primals), None if moved is None else jnp.full_like(primals[0], jnp.nan) * moved


_held = with_rule("undifferentiated", lambda vectors, live: vectors, _held_jvp)


def _solve(count, above, stiffness, mass, *stored):
    import scipy.sparse as sps
    import scipy.sparse.linalg as spla

    dtype = np.asarray(stiffness).dtype
    K, M = (sps.csc_array(scalar_matrix(np.float64(e), *stored)) for e in (stiffness, mass))
    n = K.shape[0]
    definite = dict(diag_pivot_thresh=0.0, options=dict(SymmetricMode=True)) if above == 0 else {}
    try:
        factor = spla.splu(K - above * M if above else K, permc_spec="MMD_AT_PLUS_A", **definite)
        inverse = spla.LinearOperator((n, n), matvec=factor.solve, dtype=float)
        start = np.random.default_rng(0).standard_normal(n)
        options = dict(sigma=above, which="LA", OPinv=inverse, v0=start, tol=1e-12)
        values, vectors = spla.eigsh(K, count, M, **options)
    except (RuntimeError, np.linalg.LinAlgError):
        bad = np.full((count, n), np.nan, dtype), np.full(count, np.nan, dtype)
        return (*bad, np.asarray(np.inf, dtype))
    order = np.argsort(values)
    values, vectors = values[order], vectors[:, order]
    elastic = K @ vectors
    heavy = M @ vectors
    # Beside a shift a motion of the kernel, which K does not see, has a size as well.
    size = np.maximum(np.linalg.norm(elastic, axis=0), abs(above) * np.linalg.norm(heavy, axis=0))
    errors = np.linalg.norm(elastic - heavy * values, axis=0) / size
    return vectors.T.astype(dtype), values.astype(dtype), np.asarray(errors.max(), dtype)
