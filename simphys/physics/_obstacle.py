"""Contact of a body with rigid obstacles."""

import dataclasses
import functools
from typing import Literal

import equinox as eqx
import jax
import jax.numpy as jnp

from .._check import parameter
from .._hidden import compiled
from .._ranges import positive
from .._trees import any_traced
from .._typing import PyTree, Value
from ..contact import barrier, held_back
from ..fem import Integral, altered, density_at_points, facets_of
from ._contact_forces import AbstractContact, ContactForces
from ._distances import AbstractShape
from ._friction import at_start, checked_friction, reference_slip


SLOPE = 0.05
"""How far from 1 the slope of a distance may be."""


class Obstacle(AbstractContact):
    r"""A rigid body that a surface does not enter, with or without friction.

    Π = ∫ κ b(d(x + u)) dA, over the undeformed surface;  pressure p = −κ b′(d)

    - "barrier": b = −δ (d/δ − 1)² ln(d/δ) for d < δ, else 0. The gap is never closed: where the surface is pressed on the
      obstacle it stays at a distance below δ, of which κ and δ, not the mesh, decide. Twice differentiable; no state
      with a point of the surface inside the obstacle is ever a solution, and none may be the guess.
    - "penalty": b = ⟨−d⟩²/(2δ): the surface enters by δ p/κ. Its stiffness jumps where contact begins: there derivatives
      are one-sided, and the certificate counts such points (`weakly_active`).

    Both are met at quadrature points, of a rule finer than that of the mesh. The obstacle moves where a load path moves
    its leaves. Steps with friction begin where `stepped` says, at first undeformed; an obstacle that moves in a step is
    still for its friction.

    **Arguments:**

    - `where`: name of a facet group of the body.
    - `shape`: the obstacle: `HalfSpace`, `Sphere`, `Cylinder`, `Box`, `Inverted`, `SampledDistance`, `Distance`.
    - `stiffness`: κ, a pressure: a tenth of the body's modulus for the barrier, ten times it for the penalty, say.
    - `reach`: δ, a length: a small part of the body.
    - `law`: "barrier" or "penalty".
    - `friction`: μ, 0 or more; None for none. The traction μ p f₁(|s|) acts against the slip s of a step, with
      f₁(y) = 2y/ε − y²/ε² up to ε and 1 from there on, and the pressure p of the same state: derivatives are the law's.
    - `static_friction`: μ_s ≥ μ, of what does not slide yet: from the slip ε on it falls to μ at 2 ε; None for μ.
    - `slip`: ε, a length: where a body sticks it creeps by less than this in each load increment.
    - `slip_speed`: ε_v, a speed, for steps in time: friction then acts against the velocity, ε_v in the place of ε.
    - `degree`: of the quadrature rule; by default two more than twice that of the space.
    - `field`: which field of a mixed space.

    **Raises:** `ValueError` for a function that is no distance, its slope at the surface's points not 1.

    Reference: M. Li et al., ACM Trans. Graph. 39 (2020) 49; M. Li et al., Convergent incremental potential contact,
    arXiv 2307.15908 (2023).
    """

    shape: AbstractShape
    stiffness: PyTree = positive()
    reach: PyTree = positive()
    friction: PyTree = positive(or_zero=True)
    static_friction: PyTree = positive(or_zero=True)
    slip: PyTree = positive()
    slip_speed: PyTree = positive()
    before: PyTree
    span: PyTree
    where: str = eqx.field(static=True)
    law: str = eqx.field(static=True)
    degree: int | None = eqx.field(static=True)

    def __init__(
        self,
        where: str,
        shape: AbstractShape,
        *,
        stiffness: Value,
        reach: Value,
        law: Literal["barrier", "penalty"] = "barrier",
        friction: Value | None = None,
        static_friction: Value | None = None,
        slip: Value | None = None,
        slip_speed: Value | None = None,
        degree: int | None = None,
        field: int = 0,
    ):
        if not isinstance(shape, AbstractShape):
            raise ValueError(f"`shape` must be a body such as `HalfSpace` or `Sphere`, got {type(shape).__name__}.")
        if law not in LAWS:
            raise ValueError(f"`law` must be one of {', '.join(map(repr, LAWS))}, got {law!r}.")
        self.where, self.shape, self.law, self.degree, self.field = where, shape, law, degree, field
        self.stiffness, self.reach = parameter(stiffness), parameter(reach)
        self.friction, self.static_friction = checked_friction(friction, slip, static_friction, slip_speed)
        self.slip, self.slip_speed, self.before, self.span = parameter(slip), parameter(slip_speed), None, None

    def resolved(self, space):
        """Begin undeformed."""
        return altered(self, before=at_start(self, space))

    def integral(self, space):
        """The energy of contact over the facets."""
        dim = space.mesh.dim
        if space.components != dim:
            raise ValueError(f"An `Obstacle` acts on displacements of {dim} components, got {space.components}.")
        domain = facets_of(space, self.where, 2 * space.degree + 2 if self.degree is None else self.degree)
        _check_slope(self.shape, space, self.where)
        # Inside the obstacle the barrier and its derivative are not finite: a step that leads there is shortened.
        options = dict(slots=("value",), switches=None if self.law == "barrier" else _gap_of)
        weak, energy = LAWS[self.law]
        if self.friction is None:
            return Integral(domain, weak, _parameters(self), energy, **options)
        rubs = reference_slip(self), self.friction, self.static_friction
        parameters = (_parameters(self), rubs, at_start(self, space))
        rubbed = _barrier_rubbed if self.law == "barrier" else _penalty_rubbed
        switches = None if self.law == "barrier" else _gap_of_rubbed
        return Integral(domain, rubbed, parameters, None, slots=("value",), symmetric=False, switches=switches)

    def unloaded(self):
        """The obstacle where it is."""
        return self

    def clearance(self, space, value):
        """Return least gap/δ, less 1 for the barrier."""
        return jnp.min(self._gaps(space, value)[0][..., -1]) / self.reach - (1 if self.law == "barrier" else 0)

    def _gaps(self, space, value):
        smooth = altered(self, friction=None)
        term = dataclasses.replace(smooth.integral(self.seen_on(space)), energy=_place_and_gap)
        return density_at_points(term, (space,), (value,))

    def forces(self, space, value, around=False):
        """Pressures and gaps at quadrature points, and the force of the obstacle on the body."""
        found, weights = self._gaps(space, value)
        term = self.integral(self.seen_on(space))
        pushed, _ = density_at_points(dataclasses.replace(term, energy=_back(term.weak)), (space,), (value,))
        if around:
            weights = 2 * jnp.pi * term.domain.geometry(space.mesh).position[..., 0] * weights
        place, gap = found[..., :-1], found[..., -1]
        pressure = _pressure(self, gap)
        limit = self.reach if self.law == "barrier" else 0.0
        return ContactForces(
            pressure,
            gap,
            place,
            -jnp.einsum("fq,fqd->d", weights, pushed),
            jnp.sum(jnp.where(gap < limit, weights, 0.0)),
            jnp.min(gap),
        )


