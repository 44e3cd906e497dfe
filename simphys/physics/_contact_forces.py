"""What is read off a contact."""

import abc
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp

from .._hidden import compiled
from .._told import Told
from .._typing import Array, Float, PyTree, Scalar
from ..implicit import influence, nan_unless
from ..materials import Axisymmetric
from ._acting import AbstractLoad
from ._balance import AbstractBalance


class ContactForces(Told):
    """What a body and an obstacle, or two bodies, do to each other, at the points of a surface where that is looked at.

    **Attributes:**

    - `pressure`: p, force per undeformed area; (facet, quad) of an obstacle, (sample,) of bodies.
    - `gap`: d, likewise; of bodies infinite where nothing is nearer than δ.
    - `position`: x + u there, (…, dim).
    - `force`: of the obstacle on the body, of the second group on the first, with friction, (dim,); of a plane body per
      thickness, of one of revolution all around, as a `resultant` is.
    - `area`: of the surface (of the first group) that is nearer than δ (penalty: that has entered).
    - `smallest`: least gap.
    """

    pressure: Float[Array, "..."]
    gap: Float[Array, "..."]
    position: Float[Array, "... dim"]
    force: Float[Array, " dim"]
    area: Scalar
    smallest: Scalar


class AbstractContact(AbstractLoad):
    """Something that a surface touches."""

    friction: eqx.AbstractVar[PyTree]
    slip_speed: eqx.AbstractVar[PyTree]
    before: eqx.AbstractVar[PyTree]
    span: eqx.AbstractVar[PyTree]

    @property
    def stepwise(self):
        """Whether there is friction."""
        return self.friction is not None

    @abc.abstractmethod
    def forces(self, space: Any, value: Array, around: bool = False) -> ContactForces:
        """Return what happens at a displacement of the space; `around`: to a body of revolution."""

    @abc.abstractmethod
    def clearance(self, space: Any, value: Array) -> Scalar:
        """Return how much farther the nearest point is than where pressure begins, over the reach; below 0 in contact."""

    def way(self, space: Any, value: Array, beyond: Array) -> Scalar:
        """Return the part of the straight way between two displacements on which nothing is gone through, 1 if unknown."""
        return jnp.ones((), value.dtype)


def contact(problem: AbstractBalance, value: PyTree, touched: AbstractContact | str | None = None) -> ContactForces:
    """Return pressure, gap, force and area of a contact; differentiable.

    **Arguments:**

    - `problem`, `value`: a body and its displacement.
    - `touched`: one of its loads, an `Obstacle` or a `Contact`, or the name of one; None where there is but one.

    **Raises:** `ValueError` where none, or more than one, could be meant.
    """
    if isinstance(touched, str):
        touched = problem.loads[touched]
    if touched is None:
        found = [load for load in problem.loads if isinstance(load, AbstractContact)]
        if len(found) != 1:
            raise ValueError(f"`touched` must say which contact is meant, the problem has {len(found)}.")
        (touched,) = found
    fields = value if isinstance(value, tuple) else (value,)
    found = _forces_around if isinstance(getattr(problem, "material", None), Axisymmetric) else _forces
    return found(touched, problem.spaces[touched.field], fields[touched.field])


@compiled
def _forces(touched, space, value):
    return read_off(value, touched.forces(space, value))


@compiled
def _forces_around(touched, space, value):
    return read_off(value, touched.forces(space, value, around=True))


def read_off(value: PyTree, found: PyTree) -> PyTree:
    """Return what was read off a state; NaN, its derivative too, where a solve has failed.

    Nothing is near what is nowhere: without this, the derivative by way of a contact would be 0.
    """
    known = jnp.all(jnp.stack([jnp.all(jnp.isfinite(leaf)) for leaf in jax.tree.leaves(value)]))
    return nan_unless(known, found, influence(value))
