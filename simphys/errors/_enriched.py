"""A balance law on richer spaces of the same mesh."""

import equinox as eqx
import jax
import jax.numpy as jnp

from .._typing import Array, PyTree
from ..fem import Interpolation, richer
from ..physics import AbstractBalance
from ._transfer import Transfer


class Enrichment(Transfer):
    """What takes a balance law, and its fields, to spaces of one degree more on the same mesh; see `Transfer`.

    **Arguments:**

    - `problem`: an `AbstractBalance`.
    - `recommend`: look for a preconditioner where matrices are too large to be factorised.
    - `matrix`: lay out a matrix. Without one the richer problem has residuals and their derivatives, but no `jacobian`.

    **Raises:** `ValueError` for elements that none of a higher degree holds, and as `Transfer`.
    """

    downs: tuple[Interpolation, ...]
    matrix: bool = eqx.field(static=True)

    def __init__(self, problem: AbstractBalance, *, recommend: bool = False, matrix: bool = True):
        spaces = tuple(richer(space) for space in problem.spaces)
        if all(a is b for a, b in zip(problem.spaces, spaces, strict=True)):
            raise ValueError("Constants of the whole mesh have no richer space.")
        self.matrix = matrix
        self.downs = tuple(map(Interpolation.between, spaces, problem.spaces))
        self._set(
            problem, spaces, map(Interpolation.between, problem.spaces, spaces), recommend=recommend, matrix=matrix
        )

    def spread(self, field, forces):
        """They act on the richer functions' values there."""
        return self.downs[field].back(forces)

    def moved(self, mesh):
        """The same mesh, which may have moved since."""
        return mesh

    @property
    def degree(self) -> int:
        """The highest of the richer spaces."""
        return max(space.degree for space in self.spaces)

    def lowered(self, value: PyTree) -> PyTree:
        """Return a value of the richer problem, interpolated, as one of the problem."""
        if not isinstance(value, tuple):
            return self.downs[0](value)
        return tuple(down(field) for down, field in zip(self.downs, value, strict=True))

    def up(self, problem, rich, y: PyTree) -> PyTree:
        """Return a change of the problem's unknowns as one of the richer problem's."""
        return _free(rich, tuple(up(u) for up, u in zip(self.maps, _changed(problem, y), strict=True)))

    def down(self, problem, rich, y: PyTree) -> PyTree:
        """Return a change of the richer problem's unknowns, interpolated, as one of the problem's."""
        return _free(problem, tuple(down(u) for down, u in zip(self.downs, _changed(rich, y), strict=True)))

    @staticmethod
    def changes(problem, y: PyTree) -> tuple[Array, ...]:
        """Return what each field changes by with the unknowns."""
        return _changed(problem, y)

    def by_cell(self, shares) -> Array:
        """Return shares of the degrees of freedom of each richer field by cells: each goes to those that know of it."""
        total = 0
        for space, each in zip(self.spaces, shares, strict=True):
            each = jnp.sum(each.reshape(space.n_nodes, -1), axis=1)
            count = sum(jnp.zeros(space.n_nodes, each.dtype).at[block.cells].add(1) for block in space.blocks)
            total = total + jnp.concatenate([jnp.sum((each / count)[b.cells], axis=1) for b in space.blocks])
        return total


def _changed(problem, y):
    """What the fields change by with the unknowns."""
    fields = lambda y: y if isinstance(y := problem.value(y), tuple) else (y,)
    return jax.tree.map(jnp.subtract, fields(y), fields(jax.tree.map(jnp.zeros_like, y)))


def _free(problem, changes):
    """What unknowns change by with the fields."""
    flat = jnp.concatenate([change.ravel() for change in changes])[problem.system.reduction.representative]
    return problem.split(flat)
