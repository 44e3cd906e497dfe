"""Cook's membrane, direct inverses as preconditioners, and block systems taken apart."""

import equinox as eqx
import jax
import jax.numpy as jnp
import lineax as lx
import numpy as np

from simphys.fem import Mesh, rectangle
from simphys.linalg import AbstractPreconditioner


def cook(n: int, cell_type: str = "quadrilateral") -> Mesh:
    """The tapered panel (0, 0), (48, 44), (48, 60), (0, 44) in n × n cells."""
    mesh = rectangle((n, n), cell_type=cell_type)
    x, y = np.asarray(mesh.points).T
    points = np.stack([48 * x, 44 * x + y * (44 - 28 * x)], axis=1)
    return Mesh(points, mesh.cells, mesh.cell_type, mesh.degree, facet_groups=mesh.facet_groups)


class Exact(AbstractPreconditioner):
    """A⁻¹ itself, by a dense factor: what the best of preconditioners does to the first block."""

    def prepare(self, operator):
        return jax.scipy.linalg.cho_factor(operator.as_matrix())[0]

    def apply(self, prepared, residual):
        return jax.scipy.linalg.cho_solve((prepared, False), residual)

    @property
    def made_for(self):
        return "definite"

    def describe(self):
        return "exact"


def exact(pattern, data, near_nullspace, positions):
    """Build `Exact`, as a multigrid is built."""
    assert near_nullspace.shape == (pattern.size, 3) and positions.shape[1] == 2
    return Exact()


def linear_steps(problem, solver) -> int:
    """How many steps the first Newton direction of a problem takes, having checked that it is found."""

    @eqx.filter_jit
    def solve(problem):
        y = problem.unknowns(None)
        rhs = jax.tree.map(jnp.negative, problem.residual(y))
        return lx.linear_solve(problem.jacobian(y), rhs, solver, throw=False)

    found = solve(problem)
    assert found.result == lx.RESULTS.successful
    return int(found.stats["num_steps"])
