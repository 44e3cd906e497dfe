"""`[fit.data]`: tables of measurements as observations."""

import numpy as np

from .. import inverse, io
from ._blame import blame
from ._build_conditions import component_number
from ._error import SceneError
from ._fit_section import PointDisplacement, PointField, PointTemperature, Resultant, Series
from ._quantities import quantity_of


def build_observations(model) -> tuple[inverse.AbstractObservation, ...]:
    """Return the observations of a scene with a mesh; errors name file, key and column."""
    found = []
    for name, entry in model.scene.data.fit.data.items():
        with blame(model.scene.file, f"fit.data.{name}"):
            table = io.read_table(model.scene.path_of(entry.file))
            found.append(_observation(model, name, entry, table))
    return tuple(found)


def build_samples(model) -> tuple[inverse.Sampled, ...]:
    """Return what a scene with `[time]` measured; errors name file, key and column."""
    found = []
    for name, entry in model.scene.data.fit.data.items():
        with blame(model.scene.file, f"fit.data.{name}"):
            if not isinstance(entry, Series | Resultant) or entry.time is None:
                raise SceneError('in a scene with [time], data are of type "series", or a "resultant" with a `time`.')
            table = io.read_table(model.scene.path_of(entry.file))
            found.append(inverse.Sampled(_over_time(model, name, entry, table), table[entry.time]))
    return tuple(found)


def _field(model, entry) -> int:
    """The number of the field that was measured."""
    if isinstance(entry, PointDisplacement | PointTemperature):
        found = [
            q
            for q in model.base.quantities()
            if (q.moves if entry.type == "point_displacement" else q.name == entry.type)
        ]
        if not found:
            raise SceneError(f"type = {entry.type!r} does not belong to [{model.scene.data.physics}].")
        return found[0].field
    quantity = model.base.quantities()[0] if entry.of is None else quantity_of(model.base, entry.of)
    if quantity.field is None:
        raise SceneError(f"{quantity.name!r} is derived from the solution: only its own fields can be fitted to.")
    return quantity.field


def _component(entry, space):
    if not space.value_shape:
        if entry.component is not None:
            raise SceneError("a scalar field has no components: leave out `component`.")
        return None
    if entry.component is None:
        raise SceneError("`component` is required: the quantity has several.")
    return component_number(entry.component, *space.value_shape)


def _resultant(model, name, entry, measured):
    field = _field(model, entry)
    space = model.base.spaces[field]
    options = dict(component=_component(entry, space), field=field, name=name)
    return inverse.Resultant(space, entry.where, measured, noise_of(entry, measured), **options)


def _over_time(model, name, entry, table):
    if isinstance(entry, Resultant):
        return _resultant(model, name, entry, table[entry.value])
    field = _field(model, entry)
    space = model.base.spaces[field]
    component = _component(entry, space)
    values = np.stack([table[column] for column in entry.values], axis=1)
    noise = noise_of(entry, values)
    if component is not None:
        values, noise = values[..., None], None if noise is None else noise[..., None]
    components = None if component is None else [component]
    options = dict(components=components, field=field, outside=entry.outside, name=name)
    return inverse.PointValues(space, entry.at, values, noise, **options)


def _observation(model, name, entry, table):
    steps = len(model.scene.data.fit.experiments) or len(model.factors)
    if isinstance(entry, Series) or (isinstance(entry, Resultant) and entry.time is not None):
        raise SceneError("measurements over time belong to a scene with [time].")
    if isinstance(entry, Resultant):
        measured = by_step(entry, table, steps, [entry.value])[:, :, 0]
        if measured.shape[1] != 1:
            raise SceneError(f"one value for each load step expected, got {measured.shape[1]}.")
        return _resultant(model, name, entry, measured[:, 0])
    if not isinstance(entry, PointField | PointTemperature):
        raise SceneError(f"type = {entry.type!r} belongs to [homogeneous].")
    field = _field(model, entry)
    space = model.base.spaces[field]
    if len(entry.position) != space.mesh.dim:
        raise SceneError(f"`position` needs {space.mesh.dim} columns in this body, got {len(entry.position)}.")
    positions = by_step(entry, table, steps, entry.position)
    columns = [entry.value] if isinstance(entry, PointTemperature) else entry.values
    measured = by_step(entry, table, steps, columns)
    options = dict(field=field, outside=entry.outside, name=name)
    if not space.value_shape:
        if len(columns) > 1:
            raise SceneError(f"a scalar has one column, got {len(columns)}.")
        measured = measured[:, :, 0]
    else:
        options["components"] = _components(entry, space)
    return inverse.PointValues(space, positions, measured, noise_of(entry, measured), **options)


def _components(entry, space):
    names = "xyz"[: len(entry.values)] if entry.components is None else entry.components
    if len(names) != len(entry.values):
        raise SceneError(f"`components` needs {len(entry.values)} entries, one for each column, got {len(names)}.")
    return [component_number(c, space.mesh.dim) for c in names]


def by_step(entry, table, steps: int, columns) -> np.ndarray:
    """Return columns of a table as an array (step, row, column)."""
    values = np.stack([table[c] for c in columns], axis=-1)
    if entry.step is None:
        if steps != 1:
            raise SceneError(f"there are {steps} load steps: name the column of the step number as `step`.")
        return values[None]
    number = table[entry.step]
    rows = [np.flatnonzero(number == i + 1) for i in range(steps)]
    other = sorted(set(number.tolist()) - set(range(1, steps + 1)))
    if other:
        raise SceneError(f"column {entry.step!r} must hold step numbers from 1 to {steps}, got {other[0]:g}.")
    counts = [len(r) for r in rows]
    if len(set(counts)) > 1 or counts[0] == 0:
        raise SceneError(f"every load step needs equally many rows, got {counts}.")
    return np.stack([values[r] for r in rows])


def noise_of(entry, measured) -> np.ndarray | None:
    """Return the standard deviation of each value, √(noise² + (relative_noise value)²); None if it is not stated."""
    if entry.noise is None and entry.relative_noise is None:
        return None
    absolute, relative = entry.noise or 0.0, entry.relative_noise or 0.0
    noise = np.hypot(absolute, relative * measured)
    if np.any(noise == 0):
        raise SceneError("`relative_noise` alone leaves a value of 0 without noise: give `noise` too.")
    return noise
