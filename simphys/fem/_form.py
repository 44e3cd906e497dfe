"""A user's own integrals: a weak form, or an energy, as a function of what it sees at a point."""

import abc
import dataclasses
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp

from .._hidden import hashable
from .._typing import Callable, PyTree
from ._domain import Domain, cells_of, facets_of
from ._integral import Integral, element_residuals
from ._point import Local
from ._space import FunctionSpace
from ._symmetric import asymmetry


SYMMETRIC = 1e-4


class AbstractForm(eqx.Module):
    """An integral over cells or facets that a function gives."""

    function: eqx.AbstractVar[Callable]
    parameters: eqx.AbstractVar[PyTree]
    where: eqx.AbstractVar[str | None]
    degree: eqx.AbstractVar[int | None]
    side: eqx.AbstractVar[str | None]
    linear: eqx.AbstractVar[bool]

    @abc.abstractmethod
    def integral(self, spaces: tuple[FunctionSpace, ...], sight: "Sight") -> Integral:
        """Return it as a term of a balance law on these spaces, with a function that looks at this."""

    def sight(self, spaces: tuple[FunctionSpace, ...]) -> "Sight":
        """Return what the function looks at; it is traced once."""
        every = tuple(range(len(spaces)))
        found = _seen(self.integral(spaces, Sight(every, ("both",) * len(spaces), every, every)), spaces)
        if not found.fields:
            raise ValueError(f"`{self.name}` neither looks at a field nor enters an equation.")
        term = self.integral(spaces, found)
        if term.energy is None and term.symmetric and asymmetry(term, spaces) > SYMMETRIC:
            raise ValueError(f"`{self.name}` is not symmetric as `symmetric=True` claims: leave the claim away.")
        return found

    def domain(self, space: FunctionSpace) -> Domain:
        """Return where the integral is taken; by default products of two of the space's functions are exact there."""
        mesh = space.mesh
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

    - `function`: (u, at, p) → (f₀, f₁), either of them None where it is 0. `u.value` (component,) and `u.gradient`
      (component, dim) are the field at a point (scalar fields without the first axis), `at.position` and, on facets,
      `at.normal` the point. On several spaces u is a tuple of fields and what is returned one of pairs, None for an
      equation that it does not enter. A pure function, or an `equinox.Module` with parameters of its own.
    - `parameters`: p, any pytree; arrays and fields (`CellField`, …) in it are parameters, seen by their value at the
      point.
    - `where`: name of a group of cells or facets, "all" for the whole boundary; None for all cells.
    - `degree`: of the quadrature; by default exact for products of two functions of the space.
    - `side`: of facets between two cells, the cell group that they are seen from.
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
        if not callable(function):
            raise ValueError(f"`function` must be callable, (u, at, parameters) → (f0, f1), got {function!r}.")
        self.function, self.parameters, self.where, self.degree = function, parameters, where, degree
        self.side, self.symmetric, self.linear = side, symmetric, linear

    def integral(self, spaces, sight):
        """Return the integral of f₀ and f₁."""
        rest, parameters = self._parts()
        weak = _Pairs(rest, sight.fields, len(spaces))
        options = dict(symmetric=self.symmetric, constant=not sight.read, linear=self.linear, name=self.name)
        return Integral(self.domain(spaces[0]), weak, parameters, None, sight.fields, sight.slots, **options)


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
        if not callable(function):
            raise ValueError(f"`function` must be callable, (u, at, parameters) → W, got {function!r}.")
        self.function, self.parameters, self.where, self.degree = function, parameters, where, degree
        self.side, self.linear = side, linear

    def integral(self, spaces, sight):
        """Return the integral of W and of its derivatives."""
        rest, parameters = self._parts()
        density = _Density(rest, sight.fields, len(spaces))
        options = dict(linear=self.linear, name=self.name)
        domain = self.domain(spaces[0])
        return Integral(domain, _Slopes(density), parameters, density, sight.fields, sight.slots, **options)


class _Function(eqx.Module):
    """A user's function; what of it is no array is part of the compiled program."""

    rest: Callable = eqx.field(static=True)
    fields: tuple[int, ...] = eqx.field(static=True)
    count: int = eqx.field(static=True)

    def found(self, fields, point, parameters):
        weights, parameters = parameters
        given = dict(zip(self.fields, fields, strict=True))
        u = given[0] if self.count == 1 else tuple(given.get(f) for f in range(self.count))
        return eqx.combine(weights, self.rest)(u, point, parameters)


