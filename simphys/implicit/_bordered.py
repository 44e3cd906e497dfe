"""A bordered system by block elimination, and the eigenvalues nearest 0, by solves with one and the same matrix."""

import equinox as eqx
import jax
import jax.numpy as jnp
import lineax as lx
from jax.flatten_util import ravel_pytree

from .._typing import Array, Callable, Float, Int, Scalar


EXACT = 1e-8


class Bordered(eqx.Module):
    """What one matrix J gave.

    **Attributes:**

    - `step`, `load_step`: the solution of the bordered system.
    - `response`: J⁻¹ f.
    - `modes`: rows Q that span the eigenvectors nearest 0, orthonormal; `projected`: Q J Qᵀ, and a matrix that has the
      length of J Qᵀ v for each v.
    - `error`: relative residual of J x + μ f = −F.
    - `factorisations`, `linear_steps`: counts.
    """

    step: Float[Array, " n"]
    load_step: Scalar
    response: Float[Array, " n"]
    modes: Float[Array, "m n"]
    projected: Float[Array, "2 m m"]
    error: Scalar
    factorisations: Int[Array, ""]
    linear_steps: Int[Array, ""]


def solve_bordered(operator, solver: lx.AbstractLinearSolver, residual, rate, row, corner, modes) -> Bordered:
    """Solve [J f; rᵀ c] (x, μ) = (−F, 0) by block elimination, and take a step of inverse iteration with the same J.

    Near a limit point J is nearly singular, the bordered matrix is not: one step of refinement of the bordered system
    makes up for what elimination loses.

    **Arguments:**

    - `operator`: J; `solver` solves with it, all right-hand sides at once.
    - `residual`, `rate`: F and f, of y's structure.
    - `row`, `corner`: r, flat, and c.
    - `modes`: orthonormal rows, (m, n); m may be 0.

    Reference: W. Govaerts, J. D. Pryce, BIT 30 (1990) 490–507.
    """
    F, unravel = ravel_pytree(residual)
    f, _ = ravel_pytree(rate)
    solve = _many(solver, operator, unravel)
    found, *counts = solve(jnp.concatenate([jnp.stack([-F, f]), modes]))
    x, v, images = found[0], found[1], found[2:]
    pivot = corner - row @ v
    product = lambda x: ravel_pytree(operator.mv(unravel(x)))[0]

    def missing(x, load):
        upper, lower = -F - product(x) - load * f, -row @ x - corner * load
        return upper, lower, jnp.linalg.norm(upper) / jnp.maximum(jnp.linalg.norm(F), jnp.finfo(F.dtype).tiny)

    def refined(x, load, upper, lower, _):
        more = solve(upper[None])[0][0]
        change = (lower - row @ more) / pivot
        x, load = x + more - change * v, load + change
        return x, load, *missing(x, load)

    load = -(row @ x) / pivot
    x = x - load * v
    carry = x, load, *missing(x, load)
    x, load, _, _, error = jax.lax.cond(carry[-1] > EXACT, refined, lambda *carry: carry, *carry)
    modes, projected = _iterated(modes, images) if len(modes) else (modes, jnp.zeros((2, 0, 0), F.dtype))
    return Bordered(x, load, v, modes, projected, error, *counts)


def _many(solver, operator, unravel) -> Callable:
    state = solver.init(operator, {})

    def one(b):
        x, _, stats = solver.compute(state, unravel(b), {})
        count = lambda name: jnp.asarray(stats.get(name, 0), jnp.int32)
        return ravel_pytree(x)[0], count("factorisations"), count("num_steps")

    def solve(columns):
        x, factorisations, steps = jax.vmap(one)(columns)
        return x, jnp.max(factorisations), jnp.max(steps)

    return solve


def _iterated(modes, images):
    """Orthonormal rows Q of J⁻¹ W = (Q R), hence J Q = W R⁻¹, and Q J Qᵀ = Q W R⁻¹ beside R⁻¹, for orthonormal W."""
    q, r = jnp.linalg.qr(images.T)
    inverse = jnp.linalg.solve(r, jnp.eye(len(modes), dtype=r.dtype))
    return q.T, jnp.stack([q.T @ modes.T @ inverse, inverse])
