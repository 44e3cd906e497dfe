"""What a training loop may move: the floating arrays that the user named, and no others."""

import abc
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp

from ._told import Told, shown


class AbstractPosed(Told):
    """A module of which some parts pose the task, such as a mesh or a load: the layers of a network do not train them."""

    @property
    @abc.abstractmethod
    def given(self) -> Any:
        """Those parts; the module itself for all of it."""


class _Bits(eqx.Module):
    """A floating array as whole numbers of the same bits: nothing that is differentiated or updated."""

    bits: jax.Array
    dtype: Any = eqx.field(static=True)

    @classmethod
    def of(cls, x):
        x = jnp.asarray(x)
        parts = jnp.stack([x.real, x.imag]) if jnp.issubdtype(x.dtype, jnp.complexfloating) else x
        whole = jnp.dtype(f"uint{8 * parts.dtype.itemsize}")
        return cls(jax.lax.bitcast_convert_type(parts, whole), x.dtype)

    def array(self):
        real = jnp.finfo(self.dtype).dtype
        parts = jax.lax.bitcast_convert_type(self.bits, real)
        return jax.lax.complex(*parts) if jnp.issubdtype(self.dtype, jnp.complexfloating) else parts


class Frozen(eqx.Module):
    """A pytree of which only some floating arrays, or none, are seen by `equinox.is_inexact_array`; see `frozen`.

    `value` is the pytree as it was. Attributes and calls are passed on to it, and `solve`, `march` and the layers take it
    in its place.
    """

    tree: Any

    @property
    def value(self):
        """The pytree as it was, with the free arrays as they are now."""
        return jax.tree.map(lambda x: x.array() if isinstance(x, _Bits) else x, self.tree, is_leaf=_is_bits)

    def __getattr__(self, name):
        if name == "tree" or name.startswith("__"):
            raise AttributeError(name)
        return getattr(self.value, name)

    def __repr__(self):
        return f"Frozen({shown(self.value)})"

    def __call__(self, *arguments, **keywords):
        """Call `value`."""
        return self.value(*arguments, **keywords)


def frozen(module: Any) -> Frozen:
    """Return a module that no training moves: none of its arrays is differentiated, updated or decayed.

    Its numbers are kept as they are, bit by bit, under a type that `equinox.partition`, `filter_grad`, Optax and
    `layers.to_torch` pass over.

    **Arguments:**

    - `module`: any pytree, such as a `Solid` within a network.

    **Returns:** a `Frozen`; use it as the module, or take its `value`.
    """
    return _freeze(module, jax.tree.map(lambda _: False, module))


def trainable(where, module: Any) -> Frozen:
    """Return a module of which training moves only what is named.

    **Arguments:**

    - `where`: picks an array, a part or a tuple of them: `lambda solid: solid.material`.
    - `module`: any pytree.

    **Returns:** a `Frozen`; use it as the module, or take its `value`.

    **Raises:** `ValueError` if `where` picks no floating array.
    """
    picked = jax.tree.leaves(where(module))
    if not any(eqx.is_inexact_array(leaf) for leaf in picked):
        raise ValueError("`where` must pick floating arrays of the module, it picks none.")
    nothing = jax.tree.map(lambda _: False, module)
    kept = jax.tree.map(lambda _: True, where(module))
    return _freeze(module, eqx.tree_at(where, nothing, kept))


def without_given(module: Any) -> Any:
    """Return a module whose geometry, constraints and loads are frozen; itself if it has none, or the user has chosen."""
    parts = [part for part in jax.tree.leaves(module, is_leaf=_is_posed) if isinstance(part, AbstractPosed)]
    if not parts or isinstance(module, Frozen):
        return module
    return _freeze(module, jax.tree.map(_movable, module, is_leaf=_is_posed))


def thawed(tree: Any) -> Any:
    """Return a pytree with each `Frozen` in it replaced by its `value`."""
    is_frozen = lambda x: isinstance(x, Frozen)
    if not any(is_frozen(x) for x in jax.tree.leaves(tree, is_leaf=is_frozen)):
        return tree
    return jax.tree.map(lambda x: thawed(x.value) if is_frozen(x) else x, tree, is_leaf=is_frozen)


def _movable(part):
    if not isinstance(part, AbstractPosed):
        return True
    held = {id(leaf) for leaf in jax.tree.leaves(part.given)}
    return jax.tree.map(lambda leaf: id(leaf) not in held, part)


def _freeze(module, free):
    return Frozen(jax.tree.map(lambda x, f: x if f or not eqx.is_inexact_array(x) else _Bits.of(x), module, free))


def _is_bits(x):
    return isinstance(x, _Bits)


def _is_posed(x):
    return isinstance(x, AbstractPosed)
