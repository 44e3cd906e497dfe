"""What Allen–Cahn and Cahn–Hilliard problems share: the free energy of a field and of its gradient."""

import jax
import jax.numpy as jnp

from .._typing import Array
from ..fem import Domain, FunctionSpace, Integral, cells_of, density_at_points
from ..materials import AbstractFreeEnergy
from ._acting import AbstractLoad, Loads, NodalForces, checked_loads
from ._named import Named
from ._thermal_loads import Flux, Source


def points_of(*spaces: FunctionSpace) -> Domain:
    """The cells, with points enough for the potentials of quartic energies on straight elements of degree 1."""
    return cells_of(spaces[0], degree=3 * max(space.degree for space in spaces) + 1)


def check_field(name: str, space):
    """Raise `ValueError` unless a space is one of scalars."""
    if not isinstance(space, FunctionSpace):
        raise ValueError(f"{name} needs a `FunctionSpace`, got {type(space).__name__}.")
    if space.components is not None:
        raise ValueError(f"{name} is a scalar: `components` must be None, got {space.components}.")


def check_supplies(loads: Loads) -> tuple[AbstractLoad, ...] | Named:
    """Return loads as a tuple or by names; raise `ValueError` for kinds that do not supply a scalar balance."""
    return checked_loads(loads, Flux, Source, NodalForces)


def total_free_energy(space: FunctionSpace, domain: Domain, law: AbstractFreeEnergy, gradient_energy, c) -> Array:
    """Return ∫ ψ(c) + κ |∇c|²/2 dV."""
    density, measure = density_at_points(
        Integral(domain, free_forces, (law, gradient_energy), free_energy), (space,), (c,)
    )
    return jnp.sum(density * measure)


def free_energy(fields, point, parameters):
    """ψ(c) + κ |∇c|²/2."""
    law, gradient_energy = parameters
    c, slope = fields[0].value, fields[0].gradient
    return law.energy(c) + gradient_energy * jnp.vdot(slope, slope) / 2


def free_forces(fields, point, parameters):
    """(ψ'(c), κ ∇c)."""
    law, gradient_energy = parameters
    return ((law.potential(fields[0].value), gradient_energy * fields[0].gradient),)


def potential_floor(law: AbstractFreeEnergy, c):
    """What ψ'(c) is judged by, where its parts cancel: |ψ₊'| + |ψ₋'| + |c ψ''|."""
    convex, concave = jax.jacfwd(law.parts)(c)
    _, along = jax.jvp(law.potential, (c,), (c,))
    return jnp.abs(convex) + jnp.abs(concave) + jnp.abs(along)
