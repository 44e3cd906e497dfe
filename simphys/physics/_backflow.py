"""Outlets through which a fluid may come back."""

import equinox as eqx
import jax.numpy as jnp

from .._check import parameter
from .._ranges import positive
from .._trees import norm
from .._typing import PyTree, Value
from ..fem import Integral, facets_of
from ._acting import AbstractLoad


class Backflow(AbstractLoad):
    r"""An outlet that takes from a fluid that comes back what it would bring in.

    traction  t = β ρ/2 min(v·n, 0) v

    What flows out is not touched: the outlet stays a free one (traction 0, or that of a `Traction` there). What comes in
    brings ½ ρ |v·n| v² of energy with it, from nowhere, and a flow with vortices across its outlet ends so: with β = 1
    nothing is gained (of the skew form), from β = ½ on or so flows are stable in practice.

    **Arguments:**

    - `where`: name of the facet group of the outlet.
    - `share`: β ≥ 0.

    Reference: C. Bertoglio, A. Caiazzo, Int. J. Numer. Methods Biomed. Eng. 30 (2014) 1; M. E. Moghadam et al., Comput.
    Mech. 48 (2011) 277.
    """

    share: PyTree = positive(or_zero=True)
    where: str = eqx.field(static=True)

    def __init__(self, where: str, share: Value = 1.0):
        self.where, self.share = where, parameter(share)

    def integral(self, space):
        """It as an integral over its facets, per density."""
        domain = facets_of(space, self.where, 3 * space.degree)
        domain.check_sided()
        options = dict(slots=("value",), symmetric=False, switches=_through)
        return Integral(domain, _returned, self.share, None, **options)

    def unloaded(self):
        """The same outlet."""
        return self


def _through(fields, point, share):
    """v·n/|v|: at rest the tangent is 0 on both sides, which is no kink."""
    size = norm(fields[0].value)
    moving = size > 0
    through = jnp.vdot(fields[0].value, point.normal) / jnp.where(moving, size, 1.0)
    return jnp.where(moving, through, 1.0).reshape(1)


def _returned(fields, point, share):
    v, through = fields[0].value, jnp.vdot(fields[0].value, point.normal)
    return ((-share / 2 * jnp.where(through < 0, through, 0.0) * v, None),)
