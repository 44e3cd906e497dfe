"""A periodic cell's effective stiffness as a goal."""

from typing import ClassVar

import jax.numpy as jnp

from .._check import finite, parameter
from .._hidden import compiled
from .._typing import Array, Float
from ..fem import FunctionSpace
from ..physics import AbstractBalance
from ._goal import AbstractGoal, Outcome
from ._interpolation import SIMP, AbstractInterpolation
from ._periodic_cell import VOIGT, PeriodicCell, effective_stiffness
from ._weakened import prepared, weakened


class UnitCell(AbstractGoal):
    """A weighted sum of the entries of a periodic cell's effective stiffness.

    q = Σ_ab w_ab C_ab,   V E:C:E / 2 = min_u Π,   u = E x + a periodic field

    In Voigt's order (11, 22, 12; in space 11, 22, 33, 23, 13, 12), shears γ = 2ε. Every entry is an energy at a
    stationary point, so the gradient needs no adjoint; all strains share one factorisation. Entries with negative weights
    grow: `[[b, 1, 0], [0, b, 0], [0, 0, 0]]` with b between −0.1 and 0 leads to a negative Poisson's ratio.

    **Arguments:**

    - `mesh`: a rectangle or box with the groups of `fem.rectangle` and `fem.box`.
    - `material`: a linear law of its dimension.
    - `weights`: w, (n, n) with n = 3 in the plane and 6 in space.
    - `interpolation`: `SIMP` (default) or `RAMP`.

    Reference: L. Xia, P. Breitkopf, Structural and Multidisciplinary Optimization 52 (2015) 1229–1241.
    """

    problem: AbstractBalance
    interpolation: AbstractInterpolation
    weights: Array
    name: ClassVar[str] = "unit cell"

    def __init__(self, mesh, material, weights, interpolation=None):
        self.weights = finite("weights", parameter(weights))
        count = len(VOIGT.get(mesh.dim, ()))
        if self.weights.shape != (count, count):
            raise ValueError(f"`weights` must have shape ({count}, {count}) here, got {self.weights.shape}.")
        space = FunctionSpace(mesh, mesh.degree, mesh.dim)
        self.problem = prepared(PeriodicCell(space, material).body)
        self.interpolation = SIMP() if interpolation is None else interpolation

    def begin(self):
        """Still fields."""
        return jnp.stack([self.problem.space.zeros()] * self.weights.shape[0])

    def __call__(self, layout, x, memory):
        """Return q."""
        stiffness, fields, result, residual = self._evaluated(layout(x), memory)
        value = jnp.sum(self.weights * stiffness)
        return value, Outcome(value, fields, result, residual)

    def stiffness(self, density: Float[Array, " cell"]) -> Float[Array, "n n"]:
        """Return C of a cell of these densities; NaN if a solve failed."""
        return _stiffness(self, density)

    def _evaluated(self, density, memory):
        return effective_stiffness(weakened(self.problem, self.interpolation(density)), memory)

    def check(self, layout):
        """Raise `ValueError` for a layout of another mesh."""
        if self.problem.space.mesh.n_cells != layout.mesh.n_cells:
            raise ValueError(f"The cell has {self.problem.space.mesh.n_cells} cells, the layout {layout.mesh.n_cells}.")


@compiled
def _stiffness(goal, density):
    return goal._evaluated(density, goal.begin())[0]
