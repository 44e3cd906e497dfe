"""What an integrand sees at a quadrature point."""

import equinox as eqx

from .._typing import Array, Float
from ._domain import chosen_side


class Local(eqx.Module):
    """A field at a quadrature point: value (component,) and gradient (component, dim); scalar fields without the axis."""

    value: Array | None
    gradient: Array | None


class Point(eqx.Module):
    """A quadrature point: position (dim,) and, on a facet, outward unit normal (dim,)."""

    position: Float[Array, " dim"]
    normal: Float[Array, " dim"] | None


class CellPoint(eqx.Module):
    """A `Point` within a cell, where a user's function finds no normal."""

    position: Float[Array, " dim"]

    @property
    def normal(self):
        """Raises `ValueError`."""
        raise ValueError("There is no `normal` within cells: `where=` names the facets that it is meant on.")


class UnsidedLocal(eqx.Module):
    """A `Local` on a facet between two cells that nobody has chosen a side of: its gradient would have two values."""

    value: Array | None
    group: str = eqx.field(static=True)

    @property
    def gradient(self):
        """Raises `ValueError`."""
        return chosen_side(None, self.group, "a gradient has")


class UnsidedPoint(eqx.Module):
    """A `Point` on a facet between two cells that nobody has chosen a side of: its normal would have two values."""

    position: Float[Array, " dim"]
    group: str = eqx.field(static=True)

    @property
    def normal(self):
        """Raises `ValueError`."""
        return chosen_side(None, self.group)
