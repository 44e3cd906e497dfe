"""Pairs of one kind, their energies, forces and tangents."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from .._typing import Array, Callable
from ._chunks import each_pair
from ._points import Points


class Group(NamedTuple):
    """Pairs in a padded list; each a function of a few points, which are shares of nodes.

    **Attributes:**

    - `sides`, `which`: what they are pairs of, and the numbers of both, (pair,) each.
    - `there`, `weights`: whether a row is a pair, and what its energy is multiplied by.
    - `rest`, `begun`: positions of the surface's nodes, undeformed and when a step began.
    - `energy`: a function of points, undeformed points and `there`.
    - `slope`: its derivative by the points, a function of the same.
    - `friction`: forces on the points, a function of points, those when the step began, and `there`; or None.
    """

    sides: tuple[Points, Points]
    which: tuple[Array, Array]
    there: Array
    weights: Array
    rest: Array
    begun: Array | None
    energy: Callable
    slope: Callable
    friction: Callable | None

    def nodes(self) -> Array:
        """Return the nodes of each pair, (pair, k)."""
        return jnp.concatenate([side.nodes[own] for side, own in zip(self.sides, self.which, strict=True)], axis=1)

    def forces(self, x) -> tuple[Array, Array]:
        """Return the energy of each pair, (pair,), and the forces on its nodes, (pair, k, dim)."""

        def one(which, there, weight):
            nodes, shares = self._shares(which, x.dtype)
            points = shares @ x[nodes]
            energy = self.energy(points, shares @ self.rest[nodes], there)
            return weight * energy, weight * (shares.T @ self._force(points, nodes, shares, there))

        return each_pair(one, self.there, self.which, self.there, self.weights)

    def tangents(self, x, place: Callable) -> tuple[Array, Array]:
        """Return the derivative of the forces, (pair, k, k, dim, dim), and where each belongs, (pair, k, k); −1: nowhere.

        **Arguments:**

        - `place`: of two nodes.
        """

        def one(which, there, weight):
            nodes, shares = self._shares(which, x.dtype)
            found = jax.jacfwd(lambda points: self._force(points, nodes, shares, there))(shares @ x[nodes])
            found = jnp.einsum("rdse,sb->rdeb", found, shares)
            blocks = weight * jnp.einsum("ra,rdeb->abde", shares, found)
            return blocks, place(nodes[:, None], nodes[None, :]) + 1

        blocks, there = each_pair(one, self.there, self.which, self.there, self.weights)
        return blocks, there - 1

    def _force(self, points, nodes, shares, there):
        force = self.slope(points, shares @ self.rest[nodes], there)
        if self.friction is None:
            return force
        return force + self.friction(points, shares @ self.begun[nodes], there)

    def _shares(self, which, dtype):
        """Nodes of one pair, (k,), and their shares in its points, (r, k)."""
        nodes = [side.nodes[own] for side, own in zip(self.sides, which, strict=True)]
        a, b = (side.shares[own].astype(dtype) / side.whole for side, own in zip(self.sides, which, strict=True))
        left, right = jnp.zeros((b.shape[0], a.shape[1]), dtype), jnp.zeros((a.shape[0], b.shape[1]), dtype)
        shares = jnp.concatenate([jnp.concatenate([a, left]), jnp.concatenate([right, b])], axis=1)
        return jnp.concatenate(nodes), shares
