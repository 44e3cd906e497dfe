"""Constraints, loads and balance laws as objects."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from .. import fem, physics
from ..materials import as_storage
from . import _physics_section as sections
from ._blame import blame
from ._build_coupled import PHASES, field_of, phase_parts, thermo_parts, tied_too
from ._build_material import build_capacity, build_curve, build_material
from ._error import SceneError
from ._load import Scene
from ._phase_section import Phase


AXES = "xyz"


def build_parts(scene: Scene, section, spaces: tuple[fem.FunctionSpace, ...]) -> dict:
    """Return a problem's parts by name, from its section, whose numbers may be traced.

    **Arguments:**

    - `spaces`: of the fields, the one that constraints and mechanical loads act on first.
    """
    kind = scene.data.physics
    constraints, loads = build_conditions(scene, section, spaces)
    if kind in ("phase_field", "thermo_solid"):
        make = phase_parts if kind == "phase_field" else thermo_parts
        return make(scene, section) | dict(constraints=constraints, loads=loads)
    if kind == "stokes":
        return dict(viscosity=as_array(section.viscosity), constraints=constraints, loads=loads)
    with blame(scene.file, f"{kind}.material"):
        material = build_material(section.material, scene.path_of, spaces[0])
    parts = dict(material=material, constraints=constraints, loads=loads, thickness=as_array(section.thickness))
    if scene.data.softens:
        parts["length"] = as_array(section.nonlocal_length)
    if scene.data.time is None and scene.data.design is None:
        return parts
    if kind == "solid" and section.density is not None:
        parts["density"] = as_array(section.density)
    if kind == "heat" and section.capacity is not None:
        with blame(scene.file, "heat.capacity"):
            parts["capacity"] = as_storage(build_capacity(section.capacity, scene.path_of))
    return parts


def build_conditions(scene: Scene, section, spaces: tuple[fem.FunctionSpace, ...]) -> tuple[tuple, tuple]:
    """Return the constraints and loads of a section."""
    kind = scene.data.physics
    constraints, loads = [], []
    for name, entry in section.constraints.items():
        with blame(scene.file, f"{kind}.constraints.{name}"):
            field = field_of(scene, entry)
            constraints.append(_constraint(entry, spaces[field], field).resolved(spaces[field]))
    for name, entry in section.loads.items():
        with blame(scene.file, f"{kind}.loads.{name}"):
            space = spaces[field_of(scene, entry)]
            load = _load(entry, space, getattr(section, "thickness", None), scene.path_of)
            load.integral(space)
            loads.append(load)
    return (*constraints, *tied_too(scene, constraints)), tuple(loads)


def build_problem(scene: Scene, space) -> physics.AbstractBalance:
    """Return the balance law of a scene, on its space or pair of spaces."""
    kind = scene.data.physics
    parts = build_parts(scene, getattr(scene.data, kind), space if isinstance(space, tuple) else (space,))
    with blame(scene.file, kind):
        return _law_of(scene.data)(space, **parts)


def _law_of(data):
    if data.phase_field is not None:
        return PHASES[data.phase_field.equation]
    if data.solid is not None:
        return physics.MixedSolid if data.mixed else physics.GradientDamage if data.softens else physics.Solid
    laws = {"stokes": physics.Stokes, "heat": physics.Heat, "thermo_solid": physics.ThermoSolid}
    return laws[data.physics]


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
    if isinstance(entry, sections.Temperature | Phase):
        return fem.Dirichlet(entry.where, as_array(entry.value), field=field)
    dim = space.mesh.dim
    components = None if entry.components is None else [component_number(c, dim) for c in entry.components]
    wanted = dim if components is None else len(components)
    if isinstance(entry.value, list) and len(entry.value) != wanted:
        raise SceneError(f"`value` needs one entry for each of {wanted} components, got {len(entry.value)}.")
    return fem.Dirichlet(entry.where, as_array(entry.value), components)


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


def _load(entry, space, thickness, find):
    if isinstance(entry, sections.Traction):
        return physics.Traction(entry.where, as_array(entry.value))
    if isinstance(entry, sections.Force):
        return physics.Traction(entry.where, as_array(entry.value) / (_area(space, entry.where) * as_array(thickness)))
    if isinstance(entry, sections.PointForce):
        return _point_force(entry, space)
    if isinstance(entry, sections.Pressure):
        return physics.Pressure(entry.where, as_array(entry.value), entry.follower, side=entry.side)
    if isinstance(entry, sections.ElasticSupport):
        return physics.ElasticSupport(entry.where, as_array(entry.stiffness))
    if isinstance(entry, sections.BodyForce):
        return physics.BodyForce(as_array(entry.value), entry.where)
    if isinstance(entry, sections.Flux):
        return physics.Flux(entry.where, as_array(entry.value), side=entry.side)
    if isinstance(entry, sections.Source):
        return physics.Source(as_array(entry.value), entry.where)
    if isinstance(entry, sections.Convection):
        h = build_curve("h", entry.h, find) if isinstance(entry.h, sections.Curve) else as_array(entry.h)
        return physics.Convection(entry.where, h, as_array(entry.ambient))
    if isinstance(entry, sections.LateralConvection):
        numbers = map(as_array, (entry.h, entry.ambient, entry.perimeter))
        return physics.LateralConvection(*numbers, entry.where)
    numbers = map(as_array, (entry.emissivity, entry.ambient, entry.zero))
    return physics.Radiation(entry.where, *numbers, sigma=as_array(entry.sigma))


def _point_force(entry, space):
    nodes, value = space.nodes_on(entry.where), as_array(entry.value)
    if value.shape != (space.components,):
        raise SceneError(f"`value` needs {space.components} entries, got {value.size}.")
    share = jnp.broadcast_to(value / len(nodes), (len(nodes), space.components))
    return physics.NodalForces(space.zeros().at[nodes].set(share))


@eqx.filter_jit
def _area(space, where):
    return jnp.sum(fem.facets_of(space, where).geometry(space.mesh).measure)


def as_array(value):
    """Return a number, or a list of numbers some of which may be traced, as a floating array."""
    if isinstance(value, list):
        return jnp.stack([jnp.asarray(v, dtype=float) for v in value])
    return jnp.asarray(value, dtype=float)