@functools.cache
def _back(weak):
    """What the body does to the obstacle at a point, force per area: a pressure, and friction."""
    return lambda *at: weak(*at)[0][0]


def _parameters(obstacle):
    return obstacle.shape, obstacle.stiffness, obstacle.reach


def _distance(fields, point, parameters):
    return parameters[0].distance(point.position + fields[0].value)


def _place_and_gap(fields, point, parameters):
    place = point.position + fields[0].value
    return jnp.concatenate([place, parameters[0].distance(place).reshape(1)])


def _gap_of(fields, point, parameters):
    return (_distance(fields, point, parameters) / parameters[2]).reshape(1)


def _barrier(fields, point, parameters):
    return _energy(_barrier_of, fields, point, parameters)


def _barrier_weak(fields, point, parameters):
    return _weak(_barrier_of, fields, point, parameters)


def _penalty(fields, point, parameters):
    return _energy(_penalty_of, fields, point, parameters)


def _penalty_weak(fields, point, parameters):
    return _weak(_penalty_of, fields, point, parameters)


LAWS = {"barrier": (_barrier_weak, _barrier), "penalty": (_penalty_weak, _penalty)}


def _energy(of, fields, point, parameters):
    _, stiffness, reach = parameters
    return stiffness * reach * of(_distance(fields, point, parameters) / reach)


def _weak(of, fields, point, parameters):
    shape, stiffness, reach = parameters
    gap, normal = jax.value_and_grad(shape.distance)(point.position + fields[0].value)
    return ((stiffness * jax.grad(of)(gap / reach) * normal, None),)


def _barrier_of(s):
    """b/δ of s = d/δ; not finite where s is below 0."""
    return barrier(s)


def _penalty_of(s):
    return jnp.minimum(s, 0.0) ** 2 / 2


def _pressure(obstacle, gap):
    of = _barrier_of if obstacle.law == "barrier" else _penalty_of
    return -obstacle.stiffness * jax.vmap(jax.vmap(jax.grad(of)))(gap / obstacle.reach)


def _barrier_rubbed(fields, point, parameters):
    return _rubbed(_barrier_of, fields, point, parameters)


def _penalty_rubbed(fields, point, parameters):
    return _rubbed(_penalty_of, fields, point, parameters)


def _rubbed(of, fields, point, parameters):
    """What pushes, and what holds back: t = μ p f₁(|s|) s/|s|, s what was moved along the obstacle in this step."""
    (shape, stiffness, reach), rubs, before = parameters
    gap, normal = jax.value_and_grad(shape.distance)(point.position + fields[0].value)
    push = stiffness * jax.grad(of)(gap / reach)
    moved = fields[0].value - before
    slip = moved - normal * jnp.vdot(normal, moved)
    return ((push * normal - push * held_back(slip, *rubs), None),)


def _gap_of_rubbed(fields, point, parameters):
    return _gap_of(fields, point, parameters[0])


@compiled
def _slope(shape, x):
    """The middle one: at edges and axes of a body a distance has no slope."""
    return jnp.median(jnp.linalg.norm(jax.vmap(shape.normal)(x), axis=-1))


def _check_slope(shape, space, where):
    """That a distance is one, at the nodes of the surface as it is."""
    if any_traced(shape, space.mesh.points):
        return
    with jax.ensure_compile_time_eval():
        slope = float(_slope(shape, space.nodes()[space.nodes_on(where)]))
    if not abs(slope - 1) <= SLOPE:
        raise ValueError(
            f"A distance has the slope 1, that of this {type(shape).__name__} is {slope:.3g} at the nodes of {where!r}: "
            "divide the function by the size of its gradient."
        )
