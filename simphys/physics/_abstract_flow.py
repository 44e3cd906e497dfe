"""What flows have in common: how their boundary is held, and the forces on it."""

import abc

import jax.core
import jax.numpy as jnp
import numpy as np

from .._trees import any_traced
from .._typing import Array, PyTree
from ..fem import Integral
from ._backflow import Backflow
from ._balance import AbstractBalance
from ._enclosed import what_flows_in
from ._thermal_loads import AbstractThermalLoad
from ._weak_velocity import WeakVelocity, pushed, weak_velocities


class AbstractFlow(AbstractBalance):
    """A flow: velocity and pressure are the first of its fields."""

    @property
    @abc.abstractmethod
    def fluid(self) -> tuple[PyTree, PyTree]:
        """Viscosity and density."""

    def relations(self):
        """What is prescribed all around must leave the volume as it is."""
        return what_flows_in(self)

    def held_weakly(self) -> tuple[Integral, ...]:
        """Return the terms of the velocities that are given weakly."""
        return tuple(load.on_fluid(self.spaces[:2], *self.fluid) for load in weak_velocities(self.loads))

    def held_by_pressure(self) -> tuple[Integral, ...]:
        """Return what the pressure does in them."""
        return tuple(load.multiplier(self.spaces[:2]) for load in weak_velocities(self.loads))

    def pushing(self) -> tuple[Integral, ...]:
        """Return the terms of all other loads on the fluid."""
        found = []
        for load in self.loads:
            if not isinstance(load, WeakVelocity | AbstractThermalLoad):
                term = load.term(self.space)
                found.append(term.times(self.fluid[1]) if isinstance(load, Backflow) else term)
        return tuple(term for term in found if term is not None)

    def resultant(self, value, where: str | Array, field: int = 0, *, rate=None) -> Array:
        """Return the sum of reactions over the nodes of a group: the force (heat) that enters the fluid there.

        As that of any balance; what enters through facets of the group where the velocity is given weakly counts as well.

        **Raises:** `ValueError` for nodes, or groups of points or cells, on such facets: they have no share of their force.
        """
        found, weak = super().resultant(value, where, field, rate=rate), weak_velocities(self.loads)
        if field != 0 or not weak:
            return found
        if isinstance(where, str) and self.spaces[0].mesh.names_facets(where):
            force, alone = pushed(weak, self.spaces[:2], *self.fluid, value[:2], where)
            return jnp.where(alone, force, found + force)
        if not isinstance(where, jax.core.Tracer) and not any_traced(self.spaces[0].mesh):
            space = self.spaces[0]
            nodes = space.nodes_on(where) if isinstance(where, str) else np.arange(space.n_nodes)[np.asarray(where)]
            if np.intersect1d(nodes, np.concatenate([space.nodes_on(load.where) for load in weak])).size:
                raise ValueError(
                    "`where` must be the name of a group of facets: a `WeakVelocity` holds some of its nodes."
                )
        return found
