"""The power that a flow takes: what channels are laid out for."""

from typing import ClassVar

import equinox as eqx

from .._check import finite, parameter
from .._typing import Array, Scalar
from ..fem import CellField
from ..implicit import AbstractAdjoint, AbstractMethod, Implicit, Newton, solve
from ..physics import NavierStokes
from ._goal import AbstractGoal, outcome
from ._interpolation import RAMP, AbstractInterpolation


class Dissipation(AbstractGoal):
    r"""The power that friction takes from a flow through a porous body, ρ = 1 where it is free, ρ = 0 where it is solid.

    P = ∫ 2μ ε(v):ε(v) + α v·v dV,   α = α_solid s(1 − ρ)

    The layout says where there is fluid, so that a bound on `Volume` is one on the fluid's. Bodies are `NavierStokes`'
    resistance; for creeping flow take a density that is next to 0. Half of P is the power function of the reference, whose
    α is the one of `RAMP(1/q, 1e-8)`: q = 0.1 lets next to nothing stay between fluid and solid, and q = 0.01 at first
    (a `Stage` with a penalty of 100) keeps away from channels that are straight but not best.

    **Arguments:**

    - `problem`: a `NavierStokes` flow; its own resistance is replaced.
    - `solid`: α_solid > 0, stress × time per area: 10³ to 10⁵ times μ over the square of a channel's width.
    - `interpolation`: s, `RAMP(10, 1e-8)` by default.
    - `method`: how the flow is found, `Newton()` by default; it begins with the last design's.
    - `adjoint`: what its gradient means, `Implicit()` by default.

    **Raises:** `ValueError` for another problem, or a resistance that is not a number > 0.

    Reference: T. Borrvall, J. Petersson, Int. J. Numer. Methods Fluids 41 (2003) 77.
    """

    problem: NavierStokes
    solid: Array
    interpolation: AbstractInterpolation
    method: AbstractMethod
    adjoint: AbstractAdjoint
    name: ClassVar[str] = "dissipated power"

    def __init__(self, problem, solid, interpolation=None, method=None, adjoint=None):
        if not isinstance(problem, NavierStokes):
            raise ValueError(f"A `Dissipation` is one of a `NavierStokes` flow, got a {type(problem).__name__}.")
        self.solid = finite("solid", parameter(solid))
        if self.solid.ndim or not self.solid > 0:
            raise ValueError(f"`solid` must be a number > 0, got {solid}.")
        self.problem = problem
        self.interpolation = RAMP(10.0, 1e-8) if interpolation is None else interpolation
        self.method = Newton() if method is None else method
        self.adjoint = Implicit() if adjoint is None else adjoint

    def begin(self):
        """Fluid at rest."""
        return tuple(space.zeros() for space in self.problem.space)

    def flow(self, density: Array) -> NavierStokes:
        """Return the flow through a layout of densities ρ, (cell,)."""
        resistance = CellField(self.solid * self.interpolation(1 - density))
        return eqx.tree_at(lambda p: p.resistance, self.problem, resistance, is_leaf=lambda x: isinstance(x, CellField))

    def __call__(self, layout, x, memory) -> tuple[Scalar, object]:
        """Return P."""
        flow = self.flow(layout(x))
        solution = solve(flow, memory, method=self.method, adjoint=self.adjoint, throw=False)
        return outcome(flow.dissipation(solution.value), solution, solution.value)

    def check(self, layout):
        """Raise `ValueError` for a layout of another mesh."""
        cells = self.problem.space[0].mesh.n_cells
        if cells != layout.mesh.n_cells:
            raise ValueError(f"The problem has {cells} cells, the layout {layout.mesh.n_cells}.")
