"""Multigrid on a divided matrix: parts smooth what they own, the coarsest level is solved by all of them alike."""

import functools
import itertools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from .._lapack import cholesky, cholesky_solve
from .._told import Told
from .._typing import Array, Float, Int
from ..linalg import Hierarchy, chebyshev, eigenvalue_bound
from ._exchange import total
from ._numbering import Numbering, numbered
from ._rows import DividedRows, divided_rows
from ._transfer import Meeting, Transfer, transfer_of


class DividedMultigrid(Told):
    """Smoothed aggregation whose aggregates know nothing of the parts: as many steps on any number of them.

    **Attributes:**

    - `levels`: matrices, the finest first.
    - `transfers`: between each and the next.
    - `starts`: random vectors, from which the largest eigenvalues are sought.
    - `places`: where the unknowns of the coarsest level stand in the whole; behind it those that there are not.
    """

    levels: tuple[DividedRows, ...]
    transfers: tuple[Transfer, ...]
    starts: tuple[Float[Array, "node b"], ...]
    places: Int[Array, "node k"]
    size: int = eqx.field(static=True)
    """Unknowns of the coarsest level."""
    sizes: tuple[int, ...] = eqx.field(static=True)
    degree: int = eqx.field(static=True)
    single: bool = eqx.field(static=True)

    def prepare(self, blocks: Array):
        """Return matrices, bounds of the smoothers and the inverse of the coarsest matrix, from a part's complete rows."""
        prepared = []
        dtype = jnp.float32 if self.single else blocks.dtype
        for level, transfer, start in zip(self.levels[:-1], self.transfers, self.starts, strict=True):
            values = level.rows.lay_out(blocks.astype(dtype))
            inverse = level.inverse_diagonal(blocks).astype(dtype)
            product = functools.partial(level.product, values)
            begin = level.rows.turned(start.T).astype(dtype)
            prepared.append((values, inverse, eigenvalue_bound(product, inverse, begin, total)))
            below = self.levels[len(prepared)]
            blocks = below.complete(transfer.galerkin(blocks))
        return tuple(prepared), self._dense_inverse(blocks).astype(dtype)

    def apply(self, prepared, residual: Array) -> Array:
        """Return M⁻¹ r of a part by one V-cycle."""
        matrices, inverse = prepared

        def cycle(r, at):
            level = self.levels[at]
            if at == len(matrices):
                return self._coarsest(inverse, r)
            transfer, matrix = self.transfers[at], matrices[at]
            product = functools.partial(level.product, matrix[0])
            smooth = functools.partial(chebyshev, product, matrix[1:], degree=self.degree)
            cast = lambda values: tuple(v.astype(r.dtype) for v in values)
            x, r = smooth(r)
            below, axis = self.levels[at + 1], level.axis
            coarse = below.nodes.collect(transfer.back.product(cast(transfer.transposed), r), axis)
            found = below.nodes.spread(cycle(coarse, at + 1), axis)
            correction = transfer.rows.product(cast(transfer.values), found)
            more, _ = smooth(r - product(correction), last=False)
            return x + correction + more

        return cycle(residual.astype(inverse.dtype), 0).astype(residual.dtype)

    def _coarsest(self, inverse, r):
        level = self.levels[-1]
        own = level.rows.turned(self.places.T)
        whole = total(jnp.zeros(self.size, r.dtype).at[own].add(r, mode="drop"))
        return (inverse @ whole).at[own].get(mode="fill", fill_value=0)

    def _dense_inverse(self, blocks):
        """The inverse of the coarsest matrix, scaled to unit diagonal; NaN where it is not positive definite."""
        level = self.levels[-1]
        seen = level.nodes.spread(self.places)
        rows, columns = self.places[level.row], seen[level.column]
        # What there is no block for points to the first one; it holds nothing, but it is there.
        dense = jnp.zeros((self.size, self.size), blocks.dtype)
        dense = dense.at[rows[:, :, None], columns[:, None, :]].add(blocks, mode="drop")
        dense = total(dense)
        scale = jax.lax.rsqrt(jnp.diagonal(dense))
        one = jnp.eye(self.size, dtype=blocks.dtype)
        unit = dense * scale[:, None] * scale[None, :] + 10 * jnp.finfo(blocks.dtype).eps * one
        inverse = cholesky_solve(cholesky(unit), one)
        return (inverse + inverse.T) / 2 * scale[:, None] * scale[None, :]


