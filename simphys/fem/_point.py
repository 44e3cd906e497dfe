"""What an integrand sees at a quadrature point."""

import equinox as eqx

from .._typing import Array, Float
from ._domain import chosen_side


class Local(eqx.Module):
    """A field at a quadrature point: value (component,) and gradient (component, dim); scalar fields without the axis."""

    value: Array | None
    slope: Array | None
    unsided: str | None = eqx.field(static=True, default=None)

    @property
    def gradient(self) -> Array | None:
        """The gradient.

        **Raises:** `ValueError` on facets between two cells that nobody has chosen a side of: it jumps there.
        """
        return chosen_side(self.slope, self.unsided, "a gradient has")


class Point(eqx.Module):
    """A quadrature point: position (dim,) and, on a facet, outward unit normal (dim,)."""

    position: Float[Array, " dim"]
    outward: Float[Array, " dim"] | None
    unsided: str | None = eqx.field(static=True, default=None)

    @property
    def normal(self) -> Float[Array, " dim"] | None:
        """Outward unit normal; None in cells.

        **Raises:** `ValueError` on facets between two cells that nobody has chosen a side of.
        """
        return chosen_side(self.outward, self.unsided)
