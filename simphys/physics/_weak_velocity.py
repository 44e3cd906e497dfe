"""Velocities that a fluid's boundary is given weakly."""

import dataclasses

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from .._check import finite, parameter
from .._ranges import positive
from .._trees import norm
from .._typing import Array, PyTree, Value
from ..fem import AbstractField, Domain, FunctionSpace, Integral, density_at_points, facets_of
from ..materials import AbstractCurve
from . import _flow as flow
from ._acting import AbstractLoad, zeroed


class WeakVelocity(AbstractLoad):
    r"""A velocity that a fluid's boundary is given weakly (Nitsche's method), or only its part along the normal.

    R(w, q) = ∫ −t·w − (2μ ε(w) n − q n)·(v − g) + (γ k² μ/h + ρ max(−g·n, 0)) (v − g)·w dA,     t = 2μ ε(v) n − p n

    Of the orders of a prescribed one (`Dirichlet`), which holds at nodes: this one lets go where a mesh is too coarse for a
    boundary layer, takes normals of curved walls as they are, point by point, and jumps of g as they are, too. With `slip`
    all of t, w, v and g stand for their normal parts: a wall without friction. h is the height of the cell over the facet,
    k the velocity's degree. The load path of `solve` lets g grow from 0. `resultant(value, where)` is the force that enters
    the fluid there, ∫ t − (…) (v − g) dA, of twice the order of the velocity's gradient (measured: 4 for quadratic ones).

    **Arguments:**

    - `where`: name of a facet group.
    - `value`: g, velocity, (dim,), or a field.
    - `slip`: whether it is the normal part alone.
    - `penalty`: γ > 0; from 3 on the velocity's block is positive definite, below 2 it is not (all cells, degrees 2 and 3);
      from 10 to 1000 errors change by 3 % at most.

    Reference: J. Nitsche, Abh. Math. Sem. Univ. Hamburg 36 (1971) 9; Y. Bazilevs, T. J. R. Hughes, Comput. Fluids 36 (2007)
    12.
    """

    value: PyTree
    penalty: PyTree = positive()
    where: str = eqx.field(static=True)
    slip: bool = eqx.field(static=True)

    def __init__(self, where: str, value: Value, *, slip: bool = False, penalty: Value = 10.0):
        if not isinstance(slip, bool):
            raise ValueError(f"`slip` must be True or False, got {slip!r}.")
        self.where, self.slip = where, slip
        self.value, self.penalty = finite("value", parameter(value)), parameter(penalty)

    def integral(self, space):
        """None of its own field: it needs the pressure and the fluid's numbers."""
        raise ValueError(
            "A `WeakVelocity` acts on flows (`Stokes`, `NavierStokes`, `Boussinesq`): elsewhere write its terms as `Weak`."
        )

    def term(self, space):
        """As `integral`."""
        return self.integral(space)

    def check_on(self, space):
        """Raise `ValueError` for a group or a value that does not fit."""
        self.multiplier((space,))

    def on_fluid(self, spaces: tuple[FunctionSpace, ...], viscosity: PyTree, density: PyTree) -> Integral:
        """Return it as a term of the equations of momentum and volume."""
        numbers = _Numbers(self.value, self.penalty, viscosity, density)
        linear = not isinstance(viscosity, AbstractCurve)
        return self._over(spaces, _Held(self.slip, spaces[0].degree), numbers, linear)

    def multiplier(self, spaces: tuple[FunctionSpace, ...]) -> Integral:
        """Return what the pressure does there, and what it is there for: p n·w + q n·(v − g)."""
        return self._over(spaces, _pressed, self.value, True)

    def spring(self, space: FunctionSpace) -> Integral:
        """Return what holds the fluid there, of unit stiffness."""
        return Integral(self._facets(space), _Spring(self.slip), None, slots=("value",), linear=True)

    def outward(self, spaces: tuple[FunctionSpace, ...]) -> Integral:
        """Return −∫ p w·n dA."""
        return Integral(self._facets(spaces[0]), _inward, None, fields=(0, 1), slots=("value", "value"))

    def through(self, spaces: tuple[FunctionSpace, ...], inside: Array) -> tuple[Array, Array]:
        """Return the volume that goes out at each point of those facets where `inside` is 1, and |g| times area."""
        fields = spaces[0].zeros(), inside.astype(spaces[0].mesh.points.dtype)
        seen = dataclasses.replace(self._over(spaces, _pressed, self.value, True), energy=_leaving)
        found, measure = density_at_points(seen, spaces, fields)
        return found[..., 0] * measure, found[..., 1] * measure

    def _over(self, spaces, weak, parameters, linear):
        if not isinstance(self.value, AbstractField) and jnp.shape(self.value) != (spaces[0].components,):
            raise ValueError(
                f"`value` of a `WeakVelocity` must have shape ({spaces[0].components},), got {jnp.shape(self.value)}."
            )
        options = dict(symmetric=linear, linear=linear, sized=True, name="WeakVelocity")
        return Integral(self._facets(spaces[0]), weak, parameters, None, (0, 1), ("both", "value"), **options)

    def _facets(self, space):
        domain = facets_of(self.seen_on(space), self.where, 3 * space.degree)
        domain.check_sided()
        return domain

    def unloaded(self):
        """The same at rest."""
        return zeroed(self, "value")