def divided_multigrid(
    made: Hierarchy,
    owner: np.ndarray,
    wanted: list[np.ndarray],
    pairs: list[np.ndarray],
    free: np.ndarray,
    *,
    degree,
    single,
) -> tuple[DividedMultigrid, Numbering, Numbering]:
    """Lay a hierarchy out for parts; on the host.

    **Arguments:**

    - `made`: of the whole mesh.
    - `owner`: part of each node.
    - `wanted`: nodes that each part's cells have.
    - `pairs`: blocks that each part's cells make, row · nodes + column.
    - `free`: which unknowns there are, (node, b).

    **Returns:** multigrid, and the numberings of the finest level's nodes and blocks.
    """
    parts = len(wanted)
    levels, transfers, starts, numberings, met = [], [], [], [], []
    for depth, pattern in enumerate(made.patterns):
        looked_at = zip(wanted, _columns(pattern, owner, parts), strict=True)
        nodes = numbered(owner, [np.concatenate(each) for each in looked_at], parts)
        rows, blocks = divided_rows(nodes, pattern, pairs, free)
        levels.append(rows)
        if depth:
            transfers.append(transfer_of(numberings[-1][0], nodes, blocks, met, made.steps[depth - 1].prolongator))
        numberings.append((nodes, blocks))
        if depth == len(made.steps):
            break
        step = made.steps[depth]
        starts.append(_start(nodes, free))
        met = [Meeting(nodes, part, pattern, step.prolongator) for part in range(parts)]
        owner = _owners(step.prolongator, owner, parts)
        wanted, pairs = [m.at for m in met], [m.pairs for m in met]
        free = ~step.void.reshape(-1, step.prolongator.blocksize[1])
    count, side = free.shape
    places = np.full((count + 1, side), count * side)
    places[:-1] = np.arange(count * side).reshape(count, side)
    own = np.stack([places[nodes.whole(part, count)[: nodes.places]] for part in range(parts)])
    sizes = tuple((len(p[0]) - 1) * b for p, b in zip(made.patterns, made.sides, strict=True))
    multigrid = DividedMultigrid(
        tuple(levels), tuple(transfers), tuple(starts), own.astype(np.int32), count * side, sizes, degree, single
    )
    return multigrid, *numberings[0]


def _columns(pattern, owner, parts):
    """Columns of the rows of each part."""
    indptr, columns = pattern
    part = np.repeat(owner, np.diff(indptr))
    order = np.argsort(part, kind="stable")
    cuts = np.searchsorted(part[order], np.arange(parts + 1))
    return [columns[order[a:b]] for a, b in itertools.pairwise(cuts)]


def _owners(prolongator, owner, parts) -> np.ndarray:
    """The part of each coarse node: the one that most is interpolated to from it."""
    size = np.linalg.norm(prolongator.data, axis=(1, 2))
    rows = np.repeat(np.arange(len(prolongator.indptr) - 1), np.diff(prolongator.indptr))
    coarse = prolongator.shape[1] // prolongator.blocksize[1]
    code = prolongator.indices.astype(np.int64) * parts + owner[rows]
    return np.argmax(np.bincount(code, size, coarse * parts).reshape(coarse, parts), axis=1)


def _start(nodes, free) -> np.ndarray:
    numbers = np.random.default_rng(0).standard_normal(free.shape) * free
    numbers = np.concatenate([numbers, np.zeros((1, free.shape[1]))])
    return np.stack([numbers[nodes.whole(part, len(free))[: nodes.places]] for part in range(nodes.parts)])
