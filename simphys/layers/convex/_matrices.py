"""The matrices of a convex program, dense or sparse, and the regularised system that both solve."""

import abc

import equinox as eqx
import jax.numpy as jnp

from ... import _lapack
from ..._typing import Array, Bool, Float, PyTree, Scalar
from ._cone import Cone, Spectral


class AbstractMatrices(eqx.Module):
    """Q and C = (A; G) of a program, with what an interior-point method asks of them."""

    @abc.abstractmethod
    def hessian(self, z: Float[Array, " n"]) -> Float[Array, " n"]:
        """Return Q z."""

    @abc.abstractmethod
    def rows(self, z: Float[Array, " n"]) -> Float[Array, " p+m"]:
        """Return C z."""

    @abc.abstractmethod
    def columns(self, u: Float[Array, " p+m"]) -> Float[Array, " n"]:
        """Return Cᵀ u."""

    @abc.abstractmethod
    def sizes(self) -> tuple[Scalar, Float[Array, " p+m"]]:
        """Return max |Q| and the norm of each row of C."""

    @abc.abstractmethod
    def scaled(self, factors: Float[Array, " p+m"]) -> "AbstractMatrices":
        """Return Q, and C with its rows multiplied by factors."""

    @abc.abstractmethod
    def magnitudes(self, z: Float[Array, " n"], u: Float[Array, " p+m"]) -> tuple[Array, Array]:
        """Return |Q| z + |C|ᵀ u and |C| z."""

    @abc.abstractmethod
    def convex(self, shift: Scalar) -> Bool[Array, ""]:
        """Tell whether Q + shift I is positive definite."""

    @abc.abstractmethod
    def factorise(self, rho: Scalar, equal: Float[Array, " p"], weights: Spectral, cone: Cone) -> PyTree:
        """Prepare to solve [[Q + ρI, Cᵀ], [C, −D⁻¹]] with D = diag(equal) on A's rows and the weights on G's."""

    @abc.abstractmethod
    def solve(self, factor: PyTree, first: Float[Array, " n"], second: Float[Array, " p+m"]) -> tuple[Array, Array]:
        """Solve that system."""


class Factor(eqx.Module):
    """Cholesky factor of Q + ρI + CᵀDC, and D."""

    lower: Float[Array, "n n"]
    equal: Float[Array, " p"]
    weights: Spectral
    cone: Cone

    def weigh(self, u):
        """Return D u."""
        p = self.equal.shape[0]
        return jnp.concatenate([self.equal * u[:p], self.cone.apply(self.weights, u[p:])])


class Dense(AbstractMatrices):
    """Dense matrices: one Cholesky factor of n rows serves equalities and cones.

    **Arguments:**

    - `Q`: (n, n), symmetric positive semidefinite.
    - `C`: (p + m, n), A above G.
    """

    Q: Float[Array, "n n"]
    C: Float[Array, "p+m n"]

    def hessian(self, z):
        """Return Q z."""
        return self.Q @ z

    def rows(self, z):
        """Return C z."""
        return self.C @ z

    def columns(self, u):
        """Return Cᵀ u."""
        return u @ self.C

    def sizes(self):
        """Return max |Q| and the norm of each row of C."""
        return jnp.max(jnp.abs(self.Q), initial=0.0), jnp.sqrt(jnp.sum(self.C * self.C, axis=1))

    def scaled(self, factors):
        """Multiply."""
        return Dense(self.Q, self.C * factors[:, None])

    def magnitudes(self, z, u):
        """Return |Q| z + |C|ᵀ u and |C| z."""
        C = jnp.abs(self.C)
        return jnp.abs(self.Q) @ z + u @ C, C @ z

    def convex(self, shift):
        """Ask Cholesky's method."""
        n = self.Q.shape[0]
        return _lapack.definite(self.Q + shift * jnp.eye(n, dtype=self.Q.dtype))

    def factorise(self, rho, equal, weights, cone):
        """Eliminate the duals, u = D (C z − r₂): Q + ρI + CᵀDC."""
        p, n = equal.shape[0], self.Q.shape[0]
        matrix = self.Q + rho * jnp.eye(n, dtype=self.Q.dtype)
        if cone.second_order:
            A, G = self.C[:p], self.C[p:]
            matrix = matrix + (A * equal[:, None]).T @ A + cone.gram(G, weights)
        else:
            d = jnp.concatenate([equal, weights.orthant])
            matrix = matrix + (self.C * d[:, None]).T @ self.C
        return Factor(_lapack.cholesky(matrix), equal, weights, cone)

    def solve(self, factor, first, second):
        """Solve by the factor, once."""
        z = _lapack.cholesky_solve(factor.lower, first + self.columns(factor.weigh(second)))
        return z, factor.weigh(self.rows(z) - second)
