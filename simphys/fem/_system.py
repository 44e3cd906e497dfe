"""Assembly of residuals and sparse tangents straight into a fixed pattern of the reduced unknowns."""

import equinox as eqx
import jax.numpy as jnp
import lineax as lx
import numpy as np

from .._typing import Array, Int
from ..linalg import SparseOperator, SparsityPattern
from ._integral import Integral, element_residuals, element_tangents
from ._reduction import Reduction
from ._space import FunctionSpace


class System(eqx.Module):
    """Everything about a discrete problem that only topology decides; made once, on the host.

    Tangent blocks of node pairs are summed first (`pairs`), entries of those blocks then go to their places in the
    reduced matrix (`sources`, `targets`), with the weights of T where T is more than a selection.
    """

    reduction: Reduction
    pattern: SparsityPattern
    pairs: tuple[tuple[tuple[Int[Array, "item a b"], ...], ...], ...]
    """For each integral with a tangent and each pair of its fields: the node pair that each block belongs to."""
    sources: Int[Array, " m"]
    targets: Int[Array, " m"]
    left: Int[Array, "m 2"]
    """Which weight of T multiplies from the left, as (full unknown, column); empty for a selection."""
    right: Int[Array, "m 2"]
    counts: tuple[tuple[int, ...], ...] = eqx.field(static=True)
    """Number of node pairs for each pair of fields."""


def build_system(spaces: tuple[FunctionSpace, ...], integrals: tuple[Integral, ...], reduction: Reduction) -> System:
    """Lay out the sparse matrix of the given integrals; see `System`."""
    nodes = [s.n_nodes for s in spaces]
    comps = [s.components or 1 for s in spaces]
    codes: dict[tuple[int, int], list[np.ndarray]] = {}
    where = []
    for integral in integrals:
        if integral.constant:
            continue
        local = {f: np.asarray(integral.domain.take(spaces[f].cells)) for f in integral.fields}
        entry = []
        for f in integral.fields:
            for g in integral.fields:
                code = local[f][:, :, None].astype(np.int64) * nodes[g] + local[g][:, None, :]
                codes.setdefault((f, g), []).append(code)
                entry.append((f, g, len(codes[f, g]) - 1))
        where.append((len(integral.fields), entry))
    numbers, rows, columns, counts = {}, [], [], np.zeros((len(spaces),) * 2, int)
    for f in range(len(spaces)):
        for g in range(len(spaces)):
            if (f, g) not in codes:
                continue
            parts = codes[f, g]
            distinct, inverse = np.unique(np.concatenate([c.ravel() for c in parts]), return_inverse=True)
            splits = np.cumsum([c.size for c in parts])[:-1]
            numbers[f, g] = [
                jnp.asarray(i.reshape(c.shape), jnp.int32) for i, c in zip(np.split(inverse, splits), parts)
            ]
            counts[f, g] = len(distinct)
            r = reduction.offsets[f] + (distinct // nodes[g])[:, None] * comps[f] + np.arange(comps[f])
            c = reduction.offsets[g] + (distinct % nodes[g])[:, None] * comps[g] + np.arange(comps[g])
            shape = (len(distinct), comps[f], comps[g])
            rows.append(np.broadcast_to(r[:, :, None], shape).ravel())
            columns.append(np.broadcast_to(c[:, None, :], shape).ravel())
    pairs = tuple(
        tuple(tuple(numbers[f, g][i] for f, g, i in entry[k * n : (k + 1) * n]) for k in range(n)) for n, entry in where
    )
    tables = _reduce_entries(reduction, _join(rows), _join(columns))
    return System(reduction, *tables[:1], pairs, *tables[1:], tuple(map(tuple, counts.tolist())))


def _join(parts):
    return np.concatenate(parts) if parts else np.zeros(0, np.int64)


def _reduce_entries(reduction, rows, columns):
    """Where entry (i, j) of K goes in Tᵀ K T."""
    masters = np.asarray(reduction.masters)
    size, width = reduction.size, masters.shape[1]
    source, left, right = [], [], []
    for k in range(width):
        for l in range(width):
            kept = np.flatnonzero((masters[rows, k] < size) & (masters[columns, l] < size))
            source.append(kept)
            left.append(np.stack([rows[kept], np.full(len(kept), k)], axis=1))
            right.append(np.stack([columns[kept], np.full(len(kept), l)], axis=1))
    source, left, right = map(np.concatenate, (source, left, right))
    pattern, target = SparsityPattern.from_entries(masters[tuple(left.T)], masters[tuple(right.T)], size)
    if reduction.is_selection:
        left = right = np.zeros((0, 2))
    as_int = lambda x: jnp.asarray(np.ascontiguousarray(x), jnp.int32)
    return pattern, as_int(source), as_int(target), as_int(left), as_int(right)


def assemble(spaces, integrals, values) -> tuple[tuple[Array, ...], tuple[Array, ...], Array | None]:
    """Return the full residual of every field, the magnitude √Σ|r_e|² of what was summed up in it, and the energy.

    The energy is None if one of the integrals has none.
    """
    totals = [jnp.zeros(s.shape, v.dtype) for s, v in zip(spaces, values)]
    squares = [jnp.zeros((), v.dtype) for v in values]
    energies = []
    for integral in integrals:
        residuals, energy = element_residuals(integral, spaces, values)
        energies.append(energy)
        for f, r in zip(integral.fields, residuals):
            r = r[..., 0] if spaces[f].components is None else r
            totals[f] = totals[f].at[integral.domain.take(spaces[f].cells)].add(r)
            squares[f] = squares[f] + jnp.sum(r * r)
    energy = None if any(e is None for e in energies) else sum(energies, jnp.zeros(()).astype(squares[0].dtype))
    return tuple(totals), tuple(jnp.sqrt(s) for s in squares), energy


def assemble_tangent(system: System, spaces, integrals, values, constraints, structure) -> SparseOperator:
    """Return ∂F/∂û = Tᵀ (∂r/∂u) T as a sparse operator."""
    dtype = jnp.result_type(*values)
    sums = _sum_blocks(system, spaces, integrals, values)
    entries = jnp.concatenate([s.ravel() for s in sums]).astype(dtype)[system.sources]
    if not system.reduction.is_selection:
        factors = system.reduction.factors(spaces, constraints, dtype)
        entries = entries * factors[tuple(system.left.T)] * factors[tuple(system.right.T)]
    data = jnp.zeros(system.pattern.stored, dtype).at[system.targets].add(entries)
    symmetric = all(i.symmetric for i in integrals if not i.constant)
    tags = frozenset([lx.symmetric_tag]) if symmetric else frozenset()
    return SparseOperator(system.pattern, data, structure, tags)


def _sum_blocks(system, spaces, integrals, values):
    comps = [s.components or 1 for s in spaces]
    order = [(f, g) for f in range(len(spaces)) for g in range(len(spaces)) if system.counts[f][g]]
    sums = {(f, g): jnp.zeros((system.counts[f][g], comps[f] * comps[g]), values[f].dtype) for f, g in order}
    moving = [i for i in integrals if not i.constant]
    for integral, pairs in zip(moving, system.pairs):
        blocks = element_tangents(integral, spaces, values)
        for f, row, row_pairs in zip(integral.fields, blocks, pairs):
            for g, block, pair in zip(integral.fields, row, row_pairs):
                flat = jnp.moveaxis(block, 2, 3).reshape(-1, comps[f] * comps[g])
                sums[f, g] = sums[f, g].at[pair.ravel()].add(flat)
    return [sums[key] for key in order]
