"""Flow of a fluid that carries heat, and is lifted where it is warm."""

import dataclasses

import equinox as eqx
import jax.numpy as jnp

from .._check import finite, parameter
from .._ranges import number, positive
from .._typing import Array, PyTree, Sequence, Value
from ..assembly import AbstractConstraint, System
from ..fem import FunctionSpace, Integral, cells_of, check_pair, taylor_hood
from ..materials import AbstractCurve
from . import _flow as flow
from ._abstract_flow import AbstractFlow
from ._acting import AbstractLoad, Constraints, Loads, outlined
from ._enclosed import with_level
from ._heat import AlongItself
from ._named import Named
from ._navier_stokes import VORTICITY, check_form, loads_on_fluid
from ._quantity import averaged, nodal
from ._terms import Terms, build
from ._thermal_loads import AbstractThermalLoad
from ._weak_velocity import weak_velocities


class Boussinesq(AbstractFlow):
    r"""Laminar flow of an incompressible fluid with a temperature, whose weight depends on it (Boussinesq's approximation).

    ρ (v̇ + (∇v) v) − div(2μ ε(v) − p I) = −ρ β (T − T₀) g + b,     div v = 0,     C (Ṫ + v·∇T) − div(k ∇T) = s

    The value is the triple (v, p, T). With `expansion` 0 the temperature is a passive scalar, a concentration say (C = 1,
    and k its diffusivity). p is the pressure less that of the fluid's weight at T₀. What `NavierStokes` says of steady
    flows, marches, the pressure's level and forces holds here too; along the load path prescribed temperatures grow from 0,
    and the Rayleigh number with them. `resultant(value, "group", field=2)` is the heat that enters through a group where
    the temperature is prescribed. Of the skew form advection makes neither energy nor ∫ T² within; what is left over in the
    balance of heat is of the order of the divergence.

    **Arguments:**

    - `space`: (velocity, pressure, temperature): a pair made by `simphys.fem.taylor_hood` and a scalar space on its mesh;
      or a mesh, for quadratic velocities and temperatures.
    - `viscosity`, `density`, `resistance`, `grad_div`, `form`: μ, ρ and what more there is of `NavierStokes`.
    - `conductivity`: k, power per length and temperature: a number or a field.
    - `capacity`: C = ρ c, energy per volume and temperature: a number or a field.
    - `constraints`: `Dirichlet` (velocity; `field=1`: pressure, `field=2`: temperature), `Periodic`.
    - `loads`: those of `NavierStokes`, and thermal ones (`Flux`, `Source`, `Convection`, …). Where there are none, no heat
      passes but with the fluid.
    - `expansion`: β, 1/temperature.
    - `gravity`: g, length/time², (dim,).
    - `reference`: T₀.

    **Raises:** `ValueError` if the parts do not fit, or the prescribed velocity brings in a net volume.

    Reference: J. Boussinesq, Théorie analytique de la chaleur 2, Paris 1903; G. de Vahl Davis, Int. J. Numer. Methods
    Fluids 3 (1983) 249, for the square cavity.
    """

    space: tuple[FunctionSpace, FunctionSpace, FunctionSpace]
    viscosity: PyTree = positive()
    density: PyTree = positive()
    conductivity: PyTree = positive()
    capacity: PyTree = positive()
    constraints: tuple[AbstractConstraint, ...] | Named
    loads: tuple[AbstractLoad, ...] | Named
    expansion: PyTree = number()
    gravity: PyTree
    reference: PyTree = number()
    resistance: PyTree = positive(or_zero=True)
    grad_div: PyTree = positive(or_zero=True)
    form: str = eqx.field(static=True)
    closed: tuple[Array, ...]
    system: System

    def __init__(
        self,
        space: Sequence[FunctionSpace],
        viscosity: Value,
        density: Value,
        conductivity: Value,
        capacity: Value,
        constraints: Constraints = (),
        loads: Loads = (),
        *,
        expansion: Value = 0.0,
        gravity: Value | None = None,
        reference: Value = 0.0,
        resistance: Value = 0.0,
        grad_div: Value = 0.0,
        form: str = "skew",
    ):
        self.space, self.form = _checked_spaces(space), check_form(form)
        self.viscosity, self.density = parameter(viscosity), parameter(density)
        self.conductivity, self.capacity = parameter(conductivity), parameter(capacity)
        self.resistance, self.grad_div = parameter(resistance), parameter(grad_div)
        self.expansion, self.reference = parameter(expansion), finite("reference", parameter(reference))
        dim = self.space[0].mesh.dim
        self.gravity = finite("gravity", parameter([0.0] * dim if gravity is None else gravity))
        if jnp.shape(self.gravity) != (dim,):
            raise ValueError(f"`gravity` must have shape ({dim},), got {jnp.shape(self.gravity)}.")
        self.loads = outlined(loads_on_fluid(loads, AbstractThermalLoad), self.space)
        constraints, _, self.closed = with_level(self.space, constraints, weak_velocities(self.loads))
        self.constraints, self.system = build(self.space, constraints, self.terms())

    def terms(self):
        """Momentum, volume, heat, and loads; momentum and heat are stored."""
        thermal = [t for load in self.loads if isinstance(load, AbstractThermalLoad) and (t := self._heating(load))]
        exchanged = (dataclasses.replace(t, weak=AlongItself(t.weak), energy=None) for t in thermal if not t.constant)
        space = max(self.space, key=lambda each: each.mass_degree)
        options = dict(fields=(0, 2), slots=("value", "value"), linear=True)
        contents = (self.density, self.capacity)
        stored = Integral(cells_of(space, degree=space.mass_degree), _stored, contents, _energy, **options)
        return Terms(
            (self._inner(_Coupled(flow.Momentum(self.form))), *self.held_weakly(), *self.pushing(), *thermal),
            stored,
            algebraic=(1,),
            immediate=(1,),
            gauges=(self._inner(_OfFlow(flow.volume_gauge), sized=True), *exchanged),
            multipliers=(self._inner(_OfFlow(flow.multipliers), symmetric=True, linear=True), *self.held_by_pressure()),
        )

    @property
    def fluid(self):
        """Viscosity and density."""
        return self.viscosity, self.density

    def quantities(self):
        """Return velocity, pressure, temperature, vorticity and the flux of conducted heat."""
        pressure = nodal("pressure", "pressure", "stress", field=1)
        warm = nodal("temperature", "temperature", "temperature", field=2, shown=True)
        return nodal("velocity", "speed", "velocity", shown=True), pressure, warm, VORTICITY, FLUX

    def _heating(self, load):
        term = load.term((*self.space[2:],)) if load.field == 0 else load.term(self.space)
        return None if term is None else dataclasses.replace(term, fields=(2,))

    def _inner(self, weak, **options) -> Integral:
        fluid = flow.Fluid(self.viscosity, self.density, self.resistance, self.grad_div)
        heat = _Heat(self.conductivity, self.capacity, self.expansion, self.gravity, self.reference)
        switches = _kinks if isinstance(self.viscosity, AbstractCurve) else None
        options = dict(symmetric=False, switches=switches) | options
        degree = max(3 * self.space[0].degree - 1, self.space[2].mass_degree, self.space[0].quadrature_degree)
        where = cells_of(self.space[0], degree=degree)
        slots = ("both", "value", "both")
        return Integral(where, weak, (fluid, heat), fields=(0, 1, 2), slots=slots, **options)


