"""Numbers of a scene, and what is made of them: the one way from a key path to a parameter."""

import equinox as eqx
import jax
import jax.numpy as jnp

from .. import fem, inverse
from .._typing import Any, Array, PyTree
from ._error import SceneError
from ._networks import WEIGHTS, network_at
from ._replace import find_entry, get_entry, numbers, paths_to


class Numbers(inverse.AbstractDescription):
    """Values in the place of numbers of a scene, and the object that they make: its parameters are `values`.

    **Attributes:**

    - `values`: key path → array, field (`CellField`, `NodalField`) or network.
    - `base`: the object with the scene's own numbers; what no value concerns is taken from it.
    - `factor`: load factor; None for the loads as they are.
    - `model`: the scene's model, which makes the object.
    """

    values: dict[str, PyTree]
    base: PyTree
    factor: Array | None
    model: Any = eqx.field(static=True)

    def made(self):
        """Return the object."""
        return self.model.made(self.values, self.base, self.factor)

    def coarser(self):
        """Return the same on every second plane of a grid."""
        return self.model.coarser()

    def times(self, parts: dict[str, Array]) -> "Numbers":
        """Return the numbers with some of them multiplied; of a network all weights are."""
        scaled = lambda factor, value: jax.tree.map(lambda a: factor * a if eqx.is_inexact_array(a) else a, value)
        return eqx.tree_at(lambda n: n.values, self, {k: scaled(parts[k], v) for k, v in self.values.items()})


def numbers_of(model, values: dict[str, PyTree], factor=None) -> Numbers:
    """Return numbers of a model's scene; `SceneError` for keys that do not belong to what it computes."""
    for key in values:
        if not key.startswith(f"{model.head}."):
            raise SceneError(f"{key!r} cannot be fitted: only numbers below [{model.head}] can.")
    # Fields in the place of numbers may make a law of another structure.
    fields = any(isinstance(value, fem.AbstractField) for value in values.values())
    return Numbers(values, model.made(values, model.base) if fields else model.base, factor, model)


def number_at(model, key: str, start=None) -> PyTree:
    """Return the array or network at a key path; `SceneError` if there is none.

    **Arguments:**

    - `start`: a number or list in place of the scene's own, of the same shape.
    """
    data = model.scene.data
    if is_network(key):
        source = find_entry(data, key)
        return network_at(find_entry(data, key.rpartition(".")[0]), source, model.scene.path_of)
    own = jnp.asarray(get_entry(data, key), dtype=float)
    value = own if start is None else jnp.asarray(start, dtype=float)
    if value.shape != own.shape:
        raise SceneError(f"`start` must have shape {own.shape}, as the entry itself, got {value.shape}.")
    return value


def field_at(model, kind: str, key: str, value: Array) -> fem.CellField | fem.NodalField:
    """Return a number, or vector, of the scene as a field that is the same everywhere; of cells or else of nodes."""
    if model.space is None:
        raise SceneError("a `field` needs a body: [mesh].")
    if key.endswith(".thickness") and kind != "cell":
        raise SceneError('a thickness that varies is of kind = "cell".')
    cells = kind == "cell"
    wrap, count = (fem.CellField, model.space.mesh.n_cells) if cells else (fem.NodalField, model.space.n_nodes)
    return wrap(jnp.broadcast_to(value[None], (count, *value.shape)))


def is_network(key: str) -> bool:
    """Whether a key path names the weights of a network."""
    return key.rpartition(".")[2] == WEIGHTS


def free_parameters(model) -> dict[str, PyTree]:
    """Return the parameters to be checked: those of `[fit]`, or else all numbers that the physics depends on, but 0.

    A network, or a list that is sought, is one parameter: it is changed in proportion.
    """
    data = model.scene.data
    if data.fit is not None:
        found = {p.key: number_at(model, p.key, p.start) for p in data.fit.parameters.values()}
        return {key: value for key, value in found.items() if is_network(key) or bool(jnp.any(value != 0))}
    section = find_entry(data, model.head)
    found = {key: jnp.asarray(value) for key, value in numbers(section, model.head, leave=WEIGHTS).items()}
    return found | {key: number_at(model, key) for key in paths_to(section, WEIGHTS, model.head)}
