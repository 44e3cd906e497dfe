"""A user's own integrals: a weak form, or an energy, as a function of what it sees at a point."""

import abc

import equinox as eqx

from .._hidden import hashable
from .._told import Told
from .._typing import Callable, PyTree
from ._domain import Domain
from ._form_function import Density, Pairs, Slopes
from ._integral import Integral
from ._interior import interior_of
from ._places import cells_of, facets_of
from ._sight import Sight, check_nodes, seen, whole
from ._space import FunctionSpace
from ._spread import Spread
from ._symmetric import asymmetry


SYMMETRIC = 1e-4
INTERIOR = "interior"


class AbstractForm(Told):
    """An integral over cells or facets that a function gives."""

    function: eqx.AbstractVar[Callable]
    parameters: eqx.AbstractVar[PyTree]
    where: eqx.AbstractVar[str | None]
    degree: eqx.AbstractVar[int | None]
    side: eqx.AbstractVar[str | None]
    linear: eqx.AbstractVar[bool]

    @abc.abstractmethod
    def integral(self, spaces: tuple[FunctionSpace, ...], domain: Domain | Spread, sight: Sight) -> Integral:
        """Return it as a term of a balance law on these spaces, with a function that looks at this."""

    def sight(self, spaces: tuple[FunctionSpace, ...], domain: Domain | Spread) -> Sight:
        """Return what the function looks at; it is traced once."""
        found = seen(self.integral(spaces, domain, whole(spaces)), spaces)
        if not found.fields:
            raise ValueError(f"`{self.name}` neither looks at a field nor enters an equation.")
        term = self.integral(spaces, domain, found)
        check_nodes(term, spaces)
        if term.energy is None and term.symmetric and asymmetry(term, spaces) > SYMMETRIC:
            raise ValueError(f"`{self.name}` is not symmetric as `symmetric=True` claims: leave the claim away.")
        return found

    def domain(self, space: FunctionSpace) -> Domain | Spread:
        """Return where the integral is taken; by default products of two of the space's functions are exact there."""
        mesh = space.mesh
        if self.side == "both" or (self.where == INTERIOR and not mesh.names_facets(INTERIOR)):
            return interior_of(space, None if self.where == INTERIOR else self.where, self.degree)
        cells = self.where is None or self.where in mesh.cell_groups
        facets = self.where is not None and mesh.names_facets(self.where)
        if cells and facets:
            raise ValueError(f"{self.where!r} names a group of cells and one of facets: rename one.")
        if not (cells or facets):
            known = ", ".join(map(repr, sorted({**mesh.cell_groups, **mesh.facet_groups}))) or "none"
            raise ValueError(f"No group of cells or facets {self.where!r}; there are {known}.")
        if cells and self.side is not None:
            raise ValueError(f"`side` is for facets, {self.where or 'all cells'!r} are cells.")
        degree = space.mass_degree if self.degree is None else self.degree
        if cells:
            return cells_of(space, self.where, degree)
        return facets_of(space, str(self.where), self.degree, side=self.side)

    @property
    def name(self):
        """What messages call it."""
        return f"{type(self).__name__}({getattr(self.function, '__name__', type(self.function).__name__)})"

    def _parts(self):
        weights, rest = eqx.partition(self.function, eqx.is_array)
        return hashable(rest), (weights, self.parameters)


