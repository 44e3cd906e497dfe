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
    groups: dict[Key, Float] = pydantic.Field(default_factory=dict)
    file: Name | None = None
    column: Name = "temperature"


class Thermal(Section):
    """A temperature that is given: a body free to expand would strain by `expansion` (temperature - reference)."""

    expansion: Expansion
    temperature: Annotated[
        Annotated[Float, pydantic.Tag("number")] | Annotated[GivenField, pydantic.Tag("field")], number_or("field")
    ]
    reference: Float = 0.0


class OwnStrain(Section):
    """A strain that is free of stress: of a body that swells, shrinks, or was made so."""

    strain: Expansion
