"""What an integrand sees at a quadrature point."""

import equinox as eqx
import jax.numpy as jnp

from .._told import Told, shown
from .._typing import Array, Float, Scalar
from ._domain import chosen_side


class OfGradient:
    """What follows from the gradient of a vector field of as many components as there are dimensions."""

    @property
    def divergence(self) -> Scalar:
        """div u = tr ∇u."""
        return jnp.trace(_square(self.gradient))  # pyright: ignore[reportAttributeAccessIssue]

    @property
    def curl(self) -> Array:
        """curl u: (3,) in 3-D, in 2-D the scalar ∂u_y/∂x − ∂u_x/∂y."""
        slope = _square(self.gradient)  # pyright: ignore[reportAttributeAccessIssue]
        turn = lambda i, j: slope[j, i] - slope[i, j]
        return turn(0, 1) if slope.shape == (2, 2) else jnp.stack([turn(1, 2), turn(2, 0), turn(0, 1)])


def _square(slope):
    if slope.ndim != 2 or slope.shape[0] != slope.shape[1] or slope.shape[0] == 1:
        raise ValueError(
            f"`divergence` and `curl` are those of a vector field in 2-D or 3-D; this gradient has shape {slope.shape}."
        )
    return slope


class Local(OfGradient, eqx.Module):
    """A field at a quadrature point: value (component,), gradient (component, dim) and second derivatives `hessian`
    (component, dim, dim); scalar fields without the axis. Vector fields also have `divergence` and `curl`."""

    value: Array | None
    gradient: Array | None
    hessian: Array | None = None

    def __repr__(self):
        return shown(self)


class Point(Told):
    """A quadrature point.

    **Attributes:**

    - `position`: x, (dim,).
    - `size`: h, a length: in a cell the dim-th root of its volume; on a facet the height of the cell over it, between two
      cells of the lower one.
    - `normal`: on a facet the outward unit normal (dim,); between two cells it points out of the near one.
    """

    position: Float[Array, " dim"]
    normal: Float[Array, " dim"] | None
    size: Scalar | None = None


class Sides(eqx.Module):
    """A field on a facet between two cells, as each of them sees it; the normal points from `near` to `far`."""

    near: Local
    far: Local

    @property
    def jump(self) -> Array:
        """u⁻ − u⁺, the near value less the far one."""
        return self.near.value - self.far.value

    @property
    def mean(self) -> Array:
        """(u⁻ + u⁺) / 2."""
        return (self.near.value + self.far.value) / 2

    @property
    def jump_gradient(self) -> Array:
        """∇u⁻ − ∇u⁺."""
        return self.near.gradient - self.far.gradient

    @property
    def mean_gradient(self) -> Array:
        """(∇u⁻ + ∇u⁺) / 2."""
        return (self.near.gradient + self.far.gradient) / 2

    @property
    def mean_hessian(self) -> Array:
        """(∇²u⁻ + ∇²u⁺) / 2."""
        return (self.near.hessian + self.far.hessian) / 2


class CellPoint(eqx.Module):
    """A `Point` within a cell, where a user's function finds no normal."""

    position: Float[Array, " dim"]
    size: Scalar | None = None

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

    @property
    def hessian(self):
        """Raises `ValueError`."""
        return chosen_side(None, self.group, "a second derivative has")


class UnsidedPoint(eqx.Module):
    """A `Point` on a facet between two cells that nobody has chosen a side of: its normal would have two values."""

    position: Float[Array, " dim"]
    group: str = eqx.field(static=True)
    size: Scalar | None = None

    @property
    def normal(self):
        """Raises `ValueError`."""
        return chosen_side(None, self.group)
