"""How much a scene may ask for: counts are compared with stated limits before memory is claimed."""

from collections.abc import Iterator
from typing import Annotated, Any

import pydantic
from pydantic_core import PydanticCustomError

from ._error import SceneError
from ._section import describe, one_of


LIMITS = {
    "count": 1_000_000,  # steps, iterations, samples of a record
    "cells": 10_000_000,  # of a built-in mesh
    "quadrature degree": 30,  # what Basix has tables for
    "width": 4_096,  # of a network
    "depth": 64,
    "samples": 1_000,  # of a posterior
    "substeps": 1_000,
    "modes": 1_000,
    "waves": 10_000,
    "smoothings": 1_000,
    "molecules": 100,  # that meet in one reaction
    "numbers": 200_000_000,  # in one array that the scene alone decides on, 1.6 GB
    "seed": 2**31 - 1,
    "nesting": 30,  # of tables and lists
}
"""Each limit by what it limits; functions look them up when they are called."""


def most(what: str) -> int:
    """Return a limit."""
    return LIMITS[what]


def _counted(what: str, least: int = 1):
    """A whole number up to a limit."""
    kind = "a whole number" if least == 0 else "a positive whole number"

    def check(value: int) -> int:
        if value > most(what):
            text = f"{kind} up to {most(what)} expected, got {describe(value)}"
            raise PydanticCustomError("wrong_type", "{text}", {"text": text})
        return value

    return Annotated[Annotated[int, pydantic.Field(ge=least), one_of(kind)], pydantic.AfterValidator(check)]


Count = _counted("count")
Counts = Annotated[
    list[Annotated[int, pydantic.Field(gt=0)]],
    pydantic.Field(min_length=1, max_length=3),
    one_of("a list of positive whole numbers"),
]
"""Along axes; it is their product that has a limit."""
Seed = _counted("seed", 0)
Width, Depth, Waves, Modes = (_counted(what) for what in ("width", "depth", "waves", "modes"))
Samples, Substeps, Smoothings = _counted("samples", 0), _counted("substeps"), _counted("smoothings", 0)
QuadratureDegree = _counted("quadrature degree")


def check_cells(cells) -> list[int]:
    """Return the numbers of cells along the axes; raise `ValueError` if there are too many in all."""
    total = 1
    for n in cells:
        total *= n
    if total > most("cells"):
        raise ValueError(f"`cells`: a built-in mesh has {most('cells')} cells at most, got {total}.")
    return cells


def check_numbers(what: str, *counts: int):
    """Raise `SceneError` if an array of these lengths would hold more numbers than may be."""
    total = 1
    for n in counts:
        total *= int(n)
    if total > most("numbers"):
        raise SceneError(f"{what} would be {total} numbers; {most('numbers')} at most.")


def check_sizes(data: dict, file):
    """Raise `SceneError` for what is nested too deeply, and for whole numbers that are none of 64 bits."""
    for path, value in _entries(data):
        if len(path) > most("nesting"):
            text = f"nested more than {most('nesting')} deep: lists and tables may not be."
            raise SceneError(text, file=file, key=".".join(path[:4]) + "...")
        if isinstance(value, int) and not -(2**63) <= value < 2**63:
            text = "a whole number has 64 bits at most: write larger numbers as 2.1e20."
            raise SceneError(text, file=file, key=".".join(path))


def _entries(data) -> Iterator[tuple[tuple[str, ...], Any]]:
    """All entries with the way to them; what is too deep is not gone into."""
    waiting: list[tuple[tuple[str, ...], Any]] = [((), data)]
    while waiting:
        path, value = waiting.pop()
        yield path, value
        if isinstance(value, dict | list):
            children = value.items() if isinstance(value, dict) else enumerate(value)
            waiting.extend(((*path, str(key)), child) for key, child in children)
