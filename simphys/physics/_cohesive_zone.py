"""Cohesive zones: surfaces that hold together until they break."""

import dataclasses
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from .._check import parameter
from .._ranges import positive, related
from .._told import Told
from .._trees import any_traced
from .._typing import Array, Float, PyTree, Scalar, Value
from ..fem import DomainField, Integral, altered, density_at_points, interface_of
from ..materials import Axisymmetric
from ._acting import AbstractLoad
from ._balance import AbstractBalance
from ._contact_forces import read_off
from ._separation_law import Constants, DamagedZone, potential, separated, switches


class Separation(Told):
    """What happens in a cohesive zone, at the quadrature points of its facets.

    **Attributes:**

    - `opening`: how far the surfaces are apart, (facet, quad, dim), from the near to the far one.
    - `traction`: force per undeformed area that pulls the near one after the far one, likewise.
    - `damage`: d, from 0 to 1, (facet, quad).
    - `position`: of the undeformed surface, (facet, quad, dim).
    - `area`: of the surface, each point's share by its damage: that of what is broken.
    - `dissipated`: energy that has broken it; of a plane body per thickness (as is its area), of one of revolution all
      around.
    """

    opening: Float[Array, "facet quad dim"]
    traction: Float[Array, "facet quad dim"]
    damage: Float[Array, "facet quad"]
    position: Float[Array, "facet quad dim"]
    area: Scalar
    dissipated: Scalar


class CohesiveZone(AbstractLoad):
    r"""Two surfaces that hold together, soften as they come apart, and break.

    t = (1 − d) K ⟦u⟧,   pressed: t_n = K ⟦u⟧_n;   λ² = ⟨⟦u⟧_n⟩² + |⟦u⟧_t|²
    d = max over time of λ_f (λ − λ₀)/(λ (λ_f − λ₀)), 0 up to λ₀, 1 from λ_f on
    G = G_I + (G_II − G_I) B^η,   λ₀² = λ_I² + (λ_II² − λ_I²) B^η,   λ_f = 2G/(K λ₀),   B = |⟦u⟧_t|²/λ²

    A bilinear law: tractions grow to the strength σ = K λ_I (τ = K λ_II in shear) and fall to 0, where the energy G of
    Benzeggagh and Kenane's mixture B of the modes is spent. Damage stays; each step of `march` with `Equilibrium()`,
    `Newmark()` or `BackwardEuler()` begins with that of the one before, by hand `stepped` does it. Broken surfaces stay
    apart where they are pressed, without friction, each point against the one that it was joined to: openings are small
    beside the body. Normals are those of the undeformed body, so that the zone must not turn far.

    A body under a displacement that is prescribed may snap where less energy breaks the zone than is stored: a step then
    fails by name. Several cells over the part that softens, E G/σ² at most, keep its path smooth, and so does a small K.

    **Arguments:**

    - `between`: names of two facet groups whose facets lie upon each other, vertex on vertex, the normal pointing out of
      the first one: of a mesh that `fem.join` makes.
    - `strength`: σ, a stress.
    - `energy`: G_I, per area.
    - `stiffness`: K, a stress per length: a few times E over the thickness beside the zone, that it yields little.
    - `shear_strength`, `shear_energy`: τ and G_II; None for those of the first mode.
    - `mixing`: η > 0; 1 adds the shares of both modes. Carbon fibres in epoxy 1.5 to 2.5.
    - `damage`: of the zone at first, from 0 to 1: 1 of a crack that is there, which may be closed.
    - `degree`: of the quadrature rule; by default twice that of the space.
    - `field`: which field of a mixed space.

    **Raises:** `ValueError` for facets that do not lie upon each other, and for strengths that K cannot reach before the
    energy is spent, σ² ≥ 2 G K.

    Reference: M. L. Benzeggagh, M. Kenane, Compos. Sci. Technol. 56 (1996) 439; A. Turon, P. P. Camanho, J. Costa,
    C. G. Dávila, Mech. Mater. 38 (2006) 1072.
    """

    strength: PyTree = positive()
    energy: PyTree = positive()
    stiffness: PyTree = positive()
    shear_strength: PyTree = positive()
    shear_energy: PyTree = positive()
    mixing: PyTree = positive()
    domain: PyTree
    state: PyTree
    names: tuple[str, str] = eqx.field(static=True)
    damage: float = eqx.field(static=True)
    degree: int | None = eqx.field(static=True)
    remembers: ClassVar[bool] = True

    def __init__(
        self,
        between: tuple[str, str],
        *,
        strength: Value,
        energy: Value,
        stiffness: Value,
        shear_strength: Value | None = None,
        shear_energy: Value | None = None,
        mixing: Value = 1.0,
        damage: float = 0.0,
        degree: int | None = None,
        field: int = 0,
    ):
        good = isinstance(between, tuple | list) and len(between) == 2 and all(isinstance(n, str) for n in between)
        if not good or between[0] == between[1]:
            raise ValueError(f"`between` must name two facet groups, got {between!r}.")
        self.names, self.degree, self.field = tuple(between), degree, field
        self.strength, self.energy, self.stiffness = parameter(strength), parameter(energy), parameter(stiffness)
        self.shear_strength, self.shear_energy = parameter(shear_strength), parameter(shear_energy)
        if not isinstance(damage, int | float) or not 0 <= damage <= 1:
            raise ValueError(f"`damage` must be a number from 0 to 1, got {damage!r}.")
        self.mixing, self.damage, self.domain, self.state = parameter(mixing), float(damage), None, None
        for what, holds in self.relations().items():
            if not any_traced(holds) and not np.all(np.asarray(holds)):
                raise ValueError(
                    f"A zone softens after its strength is reached: {what} must hold. Take a larger `stiffness`."
                )

    def relations(self):
        """Both modes soften."""
        soft = lambda strength, energy, stiffness: strength**2 < 2 * energy * stiffness
        law = self._law()
        return {
            "strength² < 2 energy stiffness": related(soft, law.strength, law.energy, law.stiffness),
            "shear_strength² < 2 shear_energy stiffness": related(
                soft, law.shear_strength, law.shear_energy, law.stiffness
            ),
        }

    def resolved(self, space):
        """Find the facets; nothing is broken but what was at first."""
        if space.components != space.mesh.dim:
            raise ValueError(
                f"A `CohesiveZone` holds displacements of {space.mesh.dim} components, got {space.components}."
            )
        domain = interface_of(space, *self.names, self.degree)
        points = eqx.filter_eval_shape(domain.geometry, space.mesh).measure.shape
        dtype = space.mesh.points.dtype
        damage = jnp.full(points, self.damage, dtype)
        return altered(
            self, domain=domain, state=DamagedZone(DomainField(damage), DomainField(jnp.zeros(points, dtype)))
        )

    def integral(self, space):
        """The tractions over the zone."""
        if self.domain is None:
            raise ValueError("A `CohesiveZone` is a load of a `Solid`.")
        # Where modes differ, work depends on the order in which they open. What is broken does none.
        alike = self.shear_strength is None and self.shear_energy is None
        energy = _energy if alike or self.damage == 1 else None
        options = dict(slots=("value",), symmetric=energy is not None, switches=_switches)
        return Integral(self.domain, _weak, (self._law(), self.state), energy, **options)

    def unloaded(self):
        """The zone as it is."""
        return self

    def carried(self, space, value):
        """Return what it remembers at the end of a step that led to a displacement."""
        found, _ = self._read(space, value, _updated_state)
        return jax.tree.map(DomainField, found)

    def separation(self, space, value, around: bool = False) -> Separation:
        """Return what happens at a displacement of the space; `around`: of a body of revolution."""
        (opening, traction, state, place), measure = self._read(space, value, _seen)
        measure = 2 * jnp.pi * place[..., 0] * measure if around else measure
        area, lost = jnp.sum(measure * state.damage), jnp.sum(measure * state.dissipated)
        return Separation(opening, traction, state.damage, place, area, lost)

    def _law(self):
        first = {"shear_strength": self.strength, "shear_energy": self.energy}
        found = {name: getattr(self, name) for name in Constants._fields}
        return Constants(**{name: first[name] if value is None else value for name, value in found.items()})

    def _read(self, space, value, what):
        term = dataclasses.replace(self.integral(space), energy=what)
        return density_at_points(term, (space,), (value,))


