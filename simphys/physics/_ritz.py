"""Energies of trial functions: Ritz's method, deep where the function is a network."""

import equinox as eqx
import jax
import jax.numpy as jnp

from .._typing import Array, Callable, Float, Scalar
from ..fem import Dirichlet, trial_energy
from ._acting import NodalForces
from ._balance import AbstractBalance


class Trial(eqx.Module):
    r"""A trial function that has its boundary values whatever the network is.

    u(x) = g(x) + d(x) N(x)

    **Arguments:**

    - `network`: N, x (dim,) → u's shape.
    - `lift`: g, x → u's shape, equal to the prescribed values where there are any.
    - `distance`: d, x → a number (or u's shape), 0 there and positive elsewhere.

    Reference: I. E. Lagaris, A. Likas, D. I. Fotiadis, IEEE Trans. Neural Networks 9 (1998) 987.
    """

    network: Callable
    lift: Callable
    distance: Callable

    def __call__(self, x: Float[Array, " dim"]) -> Array:
        """Return u(x)."""
        return self.lift(x) + self.distance(x) * self.network(x)


def ritz_energy(problem: AbstractBalance, function: Callable) -> Scalar:
    r"""Return the potential energy Π(u) of a problem for a field given as a function of position.

    Π(u) = ∫ W(u, ∇u, x) dV − (loads),   least where u is the solution, among all u with the prescribed values

    Gradients in u come from differentiating the function, integrals from the problem's quadrature: a function that varies
    much between its points can cheat. The problem's array leaves and the function's weights are differentiable.

    **Arguments:**

    - `problem`: a balance law of one field that has an energy.
    - `function`: x (dim,) → u, a number or (component,); a `Trial`, say. Where it lacks prescribed values its energy
      means nothing: see `boundary_defect`.

    **Raises:** `ValueError` for a problem of several fields, without an energy, or with forces on single nodes.

    Reference: W. E, B. Yu, The deep Ritz method, Commun. Math. Stat. 6 (2018) 1.
    """
    if len(problem.spaces) != 1:
        raise ValueError(f"`problem` must have one field, {type(problem).__name__} has {len(problem.spaces)}.")
    if any(isinstance(load, NodalForces) for load in problem.loads):
        raise ValueError("A function of position has no nodes for `NodalForces` to act on: spread them over a surface.")
    return sum((trial_energy(term, problem.spaces, (function,)) for term in problem.integrals()), jnp.zeros(()))


def boundary_defect(problem: AbstractBalance, function: Callable) -> Scalar:
    """Return by how much a function misses prescribed values at most, at the nodes that have any.

    **Raises:** `ValueError` for constraints other than `Dirichlet`.
    """
    (space,) = problem.spaces
    worst = jnp.zeros((), space.mesh.points.dtype)
    for constraint in problem.constraints:
        if not isinstance(constraint, Dirichlet):
            raise ValueError(
                f"A trial function cannot be held to a `{type(constraint).__name__}`, only to `Dirichlet`."
            )
        found = jax.vmap(function)(space.nodes()[constraint.nodes(space)])
        found = found if space.components is None else found[:, jnp.asarray(constraint.components)]
        wanted = constraint.value
        wanted = wanted[:, 0] if space.components is None and wanted.ndim == 2 else wanted
        worst = jnp.maximum(worst, jnp.max(jnp.abs(found - jnp.broadcast_to(wanted, found.shape))))
    return worst
