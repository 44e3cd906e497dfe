"""How wrong what a march observed is because of its steps and its mesh."""

import dataclasses

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from .. import errors, fem
from .._typing import Callable
from ..stepping import evolution_of
from ._error import SceneError
from ._mesh_error import MeshErrors, of_its_nodes
from ._model import FieldModel
from ._observe import build_observers
from ._statistics import statistic


MOST = {1: 1_000_000, 2: 200_000, 3: 100_000}
"""Unknowns of a richer space, by the mesh's dimension, up to which a march on it is made."""


def march_errors(way, problem, observed, times, progress: Callable[[str], None]) -> MeshErrors:
    """Return the errors at the last time, and of statistics: marches with other steps, and one on the richer space.

    **Arguments:**

    - `way`: the `March`.
    - `observed`: what its observers read at `times`, (time, …) of each; None where that is not known yet.
    """
    model, names = way.model, [observer.name for observer in way.observers]
    if not names:
        return MeshErrors({})
    led = errors.Led(evolution_of(problem, way.drive), way.start(problem), _Reads(tuple(o.read for o in way.observers)))
    richer = (lambda: _richer(way, problem)) if isinstance(model, FieldModel) else None
    options = dict(method=way.method, observed=observed, progress=progress)
    try:
        found = errors.compare_marches(way.stepper, led, richer, jnp.asarray(times, float), **options)
    except errors.IMPOSSIBLE as error:
        return MeshErrors({}, remark=f"errors not known: {(str(error) or type(error).__name__).splitlines()[0]}")
    entries = {name: _entry(found.last, i) for i, name in enumerate(names)}
    for name, entry in model.scene.data.statistics.items():
        of = names.index(entry.of)
        try:
            read = found.of(lambda rows, entry=entry, of=of: (statistic(entry, np.asarray(times), rows[of]),))
        except SceneError:
            continue
        entries[name] = _entry(read, 0)
    return MeshErrors({name: entry for name, entry in entries.items() if entry}, remark=found.remark)


def _entry(found: errors.MarchEstimate, number: int) -> dict:
    """What result.json says of one number; nothing where it is not finite."""
    read = {"error": found.error, "corrected": found.corrected, "mesh": found.mesh, "step": found.step}
    entry = {name: np.asarray(part[number]).tolist() for name, part in read.items() if part is not None}
    return entry if np.all(np.isfinite(entry["corrected"])) else {}


def _richer(way, problem):
    """The march on the richer space."""
    size = sum(fem.richer(space).n_dofs for space in problem.spaces)
    if size > MOST[problem.spaces[0].mesh.dim]:
        raise ValueError(f"{size} unknowns of the richer space are too many for a march.")
    enrichment = errors.Enrichment(problem, recommend=True)
    rich = enrichment(problem)
    model = dataclasses.replace(way.model, space=enrichment.spaces[0], base=enrichment(way.model.base))
    if way.model.scene.data.time.initial.noise is None:
        state = dataclasses.replace(way, model=model).start(rich)
    else:
        # What is drawn at random is one function, not one for each space.
        state = errors.prolonged_state(enrichment, problem, way.start(problem))
    pairs = zip(way.observers, build_observers(model), strict=True)
    reads = tuple(_OfItsNodes(enrichment, own.read) if of_its_nodes(own) else after.read for own, after in pairs)
    return errors.Led(evolution_of(rich, way.drive), state, _Reads(reads)), enrichment.degree


class _Reads(eqx.Module):
    """Reads all that is observed."""

    readers: tuple

    def __call__(self, problem, value):
        return tuple(read(problem, value) for read in self.readers)


class _OfItsNodes(eqx.Module):
    """Reads a richer solution at the mesh's own nodes."""

    enrichment: errors.Enrichment
    read: Callable

    def __call__(self, problem, value):
        return self.read(problem, self.enrichment.lowered(value))
