"""The diagonal of a tangent that is not assembled, nearly."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np

from .._typing import Array
from ._columns import parts_of
from ._fields import QuadratureField, is_field
from ._quadrature import quadrature
from ._seen import pointwise
from ._streamed import Cells, in_chunks


def diagonals(integral, spaces, values) -> tuple[Array, ...]:
    """Return for each field of the integral nearly the diagonal of each cell's tangent, (item, local, component).

    Moduli and geometry are those of the cell's middle: a smoother needs no more to be scaled by.
    """
    points, weights = quadrature(spaces[0].mesh.cell_type, integral.domain.degree)
    centre = points.mean(axis=0)
    nearest = int(np.argmin(np.linalg.norm(points - centre, axis=1)))
    pick = lambda leaf: QuadratureField(leaf.values[:, nearest, None]) if isinstance(leaf, QuadratureField) else leaf
    parameters = jax.tree.map(pick, integral.parameters, is_leaf=is_field)
    integral = dataclasses.replace(integral, parameters=parameters)
    cells = Cells(integral, spaces, (centre[None], np.sum(weights, keepdims=True)))
    known, join = cells.known(values)
    weak = pointwise(integral, spaces)
    products = _products(Cells(integral, spaces), integral.slots)

    def moduli(columns, mapped):
        every = jax.jacfwd(lambda z: weak(z, mapped))(columns)
        return tuple(jnp.einsum("csct->cst", row[f]) for f, row in enumerate(every))

    def of_chunk(chunk):
        at = cells.geometry(chunk.corners)
        found = cells.over_points(moduli, cells.columns(chunk, at), at, join(chunk.mapped))
        scale = at.measure[0] / np.sum(weights)
        brought = (_brought(D[..., 0, :], at.inverse, slots) for D, slots in zip(found, integral.slots, strict=True))
        return tuple(jnp.einsum("ast,cste,e->eac", M, D, scale) for M, D in zip(products, brought, strict=True))

    return in_chunks(of_chunk, known)


def _products(cells, slots):
    """∫ of products of two columns of one function in the reference cell, for each field (local, s, t)."""
    both = [jnp.concatenate([values[None], slopes]) for values, slopes in cells.tables]
    rows = [slice(*_range(parts_of(each), T.shape[0])) for each, T in zip(slots, both, strict=True)]
    return [jnp.einsum("sqa,tqa,q->ast", T[r], T[r], cells.weights) for T, r in zip(both, rows, strict=True)]


def _range(parts, count):
    return (0 if "value" in parts else 1), (count if "gradient" in parts else 1)


def _brought(moduli, inverse, slots):
    """Moduli (component, s, t, item) between columns in the reference cell."""
    if "gradient" not in parts_of(slots):
        return moduli
    K = jnp.stack([jnp.stack([entry[0] for entry in row]) for row in inverse])
    if "value" in parts_of(slots):
        one = jnp.zeros((1 + K.shape[0], 1 + K.shape[0], K.shape[2]), K.dtype)
        K = one.at[0, 0].set(1.0).at[1:, 1:].set(K)
    return jnp.einsum("sxe,cxye,tye->cste", K, moduli, K)
