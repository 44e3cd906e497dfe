"""Integrals of energies and of weak residuals, over cells and facets."""

import dataclasses

import equinox as eqx

from .._typing import Callable, PyTree
from ..assembly import AbstractTerm
from ._domain import Domain
from ._residuals import element_residuals
from ._spread import Spread, pieces
from ._tangents import add_tangents
from ._times import Times, Within


class Integral(AbstractTerm):
    """One term of a balance law.

    R(v) = ∫ f₀(u, ∇u, x)·v + f₁(u, ∇u, x):∇v,   or   Π = ∫ W(u, ∇u, x) with f₀ = ∂W/∂u, f₁ = ∂W/∂∇u

    **Arguments:**

    - `domain`: cells or facets.
    - `weak`: (fields, point, parameters) → for each field the pair (f₀, f₁), or with f₂ for ∇²v three, None for a part that
      is 0; fields is a tuple of `Local`. A global function: it is part of the compiled program.
    - `parameters`: what `weak` and `energy` depend on; array leaves and fields of them are differentiable.
    - `energy`: (fields, point, parameters) → W, if there is one.
    - `fields`: numbers of the fields of the (mixed) space that take part.
    - `slots`: for each of them what the integrand looks at: "value", "gradient", "hessian", "both" (value and gradient), or
      some joined by +.
    - `symmetric`: whether ∂R/∂u is symmetric; an integral with an energy is.
    - `constant`: True if R does not depend on u, such as a dead load: it then has no tangent.
    - `switches`: (fields, point, parameters) → numbers that are 0 where the integrand's tangent jumps, or None; evaluated
      once, for a certificate.
    - `linear`: True if R is known to be linear (affine) in u: one tangent serves every state.
    - `name`: what messages call the term; by default the name of `weak`.
    - `sized`: whether points know the size of their cells.
    - `enters`: numbers of the equations that it enters; None for those of all its fields.
    """

    domain: Domain | Spread
    weak: Callable = eqx.field(static=True)
    parameters: PyTree
    energy: Callable | None = eqx.field(static=True, default=None)
    fields: tuple[int, ...] = eqx.field(static=True, default=(0,))
    slots: tuple[str, ...] = eqx.field(static=True, default=("both",))
    symmetric: bool = eqx.field(static=True, default=True)
    constant: bool = eqx.field(static=True, default=False)
    linear: bool = eqx.field(static=True, default=False)
    switches: Callable | None = eqx.field(static=True, default=None)
    name: str = eqx.field(static=True, default="")
    sized: bool = eqx.field(static=True, default=False)
    enters: tuple[int, ...] | None = eqx.field(static=True, default=None)

    def __post_init__(self):
        if not self.name:
            weak = self.weak
            self.name = getattr(weak, "__name__", type(weak).__name__).lstrip("_")

    def times(self, factor) -> "Integral":
        """Return c times the integral, a thickness or a share of a step; c is a number, or a field seen by its value."""
        return self.wrapped(Times, factor)

    def wrapped(self, wrap: Callable, parameters: PyTree, **changes) -> "Integral":
        """Return the integral of wrap(weak) and wrap(energy); their parameters are the given ones and its own, a pair."""
        energy = None if self.energy is None else wrap(self.energy)
        switches = None if self.switches is None else Within(self.switches)
        changes = dict(weak=wrap(self.weak), energy=energy, switches=switches) | changes
        return dataclasses.replace(self, **changes, parameters=(parameters, self.parameters))

    @property
    def where(self):
        """What the domain is called."""
        return self.domain.where

    @property
    def joins(self):
        """Whether its items have two cells."""
        return self.domain.two_sided

    def pieces(self, spaces):
        """Return the integrals over cells of one type, or facets of one kind, with spaces on their blocks."""
        return pieces(self, spaces)

    def unknowns(self, spaces):
        """Return the nodes of each cell, or of the cells at each facet."""
        return tuple(self.domain.nodes(spaces[f]) for f in self.fields)

    def local(self, spaces, values):
        """Return what each cell or facet contributes."""
        return element_residuals(self, spaces, values)

    def add_tangents(self, spaces, values, pairs, sums):
        """Add the blocks of all cells or facets, chunk by chunk."""
        return add_tangents(self, spaces, values, pairs, sums)
