"""The minimal residual method, for symmetric matrices that are not definite: saddle points."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import lineax as lx
from jax.flatten_util import ravel_pytree

from .. import _check
from .._trees import norm
from ._cg import rounds
from ._operator import SparseOperator
from ._pattern import padded_product
from ._preconditioner import AbstractPreconditioner, Jacobi
from ._solver import AbstractSymmetricSolver


class Minres(AbstractSymmetricSolver):
    """Solve A x = b for a symmetric, possibly indefinite sparse A, with a positive definite preconditioner M.

    x_k minimises ‖b − A x‖_{M⁻¹} over the Krylov space of M⁻¹A and M⁻¹b

    The iteration ends when ‖b − A x‖ as well as ‖b − A x‖_{M⁻¹} have come down to `rtol` of their values at x = 0: the
    first is what success is judged by, recomputed from b and x; the second measures forces and volumes, which have no
    common unit, on one scale. Where the recursion has drifted from the true residual, it is begun anew from there.

    **Arguments:**

    - `rtol`: wanted ‖b − A x‖ / ‖b‖; a solve may ask for another one by `options={"rtol": …}`.
    - `max_steps`: number of iterations at most.
    - `preconditioner`: M; None for the one that A recommends, `Jacobi` if there is none.

    **Results:** `max_steps_reached`; `breakdown` where M is seen not to be positive definite, numbers are not finite or
    no further progress is made.

    Reference: H. Elman, D. Silvester, A. Wathen, Finite Elements and Fast Iterative Solvers, 2nd ed., Oxford 2014,
    algorithm 4.1.
    """

    rtol: float = eqx.field(static=True, default=1e-10)
    max_steps: int = eqx.field(static=True, default=2_000)
    preconditioner: AbstractPreconditioner | None = None

    def __check_init__(self):
        _check.tolerance("rtol", self.rtol)

    def init(self, operator, options):
        """Check that A is one this solver is for."""
        if not isinstance(operator, SparseOperator):
            raise ValueError(f"`Minres` needs a `simphys.linalg.SparseOperator`, got a `{type(operator).__name__}`.")
        if not lx.is_symmetric(operator):
            raise ValueError("`Minres` needs a symmetric matrix, and this one is not tagged symmetric: try `FGMRES`.")
        return operator

    def compute(self, state, vector, options: dict[str, Any]):
        """Iterate until the true residual is small, M shows itself indefinite, or the steps are used up."""
        b, unravel = ravel_pytree(vector)
        m = next(m for m in (self.preconditioner, state.preconditioner, Jacobi()) if m is not None)
        padded, prepared = state.as_rows(), m.prepare(state)
        product = lambda v: padded_product(state.pattern, padded, v)
        size = norm(b)
        unit = b / jnp.where(size > 0, size, 1.0)
        apply = lambda r: m.apply(prepared, r)
        rtol = jnp.asarray(options.get("rtol", self.rtol), b.dtype)
        # ‖r‖ in M⁻¹ has to fall as far as ‖r‖ itself.
        own = rtol * jnp.sqrt(jnp.maximum(apply(unit) @ unit, 0.0))
        iterate = lambda r, step: _iterate(product, apply, r, rtol, own, step, self.max_steps)
        x, error, steps, indefinite = rounds(iterate, product, unit, rtol, lambda _, step: step < self.max_steps)
        R = lx.RESULTS
        good = (error <= 2 * rtol) & ~indefinite
        result = R.where(good, R.successful, R.where(steps >= self.max_steps, R.max_steps_reached, R.breakdown))
        return unravel(x * size), result, {"num_steps": steps, "factorisations": jnp.zeros((), jnp.int32)}


class _Lanczos(eqx.Module):
    """Two vectors of each recursion, the Givens rotations (c, s), and what they leave of the right-hand side."""

    x: jax.Array
    u: jax.Array  # residual / η
    v_old: jax.Array
    v: jax.Array
    z: jax.Array  # M⁻¹ v
    w_old: jax.Array
    w: jax.Array
    gamma: jax.Array  # ‖v‖ in M⁻¹; v itself is kept of length 1
    eta: jax.Array  # ‖residual‖ in M⁻¹, with a sign
    rotations: tuple[jax.Array, jax.Array, jax.Array, jax.Array]  # c_old, c, s_old, s
    step: jax.Array
    bad: jax.Array


def _iterate(product, apply, b, tolerance, own_tolerance, step, max_steps):
    """Lanczos and Givens from x = 0; (x, steps, whether M is not positive)."""
    full = apply(b)
    square = full @ b
    gamma = jnp.sqrt(jnp.maximum(square, 0.0))
    zero, one, none = jnp.zeros_like(gamma), jnp.ones_like(gamma), jnp.zeros_like(b)
    v, z = _over(b, gamma), _over(full, gamma)
    begin = _Lanczos(
        none, v, none, v, z, none, none, zero, gamma, (one, one, zero, zero), step, _not_positive(b, full, square)
    )

    def unfinished(k):
        small = (jnp.abs(k.eta) <= own_tolerance) & (jnp.abs(k.eta) * jnp.linalg.norm(k.u) <= tolerance)
        return ~small & (k.step < max_steps) & ~k.bad

    end = jax.lax.while_loop(unfinished, lambda k: _step(product, apply, k), begin)
    return end.x, end.step, end.bad


def _step(product, apply, k: _Lanczos) -> _Lanczos:
    az = product(k.z)
    delta = az @ k.z
    v = az - delta * k.v - k.gamma * k.v_old
    z = apply(v)
    square = z @ v
    bad = _not_positive(v, z, square)
    gamma = jnp.sqrt(jnp.maximum(square, 0.0))
    c_old, c, s_old, s = k.rotations
    a0 = c * delta - c_old * s * k.gamma
    a1 = jnp.sqrt(a0 * a0 + gamma * gamma)
    a2, a3 = s * delta + c_old * c * k.gamma, s_old * k.gamma
    c_new, s_new = _over(a0, a1), _over(gamma, a1)
    w = _over(k.z - a3 * k.w_old - a2 * k.w, a1)
    v = _over(v, gamma)
    # A singular to working accuracy: a1 = 0, and no multiple of w helps.
    return _Lanczos(
        x=k.x + c_new * k.eta * w,
        u=c_new * v - s_new * k.u,
        v_old=k.v,
        v=v,
        z=_over(z, gamma),
        w_old=k.w,
        w=w,
        gamma=gamma,
        eta=-s_new * k.eta,
        rotations=(c, c_new, s, s_new),
        step=k.step + 1,
        bad=bad | (a1 == 0),
    )


def _not_positive(v, z, square):
    """Whether v·M⁻¹v is negative by more than the rounding of a square that vanishes, or not finite."""
    rounding = jnp.sqrt(jnp.finfo(v.dtype).eps) * jnp.linalg.norm(v) * jnp.linalg.norm(z)
    return ~(square >= -rounding)


def _over(a, b):
    """a / b, and 0 for b = 0."""
    return jnp.where(b > 0, a / jnp.where(b > 0, b, 1.0), jnp.zeros_like(a))
