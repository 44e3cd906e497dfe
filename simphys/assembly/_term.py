"""What a problem is a sum of."""

import abc
from typing import ClassVar

import equinox as eqx

from .._told import Told
from .._touching import Touching
from .._typing import Array, Scalar


class AbstractTerm(Told):
    """One term of a problem: items, each with the unknowns that it gathers, and a local function of these.

    R(u) = Σ_i G_iᵀ r(G_i u),   or with an energy   Π(u) = Σ_i w(G_i u),   r = ∂w

    An item is a cell, a facet, a spring, a pair in contact: whatever it is, `unknowns` are whole numbers that only the
    problem's topology decides, and `local` is pointwise. A term knows fields by their number of nodes and components alone.

    - `fields`: numbers of the fields that take part.
    - `symmetric`: whether ∂R/∂u is; `linear`: whether R is affine in u; `constant`: whether it has no tangent at all.
    - `enters`: numbers of the equations that it enters; None for those of all its fields.
    - `name`: what messages call it.
    """

    fields: eqx.AbstractVar[tuple[int, ...]]
    symmetric: eqx.AbstractVar[bool]
    constant: eqx.AbstractVar[bool]
    linear: eqx.AbstractVar[bool]
    enters: eqx.AbstractVar[tuple[int, ...] | None]
    name: eqx.AbstractVar[str]
    joins: ClassVar[bool] = False
    """Whether items join unknowns that nothing else does, so that what several of them contribute balances."""
    wanders: ClassVar[bool] = False
    """Whether its tangent couples other unknowns at each state, within those of `coupling`."""

    @property
    @abc.abstractmethod
    def where(self) -> str:
        """What its items are called: terms over the same items of one problem have the same name for them."""

    def coupling(self, spaces) -> tuple[Array, ...]:
        """Return for each of its fields the nodes of what its tangent may couple, (item, local)."""
        return self.unknowns(spaces)

    def longest(self, spaces, values, ahead, beyond) -> Scalar | None:
        """Return how much of the straight way to the values `beyond` of the spaces `ahead` is admissible; None for all."""
        return None

    def touching(self, spaces, values) -> Touching | None:
        """Return what its items touch; None for a term without contact."""
        return None

    def pieces(self, spaces) -> tuple:
        """Return the term, or several in its place whose items are alike, each with spaces as these see them.

        What has items of several kinds, cells of several types, gathers and computes piece by piece.
        """
        return ((self, spaces),)

    @abc.abstractmethod
    def unknowns(self, spaces) -> tuple[Array, ...]:
        """Return for each of its fields the nodes that each item gathers, (item, local)."""

    @abc.abstractmethod
    def local(self, spaces, values: tuple[Array, ...]) -> tuple[tuple[Array, ...], Array | None]:
        """Return for each of its fields what each item contributes, (item, local, component), and the energy or None."""

    @abc.abstractmethod
    def add_tangents(self, spaces, values: tuple[Array, ...], pairs, sums: dict) -> dict:
        """Add ∂R_f/∂u_g of all items to sums[f, g], (node pair, component × component).

        **Arguments:**

        - `pairs`: for each two of its fields the `NodePairs` that its blocks belong to.
        """
