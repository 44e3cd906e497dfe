"""Every row of a convex program in units of its own, and what is no row left away."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from ..._typing import Array, Bool, Float
from ._cone import Cone
from ._matrices import AbstractMatrices
from ._program import ConeProgram, Sizes


FAR = 10.0
"""Natural lengths beyond which a bound is measured by itself."""


class Equilibrated(eqx.Module):
    """A program in its own units, with the factors that its rows were multiplied by; 0 for those that are absent."""

    problem: ConeProgram
    factors: Float[Array, " p+m"]
    absent: Bool[Array, " m"]

    @property
    def of_equalities(self) -> Float[Array, " p"]:
        """What multipliers of A z = b are multiplied by."""
        return self.factors[: self.problem.equalities]

    @property
    def of_cone(self) -> Float[Array, " m"]:
        """What multipliers of G z ≤ h are multiplied by, and slacks divided by."""
        return self.factors[self.problem.equalities :]


def equilibrated(matrices: AbstractMatrices, q: Array, rhs: Array, cone: Cone) -> Equilibrated:
    """Divide each row by max(‖row‖, |right-hand side| / 10 L), the same throughout a second-order cone.

    L is the natural length of z: what q and Q, equations, and inequalities that exclude the origin lead to. A bound that
    is far beyond it ("no bound", 10⁸ or 10²⁰) then is a row of small entries, and changes no one else's tolerance; +∞ is
    no row at all. The factors are no functions of the data: derivatives are those of the program as posed.
    """
    p = rhs.shape[0] - cone.size
    open_ = jnp.isposinf(rhs).at[:p].set(False).at[p + cone.orthant :].set(False)
    rhs = jnp.where(open_, 1.0, rhs)
    curvature, length, slope, units = _measure(*jax.lax.stop_gradient((matrices, q, rhs)), cone, open_)
    factors = jnp.where(open_, 0.0, 1 / units).astype(q.dtype)
    rhs = jnp.where(open_, length, rhs * factors)
    sizes = Sizes(curvature, length, slope, jnp.ones_like(rhs))
    return Equilibrated(ConeProgram(matrices.scaled(factors), q, rhs, cone, sizes), factors, open_[p:])


def _measure(matrices, q, rhs, cone: Cone, open_):
    """Return the magnitudes of Q, z and q, and the unit of each row."""
    largest, rows = matrices.sizes()
    p, l = rhs.shape[0] - cone.size, cone.orthant
    or_one = lambda x: jnp.where(x > 0, x, 1.0).astype(x.dtype)
    distance = jnp.abs(rhs)
    if cone.second_order:
        counts = np.asarray(cone.second_order)
        mean = lambda x: jnp.sqrt(cone.per_cone(x[p + l :] ** 2) / jnp.asarray(counts, rows.dtype))
        spread = lambda x: x.at[p + l :].set(jnp.repeat(mean(x), counts, total_repeat_length=int(counts.sum())))
        rows, distance = spread(rows), spread(distance)
    rows = or_one(rows).astype(q.dtype)
    reach = jnp.where(open_, 0.0, distance / rows)
    # An equation, and an inequality that the origin violates, keep z away from 0; others only bound it.
    excluded = cone.eigenvalues(rhs[p:])
    heads = jnp.concatenate([excluded[0], excluded[2][cone._ids] if cone.second_order else rhs[p + l :]])
    needed = jnp.concatenate([jnp.ones(p, bool), heads < 0])
    slope = jnp.linalg.norm(q)
    natural = jnp.maximum(jnp.max(jnp.where(needed, reach, 0.0), initial=0.0), _free(largest, slope))
    bound = jnp.min(jnp.where((reach > 0) & ~needed, reach, jnp.inf), initial=jnp.inf)
    length = jnp.where(natural > 0, natural, jnp.where(jnp.isfinite(bound), bound, 1.0)).astype(q.dtype)
    curvature = jnp.where(largest > 0, largest, or_one(slope) / length).astype(q.dtype)
    return curvature, length, slope, jnp.maximum(rows, distance / (FAR * length)).astype(q.dtype)


def _free(largest, slope):
    """The length to which q leads under Q."""
    return jnp.where(largest > 0, slope / jnp.where(largest > 0, largest, 1.0), 0.0)
