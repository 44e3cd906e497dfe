"""Steady creeping flow."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import scipy.sparse as sps
from scipy.sparse.csgraph import connected_components

from .._check import parameter
from .._ranges import positive
from .._typing import Array, PyTree, Sequence, Value
from ..assembly import AbstractConstraint, System, assemble, build_reduction
from ..fem import Dirichlet, FunctionSpace, Integral, cells_of, check_taylor_hood, density_at_points
from ._balance import AbstractBalance, AbstractLoad, NodalForces
from ._blocks import (
    Blocks,
    build_blocks,
    check_vector_held,
    checked_loads,
    outer_terms,
    points_of_pair,
    pressure_floor,
)
from ._flow import stress_at
from ._held import cell_edges
from ._loads import BodyForce, Pressure, Traction
from ._quantity import nodal
from ._terms import Terms, build


LARGEST_NET_FLUX = 1e-2


class Stokes(AbstractBalance):
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

    - `space`: pair of spaces made by `simphys.fem.taylor_hood`.
    - `viscosity`: dynamic viscosity μ, stress × time, a number or a field.
    - `constraints`: `Dirichlet` (prescribed velocity; `field=1`: pressure), `Periodic`.
    - `loads`: `Traction`, `Pressure` (a dead one), `BodyForce`, `NodalForces`.
    - `primal`: as for `MixedSolid`, for the velocity's block.

    **Raises:** `ValueError` if the parts do not fit, a body of fluid can move as a rigid one, or the prescribed velocity
    brings in a net volume.

    Reference: H. Elman, D. Silvester, A. Wathen, Finite Elements and Fast Iterative Solvers, 2nd ed., Oxford 2014,
    chapter 3.
    """

    space: tuple[FunctionSpace, FunctionSpace]
    viscosity: PyTree = positive()
    constraints: tuple[AbstractConstraint, ...]
    loads: tuple[AbstractLoad, ...]
    system: System
    blocks: Blocks | None

    def __init__(
        self,
        space: Sequence[FunctionSpace],
        viscosity: Value,
        constraints: Sequence[AbstractConstraint] = (),
        loads: Sequence[AbstractLoad] = (),
        *,
        primal: Callable | None = None,
    ):
        check_taylor_hood(space)
        self.space, self.viscosity = tuple(space), parameter(viscosity)
        self.loads = checked_loads(loads, space, (Traction, Pressure, BodyForce, NodalForces))
        if any(isinstance(load, Pressure) and load.follower for load in self.loads):
            raise ValueError("A `Pressure` on a steady flow acts on a surface at rest: `follower` must be False.")
        constraints, held = with_level(self.space, constraints)
        self.constraints, self.system = build(self.space, constraints, self.terms())
        check_vector_held(space[0], self.constraints)
        self.blocks = None
        self.blocks = build_blocks(self, primal, held)

    def terms(self):
        """Viscous stress, incompressibility and loads."""
        return Terms((self._inner(_weak), *outer_terms(self.loads, self.space)), gauges=(self._inner(_gauge),))

    def quantities(self):
        """Return velocity and pressure."""
        pressure = nodal("pressure", "pressure", "stress", field=1, shown=True)
        return nodal("velocity", "speed", "velocity", shown=True), pressure

    def recommended(self, values):
        """Return that of the saddle point."""
        if self.blocks is None:
            return None
        return self.blocks.preconditioner(self.space, self._inner(_weak, _schur), values)

    def stress(self, value) -> Array:
        """Return the Cauchy stress 2μ ε(v) − p I, averaged over each cell, (cell, dim, dim)."""
        return cell_means(self._inner(_weak, _stress_at), self.space, value)

    def _inner(self, weak, density=None) -> Integral:
        where = points_of_pair(self.space)
        return Integral(where, weak, self.viscosity, density, fields=(0, 1), slots=("gradient", "value"))


