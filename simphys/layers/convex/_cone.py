"""The cone of a program: nonnegative numbers, then second-order cones; and symmetric maps that are diagonal on it."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from ..._trees import root_of_squares
from ..._typing import Array, Bool, Float, Scalar


HALF = 0.5**0.5


class Spectral(eqx.Module):
    """A symmetric matrix that keeps the directions of a point of the cone.

    On the nonnegative part it is diagonal; on a second-order cone, with the unit vector ê of the point's tail,

    λ₊ e₊e₊ᵀ + λ₋ e₋e₋ᵀ + λ₀ (I − e₊e₊ᵀ − e₋e₋ᵀ),   e± = (1, ±ê) / √2.
    """

    orthant: Float[Array, " l"]
    plus: Float[Array, " k"]
    minus: Float[Array, " k"]
    rest: Float[Array, " k"]
    axis: Float[Array, " t"]
    """ê of each second-order cone, one behind the other, with 0 in the first place of each."""

    def map(self, function, *others) -> "Spectral":
        """Apply a function to the eigenvalues (and to those of others with the same directions)."""
        each = lambda name: function(getattr(self, name), *(getattr(o, name) for o in others))
        return Spectral(each("orthant"), each("plus"), each("minus"), each("rest"), self.axis)


class Cone(eqx.Module):
    """K = {x ≥ 0} × Π {(t, x) : ‖x‖ ≤ t}, its own dual.

    **Arguments:**

    - `orthant`: how many numbers must not be negative; they come first.
    - `second_order`: sizes of the second-order cones, each 2 or more.
    """

    orthant: int = eqx.field(static=True)
    second_order: tuple[int, ...] = eqx.field(static=True, default=())

    @property
    def size(self) -> int:
        """Number of entries m."""
        return self.orthant + sum(self.second_order)

    @property
    def degree(self) -> int:
        """Rank of the cone: what sᵀw is divided by."""
        return self.orthant + len(self.second_order)

    @property
    def _heads(self):
        return np.cumsum([0, *self.second_order])[:-1].astype(np.int32)

    @property
    def _ids(self):
        return np.repeat(np.arange(len(self.second_order), dtype=np.int32), self.second_order)

    # Where there are numbers only, what second-order cones would need is not even traced.

    def _each(self, x: Float[Array, " k"]) -> Float[Array, " t"]:
        """Give each entry of the second-order cones the number of its cone."""
        return x[self._ids] if self.second_order else x

    def per_cone(self, x: Float[Array, " t"]) -> Float[Array, " k"]:
        """Sum over the entries of each second-order cone."""
        if not self.second_order:
            return x
        return jax.ops.segment_sum(x, self._ids, len(self.second_order), indices_are_sorted=True)

    def split(self, x):
        """Return the nonnegative part, the second-order cones' first entries, and their entries with 0 for the first."""
        if not self.second_order:
            return x, x[:0], x[:0]
        head, tail = x[: self.orthant], x[self.orthant :]
        return head, tail[self._heads], tail.at[self._heads].set(0.0)

    def join(self, orthant, first, tail):
        """The inverse of `split`."""
        if not self.second_order:
            return orthant
        return jnp.concatenate([orthant, tail.at[self._heads].set(first)])

    def unit(self, dtype) -> Float[Array, " m"]:
        """Return e, the unit of the cone's product."""
        k = len(self.second_order)
        return self.join(jnp.ones(self.orthant, dtype), jnp.ones(k, dtype), jnp.zeros(sum(self.second_order), dtype))

    def _norm(self, tail):
        if not self.second_order:
            return tail
        spread = lambda factor: self._each(factor) if jnp.ndim(factor) else factor
        return root_of_squares(lambda factor: self.per_cone((tail * spread(factor)) ** 2))

    def _direction(self, tail):
        """Unit vectors along the tails; some direction or other for a tail that vanishes."""
        if not self.second_order:
            return tail
        tail = tail.at[self._heads + 1].add(jnp.where(self._norm(tail) > 0, 0.0, 1.0).astype(tail.dtype))
        return tail / self._each(self._norm(tail))

    def eigenvalues(self, x) -> tuple[Array, Array, Array]:
        """Return x for the nonnegative part, and t + ‖x‖, t − ‖x‖ for the others; x lies in K if none is negative."""
        orthant, first, tail = self.split(x)
        size = self._norm(tail)
        return orthant, first + size, first - size

    def least(self, x) -> Scalar:
        """Return the least eigenvalue; infinite for an empty cone."""
        orthant, _, lower = self.eigenvalues(x)
        return jnp.min(jnp.concatenate([orthant, lower]), initial=jnp.inf)

    def apply(self, matrix: Spectral, x: Float[Array, " m"]) -> Float[Array, " m"]:
        """Return the matrix times x."""
        if not self.second_order:
            return matrix.orthant * x
        orthant, first, tail = self.split(x)
        along = self.per_cone(matrix.axis * tail)
        across = tail - self._each(along) * matrix.axis
        upper, lower = matrix.plus * (first + along) / 2, matrix.minus * (first - along) / 2
        tail = self._each(matrix.rest) * across + self._each(upper - lower) * matrix.axis
        return self.join(matrix.orthant * orthant, upper + lower, tail)

    def gram(self, rows: Float[Array, "m n"], matrix: Spectral) -> Float[Array, "n n"]:
        """Return RᵀDR for the rows R."""
        scaled = rows[: self.orthant] * matrix.orthant[:, None]
        product = scaled.T @ rows[: self.orthant]
        if not self.second_order:
            return product
        own, heads, count = rows[self.orthant :], self._heads, len(self.second_order)
        total = lambda x: jax.ops.segment_sum(x, self._ids, count, indices_are_sorted=True)
        along = total(matrix.axis[:, None] * own)
        across = own.at[heads].set(0.0) - matrix.axis[:, None] * self._each(along)
        upper, lower = HALF * (own[heads] + along), HALF * (own[heads] - along)
        parts = (
            (across, self._each(matrix.rest)),
            (upper, matrix.plus),
            (lower, matrix.minus),
        )
        return product + sum((part * d[:, None]).T @ part for part, d in parts)

    def product(self, x, y):
        """Return x ∘ y."""
        (a, t, u), (b, r, v) = self.split(x), self.split(y)
        return self.join(a * b, t * r + self.per_cone(u * v), self._each(t) * v + self._each(r) * u)

    def divide(self, x, y):
        """Return the z with x ∘ z = y, for x inside K."""
        (a, t, u), (b, r, v) = self.split(x), self.split(y)
        size = self._norm(u)
        first = (t * r - self.per_cone(u * v)) / ((t - size) * (t + size))
        return self.join(b / a, first, (v - self._each(first) * u) / self._each(t))

    def scaling(self, s, w) -> Spectral:
        """Return Nesterov and Todd's W, symmetric with W w = W⁻¹ s, for s and w inside K.

        Reference: L. Vandenberghe, The CVXOPT linear and quadratic cone program solvers, 2010, section 4.
        """
        (a, t, u), (b, r, v) = self.split(s), self.split(w)
        det_s = (t - self._norm(u)) * (t + self._norm(u))
        det_w = (r - self._norm(v)) * (r + self._norm(v))
        eta = (det_s / det_w) ** 0.25
        root_s, root_w = jnp.sqrt(det_s), jnp.sqrt(det_w)
        t, u, r, v = t / root_s, u / self._each(root_s), r / root_w, v / self._each(root_w)
        gamma = jnp.sqrt((1 + t * r + self.per_cone(u * v)) / 2)
        tail = (u - v) / self._each(2 * gamma)
        # ω₀² = 1 + ‖ω₁‖² for a point of unit determinant.
        size = self._norm(tail)
        upper = jnp.sqrt(1 + size**2) + size
        return Spectral(jnp.sqrt(a / b), eta * upper, eta / upper, eta, self._direction(tail))

    def quadratic(self, w) -> Spectral:
        """Return the quadratic representation of w: w² for numbers."""
        orthant, upper, lower = self.eigenvalues(w)
        return Spectral(orthant**2, upper**2, lower**2, upper * lower, self._direction(self.split(w)[2]))

    def projector(self, v) -> Spectral:
        """Return the derivative of the projection onto K at v (one of them, where there are several)."""
        orthant, first, tail = self.split(v)
        size = self._norm(tail)
        lower, upper = first - size > 0, first + size > 0
        ratio = (1 + first / jnp.where(size > 0, size, 1.0)) / 2
        zero, one = jnp.zeros_like(first), jnp.ones_like(first)
        rest = jnp.where(lower, one, jnp.where(upper, jnp.clip(ratio, 0.0, 1.0), zero))
        flag = lambda x: x.astype(v.dtype)
        return Spectral(flag(orthant > 0), flag(upper), flag(lower), rest, self._direction(tail))

    def project(self, v):
        """Return the point of K nearest to v."""
        orthant, first, tail = self.split(v)
        size = self._norm(tail)
        upper, lower = jnp.maximum(first + size, 0.0), jnp.maximum(first - size, 0.0)
        inside = first - size > 0
        scaled = tail * self._each((upper - lower) / (2 * jnp.where(size > 0, size, 1.0)))
        tail = jnp.where(self._each(inside), tail, scaled)
        return self.join(jnp.maximum(orthant, 0.0), jnp.where(inside, first, (upper + lower) / 2), tail)

    def longest_step(self, x, d) -> Scalar:
        """Return the largest α with x + α d in K, for x inside K; infinite if there is none."""
        (a, t, u), (b, r, v) = self.split(x), self.split(d)
        straight = jnp.where(b < 0, -a / jnp.where(b < 0, b, -1.0), jnp.inf)
        c = (t - self._norm(u)) * (t + self._norm(u))
        half, square = t * r - self.per_cone(u * v), r * r - self.per_cone(v * v)
        disc = half**2 - square * c
        down = -half + jnp.sqrt(jnp.maximum(disc, 0.0))
        curved = jnp.where((disc >= 0) & (down > 0), c / jnp.where(down > 0, down, 1.0), jnp.inf)
        return jnp.minimum(jnp.min(straight, initial=jnp.inf), jnp.min(curved, initial=jnp.inf))

    def spread(self, x: Float[Array, " m"]) -> Spectral:
        """Return the multiple of the identity on each cone that the first entries of x name."""
        orthant, first, tail = self.split(x)
        return Spectral(orthant, first, first, first, self._direction(jnp.zeros_like(tail)))

    def near_boundary(self, x, tolerance) -> Bool[Array, " c"]:
        """Tell for each number and each second-order cone whether all of x vanishes against a tolerance per entry."""
        orthant, upper, _ = self.eigenvalues(jnp.abs(x) / tolerance)
        return jnp.concatenate([orthant <= 1, upper <= 1])
