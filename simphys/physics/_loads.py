"""Mechanical loads."""

import equinox as eqx
import jax.numpy as jnp

from .._check import finite, parameter
from .._ranges import positive
from .._typing import PyTree, Value
from ..fem import AbstractField, Integral, cells_of, facets_of
from ._acting import AbstractLoad, zeroed


class Traction(AbstractLoad):
    """A dead force on a surface, δΠ = −∫ t·v dA.

    **Arguments:**

    - `where`: name of a facet group.
    - `value`: t, force per undeformed area, (dim,). (Areas and volumes of a plane solid are those of its thickness.)
    - `field`: which field of a mixed space.
    """

    value: PyTree
    where: str = eqx.field(static=True)

    def __init__(self, where: str, value: Value, *, field: int = 0):
        self.field = field
        self.where, self.value = where, finite("value", parameter(value))

    def integral(self, space):
        """The load as an integral over its facets."""
        _check_vector("Traction", self.value, space)
        return Integral(
            facets_of(space, self.where), _force, self.value, _force_energy, slots=("value",), constant=True
        )

    def unloaded(self):
        """No traction."""
        return zeroed(self, "value")


class BodyForce(AbstractLoad):
    """A dead force in the volume, δΠ = −∫ b·v dV.

    **Arguments:**

    - `value`: b, force per undeformed volume, (dim,): density times gravity, say.
    - `where`: name of a cell group; None for the whole body.
    - `field`: which field of a mixed space.
    """

    value: PyTree
    where: str | None = eqx.field(static=True)

    def __init__(self, value: Value, where: str | None = None, *, field: int = 0):
        self.field = field
        self.where, self.value = where, finite("value", parameter(value))

    def integral(self, space):
        """The load as an integral over its cells."""
        _check_vector("BodyForce", self.value, space)
        domain = cells_of(space, self.where, 2 * space.degree)
        return Integral(domain, _force, self.value, _force_energy, slots=("value",), constant=True)

    def unloaded(self):
        """No force."""
        return zeroed(self, "value")


class Pressure(AbstractLoad):
    """A pressure on a surface, pushing inwards.

    dead: δΠ = ∫ p N·v dA,     follower: δΠ = ∫ p J F⁻ᵀN·v dA, normal to the deformed surface.

    A follower pressure has no symmetric tangent unless the pressurised surface is closed or its edge is held.

    **Arguments:**

    - `where`: name of a facet group.
    - `value`: p, force per area (deformed area, if it follows).
    - `follower`: whether it stays normal to the surface; needs a finite-strain solid.
    - `side`: name of the cell group that is pushed, where facets lie between two cells; by default the cells that the
      facet group names.
    - `field`: which field of a mixed space.
    """

    value: PyTree
    where: str = eqx.field(static=True)
    follower: bool = eqx.field(static=True)
    side: str | None = eqx.field(static=True)

    def __init__(self, where: str, value: Value, follower: bool = False, *, side: str | None = None, field: int = 0):
        self.field = field
        self.where, self.value, self.follower = where, finite("value", parameter(value)), follower
        self.side = side

    def integral(self, space):
        """The load as an integral over its facets."""
        if not isinstance(self.value, AbstractField) and jnp.shape(self.value) != ():
            raise ValueError(f"`value` of a `Pressure` must be a number, got shape {jnp.shape(self.value)}.")
        domain = facets_of(space, self.where, side=self.side)
        domain.check_sided()
        if self.follower:
            return Integral(domain, _follower, self.value, None, slots=("both",), symmetric=False)
        return Integral(domain, _pressure, self.value, _pressure_energy, slots=("value",), constant=True)

    def unloaded(self):
        """No pressure."""
        return zeroed(self, "value")


class ElasticSupport(AbstractLoad):
    """Springs on a surface that pull it back to where it was, δΠ = ∫ (k u)·v dA.

    **Arguments:**

    - `where`: name of a facet group.
    - `stiffness`: k, force per area and displacement, 0 or more: a number, or one for each direction, (dim,).
    - `field`: which field of a mixed space.
    """

    stiffness: PyTree = positive(or_zero=True, several=True)
    where: str = eqx.field(static=True)

    def __init__(self, where: str, stiffness: Value, *, field: int = 0):
        self.field = field
        self.where, self.stiffness = where, parameter(stiffness)

    def integral(self, space):
        """The springs as an integral over their facets."""
        if not isinstance(self.stiffness, AbstractField) and jnp.shape(self.stiffness) not in ((), (space.components,)):
            raise ValueError(
                f"`stiffness` of an `ElasticSupport` must be a number or have shape ({space.components},), got "
                f"{jnp.shape(self.stiffness)}."
            )
        domain = facets_of(space, self.where)
        return Integral(domain, _spring, self.stiffness, _spring_energy, slots=("value",), linear=True)

    def unloaded(self):
        """The same springs."""
        return self


def _spring(fields, point, stiffness):
    return ((stiffness * fields[0].value, None),)


def _spring_energy(fields, point, stiffness):
    return jnp.sum(stiffness * fields[0].value ** 2) / 2


def _force(fields, point, value):
    return ((-value, None),)


def _force_energy(fields, point, value):
    return -jnp.vdot(value, fields[0].value)


def _pressure(fields, point, value):
    return ((value * point.normal, None),)


def _pressure_energy(fields, point, value):
    return value * jnp.vdot(point.normal, fields[0].value)


def _follower(fields, point, value):
    """p cof(F) N: the cofactor is polynomial, so nothing is divided by J."""
    H = fields[0].gradient
    F = H + jnp.eye(H.shape[0], dtype=H.dtype)
    if H.shape[0] == 2:
        cofactor = jnp.array([[F[1, 1], -F[1, 0]], [-F[0, 1], F[0, 0]]])
    else:
        cofactor = jnp.stack([jnp.cross(F[(i + 1) % 3], F[(i + 2) % 3]) for i in range(3)])
    return ((value * cofactor @ point.normal, None),)


def _check_vector(name, value, space):
    if isinstance(value, AbstractField):
        return
    if jnp.shape(value) != (space.components,):
        raise ValueError(f"`value` of a `{name}` must have shape ({space.components},), got {jnp.shape(value)}.")
