"""Fields with few unknowns: expansions in a basis, and networks of the position."""

import functools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from numpy.polynomial import legendre

from ..._keyed import keyed
from ..._typing import Array, Callable, Float, PyTree
from ._transforms import AbstractTransform, Scaled


class Basis(AbstractTransform):
    """A field as a sum of few functions, θ_i = h(u_i), u = B c.

    **Arguments:**

    - `functions`: B, (entry of the field, function), such as `tensor_basis(positions, (4, 4))`.
    - `link`: h, a transform that acts entry by entry: `Positive()` for a field that is positive.
    """

    functions: Float[Array, "entry function"]
    link: AbstractTransform

    def __init__(self, functions, link=None):
        functions = jnp.asarray(functions)
        if functions.ndim != 2 or functions.shape[1] > functions.shape[0]:
            raise ValueError(f"`functions` must be a matrix with no more columns than rows, got {functions.shape}.")
        if np.linalg.matrix_rank(np.asarray(functions)) < functions.shape[1]:
            raise ValueError(f"`functions` must be linearly independent; the rank is less than {functions.shape[1]}.")
        self.functions, self.link = functions, checked_link(link)

    def forward(self, phi):
        """Return h(B c)."""
        return self.link.forward(self.functions @ phi)

    def inverse(self, theta):
        """Return the coefficients that come nearest in the least-squares sense."""
        u = jnp.ravel(self.link.inverse(theta))
        if u.size != self.functions.shape[0]:
            raise ValueError(f"A basis of {self.functions.shape[0]} entries cannot expand a field of {u.size}.")
        return jnp.linalg.lstsq(self.functions, u.astype(self.functions.dtype))[0]

    def latent(self, phi):
        """Return u = B c, in θ's unit where it has one."""
        return self.link.latent(self.functions @ phi)

    def latent_of(self, theta):
        """Return the link's."""
        return self.link.latent_of(theta)

    def pointwise(self):
        """No."""
        return False


class NeuralField(AbstractTransform):
    """A field as a network of the position, θ_i = h(f(x_i)): the weights of f are sought.

    A start is f's own; none can be given. The weights are not identifiable one by one (hidden units change places):
    look at the field, not at them.

    **Arguments:**

    - `network`: takes x, (dim,), and returns a number; such as `equinox.nn.MLP(2, "scalar", 16, 2, key=…)`.
    - `positions`: x_i, (entry, dim); they are mapped to [−1, 1]^dim.
    - `link`: h, as in `Basis`.
    """

    weights: Array
    places: Float[Array, "entry dim"]
    link: AbstractTransform
    unravel: Callable = eqx.field(static=True)

    def __init__(self, network: PyTree, positions, link=None):
        free, fixed = eqx.partition(network, eqx.is_inexact_array)
        self.weights, back = ravel_pytree(free)
        self.unravel = _Unravel(back, free, fixed)
        x = jnp.asarray(positions)
        low, high = jnp.min(x, axis=0), jnp.max(x, axis=0)
        self.places = (2 * (x - low[None]) / (high - low)[None] - 1).astype(self.weights.dtype)
        self.link = checked_link(link)

    def forward(self, phi):
        """Return h(f(x_i))."""
        return self.link.forward(self._field(phi))

    def inverse(self, theta):
        """Return the network's own weights."""
        if jnp.size(theta) != self.places.shape[0]:
            raise ValueError(f"A network at {self.places.shape[0]} positions cannot be a field of {jnp.size(theta)}.")
        return self.weights

    def latent(self, phi):
        """Return f(x_i), in θ's unit where it has one."""
        return self.link.latent(self._field(phi))

    def latent_of(self, theta):
        """Return the link's."""
        return self.link.latent_of(theta)

    def pointwise(self):
        """No."""
        return False

    def _field(self, phi):
        return jax.vmap(self.unravel(phi))(self.places)


class _Unravel:
    """Weights as a vector back to the network; compared by what the network is, as a static part of compiled functions."""

    def __init__(self, back, free, fixed):
        self.back, self.fixed = back, fixed
        self._key = keyed(
            functools.partial(_Unravel, jax.tree.map(lambda leaf: (leaf.shape, str(leaf.dtype)), free), fixed)
        )

    def __call__(self, weights):
        return eqx.combine(self.back(weights), self.fixed)

    def __eq__(self, other):
        return isinstance(other, _Unravel) and self._key == other._key

    def __hash__(self):
        return hash(self._key)


def checked_link(link: AbstractTransform | None) -> AbstractTransform:
    """Return the link, θ = u if there is none; raise unless it acts entry by entry."""
    link = Scaled() if link is None else link
    if not link.pointwise():
        raise ValueError(f"`link` must act entry by entry, as `Positive()` does, got {link!r}.")
    return link


def tensor_basis(positions, orders, kind: str = "legendre") -> np.ndarray:
    """Return products of polynomials or cosines of the coordinates at positions, (point, function).

    B_{ij…}(x) = p_i(ξ₁) p_j(ξ₂) …,   ξ = x mapped from the bounding box to [−1, 1]^dim,   i < orders[0], j < orders[1] …

    **Arguments:**

    - `positions`: (point, dim).
    - `orders`: number of functions in each direction.
    - `kind`: "legendre", or "cosine": p_i = cos(i π (ξ + 1) / 2), with slope 0 at the ends of the box.
    """
    x = np.asarray(positions, float)
    if x.ndim != 2 or len(orders) != x.shape[1] or any(n < 1 for n in orders):
        raise ValueError(f"`orders` must be a positive number for each of {x.shape[-1]} directions, got {orders}.")
    if kind not in ("legendre", "cosine"):
        raise ValueError(f'`kind` must be "legendre" or "cosine", got {kind!r}.')
    low, high = x.min(axis=0), x.max(axis=0)
    found = np.ones((len(x), 1))
    for place, n in zip((2 * (x - low) / np.where(high > low, high - low, 1) - 1).T, orders, strict=True):
        ends = np.arange(n)[None] * np.pi * (place[:, None] + 1) / 2
        one = legendre.legvander(place, n - 1) if kind == "legendre" else np.cos(ends)
        found = (found[:, :, None] * one[:, None, :]).reshape(len(x), -1)
    return found
