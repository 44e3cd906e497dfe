"""A law and its arguments as an object."""

import inspect

from .. import materials
from ._error import SceneError, listing, nearest


def build_material(section):
    """Return the law of a material section; its arguments may be traced.

    **Raises:** `ValueError` for arguments that the law lacks, needs or refuses.
    """
    law = materials.LAWS[section.law]
    given = {key: _argument(key, value) for key, value in section.__pydantic_extra__.items()}
    make = law.from_young if _young(law, given) else law
    _check_names(section.law, make, given)
    material = make(**given)
    plane = {"strain": materials.PlaneStrain, "stress": materials.PlaneStress, None: lambda law: law}
    return plane[getattr(section, "plane", None)](material)


def _young(law, given):
    """Whether a law that takes other constants is given by Young's modulus."""
    return law in (materials.NeoHooke, materials.IsochoricNeoHooke) and bool({"E", "nu"} & set(given))


def _argument(key, value):
    if isinstance(value, dict):
        return _build_curve(key, dict(value))
    if isinstance(value, str):
        if value not in materials.VOLUMETRIC:
            names = materials.VOLUMETRIC
            raise SceneError(f"`{key}` = {value!r} is not known.{nearest(value, names)} Allowed: {listing(names)}.")
        return materials.VOLUMETRIC[value]()
    return value


def _build_curve(key, table):
    kind = table.pop("curve", None)
    if kind not in materials.CURVES:
        hint = nearest(str(kind), materials.CURVES)
        raise SceneError(f"`{key}.curve` must be one of {listing(materials.CURVES)}, got {kind!r}.{hint}")
    curve = materials.CURVES[kind]
    _check_names(f"{key}.{kind}", curve, table)
    return curve(**table)


def _check_names(what, make, given):
    parameters = inspect.signature(make).parameters
    for key in given:
        if key not in parameters:
            raise SceneError(f"unknown key {key!r}.{nearest(key, parameters)} {what} takes {listing(parameters)}.")
    missing = [p.name for p in parameters.values() if p.default is p.empty and p.name not in given]
    if missing:
        raise SceneError(f"{what} needs {listing(missing)}; it takes {listing(parameters)}.")
