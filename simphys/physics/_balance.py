"""A balance law on a mesh as a root problem."""

import abc
import dataclasses

import equinox as eqx
import jax
import jax.core
import jax.numpy as jnp

from .._check import indices
from .._frozen import AbstractPosed
from .._hidden import compiled
from .._notebook import Displayed
from .._ranges import check_numbers
from .._touching import Touching
from .._trees import norm
from .._typing import Array, PyTree, Value
from ..assembly import AbstractConstraint, System, assemble, assemble_tangent
from ..fem import FunctionSpace, Integral, build_multigrid, shown_space
from ..implicit import AbstractRootProblem, Evaluated
from ..linalg import AbstractPreconditioner
from ..materials import is_strained, relaxed
from ._acting import AbstractLoad, NodalForces, unloaded_loads
from ._named import Named, replaced, unloaded_parts, where_named
from ._quantity import Quantity, fields_of, gradients_of
from ._terms import Terms, switches_of


POSED = frozenset(("space", "constraints", "loads", "system", "thickness", "rest"))
"""Parts that pose a problem; the others are laws, which a network may train."""


class AbstractBalance(AbstractRootProblem, AbstractPosed, Displayed):
    """F(û) = Tᵀ r(T û + g) = 0 with r assembled from integrals; every physics on a mesh is one.

    The unknowns û are the nodal values that no constraint fixes; the value a user receives is the whole field u. What a law
    is made of are its `terms`; everything else follows from them.
    """

    space: eqx.AbstractVar[FunctionSpace | tuple[FunctionSpace, ...]]
    constraints: eqx.AbstractVar[tuple[AbstractConstraint, ...] | Named]
    loads: eqx.AbstractVar[tuple | Named]
    system: eqx.AbstractVar[System]

    def __check_init__(self):
        check_numbers(self)

    @property
    def given(self):
        """Geometry, constraints and loads."""
        return [getattr(self, f.name) for f in dataclasses.fields(self) if f.name in POSED]

    @abc.abstractmethod
    def terms(self) -> Terms:
        """Return what the law is made of, from the problem's parts as they are."""

    def integrals(self) -> tuple[Integral, ...]:
        """Return the terms of R."""
        return self.terms().flow

    def quantities(self) -> tuple[Quantity, ...]:
        """Return what is read off a solution, to be drawn, written and observed; the solution itself first."""
        return fields_of(self)

    def tensors(self) -> tuple[Quantity, ...]:
        """Return vectors and tensors at points that are recovered by name, the most telling first."""
        return gradients_of(self)

    def updated_state(self, value) -> PyTree:
        """Return the internal variables (`state`) at the end of a step that led to a solution; None without any."""
        return None

    def recommended(self, values: tuple[Array, ...]) -> AbstractPreconditioner | None:
        """Return the preconditioner for the tangent at these fields; None to take what its assembly recommends."""
        return None

    def holding(self) -> tuple[Array, ...]:
        """Return for each field the nodal forces that hold an unloaded law at rest; none for one that is so by itself."""
        return ()

    def at_rest(self) -> "AbstractBalance":
        """Return an unloaded law with the nodal forces that hold it where its fields are 0."""
        return self

    def convex_split(self) -> "tuple[AbstractBalance, Integral]":
        """Return the law with the convex part of its energy alone, and the concave part as a term.

        **Raises:** `ValueError` for a law whose energy has no such parts.
        """
        raise ValueError(
            f"A `{type(self).__name__}` has no energy that is split into a convex and a concave part: "
            "`ConvexSplitting()` is for `AllenCahn` and `CahnHilliard`."
        )

    def with_multigrid(self, *, degree: int = 2, single: bool = True) -> "AbstractBalance":
        """Return the problem with multigrid recommended for its matrices, whatever its size.

        **Arguments:**

        - `degree`: matrix products of one smoothing.
        - `single`: run the cycles in float32.

        **Raises:** `ValueError` for problems of several fields.
        """
        made = build_multigrid(self.spaces[0], self.system, self.constraints, degree=degree, single=single)
        return self._recommending(made)

    def with_direct(self) -> "AbstractBalance":
        """Return the problem with nothing recommended: its matrices are factorised, whatever its size."""
        return self._recommending(None)

    def _recommending(self, preconditioner):
        return eqx.tree_at(lambda p: p.system.preconditioner, self, preconditioner, is_leaf=_is_none)

    def replace(self, name: str, **values: Value) -> "AbstractBalance":
        """Return the problem with other values of one constraint or load, `body.replace("pull", value=2.0)`.

        **Arguments:**

        - `name`: of the constraint or load, where these were given as dictionaries.
        - `values`: by the names of its arguments; numbers or arrays of the shape that is there, traced ones too.

        **Raises:** `ValueError` for a name that there is not, or that a constraint and a load have, and for values that
        do not fit.
        """
        kind = where_named(self, name)
        part = replaced(getattr(self, kind)[name], name, values)
        return eqx.tree_at(lambda p: getattr(p, kind)[name], self, part)

    @property
    def linear(self):
        """Whether every term is."""
        return all(term.linear or term.constant for term in self.integrals())

    @property
    def spaces(self) -> tuple[FunctionSpace, ...]:
        """The spaces of all fields."""
        return self.space if isinstance(self.space, tuple) else (self.space,)

    @property
    def shown_space(self) -> FunctionSpace:
        """The space at whose nodes its quantities are given, to be drawn and written."""
        return shown_space(*self.spaces)

    def residual(self, y, args=None):
        """Return Tᵀ r."""
        return self.evaluate(y, args).residual

    def evaluate(self, y, args=None):
        """Return Tᵀ r, for each field √Σ|r_e|² of the element forces that balance one another, and the energy."""
        total, scales, energy = self.forces(self._fields(y))
        residual = self.split(self.system.reduction.reduce(total, self.spaces, self.constraints))
        return Evaluated(residual, scales if isinstance(self.space, tuple) else scales[0], energy)

    def forces(
        self, values: tuple[Array, ...], terms: Terms | None = None
    ) -> tuple[tuple[Array, ...], tuple[Array, ...], Array | None]:
        """Return for each field r and √Σ|r_e|², and the energy or None, at the nodal values of all fields.

        **Arguments:**

        - `values`: nodal values of each field.
        - `terms`: the problem's own, where they have been made already: to make them is a good part of tracing.
        """
        terms = self.terms() if terms is None else terms
        total, scales, energy = assemble(self.spaces, terms.flow, values)
        nodal = self._nodal_loads(values)
        total = tuple(r - p for r, p in zip(total, nodal, strict=True))
        _, floors, _ = assemble(self.spaces, terms.gauges, values)
        scales = tuple(norm((s, f, p)) for s, f, p in zip(scales, floors, nodal, strict=True))
        if energy is not None:
            energy = energy - sum(jnp.vdot(p, u) for p, u in zip(nodal, values, strict=True))
        return total, scales, energy

    def jacobian(self, y, args=None):
        """Return the assembled sparse tangent Tᵀ (∂r/∂u) T."""
        structure = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype), y)
        fields = self._fields(y)
        terms = self.terms()
        system = layout_at_rest(self, terms)
        tangent = assemble_tangent(system, self.spaces, terms.flow, fields, self.constraints, structure)
        own = self.recommended(fields)
        return tangent if own is None else eqx.tree_at(lambda t: t.preconditioner, tangent, own, is_leaf=_is_none)

    def switches(self, y, args=None):
        """Return the switching functions of all terms at their quadrature points."""
        return self.switches_at(self._fields(y))

    def switches_at(self, values: tuple[Array, ...]) -> tuple[Array, ...]:
        """Return them at the nodal values of all fields."""
        return switches_of(self.integrals(), self.spaces, values)

    def longest(self, y, ahead, beyond, args=None):
        """Return how much of a step keeps surfaces apart that may touch."""
        values, others = self._fields(y), ahead._fields(beyond)
        found = [term.longest(self.spaces, values, ahead.spaces, others) for term in self.integrals()]
        found = [part for part in found if part is not None]
        return jnp.min(jnp.stack(found)) if found else None

    def touching(self, y, args=None):
        """Return the pairs in contact of all terms, and the least distance."""
        found = [term.touching(self.spaces, self._fields(y)) for term in self.integrals()]
        found = [part for part in found if part is not None]
        if not found:
            return None
        total = lambda parts: sum(parts[1:], parts[0])
        return Touching(
            total([part.pairs for part in found]),
            jnp.min(jnp.stack([part.smallest for part in found])),
            total([part.overlooked for part in found]),
        )

    def blamed(self, y, args=None):
        """Return which obstacles the body is in, and which terms are no numbers where."""
        from ._blamed import blamed  # knows what is made of balances

        return blamed(self, self._fields(y))

    def roomier(self):
        """Return the problem whose loads have twice the room for pairs in contact; None where none asks for more."""
        loads = [load.roomier() for load in self.loads]
        if all(load is None for load in loads):
            return None
        more = tuple(own if load is None else load for own, load in zip(self.loads, loads, strict=True))
        return eqx.tree_at(lambda p: tuple(p.loads), self, more, is_leaf=lambda x: isinstance(x, AbstractLoad))

    def unknowns(self, guess):
        """Return û of a field that is guessed, or 0."""
        if guess is None:
            return self.split(jnp.zeros(self.system.reduction.size, self.spaces[0].mesh.points.dtype))
        fields = guess if isinstance(self.space, tuple) else (guess,)
        for f, s in zip(fields, self.spaces, strict=True):
            if jnp.shape(f) != s.shape:
                raise ValueError(f"`guess` must have shape {s.shape}, got {jnp.shape(f)}.")
        return self.split(self.system.reduction.restrict(fields, self.spaces, self.constraints))

    def value(self, y):
        """Return u = T û + g."""
        fields = self._fields(y)
        return fields if isinstance(self.space, tuple) else fields[0]

    def unloaded(self):
        """Return the problem without loads, with prescribed values 0, and with laws that strain by nothing of their own.

        What pushes at rest all the same, as terms of a user's own may, is held by nodal forces.
        """
        still = unloaded_parts(self.constraints), unloaded_loads(self.loads)
        free = eqx.tree_at(lambda p: (p.constraints, p.loads), self, still)
        return (relaxed(free) if is_strained(free) else free).at_rest()

    @compiled
    def reactions(self, value, rate=None) -> Array | tuple[Array, ...]:
        """Return the nodal forces (fluxes) that the constraints exert at the solution `value`, of its shape.

        **Arguments:**

        - `rate`: how `value` changes in time, see `resultant`.
        """
        fields = value if isinstance(self.space, tuple) else (value,)
        total, _, _ = assemble(self.spaces, self.integrals(), fields)
        if rate is not None:
            total = jax.tree.map(jnp.add, total, self._storing(fields, rate))
        total = tuple(r - p for r, p in zip(total, self._nodal_loads(fields), strict=True))
        # What holds cells of several sizes together is no force from outside.
        total = tuple(r if (h := s.hanging) is None else h.folded(r) for r, s in zip(total, self.spaces, strict=True))
        return total if isinstance(self.space, tuple) else total[0]

    def resultant(self, value, where: str | Array, field: int = 0, *, rate=None) -> Array:
        """Return the sum of reactions over the nodes of a group: the force (heat) that enters the body there.

        **Arguments:**

        - `value`: a solution.
        - `where`: name of the group, or an array of node numbers, or a boolean for each node.
        - `field`: which field of a mixed space.
        - `rate`: how `value` changes in time, of its structure: ∂u/∂t, of bodies with inertia ∂²u/∂t². What the cells
          beside the group store then counts as well; by default they are at rest.

        **Returns:** a scalar, or one entry per component.

        **Raises:** `ValueError` for a rate of what stores nothing, or of another shape than `value`.
        """
        reactions = self.reactions(value, rate)
        reactions = reactions[field] if isinstance(self.space, tuple) else reactions
        space = self.spaces[field]
        if isinstance(where, str):
            there = space.marked(where).reshape(-1, *(1,) * (reactions.ndim - 1))
            return jnp.sum(jnp.where(there, reactions, 0), axis=0)
        nodes = where if isinstance(where, jax.core.Tracer) else indices("where", where, space.n_nodes)
        return jnp.sum(reactions[nodes], axis=0)

    def _storing(self, fields, rate):
        """How what is stored changes, at all nodes."""
        stored, rates = self.terms().stored, rate if isinstance(self.space, tuple) else (rate,)
        if stored is None:
            raise ValueError(f"This `{type(self).__name__}` stores nothing that has a `rate`: no capacity, no density.")
        shapes = [tuple(map(jnp.shape, each)) for each in (fields, rates)]
        if shapes[0] != shapes[1]:
            raise ValueError(f"`rate` must have the shapes of `value`, {shapes[0]}, got {shapes[1]}.")
        rates = tuple(jnp.asarray(r, f.dtype) for r, f in zip(rates, fields, strict=True))
        return jax.jvp(lambda f: assemble(self.spaces, (stored,), f)[0], (tuple(fields),), (rates,))[1]

    def _fields(self, y):
        flat = jnp.concatenate(y) if isinstance(self.space, tuple) else y
        return self.system.reduction.lift(flat, self.spaces, self.constraints)

    def split(self, flat):
        """Return the reduced unknowns of all fields, one after the other, as the residual has them."""
        if not isinstance(self.space, tuple):
            return flat
        ends = [sum(self.system.reduction.sizes[: i + 1]) for i in range(len(self.spaces) - 1)]
        return tuple(jnp.split(flat, ends))

    def _nodal_loads(self, values):
        totals = [jnp.zeros_like(v) for v in values]
        for f, force in enumerate(self.holding()):
            totals[f] = totals[f] + force.astype(totals[f].dtype)
        for load in self.loads:
            if isinstance(load, NodalForces):
                totals[load.field] = totals[load.field] + load.values.astype(totals[load.field].dtype)
        return totals


def layout_at_rest(problem: AbstractBalance, terms: Terms | None = None) -> System:
    """Return the layout of the balance law's own terms (which may be at hand), what it stores left away."""
    terms = problem.terms() if terms is None else terms
    return problem.system if terms.stored is None else problem.system.part(slice(-1))


def layout_of_storage(problem: AbstractBalance) -> System:
    """Return the layout of what a problem stores alone."""
    return problem.system.part(slice(-1, None))


def _is_none(x):
    return x is None
