"""Is the tangent of an integrand as symmetric as a user says?"""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np

from .._hidden import hides_values
from .._trees import any_traced
from ._integral import Integral
from ._seen import pointwise
from ._setting import field_columns, over_points, prepare


def asymmetry(term: Integral, spaces) -> float:
    """Return the largest of max |D − Dᵀ| / max |D|, D = ∂w/∂z, at the points of one item, for random values of the fields.

    For each pair of fields by itself, as they differ in units; what is rounding of the whole is 0. NaN where the integrand
    is not finite there, or depends on traced values.
    """
    if any_traced(term, spaces):
        return float("nan")
    term, spaces = term.pieces(spaces)[0]
    term = dataclasses.replace(term, domain=term.domain.first())
    numbers = np.random.default_rng(0)
    values = tuple(jnp.asarray(numbers.standard_normal(s.shape), s.mesh.points.dtype) for s in spaces)

    @jax.jit
    def moduli(values):
        setting = prepare(term, spaces, values)
        return over_points(jax.jacfwd(pointwise(term, spaces)), setting, *field_columns(setting))

    if hides_values(moduli, values):
        return float("nan")
    found = moduli(values)
    pairs = [(found[f][g], found[g][f]) for f in range(len(found)) for g in range(f + 1)]
    largest = lambda a: float(jnp.max(jnp.abs(a)))
    sizes = [max(largest(one), largest(other)) for one, other in pairs]
    apart = [largest(one - other.transpose(0, 1, 4, 5, 2, 3)) for one, other in pairs]
    rounding = 100 * float(jnp.finfo(values[0].dtype).eps) * max(sizes)
    return max(a / size if size > rounding else 0.0 for a, size in zip(apart, sizes, strict=True))