class _Heat(eqx.Module):
    """Numbers seen at a point: k, C, β, g, T₀."""

    conductivity: PyTree
    capacity: PyTree
    expansion: PyTree
    gravity: PyTree
    reference: PyTree


class _Coupled(eqx.Module):
    """The equations of momentum, volume and heat at a point."""

    momentum: flow.Momentum

    def __call__(self, fields, point, parameters):
        (v, p, T), (fluid, heat) = fields, parameters
        (force, stress), volume = self.momentum((v, p), point, fluid)
        lifted = force + fluid.density * heat.expansion * (T.value - heat.reference) * heat.gravity
        carried = jnp.vdot(v.value, T.gradient) + v.divergence * T.value / 2
        return (lifted, stress), volume, (heat.capacity * carried, heat.conductivity * T.gradient)


class _OfFlow(eqx.Module):
    """What concerns velocity and pressure alone."""

    weak: object

    def __call__(self, fields, point, parameters):
        return *self.weak(fields[:2], point, parameters[0]), (None, None)


def _kinks(fields, point, parameters):
    return flow.kinks(fields[:2], point, parameters[0])


def _stored(fields, point, contents):
    density, capacity = contents
    return (density * fields[0].value, None), (capacity * fields[1].value, None)


def _energy(fields, point, contents):
    density, capacity = contents
    return density / 2 * jnp.sum(fields[0].value ** 2) + capacity / 2 * fields[1].value ** 2


def _checked_spaces(space):
    if not isinstance(space, tuple | list):
        space = (*taylor_hood(space), FunctionSpace(space, 2))
    if len(space) != 3:
        raise ValueError(f"`space` must be three spaces, for velocity, pressure and temperature, got {len(space)}.")
    check_pair(tuple(space[:2]))
    if not isinstance(space[2], FunctionSpace) or space[2].components is not None or space[2].mesh is not space[0].mesh:
        raise ValueError("The third of `space` must be a scalar space for the temperature, on the same mesh.")
    return tuple(space)


def _seen(problem):
    return dataclasses.replace(problem._inner(_OfFlow(flow.volume_gauge)), energy=_flux)


def _flux(fields, point, parameters):
    return -parameters[1].conductivity * fields[2].gradient


FLUX = averaged("heat_flux", "conducted heat flux", "heat_flux", _seen)
