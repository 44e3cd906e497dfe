"""`[time] initial` as a state."""

import jax
import jax.numpy as jnp
import numpy as np

from .. import distributed, physics, stepping
from .._result import RESULTS
from .._typing import PyTree
from ._blame import blame
from ._build_conditions import as_array
from ._error import SceneError


def begin(model, problem, drive, t) -> PyTree:
    """Return the first state of a body; under a transformation NaN if it should be an equilibrium and is none."""
    initial = model.scene.data.time.initial
    driven = stepping.Semidiscrete(problem, drive).at(t)
    like = driven.value(driven.unknowns(None))
    with blame(model.scene.file, "time.initial"):
        u = initial_state(model, problem, like)
        velocity = spread(initial.velocity, like.shape) if problem.terms().derivatives == 2 else None
        if initial.equilibrium:
            found = distributed.solved(driven, u, method=model.method, start=driven.unloaded(), throw=False)
            good = found.certificate.converged
            if not isinstance(good, jax.core.Tracer) and not bool(good):
                raise SceneError(f"there is no equilibrium to begin with: {RESULTS[found.result]}")
            u = found.value
    return u if velocity is None else (u, velocity)


def initial_state(model, problem, like: PyTree) -> PyTree:
    """Return the values that the scene gives for the first time: of its temperature if it has one, else of its first field.

    All other fields are 0; steppers settle those that follow from the rest.

    **Arguments:**

    - `like`: a solution.

    **Raises:** `SceneError` if values do not fit the field.
    """
    initial = model.scene.data.time.initial
    fields = list(like) if isinstance(like, tuple) else [like]
    number = {physics.ThermoSolid: 1, physics.Boussinesq: 2}.get(type(problem), 0)
    given = initial.value
    if number and "value" not in initial.model_fields_set:
        given = problem.reference if number == 2 else problem.material.reference
    shape, space = fields[number].shape, model.base.spaces[number]
    u = spread(given, shape)
    for name, value in initial.groups.items():
        nodes = space.nodes_on(name)
        u = u.at[nodes].set(spread(value, (len(nodes), *shape[1:])))
    if initial.noise is not None:
        u = u + initial.noise * np.random.default_rng(initial.seed).standard_normal(shape)
    fields = [jnp.zeros_like(field) for field in fields]
    fields[number] = u
    return tuple(fields) if isinstance(like, tuple) else u


def spread(value, shape):
    """Return a number, or one for each component, at every node."""
    try:
        return jnp.broadcast_to(as_array(value), shape)
    except ValueError:
        raise SceneError(f"a number, or one for each of {shape[-1]} components expected, got {value}.") from None
