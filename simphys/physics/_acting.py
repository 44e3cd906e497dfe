"""What acts on a body: the interface of all loads, and forces on nodes."""

import abc
import dataclasses
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp

from .._check import finite, parameter
from .._ranges import Ranged
from .._typing import Array, Mapping, PyTree, Sequence, Value
from ..assembly import AbstractConstraint
from ..fem import FunctionSpace, Integral, Mesh, altered
from ._named import Named, several


class Outline(eqx.Module):
    """The facets of a whole boundary: found once, for within a program the cells of a mesh are not known."""

    facets: Array
    splits: tuple = eqx.field(static=True)

    @staticmethod
    def of(mesh: Mesh) -> "Outline":
        """Return that of a mesh without a group named "all"."""
        with_all = mesh.with_boundary("all")
        return Outline(with_all.facet_groups["all"], with_all.splits)

    def on(self, space: FunctionSpace) -> FunctionSpace:
        """Return the space on a mesh that names them."""
        groups = {**space.mesh.facet_groups, "all": self.facets}
        return altered(space, mesh=altered(space.mesh, facet_groups=groups, splits=self.splits))


class AbstractLoad(Ranged):
    """Something that acts on a body from outside; of several fields on the one that `field` numbers."""

    field: int = eqx.field(static=True, default=0, kw_only=True)
    outline: Outline | None = eqx.field(default=None, kw_only=True, repr=False)
    """Of a load on "all", the whole boundary where no group has this name."""
    stepwise: ClassVar[bool] = False
    """Whether it acts against what has moved since a step began, which `stepped` must say."""
    remembers: ClassVar[bool] = False
    """Whether it has a memory, `state`, that each step changes by `carried`."""

    @abc.abstractmethod
    def integral(self, space: FunctionSpace) -> Integral | None:
        """Return the load as a term of the balance law of this field alone; None if it acts on nodes directly."""

    def term(self, space: FunctionSpace | tuple[FunctionSpace, ...]) -> Integral | None:
        """Return that term with the load's name, among the fields that there are."""
        spaces = space if isinstance(space, tuple) else (space,)
        if not 0 <= self.field < len(spaces):
            raise ValueError(f"`field` of a `{type(self).__name__}` must be below {len(spaces)}, got {self.field!r}.")
        term = self.integral(self.seen_on(spaces[self.field]))
        return None if term is None else dataclasses.replace(term, name=type(self).__name__, fields=(self.field,))

    def check_on(self, space: FunctionSpace):
        """Raise `ValueError` if it does not fit the space of its field."""
        self.integral(space)

    def seen_on(self, space: FunctionSpace) -> FunctionSpace:
        """Return the space of its field as `integral` takes it within programs."""
        return space if self.outline is None else self.outline.on(space)

    @abc.abstractmethod
    def unloaded(self) -> "AbstractLoad":
        """Return the load with magnitude 0."""

    def resolved(self, space: FunctionSpace) -> "AbstractLoad":
        """Return it with all that the space of its field decides worked out."""
        return self

    def carried(self, space: FunctionSpace, value: Array) -> PyTree:
        """Return what it remembers at the end of a step that led to a displacement; None without a memory."""
        return None

    def roomier(self) -> "AbstractLoad | None":
        """Return it with more room for what changes from state to state; None for loads that need none."""
        return None


Constraints = AbstractConstraint | Sequence[AbstractConstraint] | Mapping[str, AbstractConstraint]
"""What constraints are given as."""


Loads = AbstractLoad | Sequence[AbstractLoad] | Mapping[str, AbstractLoad]
"""What loads are given as."""


def checked_loads(loads: Loads, *kinds: type) -> tuple | Named:
    """Return loads as a tuple or by their names; raise `ValueError` for others than of these kinds (without any: all)."""
    words = ", ".join(kind.__name__.removeprefix("Abstract") for kind in kinds) or "loads"
    return several("loads", loads, kinds or AbstractLoad, words)


def resolved_loads(loads: tuple | Named, spaces: tuple[FunctionSpace, ...]) -> tuple | Named:
    """Return loads with all that spaces decide worked out."""
    found = tuple(load.resolved(spaces[load.field]) if load.field < len(spaces) else load for load in loads)
    return outlined(Named(found, loads.names) if isinstance(loads, Named) else found, spaces)


def outlined(loads: tuple | Named, spaces: FunctionSpace | tuple[FunctionSpace, ...]) -> tuple | Named:
    """Return loads of which those on "all", where no group of the mesh has this name, know the facets of its boundary."""
    mesh = (spaces[0] if isinstance(spaces, tuple) else spaces).mesh
    own = Outline.of(mesh) if _on_all(loads, mesh) else None
    known = tuple(altered(load, outline=own if _on_all([load], mesh) else None) for load in loads)
    return Named(known, loads.names) if isinstance(loads, Named) else known


def unloaded_loads(loads: tuple | Named) -> tuple | Named:
    """Return loads with magnitude 0, one of a user's own on the same facets too where it makes a new load."""
    still = tuple(altered(load.unloaded(), outline=load.outline) for load in loads)
    return Named(still, loads.names) if isinstance(loads, Named) else still


def _on_all(loads, mesh):
    named = any(getattr(load, "where", None) == "all" for load in loads)
    return named and "all" not in mesh.facet_groups and mesh.names_facets("all")


def zeroed(load: AbstractLoad, name: str) -> AbstractLoad:
    """Return a load with 0 in the place of one of its parts."""
    return altered(load, **{name: jax.tree.map(jnp.zeros_like, getattr(load, name))})


class NodalForces(AbstractLoad):
    """Forces (heat sources) applied to the nodes themselves.

    **Arguments:**

    - `values`: array of the field's shape, force per node.
    - `field`: which field of a mixed space.
    """

    values: Array

    def __init__(self, values: Value, field: int = 0):
        self.values, self.field = finite("values", parameter(values)), field

    def integral(self, space):
        """None: it is added to the residual."""
        if jnp.shape(self.values) != space.shape:
            raise ValueError(f"`values` of `NodalForces` must have shape {space.shape}, got {jnp.shape(self.values)}.")
        return None

    def unloaded(self):
        """No forces."""
        return zeroed(self, "values")
