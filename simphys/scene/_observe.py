"""`[observe]`: numbers read off a solution."""

import dataclasses
from collections.abc import Callable

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from .. import fem
from .._typing import Array
from ._blame import blame
from ._build_physics import component_number
from ._error import SceneError, listing
from ._model import FieldModel
from ._quantities import available, main_field, quantity
from ._task_section import (
    EnergyObservable,
    ExtremeObservable,
    MeanObservable,
    PointObservable,
)


@dataclasses.dataclass(frozen=True)
class Observer:
    """A named number, or a vector of them, of a solution.

    **Attributes:**

    - `name`: that in the scene.
    - `read`: (problem, value) → array.
    - `section`: its entry in the scene.
    """

    name: str
    read: Callable[..., Array]
    section: object


def build_observers(model) -> tuple[Observer, ...]:
    """Return the observers of a model's scene; positions and names are looked up here, once."""
    entries = model.scene.data.observe
    if not isinstance(model, FieldModel):
        if entries:
            raise SceneError("a scene without a mesh has nothing to observe.", file=model.scene.file, key="observe")
        return ()
    observers = []
    for name, entry in entries.items():
        with blame(model.scene.file, f"observe.{name}"):
            observers.append(Observer(name, eqx.filter_jit(_reader(model, entry)), entry))
    return tuple(observers)


def _reader(model, entry):
    space, plane = model.space, _plane(model)
    component = _component(entry, space)
    if isinstance(entry, PointObservable):
        at = np.asarray([entry.at])
        sensors = space.locate(at)
        return lambda problem, value: problem.spaces[0].evaluate(main_field(value), sensors)[0][component]
    if isinstance(entry, ExtremeObservable):
        if entry.of not in available(model.base):
            raise SceneError(f"no quantity {entry.of!r} here; there are {listing(available(model.base))}.")
        extreme = jnp.max if entry.type == "max" else jnp.min
        return lambda problem, value: extreme(_size(quantity(problem, value, entry.of, plane)[1], component))
    if isinstance(entry, MeanObservable):
        nodes = np.arange(space.n_nodes) if entry.where is None else space.nodes_on(entry.where)
        power = 2 if entry.type == "mean_square" else 1
        return lambda problem, value: _mean(main_field(value)[nodes][(slice(None), *component)], power)
    if isinstance(entry, EnergyObservable):
        if any(term.energy is None for term in model.base.integrals()):
            raise SceneError(
                "this problem has no energy (a pressure of its own, a follower load, or a conductivity that varies)."
            )
        return lambda problem, value: _energy(problem, value, entry.part)
    group = space.nodes_on(entry.where)
    return lambda problem, value: problem.resultant(value, group)[component]


def _plane(model):
    solid = model.scene.data.solid
    return None if solid is None else solid.material.plane


def _component(entry, space) -> tuple:
    name = getattr(entry, "component", None)
    if name is None:
        return ()
    if space.components is None:
        raise SceneError("a temperature has no components: leave out `component`.")
    return (component_number(name, space.components),)


def _size(values, component):
    if values.ndim == 1:
        return values
    return values[:, component[0]] if component else jnp.linalg.norm(values, axis=-1)


def _mean(values, power):
    return jnp.mean(values, axis=0) if power == 1 else jnp.sum(values**2) / values.shape[0]


def _energy(problem, value, part):
    stored = fem.total_energy(problem.integrals()[0], (problem.space,), (value,))
    if part == "stored":
        return stored
    return problem.energy(problem.unknowns(value))


def observe(observers: tuple[Observer, ...], problem, value) -> dict[str, float | list[float]]:
    """Return the observed numbers of a solution, as plain numbers."""
    return {observer.name: np.asarray(observer.read(problem, value)).tolist() for observer in observers}
