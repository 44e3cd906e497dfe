"""Bodies that deform as they warm up, and warm up as they deform."""

import dataclasses

import equinox as eqx
import jax.numpy as jnp

from .._check import parameter
from .._hidden import compiled
from .._ranges import positive
from .._typing import Array, Callable, PyTree, Sequence, Value
from ..assembly import AbstractConstraint, System
from ..fem import FunctionSpace, Integral, density_at_points
from ..materials import AbstractConduction, Thermoelastic, check_compressible, is_linear
from ._acting import AbstractLoad, Constraints, Loads, NodalForces, outlined
from ._balance import AbstractBalance
from ._blocks import check_vector_held, points_of_pair
from ._heat import AlongItself, conducts_linearly
from ._kinematics import admissible, seen
from ._loads import BodyForce, ElasticSupport, Pressure, Traction
from ._named import Named, several
from ._quantity import gradients_of, nodal
from ._solid_quantities import DISPLACEMENT, stress_tensor, stresses
from ._terms import Terms, build
from ._thermal_loads import AbstractThermalLoad


class ThermoSolid(AbstractBalance):
    r"""Thermo-mechanics, coupled both ways: equilibrium of stress and balance of entropy, in one system.

    ∫ σ:∇v dV = ∫ b·v dV + ∫ t·v dA,     θ η̇ = −∇·q + s;     weakly, with φ = θ_r/θ and q = −k ∇T,

    d/dt ∫ θ_r η v dV + ∫ φ [k ∇T·∇v − k |∇T|² v/θ] dV = ∫ φ s v dV − ∫ φ q̄ v dA

    Stress σ and entropy η are those of the material's free energy, so that what deformation takes from the heat is what
    the stress gives back: with Hooke's law θ_r η̇ = c Ṫ θ_r/θ + θ_r α tr σ̇. A `linearised` material has φ = 1 and no
    |∇T|². Inertia is left away. All is per undeformed volume and area, the flux of heat too.

    The value is the pair (u, T). Steppers of first order lead it. A march begins in equilibrium, found from the given
    state without exchange of heat: (0.0, T) with loads that act from the first time on is a body that was loaded fast.

    **Arguments:**

    - `space`: a pair of `FunctionSpace` on one mesh, for u (one component per dimension) and T (scalar). The degree for T
      one below that for u keeps stresses smooth where heat does not flow.
    - `material`: a `Thermoelastic` law of the mesh's dimension; parameters may be fields.
    - `conduction`: an `AbstractConduction` law.
    - `constraints`: `Dirichlet` (prescribed displacement; `field=1`: temperature), `Periodic` (one for each field),
      `RigidTie`.
    - `loads`: mechanical (`Traction`, `Pressure`, `BodyForce`) and thermal ones (`Flux`, `Source`, `Convection`,
      `LateralConvection`, `Radiation`), and `NodalForces` on the displacement.
    - `thickness`: of a plane body, a length.

    **Raises:** `ValueError` if the parts do not fit, or the body can move without strain (the motions are named).

    Reference: M. A. Biot, J. Appl. Phys. 27 (1956) 240; G. A. Holzapfel, Nonlinear Solid Mechanics, Wiley 2000, chapter 7.
    """

    space: tuple[FunctionSpace, FunctionSpace]
    material: Thermoelastic
    conduction: AbstractConduction
    constraints: tuple[AbstractConstraint, ...] | Named
    loads: tuple[AbstractLoad, ...] | Named
    thickness: PyTree = positive()
    system: System

    def __init__(
        self,
        space: Sequence[FunctionSpace],
        material: Thermoelastic,
        conduction: AbstractConduction,
        constraints: Constraints = (),
        loads: Loads = (),
        *,
        thickness: Value = 1.0,
    ):
        self.space = _checked_pair(space)
        dim = self.space[0].mesh.dim
        if not isinstance(material, Thermoelastic):
            raise ValueError(f"`material` must be a `Thermoelastic` law, got {type(material).__name__}.")
        if material.dimension != dim:
            hint = (
                "wrap its elastic law in `PlaneStrain` or `PlaneStress`" if dim == 2 else "take the elastic law itself"
            )
            raise ValueError(f"The mesh is {dim}-D, but the law is not: {hint}.")
        check_compressible(material)
        if not isinstance(conduction, AbstractConduction):
            raise ValueError(f"`conduction` must be a conduction law, got {type(conduction).__name__}.")
        self.material, self.conduction = material, conduction
        self.loads = outlined(_checked_loads(loads, material), self.space)
        self.thickness = parameter(thickness)
        self.constraints, self.system = build(self.space, constraints, self.terms())
        check_vector_held(self.space[0], self.constraints, terms=self._mechanical())

    def terms(self):
        """Stress, conduction, loads; heat is stored, and forces balance at every time."""
        parameters = (self.material, self.conduction, self.thickness)
        inner = self._over_both(_weak, parameters, ("gradient", "both"), conducts_linearly(self.conduction))
        thermal, slots = self._thermal(), ("gradient", "value")
        exchanged = (dataclasses.replace(t, weak=AlongItself(t.weak)) for t in thermal if not t.constant)
        over_both = lambda weak: self._over_both(weak, (self.material, self.thickness), slots)
        return Terms(
            (inner, *self._mechanical(), *thermal),
            over_both(_stored),
            algebraic=(0,),
            gauges=(over_both(_gauge), *exchanged),
            stored_gauges=(over_both(_content),),
        )

    def quantities(self):
        """Return displacement, temperature and stress."""
        warm = nodal("temperature", "temperature", "temperature", field=1, shown=True)
        return DISPLACEMENT._replace(shown=False), warm, *stresses(_seen)

    def sizes(self, y):
        """Return displacements as large as positions, for laws of finite strain, and temperatures."""
        u, temperature = self.value(y)
        positions = seen(self.material.solid, self.space[0], u)
        return None if positions is None else (positions, temperature)

    def tensors(self):
        """Return the stress in space, and gradients."""
        return *stress_tensor(_seen), *gradients_of(self)

    @compiled
    def stress(self, value) -> Array:
        """Return the first Piola–Kirchhoff (small strain: Cauchy) stress, averaged over each cell, (cell, dim, dim)."""
        return self._mean(_stress_at, value)

    def seen(self, density: Callable) -> Integral:
        """Return an integral over the body whose energy is a density (fields, point, (material, conduction, thickness))."""
        parameters = (self.material, self.conduction, self.thickness)
        return dataclasses.replace(self._over_both(_weak, parameters, ("gradient", "both")), energy=density)

    def _mean(self, density, value):
        found, measure = density_at_points(self.seen(density), self.space, value)
        return jnp.einsum("eq...,eq->e...", found, measure / jnp.sum(measure, axis=1, keepdims=True))

    def _mechanical(self):
        loads = (load for load in self.loads if not isinstance(load, AbstractThermalLoad))
        found = (load.term(self.space) for load in loads)
        return tuple(term.times(self.thickness) for term in found if term is not None)

    def _thermal(self):
        """Heat that comes and goes, as entropy."""
        found = []
        for load in self.loads:
            if isinstance(load, AbstractThermalLoad):
                term = load.term(self.space[1] if load.field == 0 else self.space)
                term = term.times(self.thickness) if load.across_thickness else term
                term = dataclasses.replace(term, fields=(1,), energy=None, symmetric=False)
                found.append(term if self.material.linearised else _as_entropy(term, self.material))
        return tuple(found)

    def _over_both(self, weak, parameters, slots, linearly=True) -> Integral:
        where = points_of_pair(self.space)
        linear = linearly and self.material.linearised and is_linear(self.material.solid)
        options = dict(slots=slots, symmetric=False, linear=linear, switches=_switches if weak is _weak else None)
        return Integral(where, weak, parameters, fields=(0, 1), **options)


