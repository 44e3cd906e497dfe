"""Stiffness of a body, conductance of a heat sink: the work of the loads."""

from typing import ClassVar

import jax.numpy as jnp
import numpy as np

from .._hidden import compiled, is_traced
from .._typing import Array, Scalar
from ..assembly import assemble
from ..fem import total_energy
from ..implicit import AbstractAdjoint, AbstractMethod, Implicit, Newton
from ..materials import is_strained, relaxed
from ..physics import AbstractBalance, NodalForces
from ._goal import AbstractGoal, outcome
from ._interpolation import SIMP, AbstractInterpolation
from ._layout import Layout
from ._stationary import stationary
from ._weakened import equilibrium, prepared, remember


class Compliance(AbstractGoal):
    """The work of the loads, f·u: small for a stiff body, or, of a `Heat` problem, for one that stays cool.

    linear: c = −2 min Π, the gradient −2 ∂Π/∂ρ at fixed u (the envelope theorem: no adjoint solve; the error is of the
    order of the forward residual, which is reported). Prescribed values other than 0 count as −2 Π counts them.
    not linear, or with a strain of the law's own (`ThermalStrain`): c = f·u of the dead loads, with an adjoint solve.

    **Arguments:**

    - `problem`: a `Solid` or `Heat` problem that is loaded, of full density.
    - `interpolation`: `SIMP` (default) or `RAMP`.
    - `method`: how the equilibrium is found, `Newton()` by default. Large bodies in space gain from a looser `rtol`.
    - `adjoint`: what its gradient means, `Implicit()` by default; of no effect where the problem is linear.

    **Raises:** `ValueError` if the body bears no load (not linear: no dead load), or its material cannot be graded.

    Reference: M. P. Bendsøe, O. Sigmund, Topology Optimization, Springer 2004, section 1.2.
    """

    problem: AbstractBalance
    interpolation: AbstractInterpolation
    method: AbstractMethod
    adjoint: AbstractAdjoint
    name: ClassVar[str] = "compliance"

    def __init__(self, problem, interpolation=None, method=None, adjoint=None):
        self.problem = prepared(problem)
        self.interpolation = SIMP() if interpolation is None else interpolation
        self.method = Newton() if method is None else method
        self.adjoint = Implicit() if adjoint is None else adjoint
        loaded = _is_loaded(self.problem)
        if not is_traced(loaded) and not loaded:
            raise ValueError("Nothing loads the body: its compliance is 0 whatever the design.")
        if not (_by_energy(self.problem) or _has_dead_loads(self.problem)):
            raise ValueError(
                "Of a problem that is not linear, or strains by itself, the compliance is the work of its dead loads, "
                "and it has none: "
                f"got {', '.join(type(load).__name__ for load in self.problem.loads) or 'no loads'}."
            )

    def begin(self):
        """The unloaded body."""
        return remember(self.problem)

    def __call__(self, layout, x, memory):
        """Return c."""
        graded, solution, memory = equilibrium(
            self.problem, self.interpolation, layout(x), memory, self.method, self.adjoint
        )
        if _by_energy(graded):
            return outcome(-2 * stationary(potential, graded, solution.value), solution, memory)
        return outcome(work_of_loads(graded, solution.value), solution, memory)

    def check(self, layout):
        """Raise `ValueError` if a load acts on cells that stay empty."""
        check_loads(self.problem, layout)


@compiled
def _is_loaded(problem):
    free = relaxed(problem) if is_strained(problem) else problem
    return jnp.any(free.residual(free.unknowns(None)) != 0)


def _by_energy(problem) -> bool:
    """Whether f·u is −2 min Π."""
    return problem.linear and not is_strained(problem.material)


def _has_dead_loads(problem) -> bool:
    nodal = any(isinstance(load, NodalForces) for load in problem.loads)
    return nodal or any(term.constant for term in problem.integrals())


def potential(problem: AbstractBalance, value: Array) -> Scalar:
    """Return the potential energy Π of a field: what is stored less the work of the loads."""
    energy = problem.forces((value,))[2]
    assert energy is not None, "only laws with a stored energy can be graded"
    return energy


def work_of_loads(problem: AbstractBalance, value: Array) -> Scalar:
    """Return f·u of the dead loads."""
    dead = [total_energy(term, problem.spaces, (value,)) for term in problem.integrals() if term.constant]
    nodal = [jnp.vdot(load.values, value) for load in problem.loads if isinstance(load, NodalForces)]
    return sum(nodal, -sum(dead, jnp.zeros((), value.dtype)))


def check_loads(problem: AbstractBalance, layout: Layout):
    """Raise `ValueError` if the mesh is another's, or a load acts on nodes all of whose cells stay empty."""
    space = problem.space
    if space.mesh.n_cells != layout.mesh.n_cells:
        raise ValueError(f"The problem has {space.mesh.n_cells} cells, the layout {layout.mesh.n_cells}.")
    if not np.any(layout.void):
        return
    kept = np.zeros(space.n_nodes, bool)
    kept[np.asarray(space.cells)[~np.asarray(layout.void)]] = True
    for load in problem.loads:
        term = load.integral(space)
        force = load.values if term is None else assemble((space,), (term,), (space.zeros(),))[0][0]
        hit = np.any(np.asarray(force).reshape(space.n_nodes, -1) != 0, axis=1) & ~kept
        if hit.any():
            where = f" on {load.where!r}" if getattr(load, "where", None) else ""
            raise ValueError(
                f"The `{type(load).__name__}`{where} acts on {hit.sum()} nodes inside a `void` region: nothing there can "
                "bear it."
            )
