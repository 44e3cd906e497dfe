"""From a point near the solution to the solution: semismooth Newton steps on the active set."""

import equinox as eqx
import jax
import jax.numpy as jnp

from ..._typing import Array, Bool, Int, PyTree, Scalar
from ...implicit import relative_norm
from ._program import ConeProgram, Refinement


MOST = 8


class Polished(eqx.Module):
    """The point reached, its relative residual, and the factor of the generalised derivative there."""

    y: PyTree
    size: Scalar
    factor: PyTree
    steps: Int[Array, ""]


def polish(problem: ConeProgram, y: PyTree, args) -> Polished:
    """Solve the piecewise smooth equation by Newton steps, until the active set stays as it is; keep the best point.

    Where all active constraints are identified, one step solves a quadratic program exactly. The factor returned
    belongs to the active set of the point returned.

    Reference: L. Qi, J. Sun, A nonsmooth version of Newton's method, Math. Program. 58 (1993) 353.
    """
    solver = Refinement()

    def size_at(y):
        found = problem.evaluate(y, args)
        return relative_norm(found.residual, found.scale), found.residual

    def factor_at(y):
        operator = problem.jacobian(y, args)
        return operator, operator.preconditioner.prepare(operator)

    eps = jnp.finfo(problem.q.dtype).eps

    def proceed(carry):
        *_, going, k = carry
        return going & (k < MOST)

    def body(carry):
        y, best, size, kept, _, k = carry
        operator, factor = factor_at(y)
        _, residual = size_at(y)
        step, _, _ = solver.compute((operator, factor), jax.tree.map(jnp.negative, residual), {})
        new = _held(problem, y, jax.tree.map(jnp.add, y, step))
        new_size, _ = size_at(new)
        # A first step on a wrong set may well increase the residual, and lead to the right set.
        better = new_size < size
        choose = lambda a, b: jax.tree.map(lambda a, b: jnp.where(better, a, b), a, b)
        first = k == 0
        kept = jax.tree.map(lambda a, b: jnp.where(better | first, a, b), factor, kept)
        same = _same_set(problem, y, new)
        going = ~same | (better & (new_size > 100 * eps) & (new_size < 0.5 * size))
        return new, choose(new, best), jnp.where(better, new_size, size), kept, going, k + 1

    shape = eqx.filter_eval_shape(lambda y: factor_at(y)[1], y)
    blank = jax.tree.map(lambda s: jnp.zeros(s.shape, s.dtype), shape)
    begin = (y, y, size_at(y)[0], blank, jnp.ones((), bool), jnp.zeros((), jnp.int32))
    _, y, size, factor, _, steps = jax.lax.while_loop(proceed, body, begin)
    return Polished(y, size, factor, steps)


def _same_set(problem, y, new) -> Bool[Array, ""]:
    a, b = problem.cone.projector(y[2]), problem.cone.projector(new[2])
    same = lambda name: jnp.all((getattr(a, name) > 0) == (getattr(b, name) > 0))
    return same("orthant") & same("plus") & same("minus")


def _held(problem, y, new):
    """Rounding must not change the side of a number that the step has made zero."""
    l = problem.cone.orthant
    old, v = y[2][:l], new[2][:l]
    tiny = jnp.finfo(v.dtype).tiny
    sizes = problem.sizes
    unit = sizes.rows[problem.equalities :][:l]
    noise = 1e3 * jnp.finfo(v.dtype).eps * (sizes.curvature * sizes.length + sizes.slope) / unit
    zero = jnp.where(old > 0, tiny, -tiny)
    held = jnp.where(jnp.abs(v) <= noise, zero, v)
    return new[0], new[1], new[2].at[:l].set(held)
