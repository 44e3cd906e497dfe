"""Elements: what a function is made of in one reference cell, and which entities its degrees of freedom belong to."""

import dataclasses
import functools as ft
import itertools
from typing import NamedTuple

import basix
import jax.numpy as jnp
import numpy as np

from ._families import EQUISPACED, MAPS, Part, basix_element
from ._mesh_checks import reference_nodes


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
    def placed(self) -> bool:
        """Whether each degree of freedom is a value at a point of its own, where parameters may be given as well."""
        return self.nodal and not self.whole

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
        tables = [_derivatives(basix_element(self.cell_type, p), np.asarray(points, float), order) for p in self.parts]
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
    made = [basix_element(element.cell_type, part) for part in element.parts]
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
