"""`[balance]`: a user's own equation, from a function of an installed module."""

import re
from typing import Annotated, ClassVar, Literal

import pydantic

from ._section import Name, Physics, one_of


Number = Annotated[
    float | Annotated[list[float], pydantic.Field(min_length=1)], one_of("a finite number or a list of them")
]
Option = Annotated[bool | int | float | str | list, one_of("true or false, a number, a string or a list")]


class Balance(Physics):
    """A balance law that `equation = "package.module:function"` returns for (mesh, parameters, options).

    `parameters` are arrays, which may be sought and checked; `options` are handed over as they stand. Needs --allow-code.
    """

    time: ClassVar[Literal["may"]] = "may"
    equilibrium: ClassVar[bool] = True
    signals: ClassVar[bool] = False
    own_spaces: ClassVar[bool] = True
    numbers: ClassVar[str] = "parameters"
    equation: Name
    """Function of an installed module that returns the balance law, "package.module:function". e.g.
    'mypackage.laws:membrane'"""
    parameters: dict[Name, Number] = pydantic.Field(default_factory=dict)
    """Numbers that the function takes by name; they may be sought and checked. [the function's own] e.g. {stiffness =
    2.0}"""
    options: dict[Name, Option] = pydantic.Field(default_factory=dict)
    """What else the function takes by name, handed over as it stands. e.g. {order = 2}"""

    @pydantic.model_validator(mode="after")
    def _readable(self):
        if re.fullmatch(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*", self.equation) is None:
            raise ValueError(f'`equation` reads "package.module:function", got {self.equation!r}.')
        for name in (*self.parameters, *self.options):
            if not name.isidentifier():
                raise ValueError(f"{name!r} is no name of an argument.")
        both = sorted(set(self.parameters) & set(self.options))
        if both:
            raise ValueError(f"{both[0]!r} is a parameter and an option.")
        return self
