"""Sparse factors as a preconditioner of flow."""

from typing import ClassVar

import jax
import jax.numpy as jnp

from .._typing import Array, Float, Int
from ..linalg import GENERAL, AbstractPreconditioner, Direct, SparseOperator


LEAST = 1e-6
"""Compressibility that the factors are made with: 1e-8 leaves pivots of some matrices to chance, 1e-3 takes twice as many
steps."""


class FactoredFlow(AbstractPreconditioner):
    r"""The inverse of [[H, −Bᵀ], [−B, −ε V/ν]] by sparse factors, for ε = 0.

    A matrix that has nothing on its diagonal for the pressure, and is not symmetric, is factorised with pivots that are
    looked for in dense blocks alone, and at Reynolds numbers of some hundred there are none to be found. A little
    compressibility gives it pivots; FGMRES takes it back in 3 or 4 steps.

    **Arguments:**

    - `places`: where the pressures' diagonal entries stand among those of the matrix.
    - `weights`: V/ν of each pressure.
    """

    places: Int[Array, " p"]
    weights: Float[Array, " p"]
    made_for: ClassVar[str] = GENERAL

    def prepare(self, operator):
        """Return the matrix with ε; of the transposed one a matrix of its own."""
        matrix = operator.operator
        data = matrix.data.at[self.places].add(-LEAST * self.weights)
        return SparseOperator(matrix.pattern, data, jax.ShapeDtypeStruct((matrix.pattern.size,), data.dtype))

    def apply(self, prepared, residual):
        """Return M⁻¹ r."""
        solver = Direct(patience=0)
        return solver.compute(solver.init(prepared, {}), jnp.asarray(residual), {})[0]

    def describe(self):
        """Sparse factors."""
        return "sparse factors"
