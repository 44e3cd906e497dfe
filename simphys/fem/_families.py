"""Elements of Basix: their families, and what it takes to make one."""

from typing import NamedTuple

import basix

from . import _quadrilateral_vectors
from ._mesh_checks import lagrange


FAMILIES = {
    "P": ("P", "Lagrange", "Q", "CG", "DG"),
    "RT": ("RT", "Raviart-Thomas", "RTCF", "NCF"),
    "BDM": ("BDM", "Brezzi-Douglas-Marini"),
    "N1E": ("N1E", "N1curl", "Nedelec", "RTCE", "NCE"),
    "N2E": ("N2E", "N2curl"),
    "CR": ("CR", "Crouzeix-Raviart"),
    "DPC": ("DPC",),
    "serendipity": ("serendipity", "S"),
    "bubble": ("bubble",),
}
"""Families by their names in Basix, with other names in use."""


NAMES = {name: family for family, names in FAMILIES.items() for name in names}


EQUISPACED = 3
"""Lagrange elements up to this degree have equispaced nodes, as cells do, those of higher degree Gauss–Lobatto's."""


MAPS = {"identity": "identity", "covariantPiola": "covariant", "contravariantPiola": "contravariant"}


class Part(NamedTuple):
    """An element of Basix by what it takes to make it."""

    family: str
    degree: int
    variant: str
    dpc: str
    discontinuous: bool


def basix_element(cell_type, part: Part):
    """Make an element of Basix; anew each time: one that outlives the interpreter makes its bindings report a leak."""
    if part.variant == "equispaced" and part.dpc == "none" and part.family == "P":
        return lagrange(cell_type, part.degree)
    made = basix.create_element(
        basix.ElementFamily[part.family],
        basix.CellType[cell_type],
        part.degree,
        basix.LagrangeVariant["unset" if part.variant == "none" else part.variant],
        basix.DPCVariant["unset" if part.dpc == "none" else part.dpc],
        part.discontinuous,
    )
    wrong = cell_type == "quadrilateral" and part.family in _quadrilateral_vectors.FAMILIES
    return _quadrilateral_vectors.respanned(made) if wrong else made


def variants(family, degree):
    """What Basix's own UFL front end takes by default, but for low Lagrange elements, whose nodes are a cell's."""
    if family == "P":
        return ("equispaced" if degree <= EQUISPACED else "gll_warped"), "none"
    if family in ("serendipity", "BDM", "N2E"):
        return "legendre", "legendre"
    if family == "DPC":
        return "none", "legendre"
    return ("legendre" if family in ("RT", "N1E") else "none"), "none"
