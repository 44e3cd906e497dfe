"""Unknown fields of a fit: their posterior, written and drawn."""

import numpy as np

from .. import fem, inverse, viz


FEW = 12
"""Up to so many numbers a fit is told number by number."""


def summary(names, values) -> dict:
    """Return {name: value}, of arrays of many numbers {name: [least, greatest]}."""
    groups: dict = {}
    for name, value in zip(names, values, strict=True):
        groups.setdefault(name.split("[")[0], []).append((name, float(value)))
    found = {}
    for head, members in groups.items():
        numbers = [value for _, value in members]
        found.update({head: [min(numbers), max(numbers)]} if len(members) > FEW else dict(members))
    return found


def shown(values: dict) -> str:
    """Return a summary as text."""
    parts = [
        f"{name} {v[0]:.4g} … {v[1]:.4g}" if isinstance(v, list) else f"{name} {v:.6g}" for name, v in values.items()
    ]
    return "  ".join(parts)


def posterior(session, calibration, found) -> inverse.Laplace | None:
    """Return the posterior, where there is a field and every parameter has a prior."""
    sections = session.scene.data.fit.parameters.values()
    if not any(p.field for p in sections) or any(p.prior is None for p in sections) or found.local is None:
        return None
    if found.status == "fit_interrupted":
        return None
    result = inverse.laplace(found)
    session.result.content["posterior"] = {
        "directions": len(result.eigenvalues),
        "determined": result.effective,
        "eigenvalues": result.eigenvalues.tolist(),
    }
    return result


def field_arrays(session, calibration, found, belief, samples) -> dict:
    """Return {name: (where, values)} of each unknown field: the estimate, its deviation, and samples of it."""
    arrays, first, numbers = {}, 0, calibration.found(found)
    for (name, section), parameter in zip(
        session.scene.data.fit.parameters.items(), calibration.parameters, strict=True
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


def draw_fields(session, calibration, arrays) -> list[str]:
    """Draw estimate, deviation and samples; samples with the colours of the estimate."""
    drawn, units = [], session.scene.data.units
    for name, (where, values) in arrays.items():
        scalar = np.linalg.norm(values, axis=-1) if values.ndim > 1 else values
        field = fem.CellField(scalar) if where == "cell" else scalar
        head, kind = name.removesuffix("_std").split("_sample_")[0], {}
        if "_sample_" in name:
            base = arrays[head][1]
            kind = {"limits": (float(base.min()), float(base.max()))} if base.ndim == 1 else {}
        label = {True: f"standard deviation of {head}", False: name.replace("_", " ")}[name.endswith("_std")]
        path = session.out / f"{name}.png"
        viz.field(
            calibration.model.space, field, path, label=label, length_unit=units.length,
            title=session.scene.data.title, colormap="magma" if name.endswith("_std") else "viridis", **kind,
        )  # fmt: skip
        drawn.append(path.name)
    return drawn
