"""A user's own equation."""

import equinox as eqx
import jax.numpy as jnp

from .._typing import Any, Array, Sequence
from ..assembly import AbstractConstraint, AbstractTerm, System
from ..fem import AbstractForm, Domain, FunctionSpace, Sight
from ._acting import AbstractLoad, Constraints, Loads, checked_loads, outlined
from ._balance import AbstractBalance
from ._named import Named, several
from ._terms import Terms, build


class Balance(AbstractBalance):
    r"""A balance law of a user's own: a list of integrals, each given by a function.

    R(v) = Σ ∫ f₀(u, ∇u, x)·v + f₁(u, ∇u, x):∇v = 0,   in time with d/dt S(v) or d²/dt² S(v) on the left

    Everything that takes a balance law takes it: `solve`, steppers, fits, checks, `vmap`, pictures. Each array in it is a
    parameter, those of modules that stand for functions too.

    **Arguments:**

    - `space`: a `FunctionSpace`, or a tuple of them on one mesh for several fields.
    - `terms`: `fem.Weak` forms, `fem.Energy` densities, and other terms such as `assembly.Gathered` (springs, circuits);
      their sum is R. If all are energies, their sum guards the line search.
    - `constraints`: `Dirichlet`, `Periodic`, `RigidTie`; of several fields with `field=`.
    - `loads`: any, such as `Traction` or `Flux`; of several fields with `field=`.
    - `stored`: S, a `Weak` form or an `Energy` (½ ρ u² stores ρ u); None for an equation that stores nothing.
    - `order`: of the time derivative, 1 or 2.

    **Raises:** `ValueError` for terms that are none, spaces on several meshes, and functions that return other shapes
    than their fields have.

    Reference: A. Logg et al., Automated Solution of Differential Equations by the Finite Element Method, 2012, chapter 1.
    """

    space: FunctionSpace | tuple[FunctionSpace, ...]
    forms: tuple[AbstractForm | AbstractTerm, ...]
    constraints: tuple[AbstractConstraint, ...]
    loads: tuple[AbstractLoad, ...] | Named
    stored: AbstractForm | None
    order: int = eqx.field(static=True)
    domains: tuple[Domain | None, ...]
    sights: tuple[Sight | None, ...] = eqx.field(static=True)
    stored_domain: Domain | None
    stored_sight: Sight | None = eqx.field(static=True)
    rest: tuple[Array, ...]
    """For each field nodal forces, 0 but on the way of a continuation from the fields 0."""
    system: System

    def __init__(
        self,
        space: FunctionSpace | Sequence[FunctionSpace],
        terms: Sequence[AbstractForm | AbstractTerm],
        constraints: Constraints = (),
        loads: Loads = (),
        *,
        stored: AbstractForm | None = None,
        order: int = 1,
    ):
        self.space = tuple(space) if isinstance(space, tuple | list) else space
        for each in self.spaces:
            if not isinstance(each, FunctionSpace) or each.mesh is not self.spaces[0].mesh:
                raise ValueError(f"`space` must be a `FunctionSpace`, or several on one mesh, got {each!r}.")
        if order not in (1, 2):
            raise ValueError(f"`order` must be 1 or 2, got {order!r}.")
        terms = several("terms", terms, (AbstractForm, AbstractTerm), "`fem.Weak` or `fem.Energy`")
        if not terms:
            raise ValueError("`terms` must hold at least one `fem.Weak` or `fem.Energy`, got none.")
        self.forms, self.stored, self.order = tuple(terms), stored, order
        self.domains, self.sights = zip(*(self._placed("terms", term) for term in self.forms), strict=True)
        self.stored_domain, self.stored_sight = (None, None) if stored is None else self._placed("stored", stored)
        self.loads = outlined(checked_loads(loads), self.spaces)
        self.rest = tuple(jnp.zeros(each.shape, each.mesh.points.dtype) for each in self.spaces)
        self.constraints, self.system = build(self.spaces, constraints, self.terms())

    def terms(self):
        """Forms and loads; of equations that what is stored does not enter, and fields that it does not look at."""
        placed = zip(self.forms, self.domains, self.sights, strict=True)
        own = tuple(
            form if domain is None else form.integral(self.spaces, domain, sight) for form, domain, sight in placed
        )
        outer = tuple(term for term in (load.term(self.space) for load in self.loads) if term is not None)
        if self.stored is None:
            return Terms((*own, *outer))
        stored, sight = self.stored.integral(self.spaces, self.stored_domain, self.stored_sight), self.stored_sight
        without = lambda fields: tuple(f for f in range(len(self.spaces)) if f not in fields)
        return Terms((*own, *outer), stored, self.order, without(sight.rows), without(sight.read))

    def _placed(self, name, form: Any):
        if isinstance(form, AbstractTerm) and name == "terms":
            form.unknowns(self.spaces)
            eqx.filter_eval_shape(form.local, self.spaces, tuple(jnp.zeros(s.shape) for s in self.spaces))
            return None, None
        if not isinstance(form, AbstractForm):
            raise ValueError(f"`{name}` must be made of `fem.Weak` and `fem.Energy`, got {form!r}.")
        domain = form.domain(max(self.spaces, key=lambda space: space.mass_degree))
        return domain, form.sight(self.spaces, domain)

    def holding(self):
        """Return what holds it at rest."""
        return self.rest

    def at_rest(self):
        """Sources that stand within a term are loads as others are: on the way they grow from 0."""
        forces, _, _ = self.forces(tuple(map(jnp.zeros_like, self.rest)))
        return eqx.tree_at(lambda p: p.rest, self, tuple(jnp.where(jnp.isfinite(f), f, 0.0) for f in forces))
