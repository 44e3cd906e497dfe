"""`material` of bodies: laws by name, and curves in the place of numbers."""

from typing import Any, Literal, get_args

import pydantic
from pydantic_core import PydanticCustomError

from ._section import (
    Section,
    describe,
)
from ._strain_section import OwnStrain, Thermal


SolidLaw = Literal[
    "LinearElastic",
    "OrthotropicElastic",
    "StVenantKirchhoff",
    "NeoHooke",
    "IsochoricNeoHooke",
    "MooneyRivlin",
    "Yeoh",
    "Gent",
    "Ogden",
    "ArrudaBoyce",
    "HolzapfelGasserOgden",
    "NeuralHyperelastic",
    "J2Plasticity",
    "Viscoelastic",
    "FinitePlasticity",
    "IsotropicDamage",
]
ConductionLaw = Literal["IsotropicConduction", "AnisotropicConduction"]
SOLID_LAWS, CONDUCTION_LAWS = get_args(SolidLaw), get_args(ConductionLaw)


class Law(Section):
    """A law by name; every other key is an argument of the law."""

    model_config = pydantic.ConfigDict(extra="allow", strict=True, frozen=True, allow_inf_nan=False)

    @pydantic.model_validator(mode="after")
    def _numbers(self):
        for key, value in (self.__pydantic_extra__ or {}).items():
            check_argument(key, value)
        return self


def check_argument(key: str, value: Any):
    """Raise unless an argument of a law is a finite number, nested lists of them, a name, or a table of such."""
    leaves = [value]
    while leaves:
        leaf = leaves.pop()
        if isinstance(leaf, list):
            leaves.extend(leaf)
        elif isinstance(leaf, dict):
            leaves.extend(leaf.values())
        elif isinstance(leaf, bool) or not isinstance(leaf, int | float | str) or not _finite(leaf):
            text = f"`{key}`: finite numbers expected, got {describe(leaf)}."
            raise PydanticCustomError("wrong_type", "{text}", {"text": text})


def _finite(leaf):
    return isinstance(leaf, str) or abs(leaf) < float("inf")


class SolidMaterial(Law):
    """A law of solids; `plane` tells what a two-dimensional body stands for.

    "axisymmetric": it is the meridian plane of a body of revolution, x = r and y = z.
    """

    law: SolidLaw
    """Name of the law, which other keys are arguments of: `E` and `nu` of "LinearElastic". e.g. 'LinearElastic'"""
    plane: Literal["strain", "stress", "axisymmetric"] | None = None
    """What a two-dimensional body stands for; "axisymmetric": the meridian plane of a body of revolution, x = r, y =
    z. e.g. 'strain'"""
    thermal: Thermal | None = None
    """A temperature that is given, by which the body expands."""
    eigenstrain: OwnStrain | None = None
    """A strain that is free of stress."""


class HeatMaterial(Law):
    """A law of heat conduction; `k` may be a table with `curve = "Polynomial"` or `"Table"` and its arguments."""

    law: ConductionLaw
    """Name of the law, whose conductivity `k` is another key. e.g. 'IsotropicConduction'"""


class Curve(Law):
    """A property that depends on temperature: `curve = "Polynomial"` or `"Table"`, and its arguments."""

    curve: Literal["Constant", "Polynomial", "Table", "NeuralCurve"]
    """Kind of the curve, whose arguments are other keys: `temperatures` and `values` of "Table". e.g. 'Constant'"""
