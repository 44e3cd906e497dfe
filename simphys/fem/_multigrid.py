"""Multigrid for the matrices of a mesh, set up from its geometry alone."""

import numpy as np
import scipy.sparse as sps

from .._small import inverse_and_determinant
from ..assembly import System
from ..linalg import MatrixFacts, Multigrid
from ._element import tabulate
from ._named_nodes import known_nodes
from ._quadrature import quadrature
from ._space import FunctionSpace
from ._ties import rigid_modes


ITEMS = 16_384


def build_multigrid(
    space: FunctionSpace, system: System, constraints=(), *, degree: int = 2, single: bool = True
) -> Multigrid:
    """Set up multigrid for a system of one field: aggregates and prolongators of the mesh and its constraints.

    They come from the stiffness of the same mesh with coefficients 1 (isotropic elasticity, Laplace), hence once for
    all materials, loads and states; the near-nullspace holds the rigid-body motions of a solid, else constants.

    **Arguments:**

    - `space`: of the field.
    - `system`: its layout.
    - `constraints`: those of the problem.
    - `degree`, `single`: see `linalg.Multigrid`.

    **Raises:** `ValueError` for a system of several fields.
    """
    return Multigrid.build(system.pattern, *multigrid_makings(space, system, constraints), degree=degree, single=single)


def matrix_facts(space: FunctionSpace, system: System, constraints=(), *, linear: bool) -> MatrixFacts:
    """Return what is known of a system's matrices before there is one, for a system of one field."""
    makings = lambda: multigrid_makings(space, system, constraints)
    return MatrixFacts(system.pattern, space.mesh.dim, system.symmetric, linear, makings=makings)


def multigrid_makings(space, system, constraints):
    """Return entries of the matrix with coefficients 1, the near-nullspace, and positions of nodes; on the host."""
    if len(system.counts) != 1:
        raise ValueError(f"`build_multigrid` is for one field, this system has {len(system.counts)}.")
    x = known_nodes(space, "Multigrid")
    components = space.components or 1
    pairs = zip(system.terms, system.pairs, strict=True)
    over_cells = next(([piece[0][0] for piece in at] for term, at in pairs if term.where == "all cells"), None)
    if over_cells is None:
        raise ValueError("`build_multigrid` needs a term over all cells, this system has none.")
    blocks = [(space.block(b), np.asarray(own.numbers)) for b, own in enumerate(over_cells)]
    sums = sum(_stiffness(block, own, system.counts[0][0]) for block, own in blocks)
    entries = sums.ravel() if system.sources is None else sums.ravel()[np.asarray(system.sources)]
    data = entries
    if system.targets is not None:
        if system.reduction.weighted:
            weights = system.reduction.known_weights((space,), constraints)
            entries = entries * weights[np.asarray(system.left)] * weights[np.asarray(system.right)]
        data = np.bincount(np.asarray(system.targets), entries, system.pattern.stored)
    if components == x.shape[1]:
        # Turns in units of the body's size: a column of the near-nullspace knows no length.
        modes = rigid_modes((x - x.mean(axis=0)) / np.ptp(x, axis=0).max())
    else:
        modes = np.broadcast_to(np.eye(components), (len(x), components, components))
    modes = modes.reshape(len(x) * components, -1)[np.asarray(system.reduction.representative)]
    nodes = system.pattern.layout.unknowns.shape[1]
    return data, modes, x[:nodes]


def _stiffness(space, pairs, count) -> np.ndarray:
    """Sums over node pairs of ∫ 2 ε:ε + tr² ε (solids) or ∫ ∇u·∇v, (pair, component, component)."""
    components = space.components or 1
    total = np.zeros((count, components * components))
    for first in range(0, len(pairs), ITEMS):
        at = slice(first, first + ITEMS)
        blocks = _element_stiffness(space, at).reshape(-1, components * components)
        where = pairs[at].ravel()
        low = int(where.min())
        span = int(where.max()) - low + 1
        collect = sps.csr_array((np.ones(len(where)), (where - low, np.arange(len(where)))), shape=(span, len(where)))
        total[low : low + span] += collect @ blocks
    return total.reshape(count, components, components)


def _element_stiffness(space, at) -> np.ndarray:
    """Element matrices of coefficients 1, (item, a, b, component, component)."""
    mesh, components = space.mesh, space.components or 1
    points, weights = quadrature(mesh.cell_type, space.quadrature_degree)
    _, shape_gradients = tabulate(mesh.cell_type, mesh.degree, points)
    gradients = space.element.tabulate(points)[1][:, :, 0][None]
    if space.orientation is not None:
        gradients = np.einsum("oab,oqbr->oqar", space.transforms(), gradients)[np.asarray(space.orientation)[at]]
    corners = np.asarray(mesh.points, float)[np.asarray(mesh.cells)[at]]
    # Rows of the transposed Jacobian: ∂x_d/∂X_r.
    jacobian = np.matmul(shape_gradients.transpose(0, 2, 1), corners[:, None])
    inverse, determinant = inverse_and_determinant(jacobian, np)
    measure = np.abs(determinant) * weights
    slopes = np.matmul(inverse, np.swapaxes(gradients, 2, 3))  # (item, q, d, a)
    items, _, dim, count = slopes.shape
    flat = slopes.transpose(0, 3, 2, 1).reshape(items, count * dim, -1)
    product = np.matmul(flat * measure[:, None, :], flat.transpose(0, 2, 1)).reshape(items, count, dim, count, dim)
    laplace = np.einsum("eaibi->eab", product)[..., None, None] * np.eye(components)
    if components != dim or dim == 1:
        return laplace
    # λ = μ = 1:  K[a i, b j] = G_ai G_bj + G_aj G_bi + δ_ij ∇N_a·∇N_b.
    both = product.transpose(0, 1, 3, 2, 4)
    return both + both.swapaxes(3, 4) + laplace
