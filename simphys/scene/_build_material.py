"""A law and its arguments as an object."""

import inspect
import pathlib

import jax
import jax.numpy as jnp

from .. import materials
from ._build_strain import strained
from ._error import SceneError, listing, nearest
from ._heat_section import PhaseChange
from ._material_section import SOLID_LAWS, Curve, SolidMaterial
from ._networks import NETWORKS, Find, with_network
from ._section import describe


def build_material(section, find: Find = pathlib.Path, space=None):
    """Return the law of a material section; its arguments may be traced.

    **Arguments:**

    - `section`: the section.
    - `find`: gives the paths of files that it names.
    - `space`: of the displacement, for what is given at its nodes; None where there is no body.

    **Raises:** `ValueError` for arguments that the law lacks, needs or refuses.
    """
    # What no longer stands as in the file, arrays and fields, has been there in the right shape.
    law = materials.LAWS[section.law]
    given = with_network(section.law, dict(section.__pydantic_extra__), find)
    make = law.from_young if _young(law, given) else law
    _check_names(section.law, make, given)
    given = {key: _argument(key, value, find) for key, value in given.items()}
    material = make(**given)
    if not any(isinstance(leaf, jax.Array) for leaf in jax.tree.leaves(section.__pydantic_extra__)):
        _check_shapes(section.law, material, given)
    if isinstance(section, SolidMaterial):
        material = strained(material, section, find, space)
    plane = {
        "strain": materials.PlaneStrain,
        "stress": materials.PlaneStress,
        "axisymmetric": materials.Axisymmetric,
        None: lambda law: law,
    }
    return plane[getattr(section, "plane", None)](material)


def _young(law, given):
    """Whether a law that takes other constants is given by Young's modulus."""
    return law in (materials.NeoHooke, materials.IsochoricNeoHooke) and bool({"E", "nu"} & set(given))


def _argument(key, value, find):
    if isinstance(value, dict):
        return _inner_law(key, value, find) if "law" in value else build_curve(key, value, find)
    if isinstance(value, str):
        if key != "volumetric":
            raise SceneError(f"`{key}`: a number expected, got {describe(value)}.")
        if value not in materials.VOLUMETRIC:
            names = materials.VOLUMETRIC
            raise SceneError(f"`{key}` = {value!r} is not known.{nearest(value, names)} Allowed: {listing(names)}.")
        return materials.VOLUMETRIC[value]()
    return value


def _check_shapes(name, law, given):
    """Raise `SceneError` unless a law gives stress (flux) of the right shape: lists and curves only where they belong."""
    if isinstance(law, materials.AbstractConduction):
        # One number for every direction; a matrix has a dimension of its own.
        enough = all if isinstance(law, materials.IsotropicConduction) else any
        good = enough([_gives(law.flux, (n,), jnp.zeros(n), jnp.zeros(())) for n in (1, 2, 3)])
    elif isinstance(law, materials.AbstractHistory):
        good = _gives(lambda e: law.update(e, law.initial(), jnp.ones(()))[0], (3, 3), jnp.eye(3))
    else:
        finite = isinstance(law, materials.AbstractFiniteStrain)
        good = _gives(law.first_piola if finite else law.stress, (3, 3), jnp.eye(3))
    if not good:
        odd = [key for key, value in given.items() if not isinstance(value, float | int)] or list(given)
        text = ", ".join(f"`{key}`" for key in odd)
        raise SceneError(
            f"{name} cannot be evaluated with {text} of this kind: lists and curves only where it takes them."
        )


def _gives(function, shape, *arguments) -> bool:
    try:
        return jax.eval_shape(function, *arguments).shape == shape
    except (TypeError, ValueError, IndexError, AttributeError):
        return False


def _inner_law(key, table, find):
    if table["law"] not in SOLID_LAWS:
        hint = nearest(str(table["law"]), SOLID_LAWS)
        raise SceneError(f"`{key}.law` must be one of {listing(SOLID_LAWS)}, got {table['law']!r}.{hint}")
    return build_material(SolidMaterial(**table), find)


def build_curve(key: str, table, find: Find = pathlib.Path):
    """Return a property that depends on temperature, from its table or section."""
    given = dict(table) if isinstance(table, dict) else {"curve": table.curve, **table.__pydantic_extra__}
    kind = given.pop("curve", None)
    if kind not in materials.CURVES:
        hint = nearest(str(kind), materials.CURVES)
        raise SceneError(f"`{key}.curve` must be one of {listing(materials.CURVES)}, got {kind!r}.{hint}")
    curve, given = materials.CURVES[kind], with_network(kind, given, find)
    _check_names(f"{key}.{kind}", curve, given)
    return curve(**given)


def build_free_energy(section) -> materials.AbstractFreeEnergy:
    """Return the free energy of a section; its arguments may be traced."""
    law, given = materials.FREE_ENERGIES[section.law], dict(section.__pydantic_extra__)
    _check_names(section.law, law, given)
    return law(**{key: jnp.asarray(value, dtype=float) for key, value in given.items()})


def build_capacity(section, find: Find = pathlib.Path):
    """Return what a body stores, from `heat.capacity`: a number, a curve or a phase change."""
    if isinstance(section, Curve):
        return build_curve("capacity", section, find)
    if not isinstance(section, PhaseChange):
        return jnp.asarray(section, dtype=float)
    c = build_curve("c", section.c, find) if isinstance(section.c, Curve) else section.c
    return materials.PhaseChange(c, latent=section.latent, melting=section.melting, width=section.width)


def _check_names(what, make, given):
    parameters = {**inspect.signature(make).parameters}
    if what.split(".")[-1] in NETWORKS:
        # A file says what its weights are, the law is told what network.
        parameters = {"weights" if name == "network" else name: p for name, p in parameters.items()}
        given = {"weights" if key == "network" else key: value for key, value in given.items()}
    for key in given:
        if key not in parameters:
            raise SceneError(f"unknown key {key!r}.{nearest(key, parameters)} {what} takes {listing(parameters)}.")
    missing = [name for name, p in parameters.items() if p.default is p.empty and name not in given]
    if missing:
        raise SceneError(f"{what} needs {listing(missing)}; it takes {listing(parameters)}.")
