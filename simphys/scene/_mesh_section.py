"""`[mesh]` and `[space]`: the body, and the functions on it."""

from typing import Annotated, Literal

import pydantic

from ._limits import Count, Counts, QuadratureDegree, check_cells
from ._section import Float, Key, Name, Positive, Section, Vector, one_of


class BoxSelector(Section):
    """What lies within an axis-parallel box; leave out `low` or `high` for a half-space."""

    type: Literal["box"]
    of: Literal["facets", "cells", "points"] = "facets"
    low: Vector | None = None
    high: Vector | None = None


class PlaneSelector(Section):
    """What lies on a plane (in 2-D a line) through `point` with the given normal."""

    type: Literal["plane"]
    of: Literal["facets", "cells", "points"] = "facets"
    point: Vector
    normal: Vector


class CylinderSelector(Section):
    """What lies within a radius of an axis, between `low` and `high` along it (measured from `point`)."""

    type: Literal["cylinder"]
    of: Literal["facets", "cells", "points"] = "facets"
    point: Vector
    axis: Vector
    radius: Positive
    low: Float | None = None
    high: Float | None = None


class BallSelector(Section):
    """What lies within a radius of a point: a ball, or in 2-D a disk."""

    type: Literal["ball"]
    of: Literal["facets", "cells", "points"] = "facets"
    point: Vector
    radius: Positive


class UnionSelector(Section):
    """What belongs to any of several groups, all of facets, of cells or of points."""

    type: Literal["union"]
    groups: Annotated[list[Name], pydantic.Field(min_length=1)]


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
    drop_orphans: bool = False
    groups_from: Annotated[str | list[Name], one_of("a name or a list of names")] = pydantic.Field(default_factory=list)
    allow_folded: bool = False
    size: Positive | None = None
    scale: Positive = 1.0
    groups: Groups = pydantic.Field(default_factory=dict)


class LineMesh(Section):
    """The interval [0, length]; groups left, right."""

    kind: Literal["line"]
    cells: Count
    length: Positive = 1.0
    degree: Literal[1, 2] = 1
    groups: Groups = pydantic.Field(default_factory=dict)


class RectangleMesh(Section):
    """A rectangle at the origin, or the quadrilateral with the given corners; groups left, right, bottom, top.

    `corners` are the images of the lower left, lower right, upper right and upper left corner.
    """

    kind: Literal["rectangle"]
    cells: Annotated[Counts, pydantic.AfterValidator(check_cells)]
    lengths: Vector = pydantic.Field(default_factory=lambda: [1.0, 1.0])
    corners: Annotated[list[Vector], pydantic.Field(min_length=4, max_length=4)] | None = None
    cell_type: Literal["quadrilateral", "triangle"] = "quadrilateral"
    degree: Literal[1, 2] = 1
    groups: Groups = pydantic.Field(default_factory=dict)


class BoxMesh(Section):
    """A box at the origin; groups left, right (x), front, back (y), bottom, top (z)."""

    kind: Literal["box"]
    cells: Annotated[Counts, pydantic.AfterValidator(check_cells)]
    lengths: Vector = pydantic.Field(default_factory=lambda: [1.0, 1.0, 1.0])
    cell_type: Literal["hexahedron", "tetrahedron"] = "hexahedron"
    degree: Literal[1, 2] = 1
    groups: Groups = pydantic.Field(default_factory=dict)


Mesh = Annotated[FileMesh | LineMesh | RectangleMesh | BoxMesh, pydantic.Field(discriminator="kind")]


class Space(Section):
    """Degree of the fields; by default that of the mesh."""

    degree: Literal[1, 2, 3] | None = None
    quadrature_degree: QuadratureDegree | None = None
