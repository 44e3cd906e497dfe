"""Conduction of heat, steady or in time."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from .._check import parameter
from .._hidden import compiled
from .._ranges import positive
from .._typing import Array, Callable, PyTree, Value
from ..assembly import AbstractConstraint, System
from ..fem import FunctionSpace, Integral, cells_of
from ..materials import (
    AbstractConduction,
    AbstractHeatStorage,
    AnisotropicConduction,
    Constant,
    IsotropicConduction,
    as_storage,
    is_constant,
)
from ._acting import AbstractLoad, Constraints, Loads, NodalForces, outlined
from ._balance import AbstractBalance
from ._held import bodies
from ._named import Named, several
from ._quantity import averaged, gradients_of, nodal
from ._terms import Terms, build
from ._thermal_loads import AbstractThermalLoad


class Heat(AbstractBalance):
    r"""Balance of heat in a body that conducts.

    −∫ q·∇v dV = ∫ s v dV − ∫ q̄ v dA,   q = −k(T) ∇T;     in time with d/dt ∫ H(T) v dV on the left

    With a constant k the tangent is symmetric and there is an energy that guards the line search; a k that depends on
    temperature has neither.

    **Arguments:**

    - `space`: a scalar `FunctionSpace`.
    - `material`: an `AbstractConduction` law; its parameters may be `CellField`, `NodalField` or `QuadratureField`.
    - `constraints`: `Dirichlet` (prescribed temperature), `Periodic`.
    - `loads`: `Flux`, `Source`, `Convection`, `LateralConvection`, `Radiation`, `NodalForces` (power per node).
    - `thickness`: of a plane body, a length; of a rod the area of its cross-section. Powers are of the whole body.
    - `capacity`: what the body stores, for `simphys.stepping`: a volumetric heat capacity ρ c_p (a number, a field, a
      curve), or an `AbstractHeatStorage` such as `PhaseChange`.

    **Raises:** `ValueError` if the parts do not fit, or nothing fixes the level of temperature of a body without capacity.

    Reference: H. S. Carslaw, J. C. Jaeger, Conduction of Heat in Solids, 2nd ed., Oxford 1959, chapter 1.
    """

    space: FunctionSpace
    material: AbstractConduction
    constraints: tuple[AbstractConstraint, ...] | Named
    loads: tuple[AbstractLoad, ...] | Named
    thickness: PyTree = positive()
    capacity: AbstractHeatStorage | None
    system: System

    def __init__(
        self,
        space: FunctionSpace,
        material: AbstractConduction,
        constraints: Constraints = (),
        loads: Loads = (),
        *,
        thickness: Value = 1.0,
        capacity: AbstractHeatStorage | Value | None = None,
    ):
        if space.components is not None:
            raise ValueError(f"A temperature is a scalar: `components` must be None, got {space.components}.")
        if not isinstance(material, AbstractConduction):
            raise ValueError(f"`material` must be a conduction law, got {type(material).__name__}.")
        self.space, self.material = space, material
        self.loads = outlined(several("loads", loads, (AbstractThermalLoad, NodalForces), "thermal loads"), self.space)
        self.thickness = parameter(thickness)
        self.capacity = as_storage(capacity)
        self.constraints, self.system = build((space,), constraints, self.terms())
        if self.capacity is None:
            check_level(self)

    def terms(self):
        """Conduction, loads, and heat stored; what is exchanged gauges itself: beside its surroundings it vanishes."""
        parameters = (self.material, self.thickness)
        if conducts_linearly(self.material):
            inner = Integral(
                cells_of(self.space), _linear, parameters, _linear_energy, slots=("gradient",), linear=True
            )
        else:
            where = cells_of(self.space)
            inner = Integral(where, _nonlinear, parameters, symmetric=False, switches=_switches)
        exchanges = self.exchanges()
        # (∂r/∂T) T: a body at the temperature of its surroundings exchanges nothing, but for rounding.
        gauges = (dataclasses.replace(t, weak=AlongItself(t.weak), energy=None) for t in exchanges if not t.constant)
        return Terms((inner, *exchanges), self._storage(), gauges=tuple(gauges))

    def quantities(self):
        """Return temperature and flux."""
        return nodal("temperature", "temperature", "temperature", shown=True), FLUX

    def tensors(self):
        """Return the flux, and the gradient of temperature."""
        return FLUX, *gradients_of(self)

    def _storage(self):
        law = self.capacity
        if law is None:
            return None
        where, linear = cells_of(self.space, degree=self.space.mass_degree), is_constant(law)
        options = dict(slots=("value",), linear=linear, switches=None if linear else _increases)
        return Integral(where, _stored, (law, self.thickness), _stored_energy if linear else None, **options)

    def exchanges(self) -> tuple[Integral, ...]:
        """Return the terms of heat that comes and goes."""
        found = ((load, load.term(self.space)) for load in self.loads)
        return tuple(
            term.times(self.thickness) if load.across_thickness else term for load, term in found if term is not None
        )

    @compiled
    def flux(self, value) -> Array:
        """Return the heat flux q, power per area, averaged over each cell, (cell, dim)."""
        return FLUX.values(self, value)


class AlongItself(eqx.Module):
    """The derivative of an integrand in the direction of the fields it is taken at."""

    weak: Callable = eqx.field(static=True)

    def __call__(self, fields, point, parameters):
        return jax.jvp(lambda fields: self.weak(fields, point, parameters), (fields,), (fields,))[1]


def check_level(heat: Heat):
    """Raise `ValueError` if nothing fixes the level of temperature of a body, or of one of several unconnected ones."""
    count, label = bodies(heat.space, heat.system.reduction)
    held = np.zeros(count, bool)
    held[label[heat.system.reduction.fixed()]] = True
    for term in heat.exchanges():
        if not term.constant:
            held[label[np.asarray(term.domain.nodes(heat.space))]] = True
    if not held.all():
        body = int(np.flatnonzero(~held)[0])
        which = "of the body" if count == 1 else f"of body {body + 1} of {count} (unconnected parts of the mesh)"
        raise ValueError(
            f"Nothing fixes the temperature {which}, fluxes and sources only its differences: "
            "add a `Dirichlet` temperature, `Convection` or `Radiation`."
        )


def conducts_linearly(material):
    """Whether q is known to be linear in ∇T and not to depend on T."""
    return isinstance(material, IsotropicConduction | AnisotropicConduction) and isinstance(material.k, Constant)


def _linear(fields, point, parameters):
    material, thickness = parameters
    gradient = fields[0].gradient
    return ((None, -thickness * material.flux(gradient, jnp.zeros((), gradient.dtype))),)


def _linear_energy(fields, point, parameters):
    ((_, flow),) = _linear(fields, point, parameters)
    return jnp.vdot(flow, fields[0].gradient) / 2


def _nonlinear(fields, point, parameters):
    material, thickness = parameters
    return ((None, -thickness * material.flux(fields[0].gradient, fields[0].value)),)


def _switches(fields, point, parameters):
    return parameters[0].switches(fields[0].gradient, fields[0].value)


def _stored(fields, point, parameters):
    law, thickness = parameters
    return ((thickness * law.enthalpy(fields[0].value), None),)


def _increases(fields, point, parameters):
    """1 where H'(T) > 0, else NaN: a capacity that depends on temperature is known at the solution only."""
    capacity = jax.grad(parameters[0].enthalpy)(fields[0].value)
    return jnp.where(capacity > 0, 1.0, jnp.nan).astype(capacity.dtype).reshape(1)


def _stored_energy(fields, point, parameters):
    ((heat, _),) = _stored(fields, point, parameters)
    return heat * fields[0].value / 2


def _seen(problem):
    return Integral(cells_of(problem.space), _nonlinear, (problem.material, problem.thickness), _flux_at)


def _flux_at(fields, point, parameters):
    return parameters[0].flux(fields[0].gradient, fields[0].value)


FLUX = averaged("heat_flux", "heat flux", "heat_flux", _seen)