def _seen(problem):
    return problem.seen(_stress_in_space)


def _stress_in_space(fields, point, parameters):
    return parameters[0].stress_in_space(fields[0].gradient, fields[1].value)


def _checked_pair(space):
    pair = tuple(space) if isinstance(space, tuple | list) else (space,)
    if len(pair) != 2 or not all(isinstance(s, FunctionSpace) for s in pair):
        raise ValueError("`space` must be a pair of spaces, for displacement and temperature.")
    dim = pair[0].mesh.dim
    if pair[0].components != dim:
        raise ValueError(f"A displacement in {dim}-D needs `components={dim}`, got {pair[0].components}.")
    if pair[1].components is not None:
        raise ValueError(f"A temperature is a scalar: `components` must be None, got {pair[1].components}.")
    if pair[0].mesh is not pair[1].mesh:
        raise ValueError("The spaces of displacement and temperature must be on one mesh.")
    return pair


def _checked_loads(loads, material):
    names = (Traction, Pressure, BodyForce, ElasticSupport, AbstractThermalLoad, NodalForces)
    loads = several("loads", loads, names, "mechanical or thermal loads")
    for load in loads:
        if isinstance(load, NodalForces) and load.field != 0:
            raise ValueError("`NodalForces` act on the displacement here: give heat as `Source` or `Flux`.")
        if isinstance(load, Pressure) and load.follower and not material.finite:
            raise ValueError("A follower `Pressure` needs a finite-strain law: small strains know no deformed surface.")
    return loads


