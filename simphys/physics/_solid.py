"""Equilibrium and motion of solids."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp

from .._check import parameter
from .._hidden import compiled
from .._ranges import positive
from .._typing import Array, PyTree, Value
from ..assembly import AbstractConstraint, System
from ..fem import Domain, FunctionSpace, Integral, QuadratureField, cells_of, density_at_points
from ..materials import AbstractFiniteStrain, AbstractHistory, AbstractSmallStrain, Axisymmetric, is_linear, is_strained
from . import _kinematics as kinematics
from ._acting import AbstractLoad, Constraints, Loads, checked_loads, resolved_loads
from ._balance import AbstractBalance
from ._held import check_held
from ._loads import Pressure
from ._named import Named
from ._solid_quantities import of_solid, tensors_of_solid
from ._terms import Terms, build


class Solid(AbstractBalance):
    r"""Equilibrium of a body at small or finite strain, as its material says.

    finite: ∫ P(F):∇v dV = ∫ b·v dV + ∫ t·v dA,  F = I + ∇u;     small: P = σ(ε),  ε = (∇u + ∇uᵀ)/2
    in time with ∫ ρ ü·v dV on the left

    **Arguments:**

    - `space`: a `FunctionSpace` with one component per dimension.
    - `material`: an `AbstractFiniteStrain`, `AbstractSmallStrain` or `AbstractHistory` law of the space's dimension, or
      an `Axisymmetric` one; its parameters may be `CellField`, `NodalField` or `QuadratureField`. A law with a memory
      starts virgin; its internal variables are in `state`, and `simphys.stepping` leads them through time.
    - `constraints`: `Dirichlet`, `Periodic`, `RigidTie`: one, a list, or a dictionary by names for `replace`.
    - `loads`: `Traction`, `Pressure`, `BodyForce`, `NodalForces`, likewise.
    - `thickness`: of a plane body, a length. Loads per area and volume act on all of it; nodal forces are as given.
    - `density`: ρ, mass per undeformed volume, for `simphys.stepping`: a number or a field.

    **Raises:** `ValueError` if the parts do not fit, or a body without density can move where neither strain nor a load
    (`ElasticSupport`, a `Closure` or a load of one's own that looks at the displacement) opposes it; the motions are named.

    Reference: J. Bonet, R. D. Wood, Nonlinear Continuum Mechanics for Finite Element Analysis, Cambridge 2008.
    """

    space: FunctionSpace
    material: AbstractFiniteStrain | AbstractSmallStrain | AbstractHistory | Axisymmetric
    constraints: tuple[AbstractConstraint, ...] | Named
    loads: tuple[AbstractLoad, ...] | Named
    thickness: PyTree = positive()
    density: PyTree = positive()
    state: PyTree
    interval: PyTree
    system: System

    def __init__(
        self,
        space: FunctionSpace,
        material: AbstractFiniteStrain | AbstractSmallStrain | AbstractHistory | Axisymmetric,
        constraints: Constraints = (),
        loads: Loads = (),
        *,
        thickness: Value = 1.0,
        density: Value | None = None,
    ):
        dim = space.mesh.dim
        if space.components != dim:
            raise ValueError(f"A solid in {dim}-D needs `components={dim}`, got {space.components}.")
        kinematics.check_law(material, dim)
        self.space, self.material = space, material
        self.loads = resolved_loads(checked_loads(loads), (space,))
        kinematics.check_follower(material, self.loads, Pressure)
        self.thickness = kinematics.checked_thickness(material, space, thickness)
        self.state = virgin(space, cells_of(space), material)
        self.interval = None if self.state is None else jnp.zeros((), space.mesh.points.dtype)
        self.density = None if density is None else parameter(density)
        terms = self.terms()
        self.constraints, self.system = build((space,), constraints, terms)
        if self.density is None:
            ring = kinematics.RING if isinstance(material, Axisymmetric) else None
            check_held(space, self.constraints, self.system.reduction, ring, terms.flow[1:])

    def terms(self):
        """Stored energy, loads, and momentum stored."""
        inner = self._inner()
        outer = (load.term(self.space) for load in self.loads)
        depth = kinematics.depth(self.material, self.space, self.thickness)
        flow = (inner, *(term.times(depth) for term in outer if term is not None))
        gauge = dataclasses.replace(inner, weak=_gauge, energy=None, switches=None)
        return Terms(flow, self._storage(depth), order=2, gauges=(gauge,) if is_strained(self.material) else ())

    def _storage(self, depth):
        if self.density is None:
            return None
        where = cells_of(self.space, degree=self.space.mass_degree)
        return Integral(where, _momentum, (self.density, depth), _kinetic, slots=("value",), linear=True)

    def quantities(self):
        """Return displacement, stress, energy, and what the law remembers."""
        return of_solid(self)

    def sizes(self, y):
        """Return displacements as large as positions, for laws of finite strain."""
        return kinematics.seen(self.material, self.space, self.value(y))

    def tensors(self):
        """Return stress, strain and gradients."""
        return tensors_of_solid(self)

    def updated_state(self, value):
        """Return the law's internal variables at the end of the step that led to a displacement."""
        if self.state is None:
            return None
        integral = dataclasses.replace(self._inner(), energy=_updated_state)
        state, _ = density_at_points(integral, (self.space,), (value,))
        return jax.tree.map(QuadratureField, state)

    def _inner(self):
        where, law = cells_of(self.space), self.material
        depth, slots = kinematics.depth(law, self.space, self.thickness), (kinematics.slots(law),)
        core = kinematics.core(law)
        if isinstance(core, AbstractHistory):
            parameters = (law, depth, self.state, self.interval)
            remembering = dict(symmetric=core.symmetric, switches=_switches_of_step)
            return Integral(where, _remembering, parameters, slots=slots, **remembering)
        linear = is_linear(core)
        return Integral(where, _weak, (law, depth), _energy, slots=slots, linear=linear, switches=_switches)

    @compiled
    def stress(self, value) -> Array:
        """Return the first Piola–Kirchhoff (small strain: Cauchy) stress, averaged over each cell, (cell, dim, dim)."""
        law = _stress_at if self.state is None else _updated_stress
        stress, measure = density_at_points(dataclasses.replace(self._inner(), energy=law), (self.space,), (value,))
        weights = measure / jnp.sum(measure, axis=1, keepdims=True)
        return jnp.einsum("eqij,eq->eij", stress, weights)


def virgin(space: FunctionSpace, where: Domain, material) -> PyTree:
    """Return the internal variables of a virgin body at the points of a domain; None for a law without memory."""
    material = kinematics.core(material)
    if not isinstance(material, AbstractHistory):
        return None
    points = eqx.filter_eval_shape(where.geometry, space.mesh).measure.shape
    spread = lambda leaf: QuadratureField(
        jnp.broadcast_to(leaf.astype(space.mesh.points.dtype), (*points, *leaf.shape))
    )
    return jax.tree.map(spread, material.initial())


def _updated(fields, point, parameters):
    law, _, state, interval = parameters
    measure = kinematics.measure(law, fields[0], point)
    stress, state = kinematics.core(law).update(measure, state, interval)
    return kinematics.guarded(law, measure, stress), state


def _updated_stress(fields, point, parameters):
    return _updated(fields, point, parameters)[0]


def _updated_state(fields, point, parameters):
    return _updated(fields, point, parameters)[1]


def _remembering(fields, point, parameters):
    law, thickness = parameters[:2]
    return (kinematics.work(law, thickness * _updated_stress(fields, point, parameters), point),)


def stress_at_rest(u, point, parameters):
    """Return |P(u = 0)|: what stresses are judged by where a body is free to take the strain of its law."""
    law, core = parameters[0], kinematics.core(parameters[0])
    measure = kinematics.measure(law, jax.tree.map(jnp.zeros_like, u), point)
    if isinstance(core, AbstractHistory):
        return jnp.abs(core.update(measure, *parameters[2:4])[0])
    return jnp.abs((core.first_piola if kinematics.is_finite(law) else core.stress)(measure))


def _gauge(fields, point, parameters):
    stress = parameters[1] * stress_at_rest(fields[0], point, parameters)
    return (kinematics.work(parameters[0], stress, point),)


def _momentum(fields, point, parameters):
    density, thickness = parameters
    return ((thickness * density * fields[0].value, None),)


def _kinetic(fields, point, parameters):
    ((momentum, _),) = _momentum(fields, point, parameters)
    return jnp.vdot(momentum, fields[0].value) / 2


def _switches(fields, point, parameters):
    return kinematics.core(parameters[0]).switches(kinematics.measure(parameters[0], fields[0], point))


def _switches_of_step(fields, point, parameters):
    law, _, state, interval = parameters
    return kinematics.core(law).switches(kinematics.measure(law, fields[0], point), state, interval)


def _stress_at(fields, point, parameters):
    law, measure = parameters[0], kinematics.measure(parameters[0], fields[0], point)
    core = kinematics.core(law)
    stress = core.first_piola if kinematics.is_finite(law) else core.stress
    return kinematics.guarded(law, measure, stress(measure))


def _weak(fields, point, parameters):
    law, thickness = parameters
    return (kinematics.work(law, thickness * _stress_at(fields, point, parameters), point),)


def _energy(fields, point, parameters):
    law, thickness = parameters
    measure = kinematics.measure(law, fields[0], point)
    return thickness * kinematics.guarded(law, measure, kinematics.core(law).energy(measure))
