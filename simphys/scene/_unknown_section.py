"""`[fit.parameters]`: what kind of unknown a parameter is, and what is known of it before any data."""

from typing import Annotated, Literal

import pydantic

from ._limits import Counts, Depth, Seed, Width
from ._section import Float, Positive, Section, one_of


class FieldKind(Section):
    """How a number of the scene becomes a field of unknowns.

    `kind`: "cell" or "nodal", one value for each cell or node; "legendre" or "cosine", products of `orders` polynomials or
    cosines of the coordinates; "network", a network of the position with `depth` hidden layers of `width` units.
    """

    kind: Literal["cell", "nodal", "legendre", "cosine", "network"]
    """"cell" or "nodal", one value for each; "legendre" or "cosine", products of functions of the coordinates;
    "network"."""
    orders: Counts | None = None
    """Of "legendre" and "cosine": how many functions along each axis. [1] e.g. [4, 4]"""
    width: Width | None = None
    depth: Depth | None = None
    seed: Seed = 0

    @pydantic.model_validator(mode="after")
    def _fits(self):
        if (self.orders is not None) != (self.kind in ("legendre", "cosine")):
            raise ValueError('`orders` belong to kind = "legendre" and "cosine".')
        if self.kind != "network" and not (self.width is self.depth is None):
            raise ValueError('`width` and `depth` belong to kind = "network".')
        return self


class GaussianPrior(Section):
    """A mean and a standard deviation of the parameter itself."""

    type: Literal["gaussian"]
    mean: Annotated[float | list[float], one_of("a finite number or a list of them")]
    """Mean of the parameter. [that of the parameter] e.g. 1.0"""
    deviation: Positive
    """Standard deviation of the parameter. [that of the parameter] e.g. 0.2"""


class SmoothPrior(Section):
    """A smooth field: `deviation` of u over the distance `length`; u is the logarithm of a field with transform = "log".

    "h1": the integral of |grad u|^2 + (u - mean)^2 / length^2 is small; "matern": a Gaussian field whose deviation at a
    point does not depend on the mesh.
    """

    type: Literal["h1", "matern"]
    deviation: Positive
    """Deviation of the field (or its logarithm) over the distance `length`. [that of the parameter; 1 of a logarithm]
    e.g. 0.5"""
    length: Positive
    """Distance over which the field may change. [length] e.g. 10.0"""
    mean: Float | None = None
    """Of the parameter; by default its start. [that of the parameter] e.g. 1.0"""


class VariationPrior(Section):
    """A field that is constant in pieces: `weight` is the cost of a jump of u by 1, per unit of its length or area."""

    type: Literal["total_variation"]
    weight: Positive
    """Cost of a jump of the field (or its logarithm) by 1, per unit of the jump's length or area. [1/area, in the
    plane 1/length] e.g. 0.1"""
    smoothing: Positive
    """Gradients below this count as none: it rounds the corner of the norm. [1/length] e.g. 1e-3"""
