"""Block preconditioners of mixed problems, made of what their matrices and pressures' mass matrices are."""

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from .._trees import norm
from ..assembly import build_reduction
from ..fem import Domain, FunctionSpace, Integral, MassLayout, cells_of, density_at_points, rigid_modes
from ..linalg import AbstractPreconditioner, Block, MatrixFacts, Multigrid, SaddlePoint, too_large_to_factorise
from ._held import check_held


class Blocks(eqx.Module):
    """What of a `SaddlePoint` preconditioner topology decides."""

    primal: AbstractPreconditioner
    block: Block
    layout: MassLayout
    coupling: Block | None

    def preconditioner(self, spaces, schur: Integral, values) -> SaddlePoint:
        """Return the preconditioner whose pressure block is the mass matrix weighted with the density of `schur`."""
        weight, measure = density_at_points(schur, spaces, values)
        data = self.layout.assemble(spaces[1], schur.domain, weight * measure)
        pattern, bounds, bodies = self.layout.pattern, self.layout.bounds, self.layout.bodies
        return SaddlePoint(
            self.primal, self.block, pattern, jax.lax.stop_gradient(data), bounds, bodies, coupling=self.coupling
        )


def build_blocks(problem, primal: Callable | None, held=()) -> Blocks | None:
    """Take the matrix of a mixed problem apart, on the host; None if it is to be factorised.

    **Arguments:**

    - `problem`: complete but for its blocks.
    - `primal`: (pattern, data, near_nullspace, positions) → preconditioner of the vector field's block, from its entries
      at the default state: `simphys.linalg.Multigrid.build` is one, and the default in 3-D if
      the system is large.
    - `held`: as for `MassLayout.build`.
    """
    triangular = primal is None
    system = problem.system
    facts = MatrixFacts(system.pattern, problem.spaces[0].mesh.dim, system.symmetric, problem.linear, saddle=True)
    if primal is None and problem.spaces[0].nodal and too_large_to_factorise(facts):
        primal = Multigrid.build
    if primal is None:
        return None
    spaces, reduction = problem.spaces, problem.system.reduction
    space, size = spaces[0], reduction.sizes[0]
    unknown = np.asarray(reduction.representative)[:size]
    nodes, own = np.unique(unknown // space.components, return_inverse=True)
    owners = np.stack([own, unknown % space.components], axis=1)
    block = Block.leading(problem.system.pattern, size, owners)
    y = problem.unknowns(None)
    matrix = eqx.filter_jit(lambda problem, y: block.of(problem.jacobian(y)).data)(problem, y)
    positions = space.nodes()
    modes = rigid_modes(np.asarray(positions)).reshape(space.n_dofs, -1)[unknown]
    made = primal(block.pattern, np.asarray(matrix), modes, np.asarray(positions)[nodes])
    coupling = Block.coupling(problem.system.pattern, size) if triangular else None
    return Blocks(made, block, MassLayout.build(spaces, 1, reduction, points_of_pair(spaces), held), coupling)


def points_of_pair(spaces: tuple[FunctionSpace, FunctionSpace]) -> Domain:
    """The cells, with points enough for gradients of the first field and for products of values of the second."""
    return cells_of(spaces[0], degree=max(spaces[0].quadrature_degree, 2 * spaces[1].degree))


def check_vector_held(space: FunctionSpace, constraints, motions=None, terms=()):
    """Raise `ValueError` if the vector field of a mixed problem is not held; see `check_held`."""
    own = tuple(c for c in constraints if c.field == 0)
    check_held(space, own, build_reduction((space,), own), motions, terms)


def outer_terms(loads, spaces) -> list[Integral]:
    """Return the loads on the vector field as terms of the balance."""
    found = (load.term(spaces) for load in loads)
    return [term for term in found if term is not None]


def pressure_floor(strain, p, mu):
    """What the equation of volume is judged by, ‖∇u‖ + |p|/μ: it may hold term by term, with nothing to be balanced."""
    return norm(strain) + jnp.abs(p) / mu
