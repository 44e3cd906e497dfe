"""Displacements: what a mechanism is for."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from .._check import finite, parameter
from .._typing import Array
from ..implicit import AbstractAdjoint, AbstractMethod, Implicit, Newton
from ..physics import AbstractBalance, Solid
from ._compliance import check_loads
from ._goal import AbstractGoal, outcome
from ._interpolation import SIMP, AbstractInterpolation
from ._weakened import equilibrium, prepared, remember


class Displacement(AbstractGoal):
    """The mean displacement of a group along a direction; small by default, so point it where nothing should go.

    q = 1/n Σ_a u_a·d,   a in the group

    At finite strain the equilibrium is led from design to design, and cells of next to no density answer linearly
    (`materials.ErsatzFiniteStrain`). Gradients come from the adjoint of the converged equilibrium.

    **Arguments:**

    - `problem`: a `Solid`, loaded or moved at its input, with `physics.ElasticSupport`s for what it works against.
    - `where`: name of a group.
    - `direction`: d, (dim,).
    - `interpolation`: `SIMP` (default) or `RAMP`.
    - `method`: how the equilibrium is found, `Newton()` by default. Large bodies in space gain from a looser `rtol`.
    - `adjoint`: what its gradient means, `Implicit()` by default.

    Reference: M. P. Bendsøe, O. Sigmund, Topology Optimization, Springer 2004, section 2.6.
    """

    problem: AbstractBalance
    interpolation: AbstractInterpolation
    method: AbstractMethod
    adjoint: AbstractAdjoint
    direction: Array
    nodes: Array
    where: str = eqx.field(static=True)

    def __init__(self, problem, where, direction, interpolation=None, method=None, adjoint=None):
        if not isinstance(problem, Solid):
            raise ValueError(f"A `Displacement` is one of a `Solid`, got a {type(problem).__name__}.")
        self.problem, self.where = prepared(problem), where
        self.interpolation = SIMP() if interpolation is None else interpolation
        self.method = Newton() if method is None else method
        self.adjoint = Implicit() if adjoint is None else adjoint
        self.direction = finite("direction", parameter(direction))
        if self.direction.shape != (problem.space.mesh.dim,) or not np.any(np.asarray(self.direction)):
            raise ValueError(f"`direction` needs {problem.space.mesh.dim} entries that are not all 0, got {direction}.")
        self.nodes = jnp.asarray(problem.space.nodes_on(where))

    @property
    def name(self):
        """Its name."""
        return f"displacement of {self.where}"

    def begin(self):
        """The unloaded body."""
        return remember(self.problem)

    def __call__(self, layout, x, memory):
        """Return q."""
        _, solution, memory = equilibrium(
            self.problem, self.interpolation, layout(x), memory, self.method, self.adjoint
        )
        moved = jnp.mean(solution.value[self.nodes] @ self.direction)
        return outcome(moved, solution, memory)

    def check(self, layout):
        """Raise `ValueError` if a load, or the group itself, lies in cells that stay empty."""
        check_loads(self.problem, layout)
        space = self.problem.space
        full = np.zeros(space.n_nodes, bool)
        full[np.asarray(space.cells)[~np.asarray(layout.void)]] = True
        if not full[np.asarray(self.nodes)].any():
            raise ValueError(f"{self.where!r} lies inside a `void` region: nothing there can be moved.")
