"""`[observe]`: numbers read off a solution."""

import dataclasses
from collections.abc import Callable

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from .. import fem, physics
from .._keyed import keyed
from .._told import shown
from .._typing import Array
from ._blame import blame
from ._build_conditions import component_number
from ._error import SceneError
from ._obstacle_section import CohesiveZone
from ._quantities import main_field, quantity_of
from ._recovered import recoverer
from ._task_section import (
    ContentObservable,
    EnergyObservable,
    ExtremeObservable,
    ForceObservable,
    LineObservable,
    MeanObservable,
    PointObservable,
    SeparationObservable,
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

    def __repr__(self):
        return shown(self)


def build_observers(model) -> tuple[Observer, ...]:
    """Return the observers of a body's scene; positions and names are looked up here, once."""
    return observers_of(model, _reader)


def observers_of(model, reader: Callable) -> tuple[Observer, ...]:
    """Return the observers of a scene by what makes a reader of the model and an entry."""
    observers = []
    for name, entry in model.scene.data.observe.items():
        with blame(model.scene.file, f"observe.{name}"):
            observers.append(Observer(name, keyed(reader(model, entry)), entry))
    return tuple(observers)


def _reader(model, entry):
    space = model.space
    component = _component(entry, model.shown)
    if isinstance(entry, PointObservable):
        found = model.base.quantities()[0] if entry.of is None else quantity_of(model.base, entry.of)
        if found.seen is not None:
            return _recovered_at(recoverer(model, found), space.locate(np.asarray([entry.at])), component)
        if found.where != "node":
            raise SceneError(f'{found.name!r} has no values at nodes: observe its "max" or "min".')
        # A space of scalars evaluates fields of any number of components.
        space = model.shown
        if space.components is not None:
            space = fem.FunctionSpace(space.mesh, space.degree, continuous=space.continuous)
        sensors = space.locate(np.asarray([entry.at]))
        return lambda problem, value: space.evaluate(found.values(problem, value), sensors)[0][component]
    if isinstance(entry, ExtremeObservable):
        extreme, found = jnp.max if entry.type == "max" else jnp.min, quantity_of(model.base, entry.of)
        if entry.at == "nodes" and found.where == "cell":
            if found.seen is None:
                raise SceneError(f"{found.name!r} has values of cells alone: leave out `at`.")
            recover = recoverer(model, found)
            return lambda problem, value: extreme(_size(recover(problem, value).values, component))
        return lambda problem, value: extreme(_size(found.values(problem, value), component))
    if isinstance(entry, MeanObservable):
        if not model.base.spaces[0].nodal:
            raise SceneError("a field without nodes has no mean over them: observe it at points.")
        nodes = np.arange(space.n_nodes) if entry.where is None else space.nodes_on(entry.where)
        power = 2 if entry.type == "mean_square" else 1
        return lambda problem, value: _mean(main_field(value)[nodes][(slice(None), *component)], power)
    if isinstance(entry, ContentObservable):
        if space.components is not None:
            raise SceneError('"content" is that of a scalar field.')
        return lambda problem, value: _content(problem, value)
    if isinstance(entry, EnergyObservable):
        if isinstance(model.base, physics.AllenCahn | physics.CahnHilliard):
            if entry.part != "stored":
                raise SceneError("a phase field has no energy of loads: leave out `part`.")
            return lambda problem, value: problem.energy(value)
        if any(term.energy is None for term in model.base.integrals()):
            raise SceneError(
                "this problem has no energy (a pressure of its own, a follower load, or a conductivity that varies)."
            )
        return lambda problem, value: _energy(problem, value, entry.part)
    if isinstance(entry, SeparationObservable):
        return _broken(model, entry)
    if isinstance(entry, LineObservable | ForceObservable):
        raise SceneError(f"type = {entry.type!r} belongs to a scene on a [grid].")
    field = 0 if entry.of is None else quantity_of(model.base, entry.of).field
    if field is None:
        raise SceneError(f"{entry.of!r} is no field of the solution: only those have reactions.")
    if component and not model.base.spaces[field].value_shape:
        raise SceneError("a scalar field has no components: leave out `component`.")
    group = model.base.spaces[field].nodes_on(entry.where)
    return lambda problem, value: problem.resultant(value, group, field)[component]


def _broken(model, entry):
    loads = getattr(model.scene.data.section, "loads", {})
    zones = [name for name, load in loads.items() if isinstance(load, CohesiveZone)]
    if entry.zone not in zones:
        known = ", ".join(zones) or "none"
        raise SceneError(f"`zone` must be the name of a cohesive zone, of which there are {known}, got {entry.zone!r}.")
    number, part = list(loads).index(entry.zone), "area" if entry.part == "area" else "dissipated"
    return lambda problem, value: getattr(physics.separation(problem, value, problem.loads[number]), part)


def _recovered_at(recover, sensors, component):
    def read(problem, value):
        found = recover(problem, value).at(sensors)[0]
        if found.ndim > 1:
            raise SceneError(f'{recover.quantity.name!r} has entries: observe one, as in "{recover.quantity.name}_xx".')
        return found[component] if found.ndim else found

    return read


def _component(entry, space) -> tuple:
    name = getattr(entry, "component", None)
    if name is None:
        return ()
    if not space.value_shape:
        raise SceneError("a scalar field has no components: leave out `component`.")
    return (component_number(name, *space.value_shape),)


def _size(values, component):
    if values.ndim == 1:
        return values
    return values[:, component[0]] if component else jnp.linalg.norm(values, axis=-1)


def _mean(values, power):
    return jnp.mean(values, axis=0) if power == 1 else jnp.sum(values**2) / values.shape[0]


def _content(problem, value):
    space = problem.spaces[0]
    whole = fem.Integral(fem.cells_of(space), _value, None, _value_energy, slots=("value",))
    return fem.total_energy(whole, (space,), (main_field(value),))


def _value(fields, point, parameters):
    return ((jnp.ones_like(fields[0].value), None),)


def _value_energy(fields, point, parameters):
    return fields[0].value


def _energy(problem, value, part):
    stored = fem.total_energy(problem.integrals()[0], (problem.space,), (value,))
    if part == "stored":
        return stored
    return problem.energy(problem.unknowns(value))


def observe(observers: tuple[Observer, ...], problem, value) -> dict[str, float | list[float]]:
    """Return the observed numbers of a solution, as plain numbers."""
    found = _read(tuple(observer.read for observer in observers), problem, value)
    return {observer.name: np.asarray(number).tolist() for observer, number in zip(observers, found, strict=True)}


@eqx.filter_jit
def _read(readers, problem, value):
    """One program for all of them, to be traced and compiled once."""
    return tuple(reader(problem, value) for reader in readers)