def weak_velocities(loads) -> tuple[WeakVelocity, ...]:
    """Return those among loads."""
    return tuple(load for load in loads if isinstance(load, WeakVelocity))


def pushed(loads, spaces, viscosity, density, fields, where: str) -> tuple[Array, Array]:
    """Return the force that enters a fluid through those facets of a group whose velocity is held weakly, (dim,).

    And whether there are no others in the group: what its nodes have of other groups is theirs.
    """
    mesh, total, count = spaces[0].mesh, jnp.zeros_like(spaces[0].mesh.points[0]), 0
    every = mesh.facets(where) if mesh.names_facets(where) else np.zeros((0, 2), int)
    for load in weak_velocities(loads) if len(every) else ():
        term = load.on_fluid(spaces, viscosity, density)
        force, measure = density_at_points(dataclasses.replace(term, energy=_Force(term.weak)), spaces, fields)
        inside = _named(term.domain, mesh, every)
        total = total + jnp.einsum("iqc,iq->c", force, jnp.where(inside[:, None], measure, 0.0))
        count = count + jnp.sum(inside)
    return total, (count == len(every)) & (len(every) > 0)


def _named(domain, mesh, facets):
    """For each facet of a domain whether it is one of these."""
    alone = isinstance(domain, Domain)
    parts = [(domain, 0)] if alone else [(part.domain, mesh.starts[part.block]) for part in domain.parts]
    number = lambda cells, sides: 8 * cells + sides  # no cell has more sides
    own = [number(part.cells + first, part.sides) for part, first in parts]
    return jnp.isin(jnp.concatenate(own), number(*facets.T))


class _Numbers(eqx.Module):
    """Seen at a point: g, γ, μ and ρ."""

    value: PyTree
    penalty: PyTree
    viscosity: PyTree
    density: PyTree


class _Held(eqx.Module):
    """−t·w − (2μ ε(w) n − q n)·(v − g) + stiffness × (v − g)·w, or the same of normal parts."""

    slip: bool
    degree: int

    def __call__(self, fields, point, numbers):
        off, t, stiffness = self.parts(fields, point, numbers)
        mu, n = flow.viscosity_at(numbers.viscosity, fields[0]), point.normal
        turned = jnp.outer(off, n)
        return (stiffness * off - t, -mu * (turned + turned.T)), (jnp.vdot(off, n), None)

    def parts(self, fields, point, numbers):
        """v − g, t, and what holds one against the other."""
        (v, p), n = fields, point.normal
        off, t = v.value - numbers.value, flow.stress_at(v, p, numbers.viscosity) @ n
        if self.slip:
            off, t = jnp.vdot(off, n) * n, jnp.vdot(t, n) * n
        through = jnp.vdot(numbers.value, n)
        stiff = numbers.penalty * self.degree**2 * flow.viscosity_at(numbers.viscosity, v) / point.size
        return off, t, stiff + numbers.density * jnp.where(through < 0, -through, 0.0)


class _Force(eqx.Module):
    """t less what holds v to g."""

    held: _Held

    def __call__(self, fields, point, numbers):
        off, t, stiffness = self.held.parts(fields, point, numbers)
        return t - stiffness * off


class _Spring(eqx.Module):
    """v, or its normal part."""

    slip: bool

    def __call__(self, fields, point, parameters):
        v = fields[0].value
        return ((jnp.vdot(v, point.normal) * point.normal if self.slip else v, None),)


def _pressed(fields, point, value):
    v, p = fields
    return (p.value * point.normal, None), (jnp.vdot(v.value - value, point.normal), None)


def _inward(fields, point, parameters):
    return (-fields[1].value * point.normal, None), (None, None)


def _leaving(fields, point, value):
    return fields[1].value * jnp.stack([jnp.vdot(value, point.normal), norm(value)])
