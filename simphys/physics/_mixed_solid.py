"""Static equilibrium of solids that hardly change their volume."""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from .._hidden import compiled
from .._ranges import positive
from .._typing import Array, PyTree, Sequence, Value
from ..assembly import AbstractConstraint, System
from ..fem import FunctionSpace, Integral, QuadratureField, check_pair, density_at_points
from ..materials import (
    AbstractFiniteStrain,
    AbstractHistory,
    AbstractSmallStrain,
    Axisymmetric,
    is_strained,
    volumetric_split,
)
from . import _kinematics as kinematics
from ._acting import AbstractLoad, Constraints, Loads, NodalForces, checked_loads, outlined
from ._balance import AbstractBalance
from ._blocks import (
    Blocks,
    build_blocks,
    check_vector_held,
    outer_terms,
    points_of_pair,
    pressure_floor,
)
from ._loads import BodyForce, ElasticSupport, Pressure, Traction
from ._named import Named
from ._obstacle import Obstacle
from ._solid import stress_at_rest, virgin
from ._solid_quantities import of_solid, tensors_of_solid
from ._terms import Terms, build


class MixedSolid(AbstractBalance):
    r"""Equilibrium of a nearly incompressible body, with displacement u and pressure p as unknowns.

    Π = ∫ W₀(F) − p θ(F) − c p²/2 dV − work of the loads,   stationary in u and p;   W = W₀ + θ²/(2c)

    In the continuum p = −θ/c and Π is the energy of `Solid`. With Taylor–Hood elements nothing locks as c → 0 (ν → ½):
    errors do not depend on c, which may be as small as 1e-30. p is positive in compression; for laws whose W₀ does not
    see the volume, and θ = J − 1 or tr ε, it is the mean Cauchy pressure −tr σ/3.

    A law with a memory has no energy; with J2's, whose plastic flow keeps the volume, the pressure's part of the stress is
    replaced: P = P_law − (p + θ/c) ∂θ/∂F.

    The value is the pair (u, p). There is no minimum principle, so the line search watches the residual, and the
    tangent is symmetric but indefinite.

    **Arguments:**

    - `space`: pair of spaces made by `simphys.fem.taylor_hood`, `mini` or `scott_vogelius`.
    - `material`: a law that `simphys.materials.volumetric_split` can tell apart, of the mesh's dimension
      (`PlaneStrain`) or `Axisymmetric`; its parameters may be fields. One with a memory starts virgin, and
      `simphys.stepping` leads its `state`.
    - `constraints`, `loads`, `thickness`: as for `Solid`; constraints on the pressure have `field=1`.
    - `primal`: how the displacement's block is preconditioned if the system is to be solved by `Minres` with a
      `SaddlePoint` preconditioner: `simphys.linalg.Multigrid.build`, or another function (pattern, data,
      near_nullspace, positions) → `AbstractPreconditioner`. None: in 3-D above 30,000 unknowns multigrid, as part of
      a triangular preconditioner for `FGMRES`; below, and in the plane, nothing, and the system is factorised.

    **Raises:** `ValueError` if the parts do not fit, or the body can move without strain (the motions are named).

    Reference: T. J. R. Hughes, The Finite Element Method, Prentice-Hall 1987, chapter 4; F. Brezzi, M. Fortin, Mixed and
    Hybrid Finite Element Methods, Springer 1991, chapter VI.
    """

    space: tuple[FunctionSpace, FunctionSpace]
    material: AbstractFiniteStrain | AbstractSmallStrain | AbstractHistory | Axisymmetric
    constraints: tuple[AbstractConstraint, ...] | Named
    loads: tuple[AbstractLoad, ...] | Named
    thickness: PyTree = positive()
    state: PyTree
    interval: PyTree
    system: System
    blocks: Blocks | None

    def __init__(
        self,
        space: Sequence[FunctionSpace],
        material: AbstractFiniteStrain | AbstractSmallStrain | AbstractHistory | Axisymmetric,
        constraints: Constraints = (),
        loads: Loads = (),
        *,
        thickness: Value = 1.0,
        primal: Callable | None = None,
    ):
        check_pair(space)
        kinematics.check_law(material, space[0].mesh.dim, mixed=True)
        volumetric_split(kinematics.core(material))
        self.space, self.material = tuple(space), material
        kinds = Traction, Pressure, BodyForce, ElasticSupport, NodalForces, Obstacle
        self.loads = outlined(checked_loads(loads, *kinds), self.space)
        kinematics.check_follower(material, self.loads, Pressure)
        self.thickness = kinematics.checked_thickness(material, space[0], thickness)
        self.state = virgin(space[0], points_of_pair(space), material)
        self.interval = None if self.state is None else jnp.zeros((), space[0].mesh.points.dtype)
        self.constraints, self.system = build(self.space, constraints, self.terms())
        ring = kinematics.RING if isinstance(material, Axisymmetric) else None
        check_vector_held(space[0], self.constraints, ring, self.integrals()[1:])
        self.blocks = None
        self.blocks = build_blocks(self, primal)

    def terms(self):
        """Mixed energy and loads."""
        outer = outer_terms(self.loads, self.space)
        depth = kinematics.depth(self.material, self.space[0], self.thickness)
        flow = (self._inner(_weak), *(term.times(depth) for term in outer))
        return Terms(flow, gauges=(self._inner(_gauge),))

    def quantities(self):
        """Return displacement, stress, energy, and what the law remembers."""
        return of_solid(self)

    def sizes(self, y):
        """Return displacements as large as positions, for laws of finite strain; a pressure is as exact as these."""
        u, p = self.value(y)
        seen = kinematics.seen(self.material, self.space[0], u)
        return None if seen is None else (seen, p / jnp.finfo(p.dtype).eps)

    def tensors(self):
        """Return stress, strain and gradients."""
        return tensors_of_solid(self)

    def updated_state(self, value):
        """Return the law's internal variables at the end of the step that led to a pair (u, p)."""
        if self.state is None:
            return None
        state, _ = density_at_points(self._inner(_weak, _updated_state), self.space, value)
        return jax.tree.map(QuadratureField, state)

    def recommended(self, values):
        """Return that of the saddle point."""
        if self.blocks is None:
            return None
        return self.blocks.preconditioner(self.space, self._inner(_weak, _schur), values)

    @compiled
    def stress(self, value) -> Array:
        """Return the first Piola–Kirchhoff (small strain: Cauchy) stress, averaged over each cell, (cell, dim, dim)."""
        stress, measure = density_at_points(self._inner(_weak, _stress_at), self.space, value)
        weights = measure / jnp.sum(measure, axis=1, keepdims=True)
        return jnp.einsum("eqij,eq->eij", stress, weights)

    def _inner(self, weak, density=None) -> Integral:
        law, core = self.material, kinematics.core(self.material)
        depth = kinematics.depth(law, self.space[0], self.thickness)
        parameters = (law, depth, self.state, self.interval)
        symmetric = core.symmetric if isinstance(core, AbstractHistory) else True
        slots = (kinematics.slots(law), "value")
        where = points_of_pair(self.space)
        options = dict(fields=(0, 1), slots=slots, symmetric=symmetric, switches=_switches)
        return Integral(where, weak, parameters, density, **options)


