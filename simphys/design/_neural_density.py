"""The density as a network of the position."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optimistix as optx
from jax.flatten_util import ravel_pytree

from .._check import between, positive
from .._told import Told
from .._typing import Array, Callable, Float, Scalar
from ..fem import Mesh
from ._filters import centres_of


class NeuralDensity(Told):
    """A density whose design variables are the weights w of a network of the position; the volume is kept.

    x_i = σ(f_w(ξ_i) − b),   f_w = MLP(sin Kξ, cos Kξ),   b such that the layout's ρ fills `volume`

    b is the root of a scalar equation, differentiated implicitly, so that the gradient is one within the constraint. The
    rows of K are wave vectors with random directions and lengths up to π/`detail`. For `Adam`.

    **Arguments:**

    - `mesh`: the mesh, with centres ξ_i of its cells.
    - `volume`: part of the whole volume that is filled.
    - `detail`: half of the shortest wave, a length; about that of a filter's radius.
    - `waves`: number of rows of K; `width`, `depth`: of the hidden layers; `seed`: of K and of the first weights.

    References: A. Chandrasekhar, K. Suresh, Structural and Multidisciplinary Optimization 63 (2021) 1135–1149 and 64 (2021)
    4355–4365 (networks, waves); S. Hoyer, J. Sohl-Dickstein, S. Greydanus, arXiv:1909.04240 (the volume kept by b).
    """

    features: Float[Array, "cell feature"]
    weights: Float[Array, " weight"]
    """w at the start."""
    volume: Scalar
    _network: Callable = eqx.field(static=True)

    def __init__(self, mesh: Mesh, volume, detail, *, waves=64, width=32, depth=1, seed=0):
        for name, number in (("waves", waves), ("width", width), ("depth", depth)):
            if not isinstance(number, int) or number < 1:
                raise ValueError(f"`{name}` must be a whole number of 1 or more, got {number!r}.")
        dtype = mesh.points.dtype
        self.volume = between("volume", jnp.asarray(volume, dtype), 0, 1)
        random = np.random.default_rng(seed)
        ways = random.standard_normal((waves, mesh.dim))
        lengths = random.uniform(0, np.pi / float(positive("detail", detail)), (waves, 1))
        phases = centres_of(mesh)[0] @ (lengths * ways / np.linalg.norm(ways, axis=1, keepdims=True)).T
        self.features = jnp.asarray(np.concatenate([np.sin(phases), np.cos(phases)], axis=1), dtype)
        mlp = eqx.nn.MLP(2 * waves, "scalar", width, depth, jax.nn.tanh, dtype=dtype, key=jax.random.key(seed))
        free, fixed = eqx.partition(mlp, eqx.is_inexact_array)
        self.weights, unravel = ravel_pytree(free)
        self._network = lambda w: eqx.combine(unravel(w), fixed)

    def __call__(self, weights: Array, cells: Array, filled: Callable[[Array], Scalar]) -> Array:
        """Return x of some cells, such that `filled`, which grows with every x, returns the volume."""
        level = jax.vmap(self._network(weights))(self.features[cells])
        excess = lambda b, level: filled(jax.nn.sigmoid(level - b)) - self.volume
        # Beyond these ends every σ is 0 or 1 to rounding.
        ends = dict(lower=jnp.min(level) - 40.0, upper=jnp.max(level) + 40.0)
        bisection = optx.Bisection(rtol=1e-14, atol=1e-14)
        shift = optx.root_find(excess, bisection, jnp.mean(level), level, ends, max_steps=100, throw=False).value
        return jax.nn.sigmoid(level - shift)
