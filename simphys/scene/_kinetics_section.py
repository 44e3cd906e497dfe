"""`[kinetics]`: reactions in a well-stirred vessel."""

import re
from typing import Annotated, ClassVar, Literal

import pydantic

from ._limits import most
from ._section import Float, Key, Name, Physics, Positive, Section


_TERM = re.compile(r"^(?:(\d+)\s+)?([A-Za-z_][A-Za-z0-9_]*)$")


class Reaction(Section):
    """A reaction such as "A + 2 B -> C": its speed is `rate` times the concentrations on the left, each to the power of its
    number (law of mass action)."""

    equation: Name
    """Species on the left and on the right, with their numbers. e.g. 'A + 2 B -> C'"""
    rate: Positive
    """Speed at concentrations of 1. [1/time times a power of the concentration's] e.g. 0.04"""

    @pydantic.field_validator("equation")
    @classmethod
    def _readable(cls, text):
        sides(text)
        return text


class Kinetics(Physics):
    """Reactions by the law of mass action; `species` gives the concentrations to begin with."""

    body: ClassVar[Literal["mesh", "grid", "none"]] = "none"
    time: ClassVar[Literal["must"]] = "must"
    needs: ClassVar[str] = "[kinetics] needs [time]."
    signals: ClassVar[bool] = False
    species: Annotated[dict[Key, Annotated[Float, pydantic.Field(ge=0)]], pydantic.Field(min_length=1)]
    """Names of the species and their concentrations to begin with. [amount/length³] e.g. {A = 1.0, B = 0.0}"""
    reactions: Annotated[dict[Key, Reaction], pydantic.Field(min_length=1)]
    """The reactions, by names of your own. e.g. {forward = {equation = "A -> B", rate = 0.04}}"""

    @pydantic.model_validator(mode="after")
    def _known(self):
        for name, reaction in self.reactions.items():
            unknown = [s for side in sides(reaction.equation) for s in side if s not in self.species]
            if unknown:
                raise ValueError(
                    f"reaction {name!r} has a species {unknown[0]!r} that `species` does not name; there are "
                    f"{', '.join(self.species)}."
                )
        return self


def sides(equation: str) -> tuple[dict[str, int], dict[str, int]]:
    """Return how many of each species stand left and right of the arrow.

    **Raises:** `ValueError` for what is no such equation.
    """
    parts = equation.split("->")
    if len(parts) != 2:
        raise ValueError(f'an equation reads "A + 2 B -> C", got {equation!r}.')
    counted = []
    for part in parts:
        counts: dict[str, int] = {}
        for term in part.split("+"):
            match = _TERM.match(term.strip())
            if match is None:
                raise ValueError(f'an equation reads "A + 2 B -> C", got {term.strip()!r} in {equation!r}.')
            many = match[1] or "1"
            counts[match[2]] = counts.get(match[2], 0) + (int(many) if len(many) < 10 else most("molecules") + 1)
        if sum(counts.values()) > most("molecules"):
            raise ValueError(f"{most('molecules')} molecules on a side of an equation at most.")
        counted.append(counts)
    return counted[0], counted[1]