def separation(problem: AbstractBalance, value: PyTree, zone: CohesiveZone | str | None = None) -> Separation:
    """Return opening, traction, damage and energy spent of a cohesive zone; differentiable.

    **Arguments:**

    - `problem`, `value`: a body and its displacement, at the end of a step that began as the problem remembers.
    - `zone`: one of its loads, or the name of one; None where there is but one.

    **Raises:** `ValueError` where none, or more than one, could be meant.
    """
    if isinstance(zone, str):
        zone = problem.loads[zone]
    if zone is None:
        found = [load for load in problem.loads if isinstance(load, CohesiveZone)]
        if len(found) != 1:
            raise ValueError(f"`zone` must say which cohesive zone is meant, the problem has {len(found)}.")
        (zone,) = found
    fields = value if isinstance(value, tuple) else (value,)
    around = isinstance(getattr(problem, "material", None), Axisymmetric)
    field = fields[zone.field]
    return read_off(field, zone.separation(problem.spaces[zone.field], field, around))


def _parts(fields, point):
    """⟦u⟧ along the normal, and across it."""
    apart = -fields[0].jump
    along = jnp.vdot(point.normal, apart)
    return along, apart - along * point.normal, apart


def _updated(fields, point, parameters):
    along, across, _ = _parts(fields, point)
    pull, shear, state = separated(parameters[0], along, across, parameters[1])
    return pull * point.normal + shear, state


def _weak(fields, point, parameters):
    traction, _ = _updated(fields, point, parameters)
    return (((-traction, None), (traction, None)),)


def _energy(fields, point, parameters):
    along, across, _ = _parts(fields, point)
    return potential(parameters[0], along, across, parameters[1])


def _updated_state(fields, point, parameters):
    return _updated(fields, point, parameters)[1]


def _seen(fields, point, parameters):
    return _parts(fields, point)[2], *_updated(fields, point, parameters), point.position


def _switches(fields, point, parameters):
    along, across, _ = _parts(fields, point)
    return switches(parameters[0], along, across, parameters[1])
