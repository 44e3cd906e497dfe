"""Fields of one space as fields of a finer one."""

import jax.numpy as jnp

from .._typing import Array
from ._space import FunctionSpace


def raised(lower: FunctionSpace, values: Array, higher: FunctionSpace) -> Array:
    """Return the values at the nodes of `higher` of a field of `lower`, a space of no higher degree on the same mesh.

    **Arguments:**

    - `values`: (node, …) of `lower`.

    **Returns:** (node, …) of `higher`: the same function, if the degree of `higher` is as high.
    """
    basis = lower.element.tabulate(higher.element.points)[0][:, :, 0]
    cell, local = higher.source[:, 0], higher.source[:, 1]
    return jnp.einsum("na,na...->n...", jnp.asarray(basis, values.dtype)[local], values[lower.cells[cell]])
