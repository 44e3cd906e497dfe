"""Basis functions as integrands see them: values, gradients and second derivatives in the cell, as columns side by side."""

import jax.numpy as jnp

from .._small import inverse_and_determinant


def parts_of(slots: str) -> tuple[str, ...]:
    """What "value", "gradient", "hessian", "both" (value and gradient), or some joined by + stand for, in order."""
    return ("value", "gradient") if slots == "both" else tuple(slots.split("+"))


def slots_of(parts) -> str:
    """The name of some parts, given in order."""
    parts = tuple(parts)
    return "both" if parts == ("value", "gradient") else "+".join(parts)


def width(part: str, size: int, dim: int) -> int:
    """Number of columns of a part, for functions with `size` values."""
    return size * dim ** ("value", "gradient", "hessian").index(part)


def columns_of(tables, inverse, parts, *, map: str = "identity", bend=None):
    """Columns (item, q, a, column) of basis functions.

    **Arguments:**

    - `tables`: values (q, a, c), reference gradients (q, a, c, r) and, for "hessian", second derivatives; each with an item
      axis in front on facets.
    - `inverse`: (∂x/∂X)⁻¹, (item, q, r, d).
    - `map`: "covariant" or "contravariant" (Piola) for vectors.
    - `bend`: ∂²x/∂X², (item, q, d, r, s); None in affine cells.
    """
    tables = [t if t.ndim == 4 + k else t[None] for k, t in enumerate(tables)]
    if map == "identity":
        return _scalars([t[:, :, :, 0] for t in tables], inverse, parts, bend)
    return _vectors(tables, inverse, parts, map, bend)


def _scalars(tables, inverse, parts, bend):
    items, points, dim = inverse.shape[0], *inverse.shape[1:3]
    count = tables[0].shape[2]
    if parts == ("value",):
        return jnp.broadcast_to(tables[0], (items, points, count))[..., None]
    # Written out, this runs at the speed of memory; as a batch of tiny matrix products it takes three times as long.
    dN = sum(tables[1][..., r, None] * inverse[:, :, None, r, :] for r in range(dim))
    if parts == ("gradient",):
        return dN
    found = {"value": jnp.broadcast_to(tables[0], dN.shape[:3])[..., None], "gradient": dN}
    if "hessian" in parts:
        second = jnp.broadcast_to(tables[2], (items, *tables[2].shape[1:]))
        if bend is not None:
            second = second - jnp.einsum("eqad,eqdrs->eqars", dN, bend)
        second = jnp.einsum("eqars,eqrd,eqsf->eqadf", second, inverse, inverse)
        found["hessian"] = second.reshape(*dN.shape[:3], dim * dim)
    return jnp.concatenate([found[part] for part in parts], axis=-1)


def _vectors(tables, inverse, parts, map, bend):
    """Functions φ = M Φ, with M = J⁻ᵀ (covariant) or J / det J (contravariant)."""
    jacobian, reciprocal = inverse_and_determinant(inverse)
    M = jnp.swapaxes(inverse, 2, 3) if map == "covariant" else jacobian * reciprocal[..., None, None]
    value = jnp.einsum("eqdr,eqar->eqad", M, jnp.broadcast_to(tables[0], (M.shape[0], *tables[0].shape[1:])))
    if parts == ("value",):
        return value
    slope = jnp.einsum("eqdr,eqars->eqads", M, jnp.broadcast_to(tables[1], (M.shape[0], *tables[1].shape[1:])))
    if bend is not None:
        if map == "covariant":
            # ∂_s K_rd = −K_ri (∂_s J_it) K_td
            dM = -jnp.einsum("eqri,eqits,eqtd->eqdrs", inverse, bend, inverse)
        else:
            trace = jnp.einsum("eqti,eqits->eqs", inverse, bend)
            dM = bend * reciprocal[..., None, None, None] - M[..., None] * trace[:, :, None, None, :]
        slope = slope + jnp.einsum(
            "eqdrs,eqar->eqads", dM, jnp.broadcast_to(tables[0], (M.shape[0], *tables[0].shape[1:]))
        )
    slope = jnp.einsum("eqads,eqsf->eqadf", slope, inverse)
    found = {"value": value, "gradient": slope.reshape(*slope.shape[:3], -1)}
    return jnp.concatenate([found[part] for part in parts], axis=-1)


def oriented(columns, transforms, which):
    """Columns of the functions that cells of these orientations share with their neighbours."""
    T = jnp.asarray(transforms, columns.dtype)[which]
    return jnp.einsum("eab,eqbs->eqas", T, columns)
