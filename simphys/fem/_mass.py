"""Mass matrices, weighted and reduced: what is equivalent to the Schur complement of a stable mixed element."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from .._arrays import placed
from .._told import Told
from .._typing import Array, Int
from ..assembly import Reduction
from ..linalg import SparsityPattern
from ._domain import Domain
from ._space import FunctionSpace


class MassLayout(Told):
    """Where the entries of a scalar field's mass matrix go, among the reduced unknowns of that field alone.

    Nodes that stand for the free constant of a body, though their values are prescribed, come last.
    """

    pattern: SparsityPattern
    targets: Int[Array, "cell a b"]
    """Entry of the pattern; its number of entries (out of bounds) for values that are prescribed."""
    bodies: Int[Array, " dof"] | None
    """For each unknown the number of the body whose constant is free (how many they are, if none); None without any."""
    bounds: tuple[float, float] = eqx.field(static=True)
    """An interval that contains the eigenvalues of (diag M)⁻¹ M for any weights that are constant in each cell."""

    @staticmethod
    def build(
        spaces: tuple[FunctionSpace, ...],
        field: int,
        reduction: Reduction,
        domain: Domain,
        held: tuple[tuple[int, np.ndarray], ...] = (),
    ) -> "MassLayout":
        """Lay out the mass matrix of a field of a mixed space; on the host.

        λ_min, λ_max are bounded by those of the cells' matrices, (diag M_e)⁻¹ M_e; they get a margin of a tenth for
        weights that vary within a cell.

        **Arguments:**

        - `held`: for each body in which the field counts only up to a constant the node that holds it, and whether
          each node lies in the body.

        Reference: A. J. Wathen, IMA J. Numer. Anal. 7 (1987) 449–457.
        """
        space, first, count = spaces[field], sum(reduction.sizes[:field]), reduction.sizes[field]
        offset, size = reduction.offsets[field], count + len(held)
        # What follows several others is left out: that changes the equivalence by no more than a constant.
        masters = np.asarray(reduction.masters)[offset : reduction.offsets[field + 1]]
        number = np.where(masters < reduction.size, masters - first, size)
        bodies = np.full(count, len(held), np.int32)
        representative = np.asarray(reduction.representative)[first : first + count] - offset
        for k, (node, inside) in enumerate(held):
            number[node] = count + k
            bodies[inside[representative]] = k
        pattern, targets = _targets(number[np.asarray(space.cells)], size)
        bounds = _bounds(np.asarray(element_masses(space, domain, domain.geometry(space.mesh).measure)))
        return MassLayout(pattern, placed(targets), placed(bodies) if held else None, bounds)

    def assemble(self, space: FunctionSpace, domain: Domain, weighted: Array) -> Array:
        """Return the entries of ∫ w N_a N_b, for w times the measure of the quadrature points, (cell, quad)."""
        cells = element_masses(space, domain, weighted)
        return jnp.zeros(self.pattern.stored, cells.dtype).at[self.targets].add(cells, mode="drop")


@eqx.filter_jit
def element_masses(space: FunctionSpace, domain: Domain, weighted: Array) -> Array:
    """Return ∫ w N_a N_b over each cell, (cell, a, b)."""
    basis = domain.tables(space.element, weighted.dtype)[0][:, :, 0]
    return jnp.einsum("eq,qa,qb->eab", weighted, basis, basis)


def _targets(number, size):
    """Pattern of the entries between unknowns of a cell, and where each goes; out of bounds for those ≥ size."""
    rows, columns = np.broadcast_arrays(number[:, :, None], number[:, None, :])
    kept = (rows < size) & (columns < size)
    pattern, where = SparsityPattern.from_entries(rows[kept], columns[kept], size)
    targets = np.full(rows.shape, pattern.stored, np.int32)
    targets[kept] = where
    return pattern, targets


def _bounds(cells):
    root = np.sqrt(np.diagonal(cells, axis1=1, axis2=2))
    values = np.linalg.eigvalsh(cells / (root[:, :, None] * root[:, None, :]))
    return 0.9 * float(values.min()), 1.1 * float(values.max())
