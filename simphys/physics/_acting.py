"""What acts on a body: the interface of all loads, and forces on nodes."""

import abc
import dataclasses
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp

from .._check import finite, parameter
from .._ranges import Ranged
from .._typing import Array, Mapping, Sequence, Value
from ..assembly import AbstractConstraint
from ..fem import FunctionSpace, Integral, altered
from ._named import Named, several


class AbstractLoad(Ranged):
    """Something that acts on a body from outside; of several fields on the one that `field` numbers."""

    field: int = eqx.field(static=True, default=0, kw_only=True)
    stepwise: ClassVar[bool] = False
    """Whether it acts against what has moved since a step began, which `stepped` must say."""

    @abc.abstractmethod
    def integral(self, space: FunctionSpace) -> Integral | None:
        """Return the load as a term of the balance law of this field alone; None if it acts on nodes directly."""

    def term(self, space: FunctionSpace | tuple[FunctionSpace, ...]) -> Integral | None:
        """Return that term with the load's name, among the fields that there are."""
        spaces = space if isinstance(space, tuple) else (space,)
        if not 0 <= self.field < len(spaces):
            raise ValueError(f"`field` of a `{type(self).__name__}` must be below {len(spaces)}, got {self.field!r}.")
        term = self.integral(spaces[self.field])
        return None if term is None else dataclasses.replace(term, name=type(self).__name__, fields=(self.field,))

    @abc.abstractmethod
    def unloaded(self) -> "AbstractLoad":
        """Return the load with magnitude 0."""

    def resolved(self, space: FunctionSpace) -> "AbstractLoad":
        """Return it with all that the space of its field decides worked out."""
        return self

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
    return Named(found, loads.names) if isinstance(loads, Named) else found


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
        return NodalForces(jnp.zeros_like(self.values), self.field)
