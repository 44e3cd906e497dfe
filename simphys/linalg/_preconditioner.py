"""What stands for A⁻¹ inside a Krylov method."""

import abc
from typing import ClassVar

import jax.numpy as jnp

from .._told import Told
from .._typing import Array, Float, PyTree


DEFINITE, INDEFINITE, GENERAL = "definite", "indefinite", "general"


class AbstractPreconditioner(Told):
    """A fixed linear map M⁻¹ ≈ A⁻¹, made from A's entries and applied many times; both under `jit`.

    For conjugate gradients and MINRES it must be symmetric and positive definite. Its array leaves are what topology
    alone decides; what depends on A's entries is made by `prepare`.
    """

    @property
    @abc.abstractmethod
    def made_for(self) -> str:
        """`DEFINITE` (conjugate gradients), `INDEFINITE` (symmetric A and M, M definite: MINRES) or `GENERAL` (FGMRES)."""

    @abc.abstractmethod
    def prepare(self, operator) -> PyTree:
        """Return what `apply` needs of A, a `SparseOperator` in the pattern this preconditioner was made for."""

    @abc.abstractmethod
    def apply(self, prepared: PyTree, residual: Float[Array, " n"]) -> Float[Array, " n"]:
        """Return M⁻¹ r."""

    @abc.abstractmethod
    def describe(self) -> str:
        """Name the method in a few words, for statistics."""


class Jacobi(AbstractPreconditioner):
    """M = |diag A|, with 1 in place of zeros."""

    made_for: ClassVar[str] = DEFINITE

    def prepare(self, operator):
        """Return 1 / |diag A|."""
        diagonal = jnp.abs(operator.data[operator.pattern.diagonal])
        return 1 / jnp.where(diagonal > 0, diagonal, 1.0)

    def apply(self, prepared, residual):
        """Return r / |diag A|."""
        return prepared * residual

    def describe(self):
        """Jacobi."""
        return "Jacobi"


class Prepared(AbstractPreconditioner):
    """A preconditioner made for one matrix, that is to serve another one near by as it is.

    **Arguments:**

    - `preconditioner`: what made it.
    - `prepared`: what `prepare` returned for the earlier matrix.
    """

    preconditioner: AbstractPreconditioner
    prepared: PyTree

    @property
    def made_for(self):
        """As the one it stands for."""
        return self.preconditioner.made_for

    def prepare(self, operator):
        """Return what was made before."""
        return self.prepared

    def apply(self, prepared, residual):
        """Return M⁻¹ r."""
        return self.preconditioner.apply(prepared, residual)

    def describe(self):
        """The method's own name."""
        return self.preconditioner.describe()
