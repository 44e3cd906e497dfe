"""Natural frequencies."""

from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp

from .._result import RESULTS
from .._typing import Array, Float
from ..assembly import assemble_tangent
from ..fem import AbstractField, CellField, Integral, total_energy
from ..linalg import SparseOperator, eigenvectors
from ..physics import AbstractBalance, Solid, layout_at_rest, layout_of_storage
from ._goal import AbstractGoal, Outcome
from ._interpolation import SIMP, AbstractInterpolation
from ._stationary import stationary
from ._weakened import prepared, weakened


GAP, ACCURACY = 1e-6, 1e-6


class Eigenfrequency(AbstractGoal):
    """The lowest natural frequency, or a soft minimum of the lowest few; to be made large, it stands in `Maximise`.

    K φ = λ M φ,   q = (1/n Σ_i λ_i^−p)^(−1/2p) / 2π,   p = 8

    λ_i is the stationary value of Rayleigh's quotient, so ∂λ_i = φ_iᵀ (∂K − λ_i ∂M) φ_i / φ_iᵀMφ_i. A multiple eigenvalue
    has no such gradient, but a symmetric function of all its copies has: take `modes` large enough to hold them. Where
    the next eigenvalue equals the last one counted, the status says so and the gradient is NaN. Second derivatives
    are NaN.

    **Arguments:**

    - `problem`: a linear `Solid` with a density.
    - `modes`: n, 1 by default.
    - `interpolation`: of the stiffness. That of the mass is ρ, but ρ⁶ scaled below 0.1, where modes would be local.

    Reference: J. Du, N. Olhoff, Structural and Multidisciplinary Optimization 34 (2007) 91–110.
    """

    problem: AbstractBalance
    interpolation: AbstractInterpolation
    modes: int = eqx.field(static=True)
    name: ClassVar[str] = "eigenfrequency"

    def __init__(self, problem, modes=1, interpolation=None):
        if not isinstance(problem, Solid) or not problem.linear or problem.density is None:
            raise ValueError("An `Eigenfrequency` needs a linear `Solid` with a `density`.")
        if isinstance(problem.density, AbstractField):
            raise ValueError("The `density` of the full material must be one number.")
        if not isinstance(modes, int) or not 1 <= modes < problem.system.reduction.size - 2:
            raise ValueError(f"`modes` must be a number from 1 to a few less than the unknowns, got {modes!r}.")
        self.problem, self.modes = prepared(problem), modes
        self.interpolation = SIMP() if interpolation is None else interpolation

    def begin(self):
        """Eigenvalues are found from scratch, always with the same first vector; the memory says that they were."""
        return jnp.zeros(())

    def __call__(self, layout, x, memory):
        """Return q."""
        density = layout(x)
        graded = weakened(self.problem, self.interpolation(density))
        mass = CellField(self.problem.density * _mass(density))
        graded = eqx.tree_at(lambda p: p.density, graded, mass)
        modes, values, error = eigenvectors(*_matrices(graded), self.modes + 1, jnp.sum(density))
        # Every mode in turn, each a vector of reduced unknowns.
        found = jnp.stack([stationary(_rayleigh, graded, mode) for mode in modes[: self.modes]])
        mean = jnp.mean((found / found[0]) ** -8.0)
        value = jnp.sqrt(found[0] * mean ** (-1 / 8)) / (2 * jnp.pi)
        simple = values[self.modes] - values[self.modes - 1] > GAP * values[self.modes]
        result = RESULTS.where(simple, RESULTS.successful, RESULTS.eigenvalue_not_simple)
        result = RESULTS.where(error <= ACCURACY, result, RESULTS.eigenvalues_not_found)
        value = value * jnp.where(simple & (error <= ACCURACY), 1.0, jnp.nan)
        return value, Outcome(value, memory, result, error)

    def check(self, layout):
        """Raise `ValueError` for a layout of another mesh."""
        if self.problem.space.mesh.n_cells != layout.mesh.n_cells:
            raise ValueError(
                f"The problem has {self.problem.space.mesh.n_cells} cells, the layout {layout.mesh.n_cells}."
            )


def _mass(density):
    """ρ, and below 0.1 the polynomial in ρ⁶ and ρ⁷ that goes over into it smoothly."""
    return jnp.where(density > 0.1, density, 6e5 * density**6 - 5e6 * density**7)


def _parts(problem) -> tuple[tuple[Integral, ...], Integral | None]:
    terms = problem.terms()
    return tuple(term for term in terms.flow if not term.constant), terms.stored


def _still(problem, y):
    """The displacement of reduced unknowns, with all prescribed values 0."""
    held = tuple(c.unloaded() for c in problem.constraints)
    return problem.system.reduction.lift(y, problem.spaces, held)


def _rayleigh(problem, y):
    stiffness, mass = _parts(problem)
    fields = _still(problem, y)
    elastic = sum(total_energy(term, problem.spaces, fields) for term in stiffness)
    return elastic / total_energy(mass, problem.spaces, fields)


def _matrices(problem) -> tuple[SparseOperator, Float[Array, " z"]]:
    """K as an operator, and the entries of M in the same pattern; constants to every derivative."""
    problem = jax.lax.stop_gradient(eqx.filter(problem, eqx.is_array)), eqx.filter(problem, eqx.is_array, inverse=True)
    problem = eqx.combine(*problem)
    stiffness, mass = _parts(problem)
    y = jnp.zeros(problem.system.reduction.size, problem.space.mesh.points.dtype)
    structure = jax.ShapeDtypeStruct(y.shape, y.dtype)
    fields = _still(problem, y)

    def matrix(terms, system):
        return assemble_tangent(system, problem.spaces, terms, fields, problem.constraints, structure)

    return matrix(stiffness, layout_at_rest(problem)), matrix((mass,), layout_of_storage(problem)).data