class Weak(AbstractForm):
    r"""A weak form, term of a balance law R(v) = 0.

    R(v) = ∫ f₀(u, ∇u, x; p)·v + f₁(u, ∇u, x; p):∇v

    **Arguments:**

    - `function`: (u, at, p) → (f₀, f₁), either of them None where it is 0; or (f₀, f₁, f₂) with f₂:∇²v as well. `u.value`
      (component,) and `u.gradient` (component, dim) are the field at a point (scalar fields without the first axis),
      `u.hessian` its second derivatives within each cell, `u.divergence` and `u.curl` those of a vector field;
      `at.position`, `at.size` and, on facets, `at.normal` the point. On several spaces u is a tuple of fields and what is
      returned one of pairs, None for an equation that it does not enter. A pure function, or an `equinox.Module` with
      parameters of its own.
    - `parameters`: p, any pytree; arrays and fields (`CellField`, …) in it are parameters, seen by their value at the
      point.
    - `where`: name of a group of cells or facets, "all" for the whole boundary, "interior" for the facets between cells;
      None for all cells. Between cells u has two sides, `u.near` and `u.far` (also `u.jump`, `u.mean`, `u.jump_gradient`,
      `u.mean_gradient`, `u.mean_hessian`), and f₀ goes with the jump of v, f₁ with the mean of ∇v.
    - `degree`: of the quadrature; by default exact for products of two functions of the space.
    - `side`: of a group of facets between two cells, the cell group that they are seen from, or "both".
    - `symmetric`: claim that ∂R/∂u is symmetric; it is tried at one cell.
    - `linear`: claim that R is affine in u, so that one step solves it; where it is not, a solve ends as `tangent_wrong`.

    **Raises:** `ValueError`, with the space, for groups that do not exist and parts of another shape than u and ∇u, a
    tangent that is not as symmetric as claimed.

    Reference: A. Logg et al., Automated Solution of Differential Equations by the Finite Element Method, 2012, chapter 1.
    """

    function: Callable
    parameters: PyTree
    where: str | None = eqx.field(static=True)
    degree: int | None = eqx.field(static=True)
    side: str | None = eqx.field(static=True)
    symmetric: bool = eqx.field(static=True)
    linear: bool = eqx.field(static=True)

    def __init__(self, function, parameters=None, where=None, *, degree=None, side=None, symmetric=False, linear=False):
        _check(function, "(u, at, parameters) → (f0, f1)", parameters, where, degree, side)
        self.function, self.parameters, self.where, self.degree = function, parameters, where, degree
        self.side, self.symmetric, self.linear = side, symmetric, linear

    def integral(self, spaces, domain, sight):
        """Return the integral of f₀ and f₁."""
        rest, parameters = self._parts()
        weak = Pairs(rest, sight, len(spaces), self.name)
        options = dict(
            symmetric=self.symmetric, constant=not sight.read, linear=self.linear, name=self.name, sized=True
        )
        options["enters"] = sight.rows
        return Integral(domain, weak, parameters, None, sight.fields, sight.slots, **options)


class Energy(AbstractForm):
    r"""An energy; its derivative is a term of a balance law, whose tangent is symmetric.

    Π(u) = ∫ W(u, ∇u, x; p),   R(v) = ∫ ∂W/∂u·v + ∂W/∂∇u:∇v

    **Arguments:** those of `Weak`, but

    - `function`: (u, at, p) → W, a scalar.

    **Raises:** `ValueError`, with the space, for groups that do not exist and functions whose value is no scalar.

    Reference: as `Weak`.
    """

    function: Callable
    parameters: PyTree
    where: str | None = eqx.field(static=True)
    degree: int | None = eqx.field(static=True)
    side: str | None = eqx.field(static=True)
    linear: bool = eqx.field(static=True)

    def __init__(self, function, parameters=None, where=None, *, degree=None, side=None, linear=False):
        _check(function, "(u, at, parameters) → W", parameters, where, degree, side)
        self.function, self.parameters, self.where, self.degree = function, parameters, where, degree
        self.side, self.linear = side, linear

    def integral(self, spaces, domain, sight):
        """Return the integral of W and of its derivatives."""
        rest, parameters = self._parts()
        density = Density(rest, sight, len(spaces), self.name)
        options = dict(linear=self.linear, name=self.name, sized=True)
        return Integral(domain, Slopes(density), parameters, density, sight.fields, sight.slots, **options)


def _check(function, signature, parameters, where, degree, side):
    if not callable(function):
        raise ValueError(f"`function` must be callable, {signature}, got {function!r}.")
    if isinstance(parameters, str):
        raise ValueError(f"`parameters` is {parameters!r}: a group is named by `where={parameters!r}`.")
    for name, given in (("where", where), ("side", side)):
        if not (given is None or isinstance(given, str)):
            raise ValueError(f"`{name}` must be None or the name of a group, got {given!r}.")
    if not (degree is None or (isinstance(degree, int) and degree >= 0)):
        raise ValueError(f"`degree` must be None or a whole number, 0 or more, got {degree!r}.")