class _Pairs(_Function):
    def __call__(self, fields, point, parameters):
        found = self.found(fields, point, parameters)
        found = (found,) if self.count == 1 else found
        if not isinstance(found, tuple) or len(found) != self.count:
            raise ValueError(
                f"A `Weak` on {self.count} spaces must return a tuple of {self.count} pairs, got {found!r}."
            )
        pairs = tuple((None, None) if pair is None else pair for pair in found)
        for pair in pairs:
            if not isinstance(pair, tuple) or len(pair) != 2:
                raise ValueError(f"A `Weak` must return a pair (f0, f1) for each field, got {pair!r}.")
        for field, pair in zip(fields, (pairs[f] for f in self.fields), strict=True):
            _check_shapes(field, pair)
        return tuple(pairs[f] for f in self.fields)


def _check_shapes(field, pair):
    field = field.seen_through if isinstance(field, _Watched) else field
    for what, part, name in (("value", pair[0], "f0"), ("gradient", pair[1], "f1")):
        like = None if part is None else getattr(field, what)
        if like is not None and jnp.shape(part) != jnp.shape(like):
            raise ValueError(
                f"`{name}` of a `Weak` must have the shape of the field's {what}, {jnp.shape(like)}, got {jnp.shape(part)}."
            )


class _Density(_Function):
    def __call__(self, fields, point, parameters):
        found = self.found(fields, point, parameters)
        if jnp.shape(found) != ():
            raise ValueError(f"An `Energy` must return a scalar, got shape {jnp.shape(found)}.")
        return found


class _Slopes(eqx.Module):
    """The derivatives of an energy."""

    density: _Density = eqx.field(static=True)

    def __call__(self, fields, point, parameters):
        slopes = jax.grad(lambda fields: self.density(fields, point, parameters))(fields)
        return tuple((s.value, s.gradient if isinstance(s, Local) else None) for s in slopes)


class _Watched:
    """A field at a point that notes what is looked at."""

    def __init__(self, field, seen: set):
        self.seen_through, self._seen = field, seen

    @property
    def value(self):
        self._seen.add("value")
        return self.seen_through.value

    @property
    def gradient(self):
        self._seen.add("gradient")
        return self.seen_through.gradient


class Sight(NamedTuple):
    """What the function of a form looks at, and what it enters."""

    fields: tuple[int, ...]
    slots: tuple[str, ...]
    read: tuple[int, ...]
    """The fields it looks at."""
    rows: tuple[int, ...]
    """The equations that it enters."""


def _seen(term: Integral, spaces: tuple[FunctionSpace, ...]) -> Sight:
    read, written = [set() for _ in spaces], [set() for _ in spaces]
    function = term.weak if term.energy is None else term.energy

    def watch(fields, point, parameters):
        try:
            found = function(tuple(map(_Watched, fields, read)), point, parameters)
        except Exception:
            # A function may take its fields as a whole. What fails with the fields themselves is the user's error.
            found = function(fields, point, parameters)
            for seen in read:
                seen.update(("value", "gradient"))
        if term.energy is None:
            for seen, pair in zip(written, found, strict=True):
                seen.update(what for what, part in zip(("value", "gradient"), pair, strict=True) if part is not None)
            return found
        return term.weak(fields, point, parameters)

    watched = dataclasses.replace(term, weak=watch, energy=None)
    values = tuple(jax.ShapeDtypeStruct(space.shape, space.mesh.points.dtype) for space in spaces)
    eqx.filter_eval_shape(lambda values: element_residuals(watched, spaces, values)[0], values)
    written = read if term.energy is not None else written
    both = [a | b for a, b in zip(read, written, strict=True)]
    fields = tuple(f for f, seen in enumerate(both) if seen)
    slots = tuple("both" if len(both[f]) == 2 else next(iter(both[f])) for f in fields)
    members = lambda sets: tuple(f for f, seen in enumerate(sets) if seen)
    return Sight(fields, slots, members(read), members(written))
