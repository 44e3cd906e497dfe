"""`[grid]`: a box of cells in place of a mesh, shapes within it, and where a march on it begins."""

import itertools
from typing import Annotated, Literal

import pydantic

from ._limits import Counts, check_cells
from ._section import Key, NotNegative, Positive, Section, Value, Vector, one_of


SIDES = Literal["left", "right", "bottom", "top", "front", "back", "all"]
"""Names of the sides of a grid; `all` stands for those that are not named."""
Positions = Annotated[list[float], pydantic.Field(min_length=3), one_of("a list of three or more finite numbers")]


class Grid(Section):
    """A box cut into cells by planes, in 1, 2 or 3 dimensions; sides left, right (x), bottom, top (y, in space z), front,
    back (y in space). Give `cells`, or the positions of all `faces`."""

    cells: Annotated[Counts, pydantic.AfterValidator(check_cells)] | None = None
    """Numbers of cells along the axes. [1] e.g. [64, 64]"""
    lengths: Vector | None = None
    """Of the box along the axes, by default 1. [length] e.g. [2.0, 1.0]"""
    origin: Vector | None = None
    """Its lowest corner, by default 0. [length] e.g. [-1.0, 0.0]"""
    stretching: Annotated[list[NotNegative], pydantic.Field(min_length=1, max_length=3)] | None = None
    """For each axis how much denser cells are at both ends: 0 for equal ones, 2 makes the first one a fourth. [1] e.g.
    [2.0, 0.0]"""
    faces: Annotated[list[Positions], pydantic.Field(min_length=1, max_length=3)] | None = None
    """Positions of all planes along each axis, increasing, in place of all other keys. [length] e.g. [[0.0, 0.1, 0.3,
    1.0]]"""

    @pydantic.model_validator(mode="after")
    def _one_way(self):
        if (self.cells is None) == (self.faces is None):
            raise ValueError("give `cells` or `faces`.")
        if self.faces is not None:
            more = [n for n in ("lengths", "origin", "stretching") if getattr(self, n) is not None]
            if more:
                raise ValueError(f"`faces` say where all cells are: leave out `{more[0]}`.")
            for x in self.faces:
                if any(b <= a for a, b in itertools.pairwise(x)):
                    raise ValueError(f"`faces` must increase along each axis, got {x}.")
            check_cells([len(x) - 1 for x in self.faces])
            return self
        if any(n < 2 for n in self.cells):
            raise ValueError(f"`cells` must be 2 or more along each axis, got {self.cells}.")
        for name in ("lengths", "origin", "stretching"):
            given = getattr(self, name)
            if given is not None and len(given) != len(self.cells):
                raise ValueError(f"`{name}` needs {len(self.cells)} entries, one for each axis, got {given}.")
        if self.lengths is not None and any(length <= 0 for length in self.lengths):
            raise ValueError(f"`lengths` must be positive, got {self.lengths}.")
        return self

    @property
    def dimension(self) -> int:
        """Number of axes."""
        return len(self.cells or self.faces or ())


class BallShape(Section):
    """A ball, in the plane a disc; with a centre of two numbers in space a cylinder along z."""

    kind: Literal["ball"]
    centre: Vector
    """Its centre. [length] e.g. [0.5, 0.5]"""
    radius: Positive
    """Its radius. [length] e.g. 0.1"""


class BoxShape(Section):
    """A box along the axes."""

    kind: Literal["box"]
    centre: Vector
    """Its centre. [length] e.g. [0.5, 0.5]"""
    half: Vector
    """Half its lengths. [length] e.g. [0.2, 0.1]"""


class HalfSpaceShape(Section):
    """All that lies behind a plane, in the plane behind a line, on a line beside a point."""

    kind: Literal["half_space"]
    point: Vector
    """A point of the plane. [length] e.g. [0.5, 0.0]"""
    normal: Vector
    """Direction that points out of it. [1] e.g. [1.0, 0.0]"""


Shape = Annotated[BallShape | BoxShape | HalfSpaceShape, pydantic.Field(discriminator="kind")]


class InitialRegion(Section):
    """Where a march begins otherwise: within a shape, whose edge is smooth over `width` to both sides."""

    shape: Shape
    """What and where it is. e.g. {kind = "half_space", point = [0.5], normal = [1.0]}"""
    values: dict[Key, Value]
    """Values there, by the names of unknowns. [those of the unknowns] e.g. {density = 1.0}"""
    width: Positive | None = None
    """Half the width of its edge, by default half a mean cell. [length] e.g. 0.01"""


class PeriodicSide(Section):
    """What leaves here enters by the opposite side, which is periodic as well."""

    type: Literal["periodic"]


class SymmetrySide(Section):
    """A mirror."""

    type: Literal["symmetry"]


class SlipSide(Section):
    """A wall without friction."""

    type: Literal["slip"]
