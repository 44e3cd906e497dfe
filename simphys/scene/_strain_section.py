"""`thermal` and `eigenstrain` of a solid's material: strains that are free of stress."""

from typing import Annotated

import pydantic

from ._section import Float, Key, Name, Section, number_or, one_of


Expansion = Annotated[
    Annotated[float, pydantic.Tag("number")] | Annotated[list[float] | list[list[float]], pydantic.Tag("list")],
    one_of("a number, a list of 3 numbers or of 3 lists of 3"),
]


class GivenField(Section):
    """A value at every node: `value`, but for groups that have one of their own; or a column of a table, by `file`.

    The table has the columns x, y, z (as many as the body has directions) and `column`, a row for every node of the space
    of the displacement, in any order.
    """

    value: Float = 0.0
    """The value, but for groups that have one of their own. [temperature]"""
    groups: dict[Key, Float] = pydantic.Field(default_factory=dict)
    """Values of groups of the mesh. [temperature] e.g. {top = 80.0}"""
    file: Name | None = None
    """Table with a row for every node of the space of the displacement, columns x, y, z and `column`. e.g.
    'temperature.csv'"""
    column: Name = "temperature"
    """Column of the table that holds the values."""


class Thermal(Section):
    """A temperature that is given: a body free to expand would strain by `expansion` (temperature - reference)."""

    expansion: Expansion
    """Linear expansion: a number, one for each direction, or a tensor. [1/temperature] e.g. 1.2e-5"""
    temperature: Annotated[
        Annotated[Float, pydantic.Tag("number")] | Annotated[GivenField, pydantic.Tag("field")], number_or("field")
    ]
    """The temperature of the body: a number, or a field. [temperature] e.g. 80.0"""
    reference: Float = 0.0
    """Temperature at which the body is free of stress. [temperature]"""


class OwnStrain(Section):
    """A strain that is free of stress: of a body that swells, shrinks, or was made so."""

    strain: Expansion
    """The strain: a number, one for each direction, or a tensor. [1] e.g. 0.01"""
