"""Numbers of a scene as leaves of the objects they became."""

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from .. import materials
from ._build_strain import STRAINS, strain_of, unstrained
from ._error import SceneError
from ._homogeneous_model import HomogeneousModel
from ._model import FieldModel
from ._networks import WEIGHTS
from ._replace import find_entry, get_entry


def leaf_of(model: FieldModel | HomogeneousModel, path: str) -> Callable:
    """Return the function that picks the array behind a key path out of a model's problem (or law).

    Behind `weights` stands the network.

    **Raises:** `SceneError` if there is no such entry, or no single array that holds just this number.
    """
    if is_network(path):
        find_entry(model.scene.data, path)
        where, leaf = _picked(model, path.removesuffix(WEIGHTS) + "network")
        if where is not None and isinstance(leaf, eqx.Module):
            return where
    else:
        found = get_entry(model.scene.data, path)
        where, leaf = _picked(model, path)
        if (
            where is not None
            and isinstance(leaf, jax.Array)
            and leaf.shape == np.shape(found)
            and bool(jnp.allclose(leaf, jnp.asarray(found, leaf.dtype)))
        ):
            return where
    raise SceneError(
        f"{path!r} cannot be fitted: it is not stored as it stands in the file. Arguments of laws, the thickness, and "
        "magnitudes of loads and constraints can."
    )


def is_network(path: str) -> bool:
    """Whether a key path names the weights of a network."""
    return path.split(".")[-1] == WEIGHTS


def _picked(model, path):
    """The function that picks, and what it picks; None where there is nothing."""
    where = _law_leaf(path) if isinstance(model, HomogeneousModel) else _field_leaf(model, path)
    if where is None:
        return None, None
    try:
        return where, where(model.material if isinstance(model, HomogeneousModel) else model.problem())
    except AttributeError:
        return where, None


def _law_leaf(path):
    head, section, *rest = path.split(".")
    if (head, section) != ("homogeneous", "material") or len(rest) != 1:
        return None
    return lambda law: getattr(law, rest[0])


def _field_leaf(model, path):
    kind, group, *rest = path.split(".")
    if kind != model.scene.data.physics:
        return None
    if kind == "oscillator" and not rest:
        return lambda recorded: getattr(recorded.system, group)
    if group in ("thickness", "density") and not rest:
        return lambda problem: getattr(problem, group)
    if group == "capacity":
        return lambda problem: _down(problem.capacity, rest or ["c"])
    if group == "material" and rest:
        return lambda problem: _of_law(inner_law(problem.material), rest)
    if group in ("constraints", "loads") and len(rest) >= 2:
        number = list(getattr(getattr(model.scene.data, kind), group)).index(rest[0])
        return lambda problem: _down(getattr(problem, group)[number], rest[1:])
    return None


def _of_law(law, names):
    if names[0] not in STRAINS:
        return _down(unstrained(law), names)
    own = strain_of(law, names[0])
    return own.expansion if names[1:] == ["strain"] else _down(own, names[1:])


def inner_law(law):
    """Return the law within a plane one."""
    plane = (
        materials.AbstractFiniteStrain,
        materials.AbstractSmallStrain,
        materials.AbstractHistory,
        materials.Axisymmetric,
    )
    return law.material if isinstance(law, plane) and law.dimension == 2 else law


def _down(part, names):
    for name in names:
        part = getattr(part, name)
    return part.value if isinstance(part, materials.Constant) else part
