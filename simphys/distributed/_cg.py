"""Conjugate gradients on a divided matrix, with one sum over all parts in each step."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import lineax as lx

from .. import _check
from ..linalg import AbstractSymmetricSolver
from ._exchange import AXIS, total
from ._operator import DividedMatrix
from ._sharded import on_parts


ROUNDS = 6


class DividedConjugateGradients(AbstractSymmetricSolver):
    r"""Solve A x = b for a symmetric positive definite matrix that is divided among devices.

    u = M⁻¹r,  w = A u,  (γ, δ, ρ) = (r·u, w·u, r·r) summed over parts at once,
    β = γ/γ₋,  α = γ/(δ − β γ/α₋),  p = u + β p,  s = w + β s,  x += α p,  r −= α s

    One sum over all parts a step in place of three; in exact arithmetic these are conjugate gradients. M is multigrid.
    Success is judged by the true residual, from which the recursion is begun anew where it has drifted.

    **Arguments:**

    - `rtol`: wanted ‖b − A x‖ / ‖b‖.
    - `max_steps`: number of iterations at most.

    **Results:** `max_steps_reached`; `breakdown` where A or M is seen not to be positive definite, numbers are not finite
    or no further progress is made.

    Reference: A. T. Chronopoulos, C. W. Gear, J. Comput. Appl. Math. 25 (1989) 153.
    """

    rtol: float = eqx.field(static=True, default=1e-10)
    max_steps: int = eqx.field(static=True, default=500)

    def __check_init__(self):
        _check.tolerance("rtol", self.rtol)

    def init(self, operator, options):
        """Check that A is divided."""
        if not isinstance(operator, DividedMatrix):
            raise ValueError(
                f"`DividedConjugateGradients` is for matrices that are divided among devices, got a "
                f"`{type(operator).__name__}`: `linalg.ConjugateGradients` is for others."
            )
        return operator

    def compute(self, state, vector, options: dict[str, Any]):
        """Iterate until the true residual is small, A or M shows itself indefinite, or the steps are used up."""
        rtol = options.get("rtol", self.rtol)

        def local(multigrid, blocks, b, rtol):
            return _solve(multigrid, blocks, b, jax.lax.pmax(rtol, AXIS), self.max_steps)

        copies = jnp.full(vector.shape[:1], rtol, vector.dtype)
        x, found = on_parts(state.devices, local, state.multigrid, state.blocks, vector, copies, shared=True)
        error, steps, bad = found
        R = lx.RESULTS
        eps = float(jnp.finfo(vector.dtype).eps)
        good = (error <= max(eps**0.75, 2 * self.rtol) if "rtol" not in options else error <= 2 * rtol) & ~bad
        result = R.where(good, R.successful, R.where(steps < self.max_steps, R.breakdown, R.max_steps_reached))
        return x, result, {"num_steps": steps, "factorisations": jnp.zeros((), jnp.int32)}


def _solve(multigrid, blocks, b, rtol, max_steps):
    """Conjugate gradients of one part: x; and ‖b − A x‖ / ‖b‖, steps, whether A or M is not positive, alike in all."""
    level = multigrid.levels[0]
    values, prepared = level.rows.lay_out(blocks), multigrid.prepare(blocks)
    free = level.rows.turned(level.free[: level.diagonal.shape[0]].T)
    product = lambda x: jnp.where(free, level.product(values, x), 0)
    apply = lambda r: jnp.where(free, multigrid.apply(prepared, r), 0)
    turned = level.rows.turned(b.T)
    squares = lambda r: jnp.sqrt(total(jnp.sum(r * r)))
    size = squares(turned)
    unit = turned / jnp.where(size > 0, size, 1)

    def unfinished(carry):
        _, _, error, before, step, rounds, bad = carry
        return (error > 2 * rtol) & (error < 0.5 * before) & (step < max_steps) & (rounds < ROUNDS) & ~bad

    def body(carry):
        x, r, error, _, step, rounds, _ = carry
        d, step, bad = _iterate(product, apply, r, rtol, step, max_steps)
        r = unit - product(x + d)
        return x + d, r, squares(r), error, step, rounds + 1, bad

    zero = jnp.zeros((), jnp.int32)
    infinite = jnp.asarray(jnp.inf, b.dtype)
    begin = (jnp.zeros_like(unit), unit, squares(unit), infinite, zero, zero, jnp.zeros((), bool))
    x, _, error, _, step, _, bad = jax.lax.while_loop(unfinished, body, begin)
    return level.rows.turned(x * size).T, (error, step, bad)


def _iterate(product, apply, b, rtol, step, max_steps):
    """Conjugate gradients from x = 0; (x, steps, whether A or M is not positive)."""

    def unfinished(carry):
        *_, error, _, _, step, bad = carry
        return (error > rtol) & (step < max_steps) & ~bad

    def body(carry):
        x, r, p, s, _, before, alpha, step, _ = carry
        u = apply(r)
        w = product(u)
        sums = total(jnp.stack([jnp.sum(r * u), jnp.sum(w * u), jnp.sum(r * r)]))
        gamma, delta, square = sums[0], sums[1], sums[2]
        beta = gamma / before
        curvature = delta - beta * gamma / alpha
        bad = ~((gamma > 0) & (curvature > 0) & jnp.isfinite(gamma) & jnp.isfinite(curvature)) & (
            jnp.sqrt(square) > rtol
        )
        ahead = jnp.where(curvature > 0, gamma / jnp.where(curvature > 0, curvature, 1), 0)
        # The residual that these sums are of has been reached: one more step would be in vain.
        ahead = jnp.where(bad | (jnp.sqrt(square) <= rtol), 0, ahead)
        p, s = u + beta * p, w + beta * s
        return x + ahead * p, r - ahead * s, p, s, jnp.sqrt(square), gamma, ahead, step + 1, bad

    nothing, infinite = jnp.zeros_like(b), jnp.asarray(jnp.inf, b.dtype)
    one = jnp.ones((), b.dtype)
    begin = (nothing, b, nothing, nothing, infinite, infinite, one, step, jnp.zeros((), bool))
    found = jax.lax.while_loop(unfinished, body, begin)
    return found[0], found[-2], found[-1]
