"""Array aliases with named dimensions: cell, quad, node, dof, dim."""

from collections.abc import Callable
from typing import Any

from jaxtyping import Array, ArrayLike, Bool, Float, Int, PyTree, Scalar


__all__ = [
    "Any",
    "Array",
    "ArrayLike",
    "Bool",
    "Callable",
    "CellNodes",
    "DeformationGradient",
    "Float",
    "Int",
    "Points",
    "PyTree",
    "Scalar",
    "Strain",
    "Stress",
]

Points = Float[Array, "node dim"]
"""Positions of mesh or space nodes."""

CellNodes = Int[Array, "cell local"]
"""For each cell the numbers of its nodes, in Basix order."""

DeformationGradient = Float[Array, "3 3"]
Strain = Float[Array, "3 3"]
Stress = Float[Array, "3 3"]

Residual = Callable[[PyTree, Any], PyTree]
