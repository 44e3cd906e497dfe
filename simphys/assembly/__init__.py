"""Assembly: terms, what they are summed up to, and constraints; it knows no function space."""

from ._constraint import AbstractConstraint as AbstractConstraint, Followers as Followers
from ._gathered import Gathered as Gathered, ItemField as ItemField
from ._pairs import NodePairs as NodePairs
from ._reduction import HANGING as HANGING, Reduction as Reduction
from ._resolve import build_reduction as build_reduction
from ._system import (
    System as System,
    assemble as assemble,
    assemble_tangent as assemble_tangent,
    build_system as build_system,
)
from ._term import AbstractTerm as AbstractTerm
