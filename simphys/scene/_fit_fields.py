"""Unknown fields of a fit: their posterior, written and drawn."""

import numpy as np

from .. import fem, inverse
from . import _viz as viz


def posterior(data, found) -> inverse.Laplace | None:
    """Return the posterior, where there is a field and every parameter has a prior."""
    sections = data.fit.parameters.values()
    if not any(p.field for p in sections) or any(p.prior is None for p in sections) or found.local is None:
        return None
    return None if found.status == "fit_interrupted" else inverse.laplace(found)


def field_arrays(calibration, found, belief, samples) -> dict:
    """Return {name: (where, values)} of each unknown field: the estimate, its deviation, and samples of it."""
    arrays, first, numbers = {}, 0, calibration.found(found)
    for (name, section), parameter in zip(
        calibration.model.scene.data.fit.parameters.items(), calibration.parameters, strict=True
    ):
        value = numbers.values[section.key] if section.field else None
        size = parameter.count(numbers)
        mine, first = slice(first, first + size), first + size
        if value is None:
            continue
        where = "cell" if isinstance(value, fem.CellField) else "node"
        shape = value.values.shape
        arrays[name] = (where, np.asarray(value.values))
        std = belief.std if belief is not None else None if found.uncertainty is None else found.uncertainty.std
        if std is not None and np.all(np.isfinite(std)):
            arrays[f"{name}_std"] = (where, std[mine].reshape(shape))
        for i, sample in enumerate(samples):
            arrays[f"{name}_sample_{i + 1}"] = (where, sample[mine].reshape(shape))
    return arrays


def draw_fields(model, arrays) -> dict:
    """Return pictures of estimate, deviation and samples; samples with the colours of the estimate."""
    if model.scene.data.pictures.fields == []:
        return {}
    return {f"{name}.png": _drawn(model, arrays, name, where, values) for name, (where, values) in arrays.items()}


def _drawn(model, arrays, name, where, values):
    scalar = np.linalg.norm(values, axis=-1) if values.ndim > 1 else values
    field = fem.CellField(scalar) if where == "cell" else scalar
    head, kind = name.removesuffix("_std").split("_sample_")[0], {}
    if "_sample_" in name:
        base = arrays[head][1]
        kind = {"limits": (float(base.min()), float(base.max()))} if base.ndim == 1 else {}
    label = {True: f"standard deviation of {head}", False: name.replace("_", " ")}[name.endswith("_std")]
    data = model.scene.data
    return lambda path: viz.field(
        model.space, field, path, label=label, length_unit=data.units.length, title=data.title,
        colormap="magma" if name.endswith("_std") else "viridis", **kind,
    )  # fmt: skip
