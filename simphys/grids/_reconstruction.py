"""States at both sides of faces, from means over cells."""

import abc
import functools
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp

from .._small import power_of_two
from .._typing import Array, Float
from ._law import AbstractLaw


SHARE = 1e-6
"""Least share of a cell's mean that a positive number keeps at its faces."""


class AbstractReconstruction(eqx.Module):
    """How states at faces follow from means over cells.

    **Attributes:**

    - `order`: of accuracy where the solution is smooth.
    - `reach`: how many cells it takes on each side of a face.
    - `across`: how many cells it takes beside a face, in 2 and 3 dimensions.
    - `equal`: whether it needs equal steps along each axis.
    """

    order: eqx.AbstractClassVar[int]
    reach: eqx.AbstractClassVar[int]
    across: ClassVar[int] = 0
    equal: ClassVar[bool] = False

    @abc.abstractmethod
    def faces(self, law: AbstractLaw, u: Array, h: Float[Array, " k"], axis: int) -> tuple[Array, Array]:
        """Return the states on the lower and the upper side of each face.

        **Arguments:**

        - `u`: means (m, …) of the cells along an axis, `reach` more than there are on either end.
        - `h`: the steps of these cells.
        """

    @abc.abstractmethod
    def departure(self, values: Array, lanes: tuple[int, ...], to_means: bool) -> Array:
        """Return by how much means over faces differ from values in their middle, or these from means.

        **Arguments:**

        - `values`: what there is of the two, (m, …), of two more faces on either end of each of the axes `lanes`.
        - `to_means`: whether they are those in the middle.
        """


class AbstractSlopes(AbstractReconstruction):
    """A reconstruction by a slope of the primitive variables within each cell."""

    @abc.abstractmethod
    def rise(self, w: Array, h: Float[Array, " k"], axis: int) -> Array:
        """Return half of what w rises by within each cell but the outermost that it is found from."""


class FirstOrder(AbstractSlopes):
    """The mean itself: of first order, monotone, with the smallest Jacobian."""

    order: ClassVar[int] = 1
    reach: ClassVar[int] = 1

    def faces(self, law, u, h, axis):
        """Return the cells below and above each face."""
        n = u.shape[1 + axis]
        return cut(u, axis, 0, n - 1), cut(u, axis, 1, n)

    def rise(self, w, h, axis):
        """Nothing."""
        return jnp.zeros_like(w)

    def departure(self, values, lanes, to_means):
        """Nothing."""
        return jnp.zeros_like(values)


class MUSCL(AbstractSlopes):
    r"""Limited slopes of the primitive variables (van Leer), on steps of any size; of second order.

    w(x) = w_i + σ_i (x − x_i),   σ_i = 2 a b / (a + b) where the slopes a, b to both neighbours agree in sign, else 0

    Reference: B. van Leer, J. Comput. Phys. 32 (1979) 101.
    """

    order: ClassVar[int] = 2
    reach: ClassVar[int] = 2

    def faces(self, law, u, h, axis):
        """Return the limited values, no density below a small share of the mean."""
        w, n = law.primitive(u), u.shape[1 + axis]
        rise = self.rise(w, h, axis)
        middle, mean = cut(w, axis, 1, n - 1), cut(u, axis, 1, n - 1)
        ends = law.conserved(jnp.stack([middle + rise, middle - rise], axis=1))
        up, down = jnp.moveaxis(kept_positive(law, mean[:, None], ends), 1, 0)
        return cut(up, axis, 0, n - 3), cut(down, axis, 1, n - 2)

    def rise(self, w, h, axis):
        """Return it limited."""
        n = w.shape[1 + axis]
        along = lambda x: x.reshape(tuple(-1 if a == axis else 1 for a in range(-1, w.ndim - 1)))
        slope = (cut(w, axis, 1, n) - cut(w, axis, 0, n - 1)) / along((h[1:] + h[:-1]) / 2)
        a, b = cut(slope, axis, 0, n - 2), cut(slope, axis, 1, n - 1)
        agree = a * b > 0
        total = jnp.where(agree, a + b, 1)
        return along(h[1:-1] / 2) * jnp.where(agree, 2 * a / total * b, 0)

    def departure(self, values, lanes, to_means):
        """Nothing: means differ from values in the middle by the second order."""
        return jnp.zeros_like(values)


