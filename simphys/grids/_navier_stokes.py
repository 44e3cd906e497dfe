"""Incompressible flow on a grid."""

import equinox as eqx
import jax
import jax.numpy as jnp
import lineax as lx

from .._check import finite, parameter
from .._ranges import positive
from .._trees import norm
from .._typing import Array, Scalar
from ..linalg import ColouredJacobian, Preconditioned
from ._body import Body
from ._face_space import FaceSpace
from ._factored_flow import FactoredFlow
from ._fields import CellField, FaceField, Flow
from ._flow_jacobian import flow_jacobian, worth_factorising
from ._grid import Grid
from ._leray import nearest
from ._passing import balanced, check_balanced
from ._problem import AbstractGridProblem, is_full, preconditioned
from ._projection import Projection, extent, separable_parts
from ._separable import Separable


class NavierStokes(AbstractGridProblem):
    r"""Flow of an incompressible viscous fluid on a staggered grid.

    ∂v/∂t + N(v) v − ν ∇²v + ∇p = f,   ∇·v = 0

    Velocity and pressure are found together: no splitting error, no condition on the pressure, a divergence as small as
    the solver's tolerance, steps that viscosity does not bound. Advection is skew-symmetric, so that it neither makes
    energy nor destroys it. `solve` finds a steady flow (from rest, by continuation in what drives it), `march` leads
    through time: `SDIRK2()`, `SDIRK3()`, `BDF2()` or `BackwardEuler()`, in short explicit steps `RK3()`;
    `ImplicitMidpoint()` keeps the energy of a flow without viscosity. The value is a `Flow`; a march may begin with a
    velocity, whose divergence is projected away (its pressure is 0 then). Where the pressure is determined but for a
    constant its mean is 0. Steady flows in two dimensions: Newton's method with sparse factors, where need be along the
    path on which all that drives the flow, and so the Reynolds number, grows from 0 (`stepping.settle` leads in time to
    what is stable). Else FGMRES, preconditioned by a `Projection`: some 10 iterations, with a body 15 to 30; they grow with
    the Reynolds number of a step, since it knows nothing of advection.

    **Arguments:**

    - `grid`: a `Grid`.
    - `viscosity`: kinematic viscosity ν ≥ 0 (0 for marches alone), a number.
    - `conditions`: see `FaceSpace`.
    - `force`: f, for each component a number or an array over its points.
    - `inertia`: False for creeping flow, without N.
    - `body`: a `Body` that the fluid goes round, or None.
    - `steady`: whether steady flows are to be found by sparse factorisation, in two dimensions: which unknowns couple is
      then worked out at once. By default for up to 25,000 cells where all is known (outside of `jit`).
    - `density`: ρ > 0, a number that `force_on_body` and `pressure` are multiplied by, and nothing else.

    **Raises:** `ValueError` if the parts do not fit, or if what is prescribed all around does not add up to 0. Under `jit`
    such a flow ends as `parameters_inadmissible`.

    Reference: F. H. Harlow, J. E. Welch, Phys. Fluids 8 (1965) 2182; R. Verstappen, A. Veldman, J. Comput. Phys. 187
    (2003) 343.
    """

    space: FaceSpace
    viscosity: Array = positive(or_zero=True)
    density: Array = positive()
    force: tuple[Array, ...]
    body: Body | None
    momentum: tuple[Separable, ...]
    poisson: Separable
    coupling: ColouredJacobian | None
    inertia: bool = eqx.field(static=True)

    def __init__(self, grid, viscosity, conditions, force=None, *, inertia=True, body=None, density=1.0, steady=None):
        if not isinstance(grid, Grid):
            raise ValueError(f"`grid` must be a `Grid`, got {grid!r}.")
        with jax.ensure_compile_time_eval():  # what is known of the sides is known within a program, too
            self.space = FaceSpace(grid, conditions)
        self.inertia = bool(inertia)
        self.viscosity = finite("viscosity", jnp.asarray(parameter(viscosity), grid.dtype))
        self.density = finite("density", jnp.asarray(parameter(density), grid.dtype))
        if self.viscosity.ndim or self.density.ndim:
            given = f"shapes {self.viscosity.shape} and {self.density.shape}"
            raise ValueError(f"`viscosity` and `density` must be one number each, got {given}.")
        force = (0.0,) * grid.dimension if force is None else tuple(force)
        if len(force) != grid.dimension:
            raise ValueError(f"`force` must have {grid.dimension} entries, one for each component, got {len(force)}.")
        self.force = tuple(self._force(c, f) for c, f in enumerate(force))
        if body is not None and not isinstance(body, Body):
            raise ValueError(f"`body` must be a `Body` or None, got {body!r}.")
        self.body = body
        self.momentum, self.poisson = separable_parts(self.space)
        if self.enclosed:
            check_balanced(self.space)
        wanted = worth_factorising(self.space) if steady is None else bool(steady)
        if wanted and grid.dimension != 2:
            raise ValueError(f"`steady` is for flows in two dimensions, this grid has {grid.dimension}.")
        self.coupling = flow_jacobian(self.space) if wanted else None

    def _force(self, c, value):
        value = finite("force", jnp.asarray(parameter(value), self.space.grid.dtype))
        if value.ndim and value.shape != self.space.shape(c):
            raise ValueError(f"`force` {c} must be a number or have shape {self.space.shape(c)}, got {value.shape}.")
        return value

    @property
    def linear(self):
        """Whether the flow is a creeping one."""
        return not self.inertia

    @property
    def enclosed(self) -> bool:
        """Whether every side prescribes the normal velocity, so that the pressure is determined but for a constant."""
        axes = range(self.space.grid.dimension)
        return all(side.prescribes for a in axes if not self.space.periodic(a) for side in self.space.sides[a].pairs[a])

    def storage(self, y):
        """Return ∫ v dV of the free points."""
        v, p = y
        return tuple(self.space.free(c, self.space.volumes(c)) * x for c, x in enumerate(v)), jnp.zeros_like(p)

    def flow(self, y, mixed, factor, full=True):
        """Return the balance of momentum at `mixed` and what flows into each cell of y."""
        space, (v, p) = self.space, mixed
        momentum, parts = [], []
        for c, (acting, terms) in enumerate(self.forces(v, full)):
            pushed, resisted = space.free(c, space.push(c, p)), self._resisted(c, v[c])
            momentum.append(resisted - acting - pushed)
            parts.append(norm([*terms, pushed, resisted]))
        ahead = space.fluxes([space.filled(c, x) for c, x in enumerate(y[0])])
        continuity = -space.outflow(ahead)
        if self.enclosed and factor is not None:
            continuity = continuity - self._mean(y[1], self.viscosity + factor * extent(space) ** 2)
        size = norm(parts)
        return (tuple(momentum), continuity), ((size,) * len(momentum), norm(ahead))

    def _mean(self, p, stiffness):
        """The mean pressure as a volume that flows into each cell."""
        volumes = self.space.grid.volumes
        return volumes * (jnp.sum(volumes * p) / jnp.sum(volumes)) / jnp.where(stiffness > 0, stiffness, 1)

    def carried(self, y):
        """Return advection, and the fastest rate of it between cells."""
        space, (v, p) = self.space, y
        full = [space.filled(c, x) for c, x in enumerate(v)]
        fluxes = space.fluxes(full)
        carry = lambda c, x: space.free(c, space.carried(c, fluxes, x) + space.crossed(c, fluxes, x))
        momentum = tuple(carry(c, x) if self.inertia else 0 * v[c] for c, x in enumerate(full))
        return (momentum, jnp.zeros_like(p)), self.rates(self.value(y))[0]

    def forces(self, v, full: bool = True):
        """Return for each component what acts on its free control volumes, but for pressure and body; and all terms of it.

        **Arguments:**

        - `v`: the free points of each component.
        - `full`: False to leave advection away.
        """
        space, found = self.space, []
        every = [space.filled(c, x) for c, x in enumerate(v)]
        fluxes = space.fluxes(every)
        for c, x in enumerate(every):
            into, terms = space.diffusion(c, x, self.viscosity)
            given = space.free(c, space.volumes(c) * jnp.broadcast_to(self.force[c], x.shape))
            total, terms = space.free(c, into) + given, [*terms, given]
            if self.inertia and full:
                carried = space.free(c, space.carried(c, fluxes, x) + space.crossed(c, fluxes, x))
                total, terms = total - carried, [*terms, carried]
            found.append((total, terms))
        return found

    def advanced(self, momentum, interval):
        """Return (v, p) after a force-free interval τ: (V + τ V α χ) v − τ Bᵀ p = m + τ V α χ w, ∇·v = 0.

        **Arguments:**

        - `momentum`: m, at the free points of each component.
        - `interval`: τ, a time.
        """
        weights = self._volumes()
        if self.body is not None:
            resisting = [interval * r for r in self._resistances()]
            speeds = map(self.body.speed, range(len(weights)))
            momentum = [m + r * w for m, r, w in zip(momentum, resisting, speeds, strict=True)]
            weights = [w + r for w, r in zip(weights, resisting, strict=True)]
        varies = self.body is not None
        v, phi = nearest(self.space, self.poisson, momentum, weights, self.enclosed, exact=True, varies=varies)
        return v, -phi / interval

    def force_on_body(self, flow: Flow) -> tuple[Scalar, ...]:
        """Return the components of ρ ∫ α χ (v − w) dV: what the body takes out of the balance of momentum."""
        if self.body is None:
            raise ValueError("This flow has no `body`.")
        v, _ = self.unknowns(flow)
        return tuple(self.density * jnp.sum(self._resisted(c, x)) for c, x in enumerate(v))

    def pressure(self, flow: Flow) -> CellField:
        """Return ρ times the pressure of a `Flow`, which is over density."""
        return CellField(self.density * flow.pressure.values)

    def rates(self, flow: Flow) -> tuple[Scalar, Scalar]:
        """Return the fastest rates of advection and of friction between cells, Σ |v| / h and Σ 4 ν / h²."""
        sizes = [jnp.min(h) for h in self.space.grid.spacings]
        carried = sum(jnp.max(jnp.abs(v)) / h for h, v in zip(sizes, flow.velocity.components, strict=True))
        return carried, sum(4 * self.viscosity / h**2 for h in sizes)

    def longest_step(self, flow: Flow) -> Scalar:
        """Return how long steps of `RK3` may be in any case: 1 / (Σ |v| / (√3 h) + Σ 4 ν / (2.51 h²))."""
        carried, slowed = self.rates(flow)
        return 1 / (carried / 3**0.5 + slowed / 2.51)

    def _volumes(self):
        return [self.space.free(c, self.space.volumes(c)) for c in range(self.space.grid.dimension)]

    def _resistances(self):
        """V α χ at the free points of each component."""
        fraction = lambda c: self.body.resistance * self.body.fraction(*self.space.points(c))
        return [w * self.space.free(c, fraction(c)) for c, w in enumerate(self._volumes())]

    def _resisted(self, c, v):
        """V α χ (v − w)."""
        return 0 * v if self.body is None else self._resistances()[c] * (v - self.body.speed(c))

    def moving(self, residual):
        """Return the balance of momentum alone."""
        momentum, continuity = residual
        return momentum, jnp.zeros_like(continuity)

    def mixed(self, y, base, weight):
        """Return w v + (1 − w) v₀ with the pressure of y."""
        return jax.tree.map(lambda a, b: weight * a + (1 - weight) * b, y[0], base[0]), y[1]

    def level(self, y):
        """Return what the mean pressure, or where matrices are factorised that of the first cell, adds to continuity."""
        v, p = jax.tree.map(jnp.zeros_like, y)
        if not self.enclosed:
            return v, p
        if self.coupling is None:
            return v, -self._mean(y[1], self.viscosity)
        first = (0,) * p.ndim
        stiffness = jnp.where(self.viscosity > 0, self.viscosity, 1)
        return v, p.at[first].set(-self.space.grid.volumes[first] * y[1][first] / stiffness)

    def stepped(self, guess):
        """Return what is free of a `Flow`, of a velocity (a `FaceField`, or its components) with pressure 0, or of None."""
        space = self.space
        velocity = guess.velocity if isinstance(guess, Flow) else guess
        velocity = space.field((0.0,) * space.grid.dimension if velocity is None else velocity)
        pressure = guess.pressure.values if isinstance(guess, Flow) else jnp.zeros(space.grid.shape, space.grid.dtype)
        if pressure.shape != space.grid.shape:
            raise ValueError(f"The pressure must have shape {space.grid.shape}, got {pressure.shape}.")
        return tuple(space.free(c, x) for c, x in enumerate(velocity.components)), pressure

    def flaws(self, y, steady):
        """Return NaN where the prescribed velocities bring in a net volume that cannot leave."""
        return (jnp.where(balanced(self.space), 1.0, jnp.nan).reshape(1),) if self.enclosed else ()

    def tangent(self, whole, y, factor, weight):
        """Return it by its products with a preconditioner that serves the adjoint as well; of steady flows a matrix."""
        if whole is self and self.coupling is not None:
            return self._factored(y)
        return preconditioned(whole, y, self.inverse(y, factor, weight), self.tags(is_full(whole)))

    def _factored(self, y):
        """The Jacobian of a steady flow as a matrix, with what it is solved with."""
        matrix, p = self.coupling(self.residual, y), y[1]
        stiffness = jnp.where(self.viscosity > 0, self.viscosity, 1)
        places = matrix.pattern.diagonal[-p.size :]
        inverse = FactoredFlow(places, jax.lax.stop_gradient((self.space.grid.volumes / stiffness).ravel()))
        return Preconditioned(matrix, inverse)

    def inverse(self, y, factor, weight):
        """Return the projection."""
        own = lambda x: jnp.asarray(x, y[1].dtype)
        viscosity = own(weight) * self.viscosity
        return Projection(self.space, self.momentum, self.poisson, own(factor), viscosity, self.enclosed)

    def tags(self, full: bool = True):
        """Symmetric for creeping flow."""
        return frozenset() if self.inertia and full else frozenset([lx.symmetric_tag])

    def unknowns(self, guess):
        """Return the same as `stepped`, but for the level of a pressure that nothing determines."""
        v, p = self.stepped(guess)
        return v, p - p[(0,) * p.ndim] if self.enclosed and self.coupling is not None else p

    def value(self, y):
        """Return a `Flow`, with the velocities that are prescribed."""
        v, p = y
        if self.enclosed and self.coupling is not None:
            volumes = self.space.grid.volumes
            p = p - jnp.sum(volumes * p) / jnp.sum(volumes)
        return Flow(FaceField(tuple(self.space.filled(c, x) for c, x in enumerate(v))), CellField(p))

    def consistent(self, u):
        """Return the flow whose velocity is nearest to that of u and free of divergence."""
        v, p = self.unknowns(u)
        volumes = self._volumes()
        momentum = tuple(w * x for w, x in zip(volumes, v, strict=True))
        nearby = nearest(self.space, self.poisson, momentum, volumes, self.enclosed, exact=False, varies=False)[0]
        return self.value((nearby, p))

    def judged(self, error):
        """Return that of the velocity: the pressure follows from it at once."""
        return Flow(error.velocity, jax.tree.map(jnp.zeros_like, error.pressure))

    def unloaded(self):
        """Return the flow that nothing drives."""
        rest = tuple(sides.at_rest() for sides in self.space.sides)
        return eqx.tree_at(lambda p: (p.space.sides, p.force), self, (rest, jax.tree.map(jnp.zeros_like, self.force)))

    def kinetic_energy(self, flow: Flow) -> Scalar:
        """Return ½ ∫ |v|² dV."""
        return self.space.inner(flow.velocity, flow.velocity) / 2