class _AsEntropy(eqx.Module):
    """A term of the heat balance times θ_r/θ; T_r and T₀ are the first of its parameters."""

    weak: Callable = eqx.field(static=True)

    def __call__(self, fields, point, parameters):
        (reference, zero), rest = parameters
        ((heat, _),) = self.weak(fields, point, rest)
        theta = fields[0].value - zero
        return (((reference - zero) / jnp.where(theta > 0, theta, jnp.nan) * heat, None),)


def _as_entropy(term: Integral, material) -> Integral:
    """Of the law no more than it looks at: fields in it may be of the displacement's nodes, or differ from cell to cell."""
    return term.wrapped(_AsEntropy, (material.reference, material.zero), constant=False, linear=False)


def _ratio(material, temperature):
    """θ_r/θ."""
    return (material.reference - material.zero) / material.absolute(temperature)


def _guarded(material, H, value):
    return admissible(H + jnp.eye(H.shape[0], dtype=H.dtype), value) if material.finite else value


def _weak(fields, point, parameters):
    material, conduction, thickness = parameters
    T, stress = fields[1], _stress_at(fields, point, parameters)
    flow = -thickness * conduction.flux(T.gradient, T.value)
    if material.linearised:
        return (None, thickness * stress), (None, flow)
    ratio, theta = _ratio(material, T.value), material.absolute(T.value)
    return (None, thickness * stress), (-ratio * jnp.vdot(flow, T.gradient) / theta, ratio * flow)


def _switches(fields, point, parameters):
    (material, conduction, _), (u, T) = parameters, fields
    found = material.switches(u.gradient, T.value), conduction.switches(T.gradient, T.value)
    found = [jnp.ravel(each) for each in found if each is not None]
    return jnp.concatenate(found) if found else None


def _stress_at(fields, point, parameters):
    material, (u, T) = parameters[0], fields
    return _guarded(material, u.gradient, material.stress(u.gradient, T.value))


def _stored(fields, point, parameters):
    (material, thickness), (u, T) = parameters, fields
    start = material.reference - material.zero
    return (None, None), (thickness * start * material.entropy(u.gradient, T.value), None)


def _content(fields, point, parameters):
    """c θ_r: entropy has no natural zero, and there may be none at the start."""
    material, thickness = parameters
    return (None, None), (thickness * material.capacity * (material.reference - material.zero), None)


def _gauge(fields, point, parameters):
    """What the stresses are judged by, where expansion is free: |σ(−αΔT)|, with what rounding of T makes of it."""
    (material, thickness), (u, T) = parameters, fields
    rounding = float(jnp.finfo(T.value.dtype).eps) ** 0.3
    rise = jnp.abs(T.value - material.reference) + rounding * (material.reference - material.zero)
    stress = material.stress(jnp.zeros_like(u.gradient), material.reference + rise)
    return (None, thickness * jnp.abs(stress)), (None, None)
