"""From a goal to a shape or layout."""

from ._morph import Morph as Morph
from ._unit_cell import UnitCell as UnitCell, engineering_constants as engineering_constants
