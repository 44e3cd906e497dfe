"""Constraints and loads from their entries."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from .. import fem, physics
from . import _heat_section as thermal, _physics_section as sections
from ._blame import blame
from ._build_material import build_curve
from ._error import SceneError
from ._flow_section import Backflow, Boussinesq, NavierStokes, PrescribedPressure, Velocity, WeakVelocity
from ._inlet import parabola
from ._load import Scene
from ._material_section import Curve
from ._obstacle_section import CohesiveZone, Contact, Obstacle
from ._phase_section import Phase
from ._thermo_section import THERMAL, ThermoSolid


AXES = "xyz"


def build_conditions(scene: Scene, section, spaces: tuple[fem.FunctionSpace, ...]) -> tuple[tuple, tuple]:
    """Return the constraints and loads of a section."""
    kind = scene.data.physics
    constraints, loads = [], []
    for name, entry in section.constraints.items():
        with blame(scene.file, f"{kind}.constraints.{name}"):
            field = _field_of(section, entry)
            constraints.append(_constraint(entry, spaces[field], field).resolved(spaces[field]))
    for name, entry in section.loads.items():
        with blame(scene.file, f"{kind}.loads.{name}"):
            space = spaces[_field_of(section, entry)]
            load = _load(entry, space, _depth(section, space), scene.path_of).resolved(space)
            load.check_on(space)
            loads.append(load)
    return (*constraints, *_tied_too(section, constraints)), tuple(loads)


def _depth(section, space):
    """What stands behind a point of the mesh: the thickness, of a body of revolution the circumference; None of others."""
    if getattr(getattr(section, "material", None), "plane", None) == "axisymmetric":
        return fem.NodalField(2 * jnp.pi * space.nodes()[:, 0])
    thickness = getattr(section, "thickness", None)
    return None if thickness is None else as_array(thickness)


def _field_of(section, entry) -> int:
    """The number of the field that a constraint or load acts on."""
    if isinstance(section, Boussinesq) and isinstance(entry, THERMAL):
        return 2
    return int(
        isinstance(entry, PrescribedPressure) or (isinstance(section, ThermoSolid) and isinstance(entry, THERMAL))
    )


def _tied_too(section, constraints) -> tuple:
    """Further constraints: what is periodic is so in all fields of a Cahn–Hilliard problem, and of a flow."""
    if not isinstance(section, NavierStokes | Boussinesq) and getattr(section, "equation", None) != "CahnHilliard":
        return ()
    periodic = (c for c in constraints if isinstance(c, fem.Periodic))
    more = (1, 2) if isinstance(section, Boussinesq) else (1,)
    return tuple(fem.Periodic(c.source, c.target, field=field) for c in periodic for field in more)


def component_number(name: str, dim: int) -> int:
    """Return the number of a component; raise if the body has no such direction."""
    if AXES.index(name) >= dim:
        raise SceneError(f"component {name!r} does not exist in this {dim}-D body.")
    return AXES.index(name)


def _constraint(entry, space, field=0):
    if isinstance(entry, sections.RigidMotion):
        return fem.Dirichlet(entry.where, rigid_motion(entry, space))
    if isinstance(entry, sections.Periodicity):
        return fem.Periodic(entry.source, entry.target, as_array(entry.jump))
    if isinstance(entry, sections.RigidTie):
        return fem.RigidTie(entry.where, entry.rotation)
    if isinstance(entry, sections.Tie):
        return fem.Tie(entry.secondary, entry.primary, field=field, tolerance=entry.tolerance)
    if isinstance(entry, sections.Slip):
        return fem.Slip(entry.where, as_array(entry.value))
    if isinstance(entry, thermal.Temperature | Phase | PrescribedPressure):
        return fem.Dirichlet(entry.where, as_array(entry.value), field=field)
    dim = space.mesh.dim
    components = None if entry.components is None else [component_number(c, dim) for c in entry.components]
    wanted = dim if components is None else len(components)
    if isinstance(entry.value, list) and len(entry.value) != wanted:
        raise SceneError(f"`value` needs one entry for each of {wanted} components, got {len(entry.value)}.")
    value = as_array(entry.value)
    if isinstance(entry, Velocity) and entry.profile == "parabolic":
        value = parabola(space, entry.where)[:, None] * jnp.broadcast_to(value, (wanted,))[None, :]
    return fem.Dirichlet(entry.where, value, components)


def rigid_motion(entry, space):
    """Displacements u = R (x − c) + c + t − x of the nodes of a group, (node, dim)."""
    dim = space.mesh.dim
    x = space.nodes()[space.nodes_on(entry.where)]
    centre, translation = (jnp.zeros(dim) if v is None else as_array(v) for v in (entry.centre, entry.translation))
    for name, vector in (("centre", centre), ("translation", translation)):
        if vector.shape != (dim,):
            raise SceneError(f"`{name}` needs {dim} entries, got {vector.shape[0]}.")
    turn = _rotation(entry, dim)
    return (x - centre[None]) @ turn.T + (centre + translation)[None] - x


def _rotation(entry, dim):
    angle = as_array(entry.angle) * (np.pi / 180)
    c, s = jnp.cos(angle), jnp.sin(angle)
    if dim == 2:
        return jnp.array([[c, -s], [s, c]])
    if entry.axis is None or len(entry.axis) != 3 or not any(isinstance(a, jax.Array) or a for a in entry.axis):
        raise SceneError(f"`axis` needs 3 entries that are not all 0, got {entry.axis}.")
    axis = as_array(entry.axis)
    a = axis / jnp.linalg.norm(axis)
    zero = jnp.zeros_like(c)
    cross = jnp.array([[zero, -a[2], a[1]], [a[2], zero, -a[0]], [-a[1], a[0], zero]])
    return c * jnp.eye(3, dtype=c.dtype) + s * cross + (1 - c) * a[:, None] * a[None, :]


def _load(entry, space, depth, find):
    if isinstance(entry, sections.Traction):
        return physics.Traction(entry.where, as_array(entry.value))
    if isinstance(entry, sections.Force):
        return physics.Traction(
            entry.where, as_array(entry.value) / _area(fem.facets_of(space, entry.where), space, depth)
        )
    if isinstance(entry, sections.PointForce):
        return _point_force(entry, space)
    if isinstance(entry, sections.Pressure):
        return physics.Pressure(entry.where, as_array(entry.value), entry.follower, side=entry.side)
    if isinstance(entry, Backflow):
        return physics.Backflow(entry.where, as_array(entry.share))
    if isinstance(entry, WeakVelocity):
        options = dict(slip=entry.slip, penalty=as_array(entry.penalty))
        return physics.WeakVelocity(entry.where, as_array(entry.value), **options)
    if isinstance(entry, sections.ElasticSupport):
        return physics.ElasticSupport(entry.where, as_array(entry.stiffness))
    if isinstance(entry, Obstacle):
        return _obstacle(entry)
    if isinstance(entry, Contact):
        options = dict(samples=entry.samples, travel=entry.travel) | _of_friction(entry)
        return physics.Contact(
            entry.surfaces, stiffness=as_array(entry.stiffness), reach=as_array(entry.reach), **options
        )
    if isinstance(entry, CohesiveZone):
        names = ("strength", "energy", "stiffness", "shear_strength", "shear_energy", "mixing")
        numbers = {name: as_array(getattr(entry, name)) for name in names if getattr(entry, name) is not None}
        return physics.CohesiveZone(entry.between, **numbers, damage=entry.damage)
    if isinstance(entry, sections.BodyForce):
        return physics.BodyForce(as_array(entry.value), entry.where)
    if isinstance(entry, thermal.Flux):
        return physics.Flux(entry.where, as_array(entry.value), side=entry.side)
    if isinstance(entry, thermal.Source):
        return physics.Source(as_array(entry.value), entry.where)
    if isinstance(entry, thermal.Convection):
        h = build_curve("h", entry.h, find) if isinstance(entry.h, Curve) else as_array(entry.h)
        return physics.Convection(entry.where, h, as_array(entry.ambient))
    if isinstance(entry, thermal.LateralConvection):
        numbers = map(as_array, (entry.h, entry.ambient, entry.perimeter))
        return physics.LateralConvection(*numbers, entry.where)
    numbers = map(as_array, (entry.emissivity, entry.ambient, entry.zero))
    return physics.Radiation(entry.where, *numbers, sigma=as_array(entry.sigma))


def _obstacle(entry):
    given = entry.shape
    numbers = [as_array(getattr(given, name)) for name in type(given).model_fields if name != "kind"]
    kinds = dict(half_space=physics.HalfSpace, sphere=physics.Sphere, cylinder=physics.Cylinder, box=physics.Box)
    shape = kinds[given.kind](*numbers)
    options = dict(stiffness=as_array(entry.stiffness), reach=as_array(entry.reach), law=entry.law) | _of_friction(
        entry
    )
    return physics.Obstacle(entry.where, physics.Inverted(shape) if entry.inside else shape, **options)


def _of_friction(entry):
    given = {name: getattr(entry, name) for name in ("friction", "static_friction", "slip", "slip_speed")}
    return {name: None if value is None else as_array(value) for name, value in given.items()}


def _point_force(entry, space):
    nodes, value = space.nodes_on(entry.where), as_array(entry.value)
    if value.shape != (space.components,):
        raise SceneError(f"`value` needs {space.components} entries, got {value.size}.")
    share = jnp.broadcast_to(value / len(nodes), (len(nodes), space.components))
    return physics.NodalForces(space.zeros().at[nodes].set(share))


@eqx.filter_jit
def _area(facets, space, depth):
    """The area of facets with all that stands behind them."""
    ones = fem.Integral(facets, _nothing, None, _one, slots=("value",))
    return fem.total_energy(ones.times(depth), (space,), (space.zeros(),))


def _one(fields, point, parameters):
    return jnp.ones((), fields[0].value.dtype)


def _nothing(fields, point, parameters):
    return ((jnp.zeros_like(fields[0].value), None),)


def as_array(value):
    """Return a number, or a list of numbers some of which may be traced, as a floating array; a field as it is."""
    if isinstance(value, fem.AbstractField):
        return value
    if isinstance(value, list):
        return jnp.stack([jnp.asarray(v, dtype=float) for v in value])
    return jnp.asarray(value, dtype=float)
