"""Eigenvalues and modes of balance laws."""

import equinox as eqx
import jax
import jax.numpy as jnp
import lineax as lx

from .._hidden import compiled
from .._result import RESULTS
from .._rules import with_rule
from .._told import listing
from .._typing import Array, Float, PyTree, Scalar
from ..assembly import assemble_tangent
from ..linalg import SparseOperator, eigenvectors, undifferentiated
from ._balance import AbstractBalance, layout_at_rest, layout_of_storage


ACCURACY = 1e-6


class Modes(eqx.Module):
    """Eigenvalues, ascending, and the fields that belong to them.

    **Attributes:**

    - `values`: λ, (mode,).
    - `fields`: for each field of the problem (mode, …), with ∫ φ · S(φ) = 1; their derivatives are NaN.
    - `residual`: the worst ‖Kφ − λMφ‖ / max(‖Kφ‖, |σ| ‖Mφ‖).
    """

    values: Float[Array, " mode"]
    fields: PyTree
    residual: Scalar

    def __repr__(self):
        return listing(self)


@compiled
def modes(problem: AbstractBalance, count: int, *, above: float = 0.0, at: PyTree = None, throw: bool = True) -> Modes:
    """Return the lowest eigenvalues above a number, and their modes.

    K φ = λ M φ,   ∂λ = φᵀ (∂K − λ ∂M) φ

    K is the tangent of what flows, M that of what is `stored`: λ = ω² of vibrations, rates of decay of an equation of first
    order. All matrices hold prescribed values at 0. Of a multiple eigenvalue symmetric functions of all copies have a
    gradient, such as their sum, each by itself has none. Second derivatives are NaN.

    **Arguments:**

    - `problem`: with something stored, and a symmetric tangent.
    - `count`: how many.
    - `above`: σ, a number below all that is wanted; where K has a kernel, one above or below 0, such as −1 to see it.
    - `at`: the state about which it is linearised; that of unknowns 0 by default.
    - `throw`: raise where they are not found to 1e-6, in place of NaN.

    **Raises:** `ValueError` for a problem that stores nothing, or whose tangent is not symmetric.
    """
    if not isinstance(count, int) or not 1 <= count < problem.system.reduction.size - 1:
        raise ValueError(f"`count` must be a number from 1 to a few less than the unknowns, got {count!r}.")
    stiffness, mass = matrices(problem, at)
    constant = jax.lax.stop_gradient((stiffness.data, mass.data))
    held = eqx.tree_at(lambda K: K.data, stiffness, constant[0])
    vectors, _, error = eigenvectors(held, constant[1], count, jnp.sum(stiffness.data) + jnp.sum(mass.data), above)
    values = _quotients((stiffness.data, mass.data), stiffness, jax.lax.stop_gradient(vectors))
    good = error <= ACCURACY
    values = jnp.where(good, values, jnp.nan)
    if throw:
        values = RESULTS.eigenvalues_not_found.error_if(values, ~good)
    still = tuple(c.unloaded() for c in problem.constraints)
    shapes = jax.vmap(lambda v: problem.system.reduction.lift(v, problem.spaces, still))(vectors)
    return Modes(values, shapes if isinstance(problem.space, tuple) else shapes[0], error)


def matrices(problem: AbstractBalance, at: PyTree = None) -> tuple[SparseOperator, SparseOperator]:
    """Return K and M of a problem, on flat vectors of its unknowns; see `modes`."""
    stored = problem.terms().stored
    if stored is None:
        raise ValueError(f"This `{type(problem).__name__}` stores nothing: eigenvalues are measured against `stored`.")
    fields = problem.value(problem.unknowns(at))
    fields = fields if isinstance(fields, tuple) else (fields,)
    flat = jax.ShapeDtypeStruct((problem.system.reduction.size,), problem.spaces[0].mesh.points.dtype)
    of = lambda system, terms: assemble_tangent(system, problem.spaces, terms, fields, problem.constraints, flat)
    stiffness = of(layout_at_rest(problem), problem.integrals())
    mass = of(layout_of_storage(problem), (stored,))
    if not (lx.is_symmetric(stiffness) and stored.symmetric):
        raise ValueError("The tangent is not symmetric: an `Energy` is, a `Weak` form if it says so.")
    return stiffness, mass


def _quotients_itself(data, like, vectors):
    """Rayleigh's quotients; stationary, so that vectors count as constants once, and have no derivative twice."""
    stiff, heavy = (jax.vmap(lambda v, d=d: jnp.vdot(v, _times(like, d, v)))(vectors) for d in data)
    return stiff / heavy


def _quotients_jvp(primals, tangents):
    data, like, vectors = primals
    moved = tuple(jnp.zeros_like(d) if t is None else t for d, t in zip(data, tangents[0], strict=True))
    vectors = undifferentiated(vectors, jnp.sum(data[0]) + jnp.sum(data[1]))
    values = _quotients(data, like, vectors)
    mass = lambda v: jnp.vdot(v, _times(like, data[1], v))
    slope = lambda v, value: jnp.vdot(v, _times(like, moved[0], v) - value * _times(like, moved[1], v)) / mass(v)
    return values, jax.vmap(slope)(vectors, values)


_quotients = with_rule("quotients", _quotients_itself, _quotients_jvp)


def _times(like, data, vector):
    return eqx.tree_at(lambda A: A.data, like, data).mv(vector)
