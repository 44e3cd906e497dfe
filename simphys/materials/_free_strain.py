"""The strain that a point would take if nothing held it."""

import jax
import jax.numpy as jnp

from .. import _check
from .._ranges import Ranged
from .._typing import Array, PyTree, Strain, Value


class FreeStrain(Ranged):
    """ε* = α (T − T_r), in all three directions; the parameter of the laws that `ThermalStrain` and `Eigenstrain` make.

    **Arguments**

    - `expansion`: α, a number (the same in all directions), (3,) (along x, y, z) or (3, 3); or a field of such.
    - `temperature`, `reference`: T and T_r, numbers or scalar fields; None for ε* = α.

    **Raises** `ValueError` for values that are not finite, or of another shape.
    """

    expansion: PyTree
    temperature: PyTree
    reference: PyTree

    def __init__(self, expansion: Value, temperature: Value | None = None, reference: Value | None = None):
        name = "strain" if temperature is None else "expansion"
        self.expansion = _checked(name, expansion, ((), (3,), (3, 3)))
        self.temperature = None if temperature is None else _checked("temperature", temperature, ((),))
        self.reference = None if reference is None else _checked("reference", reference, ((),))

    def __call__(self) -> Strain:
        """Return ε*, (3, 3)."""
        strain = jnp.asarray(self.expansion)
        if self.temperature is not None:
            strain = strain * self._rise()
        if strain.ndim < 2:
            return strain * jnp.eye(3, dtype=strain.dtype) if strain.ndim == 0 else jnp.diag(strain)
        return strain

    def none(self) -> "FreeStrain":
        """Return the same with α = 0."""
        return FreeStrain(jax.tree.map(jnp.zeros_like, self.expansion), self.temperature, self.reference)

    def _rise(self) -> Array:
        rise = jnp.asarray(self.temperature)
        return rise if self.reference is None else rise - jnp.asarray(self.reference, rise.dtype)


def _checked(name, value, shapes):
    value = _check.finite(name, _check.parameter(value))
    if isinstance(value, jax.Array) and value.shape not in shapes:
        raise ValueError(
            f"`{name}` must have shape {' or '.join(map(str, shapes))}, got {value.shape}; what varies over a body is a "
            "`NodalField`, `CellField` or `QuadratureField`."
        )
    return value


def is_strained(tree: PyTree) -> bool:
    """Tell whether a law within a pytree has a free strain."""
    return any(map(_is_free, jax.tree.leaves(tree, is_leaf=_is_free)))


def relaxed(tree: PyTree) -> PyTree:
    """Return a pytree with all free strains 0."""
    return jax.tree.map(lambda part: part.none() if _is_free(part) else part, tree, is_leaf=_is_free)


def _is_free(part):
    return isinstance(part, FreeStrain)
