"""Spaces that hold more than a given one on the same mesh, and how its fields are fields of theirs."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from .._arrays import int32, placed, taken
from .._told import Told
from .._typing import Array, Float, Int
from ._element import tabulate
from ._families import NAMES
from ._space import FunctionSpace


NESTED = ("P", "RT", "BDM", "N1E", "N2E", "DPC", "serendipity")
"""Families whose element of one degree more holds that of a degree."""


def richer(space: FunctionSpace) -> FunctionSpace:
    """Return the space of the same family and one degree more; of sums of elements the Lagrange space that holds them.

    **Raises:** `ValueError` for elements that no other element of their family holds.
    """
    element = space.blocks[0].element
    if element.whole:
        return space
    apart = not space.continuous
    if len(element.parts) > 1:
        return FunctionSpace(space.mesh, space.degree, space.components, continuous=not apart)
    (part,) = element.parts
    if part.family not in NESTED:
        raise ValueError(f"There is no richer space for elements {space.name}: none of more degrees holds them.")
    if part.family == "P":
        return FunctionSpace(space.mesh, degree=part.degree + 1, components=space.components, continuous=not apart)
    name = next(name for name, family in NAMES.items() if family == part.family)
    continuous = not apart or part.family == "DPC"
    return FunctionSpace(space.mesh, (name, part.degree + 1), space.components, continuous=continuous)


class Interpolation(Told):
    """How the fields of one space are fields of another on the same mesh, v_i = Σ_a w_ia u_c(i,a).

    **Arguments:**

    - `columns`: for each degree of freedom of the one those of the other that it depends on, (dof, a).
    - `weights`: how, (dof, a).
    - `size`: number of degrees of freedom of the other.
    """

    columns: Int[Array, "dof a"]
    weights: Float[Array, "dof a"]
    size: int = eqx.field(static=True)

    @staticmethod
    def between(lower: FunctionSpace, higher: FunctionSpace) -> "Interpolation":
        """Return it for two spaces, of which the functions of `lower` are brought to a cell as those of `higher` are."""
        if lower is higher:
            return Interpolation(int32(np.arange(lower.n_nodes)[:, None]), placed(np.ones((lower.n_nodes, 1)), float),
                                 lower.n_nodes)  # fmt: skip
        width = max(block.element.size for block in lower.blocks)
        columns, weights = np.zeros((higher.n_nodes, width), int), np.zeros((higher.n_nodes, width))
        for k, block in enumerate(higher.blocks):
            own = slice(None) if block.own is None else np.asarray(block.own)
            found, shares = _within(lower.block(k), higher.block(k))
            columns[own, : found.shape[1]], weights[own, : found.shape[1]] = found, shares
        weights[np.abs(weights) < 1e-13] = 0
        columns[weights == 0] = 0
        return Interpolation(int32(columns), placed(weights, float), lower.n_nodes)

    @staticmethod
    def onto(lower: FunctionSpace, finer: FunctionSpace, children) -> "Interpolation":
        """Return it for a space on a finer mesh, whose cells lie in those of `lower` as `fem.refinement` says.

        **Raises:** `ValueError` for elements whose degrees of freedom are not values at points that all cells see alike.
        """
        spaces = (lower, finer)
        if not all(s.nodal and all(block.orientation is None for block in s.blocks) for s in spaces):
            raise ValueError(
                f"Fields of elements {lower.name} are not taken to a finer mesh: Lagrange's up to degree 3 are."
            )
        if lower.blocks[0].element.whole:
            return Interpolation.between(lower, lower)
        width = max(block.element.size for block in lower.blocks)
        columns, weights = np.zeros((finer.n_nodes, width), int), np.zeros((finer.n_nodes, width))
        for block, coarse, (parent, corners) in zip(finer.blocks, lower.blocks, children, strict=True):
            own = slice(None) if block.own is None else np.asarray(block.own)
            cell, local = np.asarray(block.source).T
            kind = block.element.cell_type
            shape = tabulate(kind, 1, block.element.points, 0)[0]
            at = np.einsum("na,nad->nd", shape[local], corners[cell])
            columns[own, : coarse.element.size] = np.asarray(coarse.cells)[parent[cell]]
            weights[own, : coarse.element.size] = coarse.element.tabulate(at, 0)[0][..., 0]
        weights[np.abs(weights) < 1e-13] = 0
        columns[weights == 0] = 0
        return Interpolation(int32(columns), placed(weights, float), lower.n_nodes)

    def __call__(self, values: Array) -> Array:
        """Return the degrees of freedom of the other space's field, (dof, …)."""
        weights = self.weights.astype(values.dtype)
        return jnp.einsum("na,na...->n...", weights, taken(values, self.columns))

    def back(self, forces: Array) -> Array:
        """Return the transpose: what forces on the one space's degrees of freedom are on those of the other."""
        shares = jnp.einsum("na,n...->na...", self.weights.astype(forces.dtype), forces)
        return jnp.zeros((self.size, *forces.shape[1:]), forces.dtype).at[self.columns].add(shares)

    def among(self, here: np.ndarray, there: np.ndarray) -> "Interpolation":
        """Return it for some degrees of freedom, whose values those of `there` decide.

        **Raises:** `ValueError` if others take part.
        """
        columns, weights = np.asarray(self.columns)[here], np.asarray(self.weights)[here]
        order = np.argsort(there)
        place = order[np.clip(np.searchsorted(there, columns, sorter=order), 0, len(there) - 1)]
        lost = (weights != 0) & (np.asarray(there)[place] != columns)
        if lost.any():
            raise ValueError(f"{lost.any(axis=1).sum()} values depend on others than those of their group.")
        return Interpolation(int32(np.where(weights != 0, place, 0)), placed(weights, float), len(there))

    def decided_by(self, there: np.ndarray) -> np.ndarray:
        """Return the numbers of the degrees of freedom that depend on those of `there` alone."""
        inside = np.isin(np.asarray(self.columns), there) | (np.asarray(self.weights) == 0)
        return np.flatnonzero(inside.all(axis=1))

    def equals(self) -> np.ndarray:
        """Return for each degree of freedom of the other space one of this that equals it; −1 where none does."""
        columns, weights = np.asarray(self.columns), np.asarray(self.weights)
        alone = np.flatnonzero((weights != 0).sum(axis=1) == 1)
        place = np.argmax(weights[alone] != 0, axis=1)
        same = np.abs(weights[alone, place] - 1) < 1e-12
        found = np.full(self.size, -1)
        found[columns[alone, place][same]] = alone[same]
        return found


def _within(lower, higher):
    """Columns and weights for the degrees of freedom that are found in the cells of one block."""
    element, cell, local = higher.element, np.asarray(higher.source)[:, 0], np.asarray(higher.source)[:, 1]
    (table,) = lower.element.tabulate(element.points, 0)
    reference = np.einsum("jpc,pac->ja", element.matrix, table)
    if lower.orientation is not None:
        reference = np.einsum("ja,oba->ojb", reference, lower.transforms())
    back = higher.coefficients_back()
    if back is not None:
        turned = np.einsum("oij,jb->oib" if reference.ndim == 2 else "oij,ojb->oib", back, reference)
        weights = turned[np.asarray(higher.orientation)[cell], local]
    elif reference.ndim == 3:
        weights = reference[np.asarray(lower.orientation)[cell], local]
    else:
        weights = reference[local]
    return np.asarray(lower.cells)[cell], weights
