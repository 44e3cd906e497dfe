"""`[mesh]` and `[space]`: the body, and the functions on it."""

from typing import Annotated, Literal

import pydantic

from ._limits import Count, Counts, QuadratureDegree, check_cells
from ._section import Float, Key, Name, Positive, Section, Vector, one_of


class BoxSelector(Section):
    """What lies within an axis-parallel box; leave out `low` or `high` for a half-space."""

    type: Literal["box"]
    of: Literal["facets", "cells", "points"] = "facets"
    """What the group is made of."""
    low: Vector | None = None
    """Least coordinates; left out: none. [length] e.g. [0.0, 0.0]"""
    high: Vector | None = None
    """Greatest coordinates; left out: none. [length] e.g. [1.0, 0.5]"""


class PlaneSelector(Section):
    """What lies on a plane (in 2-D a line) through `point` with the given normal."""

    type: Literal["plane"]
    of: Literal["facets", "cells", "points"] = "facets"
    """What the group is made of."""
    point: Vector
    """A point of the plane. [length] e.g. [0.0, 1.0]"""
    normal: Vector
    """Normal of the plane, of any length. [1] e.g. [0.0, 1.0]"""


class CylinderSelector(Section):
    """What lies within a radius of an axis, between `low` and `high` along it (measured from `point`)."""

    type: Literal["cylinder"]
    of: Literal["facets", "cells", "points"] = "facets"
    """What the group is made of."""
    point: Vector
    """A point of the axis. [length] e.g. [0.0, 0.0, 0.0]"""
    axis: Vector
    """Direction of the axis. [1] e.g. [0.0, 0.0, 1.0]"""
    radius: Positive
    """Greatest distance from the axis. [length] e.g. 0.25"""
    low: Float | None = None
    """Least distance along the axis, measured from `point`. [length] e.g. 0.0"""
    high: Float | None = None
    """Greatest distance along the axis, measured from `point`. [length] e.g. 1.0"""


class BallSelector(Section):
    """What lies within a radius of a point: a ball, or in 2-D a disk."""

    type: Literal["ball"]
    of: Literal["facets", "cells", "points"] = "facets"
    """What the group is made of."""
    point: Vector
    """The centre. [length] e.g. [0.0, 0.0]"""
    radius: Positive
    """Greatest distance from it. [length] e.g. 0.25"""


class UnionSelector(Section):
    """What belongs to any of several groups, all of facets, of cells or of points."""

    type: Literal["union"]
    groups: Annotated[list[Name], pydantic.Field(min_length=1)]
    """Names of the groups, all of facets, of cells or of points. e.g. ["left", "right"]"""


Selector = Annotated[
    BoxSelector | PlaneSelector | CylinderSelector | BallSelector | UnionSelector, pydantic.Field(discriminator="type")
]
Groups = dict[Key, Selector]


class FileMesh(Section):
    """A mesh read from a file that stands beside the scene, or a geometry that gmsh meshes; groups are those of the file.

    `groups_from`: cell data whose whole numbers are groups; `allow_folded`: take folded cells; `size`: largest edge of the
    cells of a geometry."""

    kind: Literal["file"]
    file: Name
    """Mesh beside the scene (gmsh, Abaqus, VTK, Exodus, XDMF, ...), or a .geo that gmsh meshes. e.g. 'part.msh'"""
    drop_orphans: bool = False
    """Whether nodes that belong to no cell are left out instead of refused."""
    groups_from: Annotated[str | list[Name], one_of("a name or a list of names")] = pydantic.Field(default_factory=list)
    """Cell data whose whole numbers are groups. e.g. ["material"]"""
    allow_folded: bool = False
    """Whether cells that are folded over are taken instead of refused."""
    size: Positive | None = None
    """Largest edge of the cells of a geometry. [length] e.g. 2.0"""
    scale: Positive = 1.0
    """What coordinates of the file are multiplied by. [1]"""
    groups: Groups = pydantic.Field(default_factory=dict)


class LineMesh(Section):
    """The interval [0, length]; groups left, right."""

    kind: Literal["line"]
    cells: Count
    """Number of cells. [1] e.g. 10"""
    length: Positive = 1.0
    """Of the interval. [length]"""
    degree: Literal[1, 2] = 1
    groups: Groups = pydantic.Field(default_factory=dict)


class RectangleMesh(Section):
    """A rectangle at the origin, or the quadrilateral with the given corners; groups left, right, bottom, top.

    `corners` are the images of the lower left, lower right, upper right and upper left corner.
    """

    kind: Literal["rectangle"]
    cells: Annotated[Counts, pydantic.AfterValidator(check_cells)]
    """Numbers of cells along x and y. [1] e.g. [8, 4]"""
    lengths: Vector = pydantic.Field(default_factory=lambda: [1.0, 1.0])
    """Of the sides. [length]"""
    corners: Annotated[list[Vector], pydantic.Field(min_length=4, max_length=4)] | None = None
    """Images of the lower left, lower right, upper right and upper left corner. [length] e.g. [[0.0, 0.0], [48.0,
    44.0], [48.0, 60.0], [0.0, 44.0]]"""
    cell_type: Literal["quadrilateral", "triangle"] = "quadrilateral"
    """Shape of the cells."""
    degree: Literal[1, 2] = 1
    groups: Groups = pydantic.Field(default_factory=dict)


class BoxMesh(Section):
    """A box at the origin; groups left, right (x), front, back (y), bottom, top (z)."""

    kind: Literal["box"]
    cells: Annotated[Counts, pydantic.AfterValidator(check_cells)]
    """Numbers of cells along x, y and z. [1] e.g. [8, 4, 4]"""
    lengths: Vector = pydantic.Field(default_factory=lambda: [1.0, 1.0, 1.0])
    """Of the edges. [length]"""
    cell_type: Literal["hexahedron", "tetrahedron"] = "hexahedron"
    """Shape of the cells."""
    degree: Literal[1, 2] = 1
    groups: Groups = pydantic.Field(default_factory=dict)


class BodiesMesh(Section):
    """Several bodies side by side, that may touch; groups of each behind its name: upper_left of the body `upper`."""

    kind: Literal["bodies"]
    parts: Annotated[
        dict[Key, Annotated[FileMesh | RectangleMesh | BoxMesh, pydantic.Field(discriminator="kind")]],
        pydantic.Field(min_length=1),
    ]
    """The bodies, each a mesh. e.g. {upper = {kind = "rectangle", cells = [8, 4]}}"""
    at: dict[Key, Vector] = pydantic.Field(default_factory=dict)
    """By how much a body is moved from where its mesh is. [length] e.g. {upper = [0.0, 1.0]}"""
    groups: Groups = pydantic.Field(default_factory=dict)


Mesh = Annotated[FileMesh | LineMesh | RectangleMesh | BoxMesh | BodiesMesh, pydantic.Field(discriminator="kind")]


class Space(Section):
    """Degree of the fields; by default that of the mesh."""

    degree: Literal[1, 2, 3] | None = None
    """Degree of the fields, by default that of the mesh. [1] e.g. 2"""
    quadrature_degree: QuadratureDegree | None = None
    """Degree that the quadrature is exact for, by default twice that of the fields. [1] e.g. 4"""
