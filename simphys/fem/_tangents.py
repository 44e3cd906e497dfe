"""Element tangents of integrals, and their sums over pairs of nodes."""

import equinox as eqx
import jax
import jax.numpy as jnp

from .._arrays import taken
from ..assembly import NodePairs
from ._chunks import MANY, chunk_of, chunks_of, in_chunks
from ._seen import pointwise
from ._setting import Setting, field_columns, over_points, prepare


CHUNK = 256
CHUNK_OF_MANY = 128
CHUNK_ON_GPU = 65_536


def add_tangents(integral, spaces, values, pairs, sums):
    """Add ∂R_f/∂u_g of all items to sums[f, g], (node pair, component × component), for fields f and g of the integral.

    The tangent moduli come from forward-mode differentiation at the quadrature point:
    K[a c, b d] = Σ_q G[a, s] ∂w[c, s]/∂z[d, t] G[b, t] dx.

    Items are taken in chunks, so that moduli and element matrices stay in cache and take no memory beside the sums; on
    a GPU chunks are large, and the blocks of all of them are kept until they are summed up.

    **Arguments:**

    - `pairs`: pairs[f][g] tells the node pairs of the blocks.
    - `sums`: by (f, g).
    """
    count = integral.unknowns(spaces)[0].shape[0]
    if count >= MANY and in_chunks(integral):
        return _add_some_by_some(integral, spaces, values, pairs, sums, count)
    setting = prepare(integral, spaces, values)
    blocks_of = _tangent_blocks(integral, spaces, setting)
    sliced = _sliceable(setting)[0][1]
    numbers = jax.tree.map(lambda p: p.numbers, pairs, is_leaf=_is_pairs)
    flat_pairs = jax.tree.leaves(pairs, is_leaf=_is_pairs)
    gathered = all(p.gathered is not None for p in flat_pairs)

    def add(sums, chunk):
        sliced, at = chunk
        sums, kept = dict(sums), []
        for f, row, row_at in zip(integral.fields, blocks_of(sliced), at, strict=True):
            for g, blocks, pair in zip(integral.fields, row, row_at, strict=True):
                flat = blocks.reshape(-1, sums[f, g].shape[1])
                if gathered:
                    kept.append(flat)
                else:
                    sums[f, g] = sums[f, g].at[pair.ravel()].add(flat, wrap_negative_indices=False)
        return sums, kept

    # Chunks of one size, filled up by items of measure 0: one left over would be compiled by itself.
    chunks = -(-count // (CHUNK_ON_GPU if gathered else CHUNK))
    missing = -count % chunks
    filled = lambda a: jnp.concatenate([a, a[:missing]]) if missing else a
    cut = lambda a: filled(a).reshape(chunks, -1, *a.shape[1:])
    measure = filled(setting.measure).at[count:].set(0.0)
    items = (measure.reshape(chunks, -1, *measure.shape[1:]), *jax.tree.map(cut, sliced[1:]))
    sums, kept = jax.lax.scan(add, sums, (items, jax.tree.map(cut, numbers)))
    if gathered:
        order = [(f, g) for f in integral.fields for g in integral.fields]
        for key, pair, blocks in zip(order, flat_pairs, kept, strict=True):
            own = blocks.reshape(-1, *blocks.shape[2:])[: count * pair.numbers[0].size]
            sums[key] = pair.add(sums[key], own)
    return sums


def _add_some_by_some(integral, spaces, values, pairs, sums, count):
    """Add the blocks of many cells, whose geometry is computed chunk by chunk as well."""

    def add(sums, chunk):
        numbers, there = chunk
        part, sums = chunk_of(integral, numbers), dict(sums)
        setting = prepare(part, spaces, values)
        measure = jnp.where(there[:, None], setting.measure, 0)
        setting = eqx.tree_at(lambda s: s.measure, setting, measure)
        rows = _blocks_at(integral, spaces, setting, count)
        for f, row, row_at in zip(integral.fields, rows, pairs, strict=True):
            for g, blocks, pair in zip(integral.fields, row, row_at, strict=True):
                flat, at = blocks.reshape(-1, sums[f, g].shape[1]), taken(pair.numbers, numbers).ravel()
                sums[f, g] = sums[f, g].at[at].add(flat, wrap_negative_indices=False)
        return sums, None

    return jax.lax.scan(add, sums, chunks_of(count, CHUNK_OF_MANY))[0]


def _is_pairs(x):
    return isinstance(x, NodePairs)


def _tangent_blocks(integral, spaces, setting):
    """The function from a chunk of a setting to its element blocks, blocks[f][g] (item, a, b, c, d)."""
    (fixed, _), unravel = _sliceable(setting)
    return lambda sliced: _blocks_at(integral, spaces, unravel(fixed, sliced), setting.measure.shape[0])


def _blocks_at(integral, spaces, setting, count: int):
    """The blocks [f][g] of all items of a setting, of `count` in all."""
    moduli = over_points(jax.jacfwd(pointwise(integral, spaces)), setting, *field_columns(setting, count))
    weighted = lambda D: D * setting.measure[..., None, None, None, None]
    return [
        [_element_blocks(weighted(D), G, H) for D, H in zip(row, setting.bases, strict=True)]
        for row, G in zip(moduli, setting.bases, strict=True)
    ]


def _element_blocks(D, G, H):
    """Σ_qst G[q, a, s] D[q, c, s, d, t] H[q, b, t] as (item, a, b, c, d), by two matrix products for each item."""
    items, points, c, s, d, t = D.shape
    a, b = G.shape[2], H.shape[2]
    half = jnp.matmul(D.transpose(0, 1, 3, 2, 4, 5).reshape(items, points, s * c * d, t), H.swapaxes(2, 3))
    left = G.transpose(0, 2, 1, 3).reshape(items, a, points * s)
    blocks = jnp.matmul(left, half.reshape(items, points * s, c * d * b))
    return blocks.reshape(items, a, c, d, b).transpose(0, 1, 4, 2, 3)


def _sliceable(setting):
    """Split a setting into what is shared by all items and what each item has of its own, and a way to join them."""
    mapped, (items, _) = setting.mapped, (axes.tree for axes in setting.axes)
    none = lambda x: x is None
    leaves, treedef = jax.tree.flatten(mapped, is_leaf=none)
    axes = jax.tree.leaves(_broadcast_axes(items, mapped), is_leaf=none)
    own = [leaf if axis == 0 else None for leaf, axis in zip(leaves, axes, strict=True)]
    shared = [leaf if axis is None else None for leaf, axis in zip(leaves, axes, strict=True)]
    parts = (setting.measure, setting.bases, setting.nodal, own)

    def join(shared, parts):
        measure, bases, nodal, own = parts
        both = [b if a is None else a for a, b in zip(own, shared, strict=True)]
        return Setting(measure, bases, nodal, jax.tree.unflatten(treedef, both), setting.axes)

    return (shared, parts), join


def _broadcast_axes(axes, tree):
    """Axes for each leaf, as `vmap` understands a prefix of them."""
    none = lambda x: x is None
    return jax.tree.map(lambda axis, part: jax.tree.map(lambda _: axis, part, is_leaf=none), axes, tree, is_leaf=none)