def with_level(spaces, constraints) -> tuple[tuple[AbstractConstraint, ...], tuple]:
    """Return constraints with those that fix the level of a pressure that nothing else does, and what `enclosed` found.

    Velocity and pressure are the first two of the spaces.
    """
    constraints = tuple(c.resolved(spaces[c.field]) for c in constraints)
    held = enclosed(spaces[:2], tuple(c for c in constraints if c.field < 2))
    return constraints + tuple(Dirichlet([node], 0.0, field=1).resolved(spaces[1]) for node, _ in held), held


def cell_means(seen: Integral, spaces, value) -> Array:
    """Return the means over cells of a tensor at points, (cell, dim, dim)."""
    found, measure = density_at_points(seen, spaces, value)
    return jnp.einsum("eqij,eq->eij", found, measure / jnp.sum(measure, axis=1, keepdims=True))


def enclosed(spaces, constraints) -> tuple[tuple[int, np.ndarray], ...]:
    """Return, for each unconnected part of the mesh in which only differences of pressure count, a node and all nodes.

    These are the parts with ∫ div w dV = 0 for all w that vanish where the velocity is prescribed.

    **Raises:** `ValueError` if the prescribed velocity of such a part brings in a net volume.
    """
    velocity, pressure = spaces
    reduction = build_reduction(spaces, constraints)
    n, links = pressure.n_nodes, cell_edges(pressure)
    count, part = connected_components(
        sps.coo_array((np.ones(links.shape[1]), tuple(links)), shape=(n, n)), directed=False
    )
    owned = np.asarray(reduction.masters)[reduction.offsets[1] :, 0] < reduction.size
    leading = np.zeros(n, bool)
    leading[np.asarray(reduction.representative)[reduction.sizes[0] :] - reduction.offsets[1]] = True
    found = []
    for body in range(count):
        inside = part == body
        if not owned[inside].all():
            continue
        flows = _divergence(spaces, jnp.asarray(inside, velocity.mesh.points.dtype))
        free = reduction.reduce((flows, pressure.zeros()), spaces, constraints)
        if float(jnp.max(jnp.abs(free), initial=0.0)) > 1e-10 * float(jnp.max(jnp.abs(flows))):
            continue
        _check_flux(flows, reduction, constraints)
        found.append((int(np.flatnonzero(inside & leading)[0]), inside))
    return tuple(found)


def _divergence(spaces, weight):
    """∫ weight div w for every basis function w, of the velocity's shape."""
    term = Integral(cells_of(spaces[0]), _flow, None, fields=(0, 1), slots=("gradient", "value"))
    return assemble(spaces, (term,), (spaces[0].zeros(), weight))[0][0]


def _flow(fields, point, parameters):
    dim = fields[0].gradient.shape[0]
    return (None, fields[1].value * jnp.eye(dim, dtype=fields[1].value.dtype)), (None, None)


def _check_flux(flows, reduction, constraints):
    if any(isinstance(leaf, jax.core.Tracer) for leaf in jax.tree.leaves(constraints)):
        return
    speed = reduction.prescribed(constraints, flows.dtype)[: flows.size]
    through = flows.ravel() * speed
    net, total = float(jnp.sum(through)), float(jnp.sum(jnp.abs(through)))
    rounding = 1e-9 * float(jnp.sum(jnp.abs(flows)) * jnp.max(jnp.abs(speed)))
    if abs(net) > max(LARGEST_NET_FLUX * total, rounding):
        raise ValueError(
            f"The velocity is prescribed all around, and brings in a net volume of {-net:.3g} per time (of {total:.3g} "
            "that pass the boundary): no incompressible flow does. Leave an outlet free."
        )


def _stress_at(fields, point, viscosity):
    return stress_at(*fields, viscosity)


def _weak(fields, point, viscosity):
    return (None, _stress_at(fields, point, viscosity)), (-jnp.trace(fields[0].gradient), None)


def _gauge(fields, point, viscosity):
    return (None, None), (pressure_floor(fields[0].gradient, fields[1].value, viscosity), None)


def _schur(fields, point, viscosity):
    return 1 / viscosity
