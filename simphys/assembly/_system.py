"""Assembly of residuals and sparse tangents straight into a fixed pattern of the reduced unknowns."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import lineax as lx
import numpy as np

from .._arrays import int32, taken
from .._told import Told
from .._trees import norm
from .._typing import Array, Int
from ..linalg import AbstractPreconditioner, SparseOperator, SparsityPattern, sorted_distinct
from ._footprint import Footprint, check_footprints, footprints
from ._pairs import NodePairs
from ._reduction import Reduction
from ._term import AbstractTerm


class System(Told):
    """Everything about a discrete problem that only topology decides; made once, on the host.

    Tangent blocks of node pairs are summed first (`pairs`), entries of those blocks then go to their places in the
    reduced matrix (`sources`, `targets`), with the weights of T where T is more than a selection.
    """

    reduction: Reduction
    pattern: SparsityPattern
    pairs: tuple[tuple[tuple[tuple[NodePairs, ...], ...], ...], ...]
    """For each term with a tangent, its pieces and pairs of its fields: the node pair that each block belongs to."""
    sources: Int[Array, " m"] | None
    """None where the blocks are the matrix as it is stored."""
    targets: Int[Array, " m"] | None
    """None where each entry of the matrix has one source, in order."""
    left: Int[Array, " m"]
    """Which weight of T multiplies from the left; empty where all are 1."""
    right: Int[Array, " m"]
    preconditioner: AbstractPreconditioner | None
    """What is recommended for the matrices to be assembled; None where they are to be factorised."""
    counts: tuple[tuple[int, ...], ...] = eqx.field(static=True)
    """Number of node pairs for each pair of fields."""
    terms: tuple[Footprint, ...] = eqx.field(static=True)
    """The terms with a tangent, in the order of `pairs`."""
    symmetric: bool = eqx.field(static=True)
    """Whether the pattern is one of symmetric matrices only."""

    def part(self, which: slice) -> "System":
        """Return the system of some of its terms alone, with the same pattern."""
        return dataclasses.replace(self, pairs=self.pairs[which], terms=self.terms[which])


def build_system(spaces: tuple, terms: tuple[AbstractTerm, ...], reduction: Reduction) -> System:
    """Lay out the sparse matrix of the given terms; see `System`."""
    nodes = [s.n_nodes for s in spaces]
    comps = [s.components or 1 for s in spaces]
    codes: dict[tuple[int, int], list[np.ndarray]] = {}
    where = []
    for term in terms:
        if term.constant:
            continue
        where.append([])
        for piece, own in term.pieces(spaces):
            with jax.ensure_compile_time_eval():  # which unknowns go together is known while a program is traced
                local = {f: np.asarray(n) for f, n in zip(term.fields, piece.coupling(own), strict=True)}
            entry = []
            for f in term.fields:
                for g in term.fields:
                    code = local[f][:, :, None].astype(np.int64) * nodes[g] + local[g][:, None, :]
                    codes.setdefault((f, g), []).append(code)
                    entry.append((f, g, len(codes[f, g]) - 1))
            where[-1].append((len(term.fields), entry))
    numbers, distinct = _number_pairs(codes, nodes)
    fields = range(len(spaces))
    counts = tuple(tuple(len(distinct.get((f, g), ())) for g in fields) for f in fields)
    rows = lambda n, entry: (entry[k * n : (k + 1) * n] for k in range(n))
    pairs = tuple(
        tuple(tuple(tuple(numbers[f, g][i] for f, g, i in row) for row in rows(*piece)) for piece in each)
        for each in where
    )
    symmetric = all(i.symmetric for i in terms if not i.constant)
    if len(spaces) == 1 and reduction.is_selection and distinct:
        tables = _select_entries(reduction, distinct[0, 0], nodes[0], comps[0], symmetric)
    else:
        owners = None if len(spaces) > 1 else np.stack(np.divmod(np.asarray(reduction.representative), comps[0]), 1)
        tables = _reduce_entries(reduction, *_full_entries(reduction, distinct, nodes, comps), owners)
    return System(reduction, tables[0], pairs, *tables[1:], None, counts, footprints(terms, spaces), symmetric)


def _number_pairs(codes, nodes):
    """Number the distinct node pairs of each pair of fields."""
    numbers, every = {}, {}
    for (f, g), parts in codes.items():
        own = [np.arange(nodes[f], dtype=np.int64) * (nodes[g] + 1)] if f == g else []
        every[f, g] = distinct = sorted_distinct(np.concatenate([c.ravel() for c in parts] + own))
        numbers[f, g] = [NodePairs.build(np.searchsorted(distinct, c), len(distinct)) for c in parts]
    return numbers, every


def _full_entries(reduction, distinct, nodes, comps):
    """Rows and columns, among all unknowns, of the entries of all blocks."""
    rows, columns = [], []
    for (f, g), code in sorted(distinct.items()):
        r = reduction.offsets[f] + (code // nodes[g])[:, None] * comps[f] + np.arange(comps[f])
        c = reduction.offsets[g] + (code % nodes[g])[:, None] * comps[g] + np.arange(comps[g])
        shape = (len(code), comps[f], comps[g])
        rows.append(np.broadcast_to(r[:, :, None], shape).ravel())
        columns.append(np.broadcast_to(c[:, None, :], shape).ravel())
    return _join(rows), _join(columns)


def _select_entries(reduction, distinct, nodes, components, symmetric):
    """The layout of Tᵀ K T if T only selects: that of K."""
    kept = np.zeros(nodes * components, bool)
    kept[np.asarray(reduction.representative)] = True
    kept = kept.reshape(nodes, components)
    pattern = SparsityPattern.from_blocks(*np.divmod(distinct, nodes), kept, symmetric=symmetric)
    none = int32(np.zeros(0))
    return pattern, None, None, none, none


def _join(parts):
    return np.concatenate(parts) if parts else np.zeros(0, np.int64)


def _reduce_entries(reduction, rows, columns, owners):
    """Where entry (i, j) of K goes in Tᵀ K T."""
    of, masters, numbers = reduction.entries()
    counts = np.bincount(of, minlength=reduction.offsets[-1])
    starts = np.cumsum(counts) - counts
    # All pairs of an entry of T's row i with one of its row j.
    pairs = counts[rows] * counts[columns]
    source = np.repeat(np.arange(len(rows)), pairs)
    left, right = starts[rows[source]], starts[columns[source]]
    if reduction.weighted:
        within = np.arange(len(source)) - np.repeat(np.cumsum(pairs) - pairs, pairs)
        down, along = np.divmod(within, counts[columns[source]])
        left, right = left + down, right + along
    pattern, target = SparsityPattern.from_entries(masters[left], masters[right], reduction.size, owners)
    left, right = (numbers[left], numbers[right]) if reduction.weighted else (np.zeros(0), np.zeros(0))
    return pattern, int32(source), int32(target), int32(left), int32(right)


@eqx.filter_jit
def assemble(spaces, terms, values) -> tuple[tuple[Array, ...], tuple[Array, ...], Array | None]:
    """Return the full residual of every field, the magnitude √Σ|r_e|² of what was summed up in it, and the energy.

    The energy is None if one of the terms has none. The magnitude is 0 where nothing was summed up: in an equation
    that cells do not share, and that one term over cells enters.
    """
    totals = [jnp.zeros(s.shape, v.dtype) for s, v in zip(spaces, values, strict=True)]
    parts = [[] for _ in values]
    energies = []
    for k, term in enumerate(terms):
        for piece, own in term.pieces(spaces):
            residuals, energy = piece.local(own, values)
            energies.append(energy)
            for f, r, nodes in zip(term.fields, residuals, piece.unknowns(own), strict=True):
                r = r[..., 0] if spaces[f].components is None else r
                totals[f] = totals[f].at[nodes].add(r, wrap_negative_indices=False)
                if term.enters is None or f in term.enters:
                    parts[f].append((r, term.joins, k))
    energy = None if any(e is None for e in energies) else sum(energies, jnp.zeros((), values[0].dtype))
    sizes = (_size(own, space, v.dtype) for own, space, v in zip(parts, spaces, values, strict=True))
    return tuple(totals), tuple(sizes), energy


def _size(parts, space, dtype):
    alone = not space.continuous and len({k for *_, k in parts}) == 1 and not parts[0][1]
    return jnp.zeros((), dtype) if alone or not parts else norm([r for r, *_ in parts])


@eqx.filter_jit
def assemble_tangent(system: System, spaces, terms, values, constraints, structure) -> SparseOperator:
    """Return ∂F/∂û = Tᵀ (∂r/∂u) T as a sparse operator; `ValueError` for other terms than the system is of."""
    check_footprints(system.terms, terms, spaces, system.symmetric)
    dtype = jnp.result_type(*values)
    sums = _sum_blocks(system, spaces, terms, values)
    entries = sums[0].ravel() if len(sums) == 1 else jnp.concatenate([s.ravel() for s in sums])
    entries = entries.astype(dtype)
    entries = system.pattern.held(entries) if system.sources is None else taken(entries, system.sources)
    if system.reduction.weighted:
        weights = system.reduction.weights(spaces, constraints, dtype)
        entries = entries * weights[system.left] * weights[system.right]
    data = entries
    if system.targets is not None:
        data = jnp.zeros(system.pattern.stored, dtype).at[system.targets].add(entries, wrap_negative_indices=False)
    symmetric = all(i.symmetric for i in terms if not i.constant)
    tags = frozenset([lx.symmetric_tag]) if symmetric else frozenset()
    return SparseOperator(system.pattern, data, structure, tags, system.preconditioner)


def _sum_blocks(system, spaces, terms, values):
    comps = [s.components or 1 for s in spaces]
    order = [(f, g) for f in range(len(spaces)) for g in range(len(spaces)) if system.counts[f][g]]
    sums = {(f, g): jnp.zeros((system.counts[f][g], comps[f] * comps[g]), values[f].dtype) for f, g in order}
    moving = [i for i in terms if not i.constant]
    for term, pairs in zip(moving, system.pairs, strict=True):
        for (piece, own), each in zip(term.pieces(spaces), pairs, strict=True):
            sums = piece.add_tangents(own, values, each, sums)
    return [sums[key] for key in order]
