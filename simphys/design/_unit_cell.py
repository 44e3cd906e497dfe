"""Periodic cells: the stiffness of a material that is made of many of them."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from .._check import finite, parameter
from .._typing import Array, Float
from ..fem import Dirichlet, FunctionSpace, Mesh, Periodic
from ..implicit import solve
from ..physics import AbstractBalance, Solid
from ._compliance import potential
from ._goal import AbstractGoal, Outcome
from ._interpolation import SIMP, AbstractInterpolation
from ._stationary import stationary
from ._weakened import prepared, weakened


SIDES = (("left", "right"), ("front", "back"), ("bottom", "top"))
VOIGT = {2: ((0, 0), (1, 1), (0, 1)), 3: ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))}


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

    def __init__(self, mesh, material, weights, interpolation=None):
        self.weights = finite("weights", parameter(weights))
        count = len(VOIGT.get(mesh.dim, ()))
        if self.weights.shape != (count, count):
            raise ValueError(f"`weights` must have shape ({count}, {count}) here, got {self.weights.shape}.")
        self.problem = prepared(_cell(mesh, material))
        if not self.problem.linear:
            raise ValueError("A `UnitCell` needs a linear law.")
        self.interpolation = SIMP() if interpolation is None else interpolation

    @property
    def name(self):
        """Its name."""
        return "unit cell"

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
        graded = weakened(self.problem, self.interpolation(density))
        mesh, count = self.problem.space.mesh, self.weights.shape[0]

        def strained(jumps, guess):
            solution = solve(_jumping(graded, jumps), guess, throw=False)
            return solution.value, solution.result, solution.certificate

        jumps = _unit_jumps(mesh)
        fields, results, certificates = jax.vmap(strained)(jumps, memory)
        # The field of a sum of two strains is the sum of the fields: C_ab from its energy needs no solve of its own.
        first, second = np.triu_indices(count)
        of_sum = lambda jumps, u: stationary(potential, _jumping(graded, jumps), u)
        energies = jax.vmap(of_sum)(jumps[first] + jumps[second], fields[first] + fields[second])
        energies = energies / jnp.prod(jnp.ptp(mesh.points, axis=0))
        # Π(a + b)/V = (C_aa + C_bb)/2 + C_ab, and so 2 C_aa for b = a.
        own = energies[first == second] / 2
        entries = energies - (own[first] + own[second]) / 2
        good = jnp.all(certificates.converged)
        stiffness = (
            jnp.zeros((count, count), entries.dtype).at[first, second].set(entries).at[second, first].set(entries)
        )
        result = jax.tree.map(lambda leaf: leaf[jnp.argmin(certificates.converged)], results)
        return stiffness * jnp.where(good, 1.0, jnp.nan), fields, result, jnp.max(certificates.residual)

    def check(self, layout):
        """Raise `ValueError` for a layout of another mesh."""
        if self.problem.space.mesh.n_cells != layout.mesh.n_cells:
            raise ValueError(f"The cell has {self.problem.space.mesh.n_cells} cells, the layout {layout.mesh.n_cells}.")


@eqx.filter_jit
def _stiffness(goal, density):
    return goal._evaluated(density, goal.begin())[0]


def _cell(mesh: Mesh, material) -> Solid:
    """A body whose opposite sides move alike, held at one corner; the jumps between them are the strain."""
    low = jnp.min(mesh.points, axis=0)
    nearest = int(np.argmin(np.linalg.norm(np.asarray(mesh.points - low[None]), axis=1)))
    mesh = eqx.tree_at(lambda m: m.point_groups, mesh, {**mesh.point_groups, "held corner": jnp.array([nearest])})
    sides = [pair for k, pair in enumerate(SIDES) if mesh.dim == 3 or k != 1]
    space = FunctionSpace(mesh, mesh.degree, mesh.dim)
    zero = jnp.zeros(mesh.dim)
    return Solid(space, material, [*(Periodic(*pair, zero) for pair in sides), Dirichlet("held corner", 0.0)])


def _units(dim):
    """Unit strains in Voigt's order."""
    for i, j in VOIGT[dim]:
        strain = np.zeros((dim, dim))
        strain[i, j] += 0.5
        strain[j, i] += 0.5
        yield jnp.asarray(strain)


def _unit_jumps(mesh) -> Float[Array, "strain side dim"]:
    """Jumps between opposite sides for each unit strain."""
    size = jnp.ptp(mesh.points, axis=0)
    return jnp.stack([size[:, None] * strain.T.astype(size.dtype) for strain in _units(mesh.dim)])


def _jumping(problem, jumps):
    pick = lambda p: [c.jump for c in p.constraints[: len(jumps)]]
    return eqx.tree_at(pick, problem, list(jumps))