def _responses(fields, point, parameters):
    """P, the equation of volume −θ − c p, and the internal variables at the end of the step."""
    (law, _, state, interval), (u, p) = parameters, fields
    core, F = kinematics.core(law), kinematics.measure(law, u, point)
    split = volumetric_split(core)
    if isinstance(core, AbstractHistory):
        stress, state = core.update(F, state, interval)
        volume, slope = jax.value_and_grad(split.dilatation, argnums=1)(core, F)
        compliance = split.compliance(core)
        stress, equation = stress - (p.value + volume / compliance) * slope, -volume - compliance * p.value
    else:
        stress, equation = jax.grad(split.energy, argnums=(0, 1))(F, p.value)
    return kinematics.guarded(law, F, stress), equation, state


def _weak(fields, point, parameters):
    law, thickness = parameters[:2]
    stress, equation, _ = _responses(fields, point, parameters)
    return kinematics.work(law, thickness * stress, point), (thickness * equation, None)


def _switches(fields, point, parameters):
    (law, _, state, interval), core = parameters, kinematics.core(parameters[0])
    measure = kinematics.measure(law, fields[0], point)
    return core.switches(measure, state, interval) if isinstance(core, AbstractHistory) else core.switches(measure)


def _stress_at(fields, point, parameters):
    return _responses(fields, point, parameters)[0]


def _updated_state(fields, point, parameters):
    return _responses(fields, point, parameters)[2]


def _shear_modulus(law, u, point):
    still = kinematics.measure(law, jax.tree.map(jnp.zeros_like, u), point)
    return volumetric_split(kinematics.core(law)).shear_modulus(still)


def _gauge(fields, point, parameters):
    (law, thickness, *_), (u, p) = parameters, fields
    volume = thickness * pressure_floor(u.gradient, p.value, _shear_modulus(law, u, point))
    if not is_strained(law):
        return (None, None), (volume, None)
    stress = thickness * stress_at_rest(u, point, parameters)
    return kinematics.work(law, stress, point), (volume, None)


def _schur(fields, point, parameters):
    """1/μ, and c of the compressible part: both per undeformed volume of a body of this thickness."""
    (law, thickness, *_), (u, _) = parameters, fields
    compliance = volumetric_split(kinematics.core(law)).compliance(kinematics.core(law))
    return thickness * (1 / _shear_modulus(law, u, point) + compliance)
