"""Proximal iterations for sparse signals, and the same with learned weights."""

import jax
import jax.numpy as jnp

from .._told import Told
from .._typing import Array, Float, Scalar


def soft_threshold(x: Array, threshold) -> Array:
    """Return sign(x) max(|x| − t, 0), the proximal map of t ‖·‖₁."""
    return jnp.sign(x) * jnp.maximum(jnp.abs(x) - threshold, 0)


def ista(dictionary: Float[Array, "m n"], y: Float[Array, " m"], weight: float | Scalar, depth: int) -> Array:
    """Return x after a number of proximal gradient steps on ½ ‖A x − y‖² + λ ‖x‖₁, from 0.

    x ← S(x + Aᵀ(y − A x) / L, λ / L),   L = ‖A‖²

    **Arguments:**

    - `dictionary`: A.
    - `y`: measured signal.
    - `weight`: λ.
    - `depth`: number of steps.

    Reference: I. Daubechies, M. Defrise, C. De Mol, Comm. Pure Appl. Math. 57 (2004) 1413.
    """
    L = jnp.linalg.norm(dictionary, 2) ** 2
    step = lambda _, x: soft_threshold(x + dictionary.T @ (y - dictionary @ x) / L, weight / L)
    return jax.lax.fori_loop(0, depth, step, jnp.zeros(dictionary.shape[1], y.dtype))


class LISTA(Told):
    """A few proximal gradient steps with learned weights.

    x_{k+1} = S(x_k + W_kᵀ (y − A x_k), θ_k),   k = 0 … depth − 1,   x_0 = 0

    It starts out as `ista` of the same depth (W_k = A / L, θ_k = λ / L) and is trained on signals whose x is known. Its
    gradient is that of the finite computation: there is no equation that it solves.

    **Arguments:**

    - `dictionary`: A, (m, n); it is not trained.
    - `weight`: λ of the iteration it starts as.
    - `depth`: number of layers.

    References: K. Gregor, Y. LeCun, Learning fast approximations of sparse coding, ICML 2010; X. Chen et al.,
    Theoretical linear convergence of unfolded ISTA, NeurIPS 2018 (the coupling of the weights).
    """

    dictionary: Float[Array, "m n"]
    weights: Float[Array, "depth m n"]
    thresholds: Float[Array, " depth"]

    def __init__(self, dictionary, weight: float, depth: int):
        dictionary = jnp.asarray(dictionary)
        if dictionary.ndim != 2:
            raise ValueError(f"`dictionary` must be a matrix, got shape {dictionary.shape}.")
        if depth < 1:
            raise ValueError(f"`depth` must be 1 or more, got {depth}.")
        L = jnp.linalg.norm(dictionary, 2) ** 2
        self.dictionary = dictionary
        self.weights = jnp.repeat((dictionary / L)[None], depth, axis=0)
        self.thresholds = jnp.full(depth, weight / L, dictionary.dtype)

    def __call__(self, y: Float[Array, " m"]) -> Float[Array, " n"]:
        """Return x for one measured signal; `jax.vmap` for more."""
        A = jax.lax.stop_gradient(self.dictionary)
        x = jnp.zeros(A.shape[1], y.dtype)

        def layer(x, parameters):
            W, threshold = parameters
            return soft_threshold(x + W.T @ (y - A @ x), threshold), None

        return jax.lax.scan(layer, x, (self.weights, self.thresholds))[0]
