"""Elements: what a function is made of in one reference cell, and which entities its degrees of freedom belong to."""

import dataclasses
import functools as ft
import itertools
from typing import Any, NamedTuple

import basix
import jax.numpy as jnp
import numpy as np

from . import _quadrilateral_vectors
from ._mesh_checks import lagrange, reference_nodes


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
REAL = "real"
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


@dataclasses.dataclass(frozen=True)
class Element:
    """An element on a reference cell: the span of one or several elements of Basix.

    **Arguments:**

    - `cell_type`: Basix name of the cell.
    - `parts`: the elements of Basix; with several the degrees of freedom of the first come first.
    - `apart`: whether no degree of freedom is shared between cells.
    - `whole`: whether all cells share each degree of freedom (constants on the whole mesh).
    """

    cell_type: str
    parts: tuple[Part, ...]
    apart: bool = False
    whole: bool = False

    @property
    def degree(self) -> int:
        """Lowest degree of a Lagrange element that holds it."""
        return _facts(self).degree

    @property
    def size(self) -> int:
        """Number of degrees of freedom of a cell."""
        return _facts(self).size

    @property
    def map(self) -> str:
        """How it is brought to a cell: "identity", "covariant" or "contravariant" (Piola)."""
        return _facts(self).map

    @property
    def vectorial(self) -> bool:
        """Whether its functions are vectors."""
        return self.map != "identity"

    @property
    def nodal(self) -> bool:
        """Whether degrees of freedom are values at points."""
        return _facts(self).nodal

    @property
    def lagrange(self) -> int | None:
        """Degree of a continuous Lagrange element with equispaced nodes, 1 to 3; None for any other element."""
        (part, *others) = self.parts
        plain = part.family == "P" and 0 < part.degree <= EQUISPACED and part.variant in ("equispaced", "none")
        return part.degree if plain and not (others or self.apart or self.whole or part.discontinuous) else None

    @property
    def points(self) -> np.ndarray:
        """Points at which `matrix` takes a function, (point, dim); the nodes of a nodal element."""
        return _facts(self).points

    @property
    def matrix(self) -> np.ndarray:
        """Degrees of freedom from the values of a function in the reference cell, (dof, point, component)."""
        return _facts(self).matrix

    @property
    def entity_dofs(self) -> tuple[tuple[tuple[int, ...], ...], ...]:
        """Degrees of freedom of each vertex, edge, …"""
        return _facts(self).entity_dofs

    def facet_dofs(self) -> tuple[tuple[int, ...], ...]:
        """Degrees of freedom of each facet with its edges and vertices."""
        return _facts(self).facet_dofs

    def tabulate(self, points, order: int = 1) -> tuple[np.ndarray, ...]:
        """Values (q, a, c); of order 1 reference gradients (q, a, c, dim) as well; of order 2 second derivatives, too."""
        tables = [_derivatives(_made(self.cell_type, p), np.asarray(points, float), order) for p in self.parts]
        return tuple(np.concatenate(same, axis=1) for same in zip(*tables, strict=True))

    def at(self, X):
        """Values (a, c) at one traced reference point X (dim,), differentiable any number of times."""
        exponents, coefficients = _monomials(self)
        X = _collapsed(X, jnp) if self.cell_type == "pyramid" else X
        return jnp.tensordot(_powers(X, exponents), jnp.asarray(coefficients, X.dtype), 1)


class _Facts(NamedTuple):
    size: int
    degree: int
    map: str
    nodal: bool
    points: np.ndarray
    matrix: np.ndarray
    entity_dofs: tuple
    facet_dofs: tuple


@ft.cache
def _facts(element: Element) -> _Facts:
    made = [_made(element.cell_type, part) for part in element.parts]
    (kind,) = {e.map_type.name for e in made}
    starts = np.cumsum([0, *(e.dim for e in made)])
    merge = lambda lists: tuple(
        tuple(int(s) + a for s, dofs in zip(starts[:-1], same, strict=True) for a in dofs)
        for same in zip(*lists, strict=True)
    )
    by_dimension = zip(*(e.entity_dofs for e in made), strict=True)
    points, matrix = _functionals(made)
    return _Facts(
        int(starts[-1]),
        max(e.embedded_superdegree for e in made),
        MAPS[kind],
        len(made) == 1 and bool(made[0].interpolation_is_identity),
        points,
        matrix,
        tuple(merge(lists) for lists in by_dimension),
        merge([e.entity_closure_dofs[-2] for e in made]),
    )


def _functionals(made):
    """Points and matrix; each part takes what those before it leave."""
    points = np.concatenate([np.asarray(e.points) for e in made])
    rows, first = [], 0
    for k, e in enumerate(made):
        size = int(np.prod(e.value_shape, dtype=int))
        count = len(e.points)
        own = np.zeros((e.dim, len(points), size))
        own[:, first : first + count] = np.asarray(e.interpolation_matrix).reshape(e.dim, size, count).swapaxes(1, 2)
        for before, other in zip(rows[:k], made, strict=False):
            there = np.asarray(other.tabulate(0, np.asarray(e.points)))[0]
            own -= np.einsum("dqc,qac,apj->dpj", own[:, first : first + count], there, before)
        rows.append(own)
        first += count
    return points, np.concatenate(rows)


