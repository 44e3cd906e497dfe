"""The flow free of divergence that is nearest to a given momentum."""

import jax
import jax.numpy as jnp
import lineax as lx

from ..linalg import ConjugateGradients, Preconditioned
from ._face_space import FaceSpace
from ._projection import extent
from ._separable import Separable, SeparableInverse


def nearest(space: FaceSpace, poisson: Separable, momentum, weights, enclosed: bool, *, exact: bool, varies: bool):
    r"""Return u = M⁻¹ (m − Bᵀφ) with B u = 0 and the values that conditions prescribe, and φ.

    B M⁻¹ Bᵀ φ = B M⁻¹ m

    Self-adjoint: its derivatives are the same projection, and nothing of the solve is kept for them.

    **Arguments:**

    - `momentum`, `weights`: m and the diagonal M at the free points of each component.
    - `enclosed`: whether φ is determined but for a constant; its mean is 0 then.
    - `exact`: whether fast diagonalisation may be taken at its word: M is the volumes and the steps are those it was made
      with. Else conjugate gradients, which it preconditions.
    - `varies`: whether M is something else than the volumes.
    """
    volumes, axes = space.grid.volumes, range(space.grid.dimension)
    level = extent(space) ** -2 if enclosed else None
    push = lambda p: [space.free(c, space.push(c, p)) for c in axes]

    def outflow(free, homogeneous):
        return space.outflow(space.fluxes([space.filled(c, v, homogeneous) for c, v in enumerate(free)]))

    def product(p):
        total = outflow([f / w for f, w in zip(push(p), weights, strict=True)], True)
        return total + level * volumes * jnp.sum(volumes * p) / jnp.sum(volumes) if enclosed else total

    first = [m / w for m, w in zip(momentum, weights, strict=True)]
    b = outflow(first, False)
    one = jnp.ones((), b.dtype)
    inverse = jax.lax.stop_gradient(SeparableInverse(poisson, 0 * one, one, level))
    if exact and not varies:
        solve = lambda _, b: inverse.separable.solve(b, inverse.shift, inverse.factor, inverse.constant)
        phi = jax.lax.custom_linear_solve(product, b, solve, symmetric=True)
    else:
        tags = (lx.symmetric_tag, lx.positive_semidefinite_tag)
        operator = lx.FunctionLinearOperator(product, jax.eval_shape(lambda: b), tags)
        tight = 1e-11 if varies else 1e-13
        solver = ConjugateGradients(rtol=tight if b.dtype == jnp.float64 else 1e-6)
        phi = lx.linear_solve(Preconditioned(operator, inverse), b, solver, throw=False).value
    moved = zip(first, push(phi), weights, strict=True)
    return tuple(u - f / w for u, f, w in moved), phi
