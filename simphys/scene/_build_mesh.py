"""`[mesh]` and `[space]` as objects."""

from functools import partial

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from .. import fem, io
from ._blame import blame
from ._error import SceneError
from ._load import Scene
from ._mesh_section import (
    BallSelector,
    BodiesMesh,
    BoxSelector,
    FileMesh,
    LineMesh,
    PlaneSelector,
    RectangleMesh,
    UnionSelector,
)


def build_space(
    scene: Scene, mesh: fem.Mesh | None = None, degree: int | None = None
) -> fem.FunctionSpace | tuple[fem.FunctionSpace, ...]:
    """Return the function space of a scene, or those of all its fields; on another mesh, of another degree where given.

    With a pressure as an unknown `degree`, 2 by default, is that of the vector field, and of a flow's temperature. A
    temperature or smoothed strain beside the displacement is one degree below it, but not below 1.
    """
    mesh = build_mesh(scene) if mesh is None else mesh
    section, fields = scene.data.space, scene.data.section.fields
    asked = section.degree if degree is None else degree
    with blame(scene.file, "space"):
        if fields in ("taylor_hood", "flow_and_scalar"):
            if section.quadrature_degree is not None:
                raise SceneError("`quadrature_degree` cannot be chosen where the pressure is an unknown.")
            degree = 2 if asked is None else asked
            pair = fem.taylor_hood(mesh, degree)
            return pair if fields == "taylor_hood" else (*pair, fem.FunctionSpace(mesh, degree))
        degree = mesh.degree if asked is None else asked
        components = None if fields == "scalar" else mesh.dim
        first = fem.FunctionSpace(mesh, degree, components, section.quadrature_degree)
        if fields == "vector_and_scalar":
            return first, fem.FunctionSpace(mesh, max(degree - 1, 1))
        return first


def build_mesh(scene: Scene) -> fem.Mesh:
    """Return the mesh of a scene, with its named groups."""
    return _grouped(scene, scene.data.mesh, "mesh")


def _grouped(scene, section, key):
    with blame(scene.file, key):
        mesh = _bodies(scene, section, key) if isinstance(section, BodiesMesh) else _body(scene, section)
    for name, selector in section.groups.items():
        with blame(scene.file, f"{key}.groups.{name}"):
            if isinstance(selector, UnionSelector):
                mesh = mesh.with_union(name, selector.groups)
                continue
            size = float(jnp.max(jnp.ptp(mesh.points, axis=0)))
            add = {
                "facets": mesh.with_facet_group,
                "cells": mesh.with_cell_group,
                "points": mesh.with_point_group,
            }
            mesh = add[selector.of](name, _predicate(selector, mesh.dim, 1e-6 * size))
    return mesh


def _bodies(scene, section, key):
    """Return several meshes side by side, each where it is said to be."""
    if unknown := sorted(set(section.at) - set(section.parts)):
        raise SceneError(f"`at` names {unknown[0]!r}, which is none of the parts {', '.join(section.parts)}.")
    parts = {}
    for name, part in section.parts.items():
        mesh = _grouped(scene, part, f"{key}.parts.{name}")
        by = jnp.asarray(_vector("at", section.at.get(name, [0.0] * mesh.dim), mesh.dim), mesh.points.dtype)
        parts[name] = eqx.tree_at(lambda m: m.points, mesh, mesh.points + by[None])
    return fem.join(parts)


def _body(scene, section):
    if isinstance(section, FileMesh):
        path = scene.path_of(section.file)
        if path.suffix.lower() == ".geo" and scene.within is not None:
            raise SceneError("a .geo is a program, and nothing in a scene is executed unless --allow-outside is given.")
        mesh = io.read_mesh(
            path,
            drop_orphans=section.drop_orphans,
            groups_from=section.groups_from,
            allow_folded=section.allow_folded,
            size=section.size,
            within=scene.within,
        )
        return eqx.tree_at(lambda m: m.points, mesh, mesh.points * section.scale) if section.scale != 1 else mesh
    if isinstance(section, LineMesh):
        return fem.line(section.cells, section.length, degree=section.degree)
    options = dict(cell_type=section.cell_type, degree=section.degree)
    if isinstance(section, RectangleMesh):
        mesh = fem.rectangle(section.cells, section.lengths, **options)
        return mesh if section.corners is None else _mapped(mesh, section)
    return fem.box(section.cells, section.lengths, **options)


def _mapped(mesh, section):
    """Carry a rectangle over to a quadrilateral by the bilinear map of its corners."""
    corners = jnp.stack([_vector("corners", corner, 2) for corner in section.corners])
    s, t = (mesh.points / jnp.asarray(section.lengths, mesh.points.dtype)[None]).T
    weights = jnp.stack([(1 - s) * (1 - t), s * (1 - t), s * t, (1 - s) * t], axis=1)
    groups = dict(cell_groups=mesh.cell_groups, facet_groups=mesh.facet_groups, point_groups=mesh.point_groups)
    return fem.Mesh(weights @ corners.astype(weights.dtype), mesh.cells, mesh.cell_type, mesh.degree, **groups)


def _predicate(selector, dim, slack):
    if isinstance(selector, BoxSelector):
        inf = float("inf")
        low = _vector("low", [-inf] * dim if selector.low is None else selector.low, dim)
        high = _vector("high", [inf] * dim if selector.high is None else selector.high, dim)
        return partial(_in_box, low - slack, high + slack)
    point = _vector("point", selector.point, dim)
    if isinstance(selector, BallSelector):
        return partial(_in_ball, point, selector.radius + slack)
    if isinstance(selector, PlaneSelector):
        return partial(_on_plane, point, _direction("normal", selector.normal, dim), slack)
    if dim != 3:
        raise SceneError('a cylinder needs a body in space: in 2-D use type = "ball".')
    ends = (selector.low, selector.high)
    low, high = (
        end if given is None else given for given, end in zip(ends, (-float("inf"), float("inf")), strict=True)
    )
    axis = _direction("axis", selector.axis, dim)
    return partial(_in_cylinder, point, axis, selector.radius + slack, low - slack, high + slack)


# Of all positions at once, (points, dim).


def _in_box(low, high, x):
    return np.all((x >= low[None]) & (x <= high[None]), axis=1)


def _in_ball(point, radius, x):
    return np.linalg.norm(x - point[None], axis=1) <= radius


def _on_plane(point, normal, slack, x):
    return np.abs((x - point[None]) @ normal) <= slack


def _in_cylinder(point, axis, radius, low, high, x):
    away = x - point[None]
    along = away @ axis
    return (np.linalg.norm(away - along[:, None] * axis[None], axis=1) <= radius) & (along >= low) & (along <= high)


def _vector(name, value, dim):
    if len(value) != dim:
        raise SceneError(f"`{name}` needs {dim} entries in this {dim}-D body, got {value}.")
    return np.asarray(value, dtype=float)


def _direction(name, value, dim):
    vector = _vector(name, value, dim)
    length = np.linalg.norm(vector)
    if length == 0:
        raise SceneError(f"`{name}` must not be 0.")
    return vector / length