def _derivatives(e, points, order):
    if e.cell_type.name == "pyramid" and order and np.any(points[:, 2] > 1 - 1e-12):
        # Basix gives 0 there.
        raise ValueError("The gradients of a pyramid's functions have no value at its apex.")
    table = np.asarray(e.tabulate(order, points))
    if order == 0:
        return (table[0],)
    dim = points.shape[1]
    unit = np.eye(dim, dtype=int)
    gradients = np.stack([table[basix.index(*unit[r])] for r in range(dim)], axis=-1)
    if order == 1:
        return table[0], gradients
    at = [[table[basix.index(*(unit[r] + unit[s]))] for s in range(dim)] for r in range(dim)]
    return table[0], gradients, np.stack([np.stack(row, axis=-1) for row in at], axis=-2)


def _made(cell_type, part: Part):
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


@ft.cache
def _monomials(element: Element) -> tuple[np.ndarray, np.ndarray]:
    """Exponents (m, dim), and coefficients (m, a, c) of the basis in monomials."""
    degree, cell_type = element.degree, element.cell_type
    dim = reference_nodes(cell_type, 1).shape[1]
    # JAX remembers the type it takes an index array of NumPy's for: what is kept must not depend on `jax_enable_x64`.
    every = np.array(list(itertools.product(range(degree + 1), repeat=dim)), np.int32)
    if cell_type in ("triangle", "tetrahedron"):
        every = every[every.sum(axis=1) <= degree]
    elif cell_type == "prism":
        every = every[every[:, :2].sum(axis=1) <= degree]
    elif cell_type == "pyramid":
        # (x/w)ⁱ (y/w)ʲ wᵏ with max(i, j) ≤ k ≤ p, w = 1 − z.
        every = every[every[:, :2].max(axis=1) <= every[:, 2]]
    where = reference_nodes(cell_type, max(degree, 1))[: len(every)]
    (values,) = element.tabulate(where, 0)
    powers = np.prod((_collapsed(where, np) if cell_type == "pyramid" else where)[:, None] ** every, axis=-1)
    return every, np.tensordot(np.linalg.inv(powers), values, 1)


def _collapsed(X, xp):
    """(x/w, y/w, w) with w = 1 − z: on these functions of a pyramid are polynomials."""
    w = 1 - X[..., 2:]
    # At the apex, where x = y = 0, on the axis.
    return xp.concatenate([X[..., :2] / xp.where(w == 0, 1.0, w), w], axis=-1)


def _powers(X, exponents):
    """The monomials at X; powers by repeated products: x ** 0 has a NaN derivative at 0 in disguise."""
    powers = [jnp.ones_like(X)]
    for _ in range(int(exponents.max(initial=0))):
        powers.append(powers[-1] * X)
    return jnp.prod(jnp.stack(powers)[exponents, np.arange(X.shape[0])], axis=-1)


@ft.cache
def lagrange_element(cell_type: str, degree: int) -> Element:
    """The Lagrange element with equispaced nodes."""
    return Element(cell_type, (Part("P", degree, "equispaced", "none", degree == 0),), apart=degree == 0)


def tabulate(cell_type: str, degree: int, points, order: int = 1) -> tuple[np.ndarray, ...]:
    """Values (q, a) and reference gradients (q, a, dim) of the equispaced Lagrange basis at reference points (q, dim).

    Of order 0 the values alone.
    """
    return tuple(table[:, :, 0] for table in lagrange_element(cell_type, degree).tabulate(points, order))


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
    maps = {_made(cell_type, part).map_type.name for part in parts}
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
    part = Part(family, degree, *_variants(family, degree), jumps)
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


def _variants(family, degree):
    """What Basix's own UFL front end takes by default, but for low Lagrange elements, whose nodes are a cell's."""
    if family == "P":
        return ("equispaced" if degree <= EQUISPACED else "gll_warped"), "none"
    if family in ("serendipity", "BDM", "N2E"):
        return "legendre", "legendre"
    if family == "DPC":
        return "none", "legendre"
    return ("legendre" if family in ("RT", "N1E") else "none"), "none"


def _try(cell_type, part):
    what = f"{part.family} of degree {part.degree} on a {cell_type}"
    if part.degree < 0:
        raise ValueError(f"The degree of an element must be 0 or more, got {part.degree}.")
    if part.family == "custom":
        raise ValueError("Custom elements are not offered: name a family of Basix.")
    try:
        made = _made(cell_type, part)
    except (RuntimeError, ValueError) as error:
        raise ValueError(f"Basix has no element {what}: {error}") from None
    if made.interpolation_nderivs or made.map_type.name not in MAPS:
        raise ValueError(f"{what} is not offered: its degrees of freedom are derivatives, or its functions tensors.")
