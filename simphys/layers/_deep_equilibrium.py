"""Deep-equilibrium networks."""

import equinox as eqx
import jax
import optimistix as optx

from .._frozen import without_given
from .._typing import Array, PyTree
from ..implicit import AbstractAdjoint, Solution
from ._anderson import Anderson
from ._cells import AbstractCell
from ._fixed_point import FixedPoint


class DeepEquilibrium(eqx.Module):
    """A network of infinitely many equal layers: x ↦ z with z = f(z, u(x)), for a batch of samples.

    z = f(z, u(x); θ)

    **Arguments:**

    - `cell`: f and u: a `DenseCell`, `ConvCell`, `MultiscaleCell` or an `AbstractCell` of your own.
    - `method`, `adjoint`, `throw`: see `FixedPoint`.

    Reference: S. Bai, J. Z. Kolter, V. Koltun, Deep Equilibrium Models, NeurIPS 2019.
    """

    cell: AbstractCell = eqx.field(converter=without_given)
    method: optx.AbstractRootFinder = Anderson(rtol=1e-5)
    adjoint: AbstractAdjoint | None = None
    throw: bool = eqx.field(static=True, default=True)

    def __call__(self, x: Array, guess: PyTree = None, *, probe=None) -> Solution:
        """Solve for a batch x, (batch, …); return a `Solution`, whose `value` is z.

        **Arguments:**

        - `x`: input.
        - `guess`: z to start from, such as the last one for this batch; None for the cell's own.
        - `probe`: see `simphys.value_and_grad`.

        **Returns:** the `Solution`.
        """
        u = jax.vmap(self.cell.inject)(x)
        guess = jax.vmap(self.cell.start)(u) if guess is None else guess
        return self.layer()(u, guess, probe=probe)

    def layer(self) -> FixedPoint:
        """Return the fixed-point layer u ↦ z of this network."""
        return FixedPoint(self.cell, self.method, self.adjoint, batched=True, throw=self.throw)
