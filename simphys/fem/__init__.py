"""Finite elements: meshes, spaces, assembly and constraints."""

from ._builtin import box as box, line as line, rectangle as rectangle
from ._mesh import Mesh as Mesh
