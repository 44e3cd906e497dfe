"""The posterior of a field near its most probable value: prior, less what the data tell in few directions."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import scipy.linalg
import scipy.sparse as sparse
from scipy.sparse.linalg import splu

from ..._hidden import on_host
from ..._told import listing
from ..._typing import Callable
from ..fits import COLUMNS, Fit, Local


OVERSAMPLING = 10
SINGULAR, SHIFT = 1e-13, 1e-8
"""Of the largest: pivots below which priors leave something open, and the curvature that such directions are given."""


@dataclasses.dataclass(frozen=True)
class Laplace:
    """A Gaussian posterior of φ, N(φ*, H⁻¹) with H⁻¹ = R⁻¹ − V diag(λ/(1 + λ)) Vᵀ.

    **Attributes:**

    - `names`, `values`: the parameters θ at φ*.
    - `std`, `prior_std`: deviations of θ, to first order, with the data and without; the latter is infinite where priors
      alone leave θ open (the level of a field by `TotalVariation`).
    - `eigenvalues`: λ_1 ≥ λ_2 ≥ …: how much more the data tell than the prior, in each direction V.
    - `vectors`: V, (coordinate, direction), with VᵀRV = 1.
    - `effective`: Σ λ/(1 + λ), the number of directions that the data determine.
    """

    names: list[str]
    values: np.ndarray
    std: np.ndarray
    prior_std: np.ndarray
    eigenvalues: np.ndarray
    vectors: np.ndarray
    effective: float
    local: Local = dataclasses.field(repr=False)
    solve: Callable = dataclasses.field(repr=False)
    root: Any = dataclasses.field(repr=False)

    def __repr__(self):
        return listing(self)

    def samples(self, count: int, seed: int = 0, *, prior: bool = False) -> np.ndarray:
        """Draw from the posterior, or from the prior around φ*; through the links, so positive fields stay positive.

        x = x₀ − V (1 − 1/√(1 + λ)) VᵀR x₀,   x₀ = R⁻¹ Aᵀ ξ,   ξ ~ N(0, 1)

        **Arguments:**

        - `count`: number of samples.
        - `seed`: of the random numbers.
        - `prior`: draw from the prior instead.

        **Returns:** θ, (sample, number).

        **Raises:** `ValueError` for draws from a prior that leaves something open.
        """
        if prior and not np.all(np.isfinite(self.prior_std)):
            raise ValueError("This prior leaves the level of a field open: there is nothing to draw from without data.")
        A = self.root
        xi = np.asarray(jax.random.normal(jax.random.key(seed), (A.shape[0], count)), float)
        x = self.solve(A.T @ xi)
        if not prior:
            V, weights = self.vectors, 1 - 1 / np.sqrt(1 + self.eigenvalues)
            x = x - V @ (weights[:, None] * (V.T @ (A.T @ (A @ x))))
        flat = self.local.objective.parameters.flat
        return np.asarray(jax.vmap(flat)(self.local.phi[None] + jnp.asarray(x.T, self.local.phi.dtype)))


@on_host("Laplace's approximation")
@on_host("Laplace's approximation")
def laplace(fit: Fit, *, rank: int | None = None, cutoff: float = 0.05, seed: int = 0) -> Laplace:
    r"""Return the posterior of fitted parameters all of which have a prior, by Laplace's approximation.

    JᵀWJ V = R V diag(λ),   R = curvature of the priors

    The eigenvectors are found by a randomised method that only takes products with J and Jᵀ; as many as there are
    λ > `cutoff`, which does not depend on the mesh. Costs about twice as many tangent and adjoint solves as λ are found,
    some at a time.

    **Arguments:**

    - `fit`: of which the posterior is wanted.
    - `rank`: number of directions; None to double it until the last λ falls below `cutoff`.
    - `cutoff`: a λ leaves at most λ/(1 + λ) of a variance unaccounted for.
    - `seed`: of the random numbers.

    **Raises:** `ValueError` if a parameter has no prior, or nothing was fitted.

    References: T. Bui-Thanh et al., SIAM J. Sci. Comput. 35 (2013) A2494; A. K. Saibaba, J. Lee,
    P. K. Kitanidis, Numer. Linear Algebra Appl. 23 (2016) 314 (the double-pass method).
    """
    local = fit.local
    if local is None:
        raise ValueError("This fit has reached no point at which a posterior could be taken.")
    bare = local.objective.penalty.covers()
    if bare:
        raise ValueError(
            f"A posterior needs a prior on every parameter, there is none on {', '.join(map(repr, bare))}: "
            "give one in `priors`, if only a wide `Gaussian`."
        )
    A, solve, proper = _inverted(local.prior.matrix)
    R = sparse.csc_array(A.T @ A)
    most = min(local.size, local.residuals.size)
    tried = min(most, 20 if rank is None else rank)
    while True:
        values, vectors = _eigenpairs(local, R, solve, tried, seed)
        if rank is not None or tried == most or values[-1] < cutoff:
            break
        tried = min(most, 2 * tried)
    kept = values > (1e-10 if rank is not None else cutoff)
    values, vectors = values[kept], vectors[:, kept]
    share = values / (1 + values)
    prior_variance, seen = _variances(local, solve, vectors, share)
    flat = np.asarray(local.objective.parameters.flat(local.phi))
    std, alone = np.sqrt(np.maximum(prior_variance - seen, 0)), np.sqrt(prior_variance)
    if not proper:
        # What is open goes with the curvature that it is given, by which it is told from what is not.
        wider = _variances(local, _inverted(local.prior.matrix, 10 * SHIFT)[1], vectors, share)[0]
        alone = np.where(prior_variance > 3 * wider, np.inf, alone)
    return Laplace(fit.names, flat, std, alone, values, vectors, float(share.sum()), local, solve, A)


def _inverted(root, shift: float = SHIFT):
    """The root A of R = AᵀA, R's inverse, and whether R is regular; else both are of R with a little of the identity."""
    R = sparse.csc_array(root.T @ root)
    try:
        factor = splu(R)
        pivots = np.abs(factor.U.diagonal())
        if pivots.min(initial=np.inf) > SINGULAR * pivots.max(initial=0.0):
            return root, factor.solve, True
    except RuntimeError:
        pass  # SuperLU found a pivot of 0
    size = np.sqrt(shift * max(R.diagonal().max(initial=0.0), np.finfo(float).tiny))
    A = sparse.csr_array(sparse.vstack([root, size * sparse.eye_array(R.shape[0])]))
    return A, splu(sparse.csc_array(A.T @ A)).solve, False


