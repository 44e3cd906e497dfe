"""`[fit.data]` on a grid: what was measured at positions, and what a reader says of it."""

import numpy as np

from .. import inverse, io
from ._blame import blame
from ._build_conditions import component_number
from ._error import SceneError
from ._fit_section import PointField, PointTemperature, Series
from ._grid_sampling import ReadAt, Sampler
from ._measurements import by_step, noise_of
from ._quantities import available, quantity_of


def observations_on_grid(model) -> tuple[inverse.AbstractObservation, ...]:
    """Return the observations of a steady scene; errors name file, key and column."""
    return tuple(_each(model, _at_positions))


def samples_on_grid(model) -> tuple[inverse.Sampled, ...]:
    """Return what a scene with `[time]` measured; errors name file, key and column."""
    return tuple(_each(model, _over_time))


def _each(model, make):
    for name, entry in model.scene.data.fit.data.items():
        with blame(model.scene.file, f"fit.data.{name}"):
            yield make(model, name, entry, io.read_table(model.scene.path_of(entry.file)))


def _over_time(model, name, entry, table):
    if not isinstance(entry, Series):
        raise SceneError('on a [grid] with [time], data are of type "series".')
    if entry.outside != "refuse":
        raise SceneError("positions outside of a grid are refused: leave out `outside`.")
    values = np.stack([table[column] for column in entry.values], axis=1)
    found, component = _quantity(model, entry.of, entry.component)
    read = ReadAt(found.values, Sampler(model.grid, np.asarray(entry.at), model.order), component)
    return inverse.Sampled(inverse.Reading(read, values, noise_of(entry, values), name=name), table[entry.time])


def _at_positions(model, name, entry, table):
    if not isinstance(entry, PointField | PointTemperature):
        raise SceneError('on a [grid] data are of type "point" or "temperature".')
    if entry.outside != "refuse":
        raise SceneError("positions outside of a grid are refused: leave out `outside`.")
    steps, of = len(model.scene.data.fit.experiments) or len(model.factors), getattr(entry, "of", None)
    positions = by_step(entry, table, steps, entry.position)
    if not np.all(positions == positions[:1]):
        raise SceneError("on a [grid] positions are the same in all load steps.")
    columns = [entry.value] if isinstance(entry, PointTemperature) else entry.values
    measured = by_step(entry, table, steps, columns)
    components = getattr(entry, "components", None) or "xyz"[: len(columns)]
    if len(components) != len(columns):
        raise SceneError(f"`components` needs {len(columns)} entries, one for each column, got {len(components)}.")
    if len(columns) == 1 and getattr(entry, "components", None) is None:
        found, _ = _quantity(model, of, None)
        numbers, measured = None, measured[:, :, 0]
    else:
        found, _ = _quantity(model, of, components[0])
        numbers = tuple(component_number(c, model.grid.dimension) for c in components)
    read = ReadAt(found.values, Sampler(model.grid, positions[0], model.order), numbers)
    return inverse.Reading(read, measured, noise_of(entry, measured), name=name)


def _quantity(model, name, component):
    found = quantity_of(model.base, available(model.base)[0] if name is None else name)
    vector = found.name == "velocity"
    if component is None and vector:
        raise SceneError("`component` is required: a velocity has several.")
    if component is not None and not vector:
        raise SceneError("a scalar field has no components.")
    return found, None if component is None else component_number(component, model.grid.dimension)
