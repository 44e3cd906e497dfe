"""A user's own equation."""

import equinox as eqx
import jax.numpy as jnp

from .._typing import Any, Array
from ..fem import AbstractConstraint, AbstractForm, Domain, FunctionSpace, Sight, System
from ._balance import AbstractBalance, AbstractLoad, NodalForces, at_rest, build, derivatives, holding, storage
from ._in_time import balanced, immediate


class Balance(AbstractBalance):
    r"""A balance law of a user's own: a list of integrals, each given by a function.

    R(v) = Σ ∫ f₀(u, ∇u, x)·v + f₁(u, ∇u, x):∇v = 0,   in time with d/dt S(v) or d²/dt² S(v) on the left

    Everything that takes a balance law takes it: `solve`, steppers, fits, checks, `vmap`, pictures. Each array in it is a
    parameter, those of modules that stand for functions too.

    **Arguments:**

    - `space`: a `FunctionSpace`, or a tuple of them on one mesh for several fields.
    - `terms`: `fem.Weak` forms and `fem.Energy` densities; their sum is R. If all are energies, their sum guards the
      line search.
    - `constraints`: `Dirichlet`, `Periodic`, `RigidTie`; of several fields with `field=`.
    - `loads`: of one field any load, such as `Traction` or `Flux`; of several `NodalForces`.
    - `stored`: S, a `Weak` form or an `Energy` (½ ρ u² stores ρ u); None for an equation that stores nothing.
    - `order`: of the time derivative, 1 or 2.

    **Raises:** `ValueError` for terms that are none, spaces on several meshes, and functions that return other shapes
    than their fields have.

    Reference: A. Logg et al., Automated Solution of Differential Equations by the Finite Element Method, 2012, chapter 1.
    """

    space: FunctionSpace | tuple[FunctionSpace, ...]
    terms: tuple[AbstractForm, ...]
    constraints: tuple[AbstractConstraint, ...]
    loads: tuple[AbstractLoad, ...]
    stored: AbstractForm | None
    order: int = eqx.field(static=True)
    domains: tuple[Domain, ...]
    sights: tuple[Sight, ...] = eqx.field(static=True)
    stored_domain: Domain | None
    stored_sight: Sight | None = eqx.field(static=True)
    rest: tuple[Array, ...]
    """For each field nodal forces, 0 but on the way of a continuation from the fields 0."""
    system: System

    def __init__(self, space, terms, constraints=(), loads=(), *, stored=None, order=1):
        self.space = tuple(space) if isinstance(space, tuple | list) else space
        for each in self.spaces:
            if not isinstance(each, FunctionSpace) or each.mesh is not self.spaces[0].mesh:
                raise ValueError(f"`space` must be a `FunctionSpace`, or several on one mesh, got {each!r}.")
        if order not in (1, 2):
            raise ValueError(f"`order` must be 1 or 2, got {order!r}.")
        if not isinstance(terms, tuple | list) or not terms:
            raise ValueError(f"`terms` must be a list of at least one `fem.Weak` or `fem.Energy`, got {terms!r}.")
        self.terms, self.stored, self.order = tuple(terms), stored, order
        self.domains, self.sights = zip(*(self._placed("terms", term) for term in self.terms), strict=True)
        self.stored_domain, self.stored_sight = (None, None) if stored is None else self._placed("stored", stored)
        taken = NodalForces if isinstance(self.space, tuple) else AbstractLoad
        if not isinstance(loads, tuple | list) or not all(isinstance(load, taken) for load in loads):
            raise ValueError(f"`loads` must be a list of loads, on several spaces of `NodalForces`, got {loads!r}.")
        for load in loads:
            if isinstance(load, NodalForces) and not 0 <= load.field < len(self.spaces):
                raise ValueError(f"`field` of `NodalForces` must be below {len(self.spaces)}, got {load.field!r}.")
        self.loads = tuple(loads)
        self.rest = tuple(jnp.zeros(each.shape, each.mesh.points.dtype) for each in self.spaces)
        last = () if self.stored is None else (storage(self),)
        self.constraints, self.system = build(self.spaces, constraints, (*self.integrals(), *last))

    def integrals(self):
        """Terms and loads."""
        placed = zip(self.terms, self.domains, self.sights, strict=True)
        own = tuple(term.integral(self.spaces, domain, sight) for term, domain, sight in placed)
        return (*own, *(term for term in (load.term(self.space) for load in self.loads) if term is not None))

    def _placed(self, name, form: Any):
        if not isinstance(form, AbstractForm):
            raise ValueError(f"`{name}` must be made of `fem.Weak` and `fem.Energy`, got {form!r}.")
        domain = form.domain(self.spaces[0])
        return domain, form.sight(self.spaces, domain)


@storage.register
def _(problem: Balance):
    if problem.stored is None:
        return None
    return problem.stored.integral(problem.spaces, problem.stored_domain, problem.stored_sight)


@holding.register
def _(problem: Balance):
    return problem.rest


@at_rest.register
def _(problem: Balance):
    """Sources that stand within a term are loads as others are: on the way they grow from 0."""
    forces, _, _ = problem.forces(tuple(map(jnp.zeros_like, problem.rest)))
    return eqx.tree_at(lambda p: p.rest, problem, tuple(jnp.where(jnp.isfinite(f), f, 0.0) for f in forces))


@derivatives.register
def _(problem: Balance):
    return 0 if problem.stored is None else problem.order


@balanced.register
def _(problem: Balance):
    """Equations that what is stored does not enter."""
    return _without(problem, problem.stored_sight and problem.stored_sight.rows)


@immediate.register
def _(problem: Balance):
    """Fields that what is stored does not look at."""
    return _without(problem, problem.stored_sight and problem.stored_sight.read)


def _without(problem, fields):
    return () if fields is None else tuple(f for f in range(len(problem.spaces)) if f not in fields)
