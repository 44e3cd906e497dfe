"""Is the tangent of an integrand as symmetric as a user says?"""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np

from .._hidden import is_traced
from ._integral import Integral, _field_columns, _over_points, _pointwise, _prepare


def asymmetry(term: Integral, spaces) -> float:
    """Return max |∂w/∂z − (∂w/∂z)ᵀ| / max |∂w/∂z| at the points of one item, for a field of random numbers.

    NaN where the integrand is not finite there, or depends on traced values.
    """
    if any(map(is_traced, jax.tree.leaves((term, spaces)))):
        return float("nan")
    domain = term.domain
    first = np.arange(1, dtype=np.int32) if domain.cells is None else domain.cells[:1]
    sides = None if domain.sides is None else domain.sides[:1]
    term = dataclasses.replace(term, domain=dataclasses.replace(domain, cells=jnp.asarray(first), sides=sides))
    numbers = np.random.default_rng(0)
    values = tuple(jnp.asarray(numbers.standard_normal(s.shape), s.mesh.points.dtype) for s in spaces)

    @jax.jit
    def moduli(values):
        setting = _prepare(term, spaces, values)
        return _over_points(jax.jacfwd(_pointwise(term, spaces)), setting, *_field_columns(setting))

    found = moduli(values)
    pairs = [(found[f][g], found[g][f]) for f in range(len(found)) for g in range(len(found))]
    size = max(float(jnp.max(jnp.abs(one))) for one, _ in pairs)
    apart = max(float(jnp.max(jnp.abs(one - other.transpose(0, 1, 4, 5, 2, 3)))) for one, other in pairs)
    return apart / size if size else 0.0
