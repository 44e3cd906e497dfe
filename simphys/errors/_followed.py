"""A balance law, its solution and its memory on meshes that were cut from one, finer here and coarser there."""

import jax
import jax.numpy as jnp
import numpy as np

from .._typing import Array, PyTree
from ..fem import Interpolation, QuadratureField, cells_of, quadrature
from ..physics import AbstractBalance
from ._lineage import Lineage
from ._refined import space_on
from ._transfer import Transfer


class Descent(Transfer):
    """What takes a balance law on a base mesh to one that was cut from it, however often; see `Transfer`.

    **Arguments:**

    - `problem`: an `AbstractBalance` on `lineage.base`.
    - `lineage`: of the finer mesh.
    """

    same: tuple[Array, ...]

    def __init__(self, problem: AbstractBalance, lineage: Lineage):
        lower, cut = problem.spaces, [(lineage.parent, lineage.corners)]
        spaces = [space_on(lineage.mesh, space) for space in lower]
        maps = [Interpolation.onto(few, many, cut) for few, many in zip(lower, spaces, strict=True)]
        self.same = tuple(jnp.asarray(up.equals()) for up in maps)
        self._set(problem, spaces, maps, parent=lineage.parent, corners=lineage.corners, recommend=True)

    def spread(self, field, forces):
        """Nodes of the base mesh are nodes of the new one."""
        return jnp.zeros(self.spaces[field].shape, forces.dtype).at[self.same[field]].set(forces)


class Carrier:
    """What takes fields and a memory from one mesh to another that was cut from the same, by interpolation.

    u_new(x_i) = u(x_i) at nodes; a memory is that of the nearest quadrature point in the cell that a point lies in

    What was finer and is coarser now is lost. How much is measured at the quadrature points of the old mesh,

    lost = ‖u_new − u‖ / ‖u‖,   the norm that of L²

    **Arguments:**

    - `old`, `new`: a problem and its `Lineage` each.
    """

    def __init__(self, old: tuple[AbstractBalance, Lineage], new: tuple[AbstractBalance, Lineage]):
        (self.before, self.origin), (self.after, self.target) = old, new
        rules = max(space.mass_degree for space in self.before.spaces)
        self.rule = quadrature(self.origin.base.cell_type, rules)
        measure = cells_of(self.before.spaces[0], degree=rules).geometry(self.before.spaces[0].mesh).measure
        self.measure = np.asarray(measure)
        self.there = self.target.find(*self.origin.points(rules))

    def fields(self, value: PyTree) -> PyTree:
        """Return a value of the old problem as one of the new one."""
        pairs = zip(self.before.spaces, self.after.spaces, _tuple(value), strict=True)
        found = tuple(self._field(*each) for each in pairs)
        return found if isinstance(value, tuple) else found[0]

    def memory(self, state: PyTree) -> PyTree:
        """Return internal variables at the old problem's quadrature points as those at the new one's."""
        return jax.tree.map(
            lambda leaf: QuadratureField(jnp.asarray(np.asarray(leaf.values)[self._nearest(leaf.values.shape[1])])),
            state,
            is_leaf=_at_points,
        )

    def lost(self, value: PyTree, carried: PyTree) -> np.ndarray:
        """Return each old cell's part of the squares of what was lost, summed over fields, relative to each one's norm."""
        total = np.zeros(self.origin.mesh.n_cells)
        for old, new, u, v in zip(self.before.spaces, self.after.spaces, _tuple(value), _tuple(carried), strict=True):
            if old.blocks[0].element.whole:
                continue
            u, v = (np.asarray(f).reshape(f.shape[0], -1) for f in (u, v))
            here = old.element.tabulate(self.rule[0], 0)[0][..., 0]
            known = np.einsum("qa,eak->eqk", here, u[np.asarray(old.cells)])
            cells, at = self.there
            there = new.element.tabulate(at, 0)[0][..., 0]
            found = np.einsum("na,nak->nk", there, v[np.asarray(new.cells)[cells]]).reshape(known.shape)
            total += _relative(((known - found) ** 2).sum(2), (known**2).sum(2), self.measure)
        return total

    def lost_memory(self, state: PyTree, carried: PyTree) -> float:
        """Return the same of internal variables, all of it, the largest of any of them."""
        found = [0.0]
        for leaf, new in zip(*(jax.tree.leaves(s, is_leaf=_at_points) for s in (state, carried)), strict=True):
            known, other = np.asarray(leaf.values, float), np.asarray(new.values, float)
            local, weights = _rule(self.before, self.origin, known.shape[1])
            cells = np.repeat(np.arange(len(known)), len(local))
            cell, at = self.target.find(*self.origin.placed(cells, np.tile(local, (len(known), 1))))
            nearest = _closest(at, _rule(self.after, self.target, other.shape[1])[0])
            back = other[cell, nearest].reshape(known.shape)
            volume = self.measure.sum(axis=1)[:, None] * weights / weights.sum()
            square = lambda a: (a.reshape(*a.shape[:2], -1) ** 2).sum(2)
            found.append(float(_relative(square(known - back), square(known), volume).sum() ** 0.5))
        return max(found)

    def _field(self, old, new, u):
        if old.blocks[0].element.whole:
            return u
        if not (old.nodal and new.nodal):
            raise ValueError(
                f"Fields of elements {old.name} are not taken to another mesh: Lagrange's up to degree 3 are."
            )
        cell, local = np.asarray(new.source).T
        cells, at = self.origin.find(*self.target.placed(cell, new.element.points[local]))
        basis = old.element.tabulate(at, 0)[0][..., 0]
        values = np.asarray(u)[np.asarray(old.cells)[cells]]
        return jnp.asarray(np.einsum("na,na...->n...", basis.astype(values.dtype), values))

    def _nearest(self, count):
        """For each of so many points of each new cell the (cell, point) of the old mesh."""
        local = _rule(self.after, self.target, count)[0]
        n = self.target.mesh.n_cells
        cell, at = self.origin.find(*self.target.placed(np.repeat(np.arange(n), len(local)), np.tile(local, (n, 1))))
        return cell.reshape(n, -1), _closest(at, _rule(self.before, self.origin, count)[0]).reshape(n, -1)


def _rule(problem, lineage, count):
    """The quadrature rule of so many points that a problem integrates with."""
    for space in problem.spaces:
        for degree in (space.mass_degree, space.quadrature_degree):
            rule = quadrature(lineage.base.cell_type, cells_of(space, degree=degree).degree)
            if len(rule[1]) == count:
                return rule
    raise ValueError(f"Internal variables at {count} points a cell are none of a term over cells.")


def _closest(at, local):
    return np.argmin(np.linalg.norm(at[:, None] - local, axis=2), axis=1)


def _relative(squares, sizes, measure):
    whole = (sizes * measure).sum()
    return (squares * measure).sum(axis=1) / whole if whole else np.zeros(len(measure))


def _at_points(leaf):
    return isinstance(leaf, QuadratureField)


def _tuple(value):
    return value if isinstance(value, tuple) else (value,)
