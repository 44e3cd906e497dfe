"""Steady creeping flow."""

from collections.abc import Callable

import jax.numpy as jnp

from .._check import parameter
from .._hidden import compiled
from .._ranges import positive
from .._typing import Array, PyTree, Sequence, Value
from ..assembly import AbstractConstraint, System
from ..fem import FunctionSpace, Integral, check_pair, density_at_points
from ._abstract_flow import AbstractFlow
from ._acting import AbstractLoad, Constraints, Loads, NodalForces, checked_loads, outlined
from ._blocks import (
    Blocks,
    build_blocks,
    check_vector_held,
    points_of_pair,
    pressure_floor,
)
from ._enclosed import with_level
from ._flow import stress_at
from ._loads import BodyForce, Pressure, Traction
from ._named import Named
from ._quantity import nodal
from ._terms import Terms, build
from ._weak_velocity import WeakVelocity, weak_velocities


class Stokes(AbstractFlow):
    r"""Steady flow of an incompressible viscous fluid, slow enough for inertia not to count.

    ∫ 2μ ε(v):ε(w) − p div w dV = ∫ b·w dV + ∫ t·w dA,     −∫ q div v dV = 0

    The value is the pair (v, p) of velocity and pressure. Where nothing is prescribed on the boundary, the traction is 0
    (−p n + 2μ ε n, the force itself, so a channel's outlet needs a `Traction` or prescribed tangential velocity to stay
    parallel).

    If the velocity is prescribed (in normal direction) all around a body, its pressure is only known up to a constant:
    then, and unless a constraint with `field=1` does so, the pressure is set to 0 at the first of its nodes. The volume
    equation of that node is no longer one of the system, so what is prescribed must itself bring no net volume in; up to
    the error of interpolating it this is checked.

    **Arguments:**

    - `space`: pair of spaces made by `simphys.fem.taylor_hood`, `mini` or `scott_vogelius`.
    - `viscosity`: dynamic viscosity μ, stress × time, a number or a field.
    - `constraints`: `Dirichlet` (prescribed velocity; `field=1`: pressure), `Periodic`.
    - `loads`: `Traction`, `Pressure` (a dead one), `BodyForce`, `WeakVelocity`, `NodalForces`.
    - `primal`: as for `MixedSolid`, for the velocity's block.

    **Raises:** `ValueError` if the parts do not fit, a body of fluid can move as a rigid one, or the prescribed velocity
    brings in a net volume.

    Reference: H. Elman, D. Silvester, A. Wathen, Finite Elements and Fast Iterative Solvers, 2nd ed., Oxford 2014,
    chapter 3.
    """

    space: tuple[FunctionSpace, FunctionSpace]
    viscosity: PyTree = positive()
    constraints: tuple[AbstractConstraint, ...] | Named
    loads: tuple[AbstractLoad, ...] | Named
    closed: tuple[Array, ...]
    system: System
    blocks: Blocks | None

    def __init__(
        self,
        space: Sequence[FunctionSpace],
        viscosity: Value,
        constraints: Constraints = (),
        loads: Loads = (),
        *,
        primal: Callable | None = None,
    ):
        check_pair(space)
        self.space, self.viscosity = tuple(space), parameter(viscosity)
        self.loads = outlined(
            checked_loads(loads, Traction, Pressure, BodyForce, WeakVelocity, NodalForces), self.space
        )
        if any(isinstance(load, Pressure) and load.follower for load in self.loads):
            raise ValueError("A `Pressure` on a steady flow acts on a surface at rest: `follower` must be False.")
        weak = weak_velocities(self.loads)
        constraints, held, self.closed = with_level(self.space, constraints, weak)
        self.constraints, self.system = build(self.space, constraints, self.terms())
        check_vector_held(space[0], self.constraints, terms=[load.spring(space[0]) for load in weak])
        self.blocks = None
        self.blocks = build_blocks(self, primal, held)

    def terms(self):
        """Viscous stress, incompressibility and loads."""
        return Terms((self._inner(_weak), *self.held_weakly(), *self.pushing()), gauges=(self._inner(_gauge),))

    @property
    def fluid(self):
        """Viscosity; inertia does not count."""
        return self.viscosity, 0.0

    def quantities(self):
        """Return velocity and pressure."""
        pressure = nodal("pressure", "pressure", "stress", field=1, shown=True)
        return nodal("velocity", "speed", "velocity", shown=True), pressure

    def recommended(self, values):
        """Return that of the saddle point."""
        if self.blocks is None:
            return None
        return self.blocks.preconditioner(self.space, self._inner(_weak, _schur), values)

    @compiled
    def stress(self, value) -> Array:
        """Return the Cauchy stress 2μ ε(v) − p I, averaged over each cell, (cell, dim, dim)."""
        return cell_means(self._inner(_weak, _stress_at), self.space, value)

    def _inner(self, weak, density=None) -> Integral:
        where = points_of_pair(self.space)
        return Integral(where, weak, self.viscosity, density, fields=(0, 1), slots=("gradient", "value"))


def cell_means(seen: Integral, spaces, value) -> Array:
    """Return the means over cells of a tensor at points, (cell, dim, dim)."""
    found, measure = density_at_points(seen, spaces, value)
    return jnp.einsum("eqij,eq->eij", found, measure / jnp.sum(measure, axis=1, keepdims=True))


def _stress_at(fields, point, viscosity):
    return stress_at(*fields, viscosity)


def _weak(fields, point, viscosity):
    return (None, _stress_at(fields, point, viscosity)), (-jnp.trace(fields[0].gradient), None)


def _gauge(fields, point, viscosity):
    return (None, None), (pressure_floor(fields[0].gradient, fields[1].value, viscosity), None)


def _schur(fields, point, viscosity):
    return 1 / viscosity
