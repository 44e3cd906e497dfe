"""Networks that are convex by construction."""

import jax
import jax.numpy as jnp
import numpy as np

from .._told import Told
from .._typing import Array, Float, Scalar


class ConvexNetwork(Told):
    r"""A function N(x, s), convex in (x, s) together and non-decreasing in every x, whatever its weights.

    z₁ = σ(P₁ x + A₁ s + b₁)²,   zₗ = σ(Qₗ zₗ₋₁ + Pₗ x + Aₗ s + bₗ),   N = q·z + p·x

    with σ = softplus, a convex and increasing function, as is its square; the entries of P, Q, p and q are softplus of
    free numbers, and so positive. The square lets N grow like |x|², as elastic energies do.

    **Arguments:**

    - `rising`: number of x.
    - `free`: number of s, in which N need not be monotone.
    - `width`, `depth`: units in a layer, and layers.
    - `seed`: of the first weights.

    **Raises:** `ValueError` for sizes below 1 (`free`: below 0).

    Reference: B. Amos, L. Xu, J. Z. Kolter, Input convex neural networks, ICML 2017.
    """

    rising: tuple[Array, ...]
    free: tuple[Array, ...]
    through: tuple[Array, ...]
    bias: tuple[Array, ...]

    def __init__(self, rising: int, free: int, *, width: int = 8, depth: int = 1, seed: int = 0):
        for name, value, least in (("rising", rising, 1), ("free", free, 0), ("width", width, 1), ("depth", depth, 1)):
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                raise ValueError(f"`{name}` must be a whole number of {least} or more, got {value!r}.")
        draw = np.random.default_rng(seed)
        positive = lambda *shape: _raw(draw.uniform(0.3, 1.0, shape) / shape[-1])
        normal = lambda *shape: jnp.asarray(draw.standard_normal(shape))
        layers = range(depth)
        self.rising = (*(positive(width, rising) for _ in layers), positive(rising))
        self.free = tuple(normal(width, free) for _ in layers)
        self.through = (*(positive(width, width) for _ in layers[1:]), positive(width))
        # Kinks are spread over where elastic bodies are: x from 0 to some 5.
        self.bias = tuple(jnp.asarray(draw.uniform(-3.0, 1.0, width)) for _ in layers)

    def __call__(self, x: Float[Array, " rising"], s: Float[Array, " free"]) -> Scalar:
        """Return N."""
        z = jnp.zeros(0, x.dtype)
        for number, (P, A, b) in enumerate(zip(self.rising[:-1], self.free, self.bias, strict=True)):
            inner = _positive(P) @ x + A @ s + b
            if number == 0:
                z = jax.nn.softplus(inner) ** 2
            else:
                z = jax.nn.softplus(_positive(self.through[number - 1]) @ z + inner)
        return _positive(self.through[-1]) @ z + _positive(self.rising[-1]) @ x


def _positive(raw):
    return jax.nn.softplus(raw)


def _raw(positive):
    """The inverse of softplus."""
    return jnp.asarray(positive + np.log(-np.expm1(-positive)))
