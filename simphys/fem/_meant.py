"""The element that a user means by a degree, a family, or an element of Basix."""

from typing import Any

import basix

from ._element import Element
from ._families import MAPS, NAMES, Part, basix_element, variants


REAL = "real"


def element_of(cell_type: str, given: Any, continuous: bool = True) -> Element:
    """Return the element that a user means: a degree, (family, degree), an element of Basix, or a list to be summed up.

    **Raises:** `ValueError` for what is no element, or none of this cell.
    """
    if given == REAL:
        return Element(cell_type, (Part("P", 0, "equispaced", "none", True),), whole=True)
    several = given if isinstance(given, list) else [given]
    parts, apart = [], not continuous
    for each in several:
        part, broken = _part_of(cell_type, each, continuous)
        parts.append(part)
        apart = apart or broken
    if not parts:
        raise ValueError("`element` must not be an empty list.")
    maps = {basix_element(cell_type, part).map_type.name for part in parts}
    if len(maps) > 1 or not maps <= set(MAPS):
        raise ValueError(f"Elements of these maps are not offered together or not at all: {', '.join(sorted(maps))}.")
    return Element(cell_type, tuple(parts), apart)


def _part_of(cell_type, given, continuous) -> tuple[Part, bool]:
    if isinstance(given, basix.finite_element.FiniteElement):
        if given.cell_type.name != cell_type:
            raise ValueError(f"The element is one of a {given.cell_type.name}, the mesh has cells `{cell_type}`.")
        names = given.lagrange_variant.name, given.dpc_variant.name
        part = Part(
            given.family.name, given.degree, *("none" if n == "unset" else n for n in names), given.discontinuous
        )
        _try(cell_type, part)
        return part, given.discontinuous
    plain = isinstance(given, int) and not isinstance(given, bool)
    family, degree = ("P", given) if plain else _pair(given)
    jumps = NAMES[family] == "DPC" or (NAMES[family] == "P" and degree == 0)
    broken = not continuous or family == "DG" or jumps
    if plain and given == 0 and continuous:
        raise ValueError("A continuous space has `degree` 1 or more, got 0: take `continuous=False`.")
    family = NAMES[family]
    part = Part(family, degree, *variants(family, degree), jumps)
    _try(cell_type, part)
    return part, broken


def _pair(given):
    good = isinstance(given, tuple) and len(given) == 2 and isinstance(given[0], str) and isinstance(given[1], int)
    if not good or isinstance(given[1], bool):
        raise ValueError(
            "`element` must be a degree, a pair (family, degree), an element of Basix, a list of these, or "
            f'"{REAL}", got {given!r}.'
        )
    if given[0] not in NAMES:
        raise ValueError(f"`element` names the family {given[0]!r}; there are {', '.join(sorted(NAMES))}.")
    return given


def _try(cell_type, part):
    what = f"{part.family} of degree {part.degree} on a {cell_type}"
    if part.degree < 0:
        raise ValueError(f"The degree of an element must be 0 or more, got {part.degree}.")
    if part.family == "custom":
        raise ValueError("Custom elements are not offered: name a family of Basix.")
    try:
        made = basix_element(cell_type, part)
    except (RuntimeError, ValueError) as error:
        raise ValueError(f"Basix has no element {what}: {error}") from None
    if made.interpolation_nderivs or made.map_type.name not in MAPS:
        raise ValueError(f"{what} is not offered: its degrees of freedom are derivatives, or its functions tensors.")
