"""How strongly a map contracts near a point."""

import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree

from .._typing import Any, Array, Callable, PyTree, Scalar


def spectral_radius(f: Callable, z: PyTree, x: Any = None, *, steps: int = 40, seed: int = 0) -> Scalar:
    """Estimate the spectral radius of ∂f/∂z by power iteration.

    ρ ≈ (‖Jᵏ v‖ / ‖Jᵏᐟ² v‖)^(2/k)

    Below 1 the plain iteration z ← f(z) converges near z, by this factor a step. The growth is averaged over the second
    half of the steps, so that pairs of complex eigenvalues are seen as well; the error falls as 1/k, faster if one
    eigenvalue is alone in modulus. (For a batch: that of the worst sample.)

    **Arguments:**

    - `f`: f(z, x) → a pytree like z.
    - `z`, `x`: the point.
    - `steps`: k, products with J.
    - `seed`: of the random v.

    Reference: G. Golub, C. Van Loan, Matrix Computations, 4th ed., section 7.3.
    """
    if steps < 2:
        raise ValueError(f"`steps` must be 2 or more, got {steps}.")
    flat, unravel = ravel_pytree(z)
    _, product = jax.linearize(lambda flat: ravel_pytree(f(unravel(flat), x))[0], flat)
    v = jax.random.normal(jax.random.key(seed), flat.shape, flat.dtype)

    def body(v, _):
        w = product(v)
        size = jnp.linalg.norm(w)
        return w / jnp.where(size > 0, size, 1.0), size

    _, growth = jax.lax.scan(body, v / jnp.linalg.norm(v), length=steps)
    last = growth[steps // 2 :]
    return jnp.where(jnp.all(last > 0), jnp.exp(jnp.mean(jnp.log(jnp.where(last > 0, last, 1.0)))), 0.0)


def jacobian_penalty(f: Callable, z: PyTree, x: Any, key: Array, *, samples: int = 1) -> Scalar:
    """Return an unbiased estimate of ‖∂f/∂z‖² / n, to be added to a loss so that f stays contractive.

    (1/n) E‖εᵀ ∂f/∂z‖² = ‖∂f/∂z‖²_F / n,   ε ~ N(0, 1)

    n is the number of entries of z. Costs one vector-Jacobian product a sample, and is differentiable.

    **Arguments:**

    - `f`: f(z, x) → a pytree like z.
    - `z`, `x`: the point, as a rule a solution.
    - `key`: of the random ε; another one in every step of training.
    - `samples`: number of ε.

    Reference: S. Bai, V. Koltun, J. Z. Kolter, Stabilizing Equilibrium Models by Jacobian Regularization, ICML 2021.
    """
    flat, unravel = ravel_pytree(z)
    _, pull = jax.vjp(lambda flat: ravel_pytree(f(unravel(flat), x))[0], flat)
    draws = jax.random.normal(key, (samples, flat.size), flat.dtype)
    return jnp.mean(jax.vmap(lambda draw: jnp.sum(pull(draw)[0] ** 2))(draws)) / flat.size
