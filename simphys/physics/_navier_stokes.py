"""Flow of an incompressible fluid with inertia, steady or in time."""

import equinox as eqx
import jax.numpy as jnp

from .._check import parameter
from .._hidden import compiled
from .._ranges import positive
from .._typing import Array, Callable, PyTree, Scalar, Sequence, Value
from ..assembly import AbstractConstraint, System
from ..fem import FunctionSpace, Integral, cells_of, check_pair, density_at_points
from ..materials import AbstractCurve
from . import _flow as flow
from ._abstract_flow import AbstractFlow
from ._acting import AbstractLoad, Constraints, Loads, NodalForces, checked_loads, outlined
from ._backflow import Backflow
from ._enclosed import with_level
from ._loads import BodyForce, Pressure, Traction
from ._named import Named
from ._quantity import averaged, nodal
from ._stokes import cell_means
from ._terms import Terms, build
from ._weak_velocity import WeakVelocity, weak_velocities


LOADS = (Traction, Pressure, BodyForce, Backflow, WeakVelocity, NodalForces)


class NavierStokes(AbstractFlow):
    r"""Laminar flow of an incompressible viscous fluid.

    ∫ ρ (∂v/∂t + (∇v) v)·w + 2μ ε(v):ε(w) − p div w + α v·w dV = ∫ b·w dV + ∫ t·w dA,     −∫ q div v dV = 0

    The value is the pair (v, p) of velocity and pressure. `solve` gives the steady flow: by Newton's method from rest or
    from a `guess`, and where that fails along the path on which prescribed velocities and loads, and so the Reynolds
    number, grow from 0. (`solve(flow, guess=value, start=other)` takes the path from another flow, of a larger viscosity
    say; `follow` goes through limit points; `stepping.settle` leads in time to what is stable.) All steppers of first order
    lead it in time, from a velocity that is made divergence-free first; a march may begin with (v, 0.0). v and p are
    unknowns of one system: no error of a splitting, `BDF2` and `SDIRK2` keep their order. Nothing stands for turbulence: a
    mesh must resolve the flow.

    Where nothing is prescribed on the boundary the traction is 0 (−p n + 2μ ε n, the force itself); `Backflow` takes its
    energy from what comes back there. Pressures that count only up to a constant are fixed as those of `Stokes`.
    `resultant(value, "group")` is the force that a body there exerts on the fluid, the sum of its reactions (of
    twice the order of the stress's traces): −1 times drag and lift.

    **Arguments:**

    - `space`: pair of spaces made by `simphys.fem.taylor_hood`, `mini` or `scott_vogelius`.
    - `viscosity`: dynamic viscosity μ, stress × time: a number, a field, or a curve μ(γ̇) of the shear rate √(2 ε:ε).
    - `density`: ρ, mass per volume: a number or a field.
    - `constraints`: `Dirichlet` (prescribed velocity; `field=1`: pressure), `Periodic`.
    - `loads`: `Traction`, `Pressure` (a dead one), `BodyForce`, `Backflow`, `WeakVelocity`, `NodalForces`.
    - `resistance`: α ≥ 0, stress × time per area, of a porous body (Brinkman): a number or a field; large within solids.
    - `grad_div`: γ, stress × time: ∫ γ div v div w is added. It changes nothing of the exact flow, and takes the pressure's
      part from the velocity's error; of the size of μ or ρ |v| h.
    - `form`: "skew", ρ (∇v) v + ½ ρ (div v) v, of which inertia neither makes nor takes energy but through the
      boundary, or "convective", without the second term, which is 0 in the exact flow.

    **Raises:** `ValueError` if the parts do not fit, or the prescribed velocity brings in a net volume. (A fluid that
    nothing holds, as in a periodic box, has a flow in time, but no steady one: `tangent_singular`.)

    Reference: H. Elman, D. Silvester, A. Wathen, Finite Elements and Fast Iterative Solvers, 2nd ed., Oxford 2014,
    chapter 8; R. Temam, Navier–Stokes Equations, North-Holland 1977, for the skew form.
    """

    space: tuple[FunctionSpace, FunctionSpace]
    viscosity: PyTree = positive()
    density: PyTree = positive()
    constraints: tuple[AbstractConstraint, ...] | Named
    loads: tuple[AbstractLoad, ...] | Named
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
        constraints: Constraints = (),
        loads: Loads = (),
        *,
        resistance: Value = 0.0,
        grad_div: Value = 0.0,
        form: str = "skew",
    ):
        check_pair(space)
        self.space, self.form = tuple(space), check_form(form)
        self.viscosity, self.density = parameter(viscosity), parameter(density)
        self.resistance, self.grad_div = parameter(resistance), parameter(grad_div)
        self.loads = outlined(loads_on_fluid(loads), self.space)
        constraints, _, self.closed = with_level(self.space, constraints, weak_velocities(self.loads))
        self.constraints, self.system = build(self.space, constraints, self.terms())

    def terms(self):
        """Momentum, volume and loads; the momentum is stored, and the pressure keeps its volume at every time."""
        space = self.space[0]
        stored = Integral(
            cells_of(space, degree=space.mass_degree),
            flow.stored_momentum,
            self.density,
            flow.kinetic_energy,
            slots=("value",),
            linear=True,
        )
        return Terms(
            (self._inner(flow.Momentum(self.form)), *self.held_weakly(), *self.pushing()),
            stored,
            algebraic=(1,),
            immediate=(1,),
            gauges=(self._inner(flow.volume_gauge, sized=True),),
            multipliers=(self._inner(flow.multipliers, symmetric=True, linear=True), *self.held_by_pressure()),
        )

    @property
    def fluid(self):
        """Viscosity and density."""
        return self.viscosity, self.density

    def quantities(self):
        """Return velocity, pressure and vorticity."""
        pressure = nodal("pressure", "pressure", "stress", field=1, shown=True)
        return nodal("velocity", "speed", "velocity", shown=True), pressure, VORTICITY

    @compiled
    def stress(self, value) -> Array:
        """Return the Cauchy stress 2μ ε(v) − p I, averaged over each cell, (cell, dim, dim)."""
        return cell_means(self._inner(flow.multipliers, density=_stress_at), self.space, value)

    @compiled
    def dissipation(self, value) -> Scalar:
        """Return ∫ 2μ ε(v):ε(v) + α v·v dV, the power that friction and resistance take."""
        found, measure = density_at_points(self._inner(flow.multipliers, density=flow.dissipated), self.space, value)
        return jnp.sum(found * measure)

    def _inner(self, weak: Callable, density=None, **options) -> Integral:
        fluid = flow.Fluid(self.viscosity, self.density, self.resistance, self.grad_div)
        switches = flow.kinks if isinstance(self.viscosity, AbstractCurve) else None
        options = dict(symmetric=False, switches=switches) | options
        degree = 3 * self.space[0].degree - 1
        where = cells_of(self.space[0], degree=max(degree, self.space[0].quadrature_degree))
        return Integral(where, weak, fluid, density, fields=(0, 1), slots=("both", "value"), **options)


def loads_on_fluid(loads: Loads, *more: type) -> tuple | Named:
    """Return loads as a tuple; raise `ValueError` for those that are none of a fluid, or of `more` kinds."""
    found = checked_loads(loads, *LOADS, *more)
    if any(isinstance(load, Pressure) and load.follower for load in found):
        raise ValueError("A `Pressure` on a flow acts on a surface at rest: `follower` must be False.")
    return found


def check_form(form: str) -> str:
    """Return the name of a form of inertia; raise `ValueError` if there is none such."""
    if form not in flow.FORMS:
        raise ValueError(f"`form` must be one of {', '.join(map(repr, flow.FORMS))}, got {form!r}.")
    return form


def _stress_at(fields, point, fluid):
    return flow.stress_at(*fields, fluid.viscosity)


def _turning(fields, point, parameters):
    return fields[0].curl


def _seen(problem):
    return Integral(cells_of(problem.spaces[0]), _turning, None, _turning, fields=(0,), slots=("gradient",))


VORTICITY = averaged("vorticity", "vorticity", "rate", _seen)
