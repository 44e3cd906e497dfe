"""Stress as a whole."""

from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp

from .._check import positive
from .._typing import Array, Scalar
from ..implicit import AbstractAdjoint, AbstractMethod, Implicit, Newton
from ..materials import SmallPlaneStress
from ..physics import AbstractBalance, Solid
from ._compliance import check_loads
from ._goal import AbstractGoal, outcome
from ._interpolation import SIMP, AbstractInterpolation
from ._weakened import equilibrium, prepared, remember


RELAXATION = 0.5


class StressNorm(AbstractGoal):
    """The p-norm of the von Mises stress over the body, which leans to its largest value.

    q = (∫ (ρ^½ σ_vM)^p dV / ∫ dV)^(1/p),   σ = C:ε of the full material

    It is smaller than the largest stress, by a factor that p closes. The factor ρ^½ lets cells vanish, whose stress would
    otherwise be finite.

    **Arguments:**

    - `problem`: a linear `Solid`, in space or under plane stress.
    - `power`: p, 8 by default.
    - `interpolation`: `SIMP` (default) or `RAMP`.
    - `method`: how the equilibrium is found, `Newton()` by default. Large bodies in space gain from a looser `rtol`.
    - `adjoint`: what its gradient means, `Implicit()` by default.

    Reference: C. Le, J. Norato, T. Bruns, C. Ha, D. Tortorelli, Structural and Multidisciplinary Optimization 41 (2010)
    605–620.
    """

    problem: AbstractBalance
    interpolation: AbstractInterpolation
    method: AbstractMethod
    adjoint: AbstractAdjoint
    power: float = eqx.field(static=True)
    name: ClassVar[str] = "stress norm"

    def __init__(self, problem, power=8.0, interpolation=None, method=None, adjoint=None):
        if not isinstance(problem, Solid) or not problem.linear:
            raise ValueError("A `StressNorm` needs a linear `Solid`.")
        if problem.space.mesh.dim == 2 and not isinstance(problem.material, SmallPlaneStress):
            raise ValueError(
                "In the plane a `StressNorm` needs `PlaneStress`: the stress across is not known otherwise."
            )
        self.problem, self.power = prepared(problem), float(positive("power", power))
        self.interpolation = SIMP() if interpolation is None else interpolation
        self.method = Newton() if method is None else method
        self.adjoint = Implicit() if adjoint is None else adjoint

    def begin(self):
        """The unloaded body."""
        return remember(self.problem)

    def __call__(self, layout, x, memory):
        """Return q."""
        density = layout(x)
        _, solution, memory = equilibrium(self.problem, self.interpolation, density, memory, self.method, self.adjoint)
        stress = self.cell_stress(density, solution.value)
        # Powers of numbers of any unit overflow: take them of the ratio to the largest one, of which q does not depend.
        largest = jnp.maximum(jax.lax.stop_gradient(jnp.max(stress)), jnp.finfo(stress.dtype).tiny)
        mean = jnp.vdot((stress / largest) ** self.power, layout.volumes) / jnp.sum(layout.volumes)
        return outcome(largest * mean ** (1 / self.power), solution, memory)

    def cell_stress(self, density: Array, value: Array) -> Array:
        """Return ρ^½ σ_vM of every cell."""
        stress = self.problem.stress(value)
        squares = von_mises_squared(stress)
        # (Maxima have no safe derivative: of numbers found twice, with different rounding, none may be the maximum.)
        tiny = 1e-24 * jnp.max(jax.lax.stop_gradient(squares)) + jnp.finfo(squares.dtype).tiny
        # √ has no slope at 0, where a cell bears nothing.
        return jnp.maximum(density, 1e-12) ** RELAXATION * jnp.sqrt(squares + tiny)

    def check(self, layout):
        """Raise `ValueError` if a load acts on cells that stay empty."""
        check_loads(self.problem, layout)


def von_mises_squared(stress: Array) -> Scalar:
    """Return 3/2 s:s of stresses (cell, dim, dim); in the plane, of plane stress."""
    trace = jnp.trace(stress, axis1=1, axis2=2)
    return 1.5 * (jnp.sum(stress * stress, axis=(1, 2)) - trace * trace / 3)
