"""Array aliases with named dimensions: cell, quad, node, dof, dim."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import equinox as eqx
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
    "Mapping",
    "Points",
    "PyTree",
    "Scalar",
    "Sequence",
    "Strain",
    "Stress",
    "Value",
]

Points = Float[Array, "node dim"]
"""Positions of mesh or space nodes."""

CellNodes = Int[Array, "cell local"]
"""For each cell the numbers of its nodes, in Basix order."""

DeformationGradient = Float[Array, "3 3"]
Strain = Float[Array, "3 3"]
Stress = Float[Array, "3 3"]

Residual = Callable[[PyTree, Any], PyTree]

Value = ArrayLike | list | tuple | eqx.Module
"""What a parameter may be given as: numbers, or a module that stands for them, a field or a curve say."""