class WENO5Z(AbstractReconstruction):
    r"""Weighted essentially non-oscillatory values of fifth order, of waves along the axis, on equal steps.

    v = Σ ω_k v_k,   ω_k ∝ d_k (1 + (τ/(β_k + ε))²),   τ = |β_0 − β_2|

    In 2 and 3 dimensions means over faces and values in their middle are told apart to the same order, except where
    a density would change by more than a tenth. Where the first two derivatives of a wave vanish the order is 2.

    Reference: R. Borges, M. Carmona, B. Costa, W. S. Don, J. Comput. Phys. 227 (2008) 3191; P. Buchmüller, C. Helzel,
    J. Sci. Comput. 61 (2014) 343 for more dimensions; X. Zhang, C.-W. Shu, J. Comput. Phys. 229 (2010) 8918 for
    positivity.
    """

    order: ClassVar[int] = 5
    reach: ClassVar[int] = 3
    across: ClassVar[int] = 4
    equal: ClassVar[bool] = True

    def faces(self, law, u, h, axis):
        """Return the values, no density below a small share of the mean."""
        n = u.shape[1 + axis] - 5
        cells = [cut(u, axis, k, k + n) for k in range(6)]
        mean = (cells[2] + cells[3]) / 2
        waves = [law.to_waves(mean, cell, axis) for cell in cells]
        # One size for each wave: ε stands for rounding, in whatever unit.
        sizes = [jnp.max(jnp.abs(wave), axis=tuple(range(1, u.ndim)), keepdims=True) for wave in waves]
        unit = power_of_two(functools.reduce(jnp.maximum, sizes))
        waves = [wave / unit for wave in waves]
        sides = [jnp.stack([waves[k], waves[5 - k]], axis=1) for k in range(5)]
        values = law.from_waves(mean[:, None], unit[:, None] * _weighted(*sides), axis)
        return tuple(jnp.moveaxis(kept_positive(law, jnp.stack(cells[2:4], axis=1), values), 1, 0))

    def departure(self, values, lanes, to_means):
        """The difference to means of fourth degree."""
        weights = (-17, 308, 5178, 308, -17) if to_means else (9, -116, 2134, -116, 9)
        total, scale = values, 5760 if to_means else 1920
        for axis in lanes:
            n = total.shape[1 + axis]
            parts = [w / scale * cut(total, axis, k, n - 4 + k) for k, w in enumerate(weights)]
            total = sum(parts)
        inner = values
        for axis in lanes:
            inner = cut(inner, axis, 2, inner.shape[1 + axis] - 2)
        return total - inner


def _weighted(a, b, c, d, e):
    """The value between c and d."""
    values = ((2 * a - 7 * b + 11 * c) / 6, (-b + 5 * c + 2 * d) / 6, (2 * c + 5 * d - e) / 6)
    bend, slope = 13 / 12, 1 / 4
    rough = (
        bend * (a - 2 * b + c) ** 2 + slope * (a - 4 * b + 3 * c) ** 2,
        bend * (b - 2 * c + d) ** 2 + slope * (b - d) ** 2,
        bend * (c - 2 * d + e) ** 2 + slope * (3 * c - 4 * d + e) ** 2,
    )
    tau, least = jnp.abs(rough[0] - rough[2]), float(jnp.finfo(a.dtype).eps) ** 1.5
    weights = [share * (1 + (tau / (r + least)) ** 2) for share, r in zip((0.1, 0.6, 0.3), rough, strict=True)]
    return sum(w * v for w, v in zip(weights, values, strict=True)) / sum(weights)


def kept_positive(law: AbstractLaw, mean, u, share: float = SHARE):
    """Return the state between a mean and u, next to u, whose positive numbers are at least a share of the mean's."""
    for number, own in enumerate(law.positives(mean)):
        u = mean + _fraction(own, law.positives(u)[number], share)[None] * (u - mean)
    return u


def within(law: AbstractLaw, u, change, share: float):
    """Return how much of a change leaves each positive number at its share at least: a fraction, (…)."""
    before, after = law.positives(u), law.positives(u + change)
    least = jnp.ones(u.shape[1:], u.dtype)
    for own, other in zip(before, after, strict=True):
        least = jnp.minimum(least, _fraction(own, other, share))
    return least


def _fraction(own, other, share):
    fall = own - other
    low = (other < share * own) & (fall > 0)
    return jnp.where(low, (1 - share) * own / jnp.where(low, fall, 1), 1)


def cut(v, axis: int, low: int, high: int):
    """Return a part along an axis of the grid, of arrays with one axis in front."""
    return jax.lax.slice_in_dim(v, low, high, axis=1 + axis)
