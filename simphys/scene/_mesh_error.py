"""How wrong observed numbers are because of the mesh."""

import dataclasses
from typing import NamedTuple

import numpy as np

from .. import errors, fem
from .._keyed import keyed
from . import _viz as viz
from ._interface import MeshErrors
from ._model import FieldModel
from ._observe import Observer, build_observers
from ._quantities import quantity_of
from ._task_section import ExtremeObservable, MeanObservable


def mesh_errors(model: FieldModel, problem, value, first: str = "") -> MeshErrors:
    """Return the errors of what a scene observes at a solution: one linear solve on a space of one degree more.

    **Arguments:**

    - `first`: name of what each cell's part is told of, by default that of the first.
    """
    observers = sorted(model.observers, key=lambda observer: observer.name != first)
    if not observers:
        return MeshErrors({})
    try:
        enrichment = errors.enriched(problem, limited=True)
        rich = dataclasses.replace(model, space=enrichment.spaces[0], base=enrichment(model.base))
        there = {observer.name: observer for observer in build_observers(rich)}
        readers = tuple(o.read for o in observers), tuple(_read_richer(o, there[o.name]) for o in observers)
        compared, _ = errors.compared(_Own(readers[0]), _Richer(readers[1]), enrichment, problem, value)
    except errors.IMPOSSIBLE as error:
        # What was computed is kept, whatever happens while its error is looked for.
        return MeshErrors({}, remark=f"mesh error not known: {(str(error) or type(error).__name__).splitlines()[0]}")
    if not bool(compared.solved):
        return MeshErrors({}, remark="mesh error not known: the richer problem has no solution near by")
    found = {}
    for observer, now, after in zip(observers, compared.now, compared.after, strict=True):
        now, after = np.asarray(now), np.asarray(after)
        found[observer.name] = {"error": (after - now).tolist(), "corrected": after.tolist()}
    try:
        remarks = list(errors.remedies(problem, _largest(found, enrichment.degree)))
    except errors.IMPOSSIBLE:
        remarks = []
    remark = " ".join([*remarks, *_of_means(model)])
    return MeshErrors(found, np.asarray(compared.indicators), observers[0].name, remark)


def _of_means(model) -> list[str]:
    """What is to be known of the extremes of means over cells: they and their errors are not those of the quantity."""
    extremes = (
        (name, entry) for name, entry in model.scene.data.observe.items() if isinstance(entry, ExtremeObservable)
    )
    quantities = [(name, entry, quantity_of(model.base, entry.of)) for name, entry in extremes if entry.at != "nodes"]
    means = [name for name, _, quantity in quantities if quantity.where == "cell" and quantity.seen is not None]
    if not means:
        return []
    return [
        f'{", ".join(means)}: an extreme of means over cells, with the error of these; at = "nodes" asks for the peak.'
    ]


def _largest(found, degree) -> errors.Estimate:
    """The largest error relative to its number, of vectors by their lengths."""
    lengths = [[float(np.linalg.norm(entry[key])) for key in ("corrected", "error")] for entry in found.values()]
    number, error = max(lengths, key=lambda pair: pair[1] / max(pair[0], np.finfo(float).tiny))
    return errors.Estimate(number - error, error, number, 1.0, np.zeros(0), 0.0, degree, 0.0)


def draw_indicators(model, found: MeshErrors) -> dict:
    """Return the picture of the cells' parts, unless the scene wants none."""
    if model.scene.data.pictures.fields == [] or found.indicators is None or not np.any(found.indicators):
        return {}
    sizes = fem.CellField(np.log10(np.maximum(np.abs(found.indicators), 1e-12 * np.abs(found.indicators).max())))
    look = dict(label=f"log10 of each cell's part of the mesh error of {found.first}", title=model.scene.data.title)
    look |= dict(length_unit=model.scene.data.units.length, colormap="viridis")
    return {"mesh_error.png": lambda path: viz.field(model.shown, sizes, path, **look)}


class _Own(NamedTuple):
    """Reads all that is observed off a solution on the mesh."""

    readers: tuple

    def __call__(self, problem, value):
        return [read(problem, value) for read in self.readers]


class _Richer(NamedTuple):
    """Reads the same off a solution on the richer space."""

    readers: tuple

    def __call__(self, enrichment, problem, rich, value):
        return [read(enrichment, problem, rich, value) for read in self.readers]


def of_its_nodes(observer: Observer) -> bool:
    """Return whether it is of the mesh's own nodes, of which a richer space has more."""
    return isinstance(observer.section, MeanObservable)


def _read_richer(observer: Observer, richer: Observer):
    """What reads a solution of the richer problem: at the mesh's own nodes where it is these that are averaged."""
    if of_its_nodes(observer):
        own = observer.read
        return keyed(lambda enrichment, problem, rich, value: own(problem, enrichment.lowered(value)))
    read = richer.read
    return keyed(lambda enrichment, problem, rich, value: read(rich, value))