def _eigenpairs(local, R, solve, rank, seed):
    """Largest λ of JᵀWJ v = λ R v, decreasing, by one pass of random vectors and one more through the data."""
    width = min(rank + OVERSAMPLING, local.size)
    omega = np.asarray(jax.random.normal(jax.random.key(seed), (local.size, width)), float)
    Y = solve(_curvature(local, omega))
    Q = _orthonormal(Y, R)
    T = Q.T @ _curvature(local, Q)
    values, S = scipy.linalg.eigh((T + T.T) / 2)
    order = np.argsort(-values)[:rank]
    return np.maximum(values[order], 0), Q @ S[:, order]


def _curvature(local, columns):
    """JᵀWJ V, some columns at a time."""
    parts = [local.data_curvature(columns[:, i : i + COLUMNS]) for i in range(0, columns.shape[1], COLUMNS)]
    return np.concatenate(parts, axis=1)


def _orthonormal(Y, R):
    """Columns that span those of Y with QᵀRQ = 1; directions lost in rounding are left out."""
    Q = np.linalg.qr(Y)[0]
    for _ in range(2):
        values, S = scipy.linalg.eigh(Q.T @ (R @ Q))
        kept = values > 1e-13 * values[-1]
        Q = Q @ (S[:, kept] / np.sqrt(values[kept]))
    return Q


def _variances(local, solve, vectors, share):
    """Prior variances of θ, and what the data take from them; by a solve for each θ, some at a time."""
    flat, phi = local.objective.parameters.flat, local.phi
    _, back = jax.vjp(flat, phi)
    size = flat(phi).shape[0]
    rows = jax.jit(jax.vmap(lambda e: back(e)[0]))
    prior, seen = [], []
    for first in range(0, size, 256):
        some = jnp.arange(first, min(first + 256, size))
        slopes = np.asarray(rows(jax.nn.one_hot(some, size, dtype=phi.dtype)), float).T
        prior.append(np.einsum("pk,pk->k", slopes, solve(slopes)))
        seen.append(((slopes.T @ vectors) ** 2) @ share)
    return np.concatenate(prior), np.concatenate(seen)
