"""What of a divided problem depends on the parameters of the whole."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp

from .._typing import Array, Float
from ..fem import FunctionSpace, Integral
from ..physics import AbstractBalance, NodalForces
from ._sharded import held_by_part


TERMS = "flow", "gauges", "stored", "stored_gauges"
"""Kinds of terms, in the order in which parts have their items."""


class Parameters(eqx.Module):
    """What of a divided problem depends on the problem's parameters: arrays with a leading axis for parts."""

    space: FunctionSpace
    flow: tuple[Integral, ...]
    gauges: tuple[Integral, ...]
    stored: tuple[Integral, ...]
    """One, or none where nothing is stored."""
    stored_gauges: tuple[Integral, ...]
    given: Float[Array, "part node c"]
    """Prescribed values, 0 elsewhere."""
    forces: Float[Array, "part node c"]
    seen: Float[Array, "part node c"] | None
    """What of a law of finite strain is as large as positions, see `sizes`; None for others."""


def terms_of(problem: AbstractBalance) -> dict[str, tuple[Integral, ...]]:
    """Return the terms of a problem by their kinds."""
    terms = problem.terms()
    stored = () if terms.stored is None else (terms.stored,)
    return dict(zip(TERMS, (terms.flow, terms.gauges, stored, terms.stored_gauges), strict=True))


def of_whole(problem: AbstractBalance) -> Parameters:
    """Return what of a problem is divided, as it is in the whole."""
    space, reduction = problem.spaces[0], problem.system.reduction
    dtype = space.mesh.points.dtype
    given = reduction.prescribed((space,), problem.constraints, dtype)
    forces = jnp.zeros(space.shape, dtype)
    for force in (*problem.holding(), *(load.values for load in problem.loads if isinstance(load, NodalForces))):
        forces = forces + force.astype(dtype)
    by_node = lambda field: field.reshape(space.n_nodes, -1)
    sizes = problem.sizes(problem.unknowns(None))
    seen = None if sizes is None else by_node(jax.lax.stop_gradient(sizes))
    return Parameters(space, *terms_of(problem).values(), by_node(given), by_node(forces), seen)


@eqx.filter_jit
def by_parts(restriction, nodes, whole: Parameters, devices) -> Parameters:
    """Return the same by parts."""
    items, terms = iter(restriction.items), {}
    for name in TERMS:
        terms[name] = tuple(restriction.term(term, next(items)) for term in getattr(whole, name))
    own = lambda field: field.at[nodes].get(mode="fill", fill_value=0)
    fields = (None if field is None else own(field) for field in (whole.given, whole.forces, whole.seen))
    made = Parameters(restriction.space(whole.space), *terms.values(), *fields)
    return held_by_part(made, devices)


def differing(restriction, nodes, devices, other: Parameters, moving: Parameters, made: Parameters) -> Parameters:
    """Return by parts what of another problem differs, None elsewhere.

    **Arguments:**

    - `other`, `moving`: two problems' in the whole; what is the very same array in both does not differ.
    - `made`: of the second one by parts.
    """
    found = by_parts(restriction, nodes, other, devices)
    changed = jax.tree.map(lambda a, b: a is not b, other, moving)
    pick = lambda differs, a: a if differs and eqx.is_inexact_array(a) else None
    nothing = jax.tree.map(lambda leaf: None, made)

    def picked(flags, term):
        # What is remembered is of another type by parts; leaves are as many.
        leaves, structure = jax.tree.flatten(term.parameters[1])
        chosen = map(pick, jax.tree.leaves(flags.parameters), leaves)
        return jax.tree.unflatten(structure, list(chosen))

    def terms(name):
        beside = zip(getattr(nothing, name), getattr(changed, name), getattr(found, name), strict=True)
        parts = lambda none, flags, term: (none.parameters[0], picked(flags, term))
        return tuple(dataclasses.replace(none, parameters=parts(none, flags, term)) for none, flags, term in beside)

    given, forces = pick(changed.given, found.given), pick(changed.forces, found.forces)
    return Parameters(nothing.space, *map(terms, TERMS), given, forces, nothing.seen)


def with_changes(changes: Parameters, parameters: Parameters) -> Parameters:
    """Return parameters with others in some places, None in the rest of `changes`."""
    arrays, other = eqx.partition(parameters, eqx.is_array)
    return eqx.combine(changes, arrays, other)
