"""Recovered gradients of the fields of a balance law, each on patches of its own degree."""

import dataclasses
import functools as ft
from typing import Any

import equinox as eqx
import jax
import numpy as np

from .._typing import Callable
from ..fem import AbstractField, CellField, Integral, QuadratureField, Recovery, Topology, cells_of, raised


MOST_REGIONS = 8
"""Sets of constants of a law, up to which these are materials; more of them are one that varies."""


class Gradients(eqx.Module):
    """What recovers the gradients of the fields of a problem.

    **Arguments:**

    - `problem`: of concrete arrays.
    - `within`: names of cell groups; None for the parts of the body whose law has constants of its own.
    """

    recoveries: tuple[Recovery, ...]
    topology: Topology = eqx.field(static=True)
    degrees: tuple[int, ...] = eqx.field(static=True)

    def __init__(self, problem, within: tuple[str, ...] | None = None):
        mesh = problem.spaces[0].mesh
        self.topology = Topology(mesh, _materials(problem, mesh) if within is None else _groups(mesh, within))
        self.degrees = _degrees(problem)
        self.recoveries = tuple(_made(self.topology, degree) for degree in self.degrees)

    def of(self, problem) -> tuple[Recovery, ...]:
        """Return the recovery for each field of a problem on the same mesh, its points elsewhere or of richer spaces."""
        mesh, degrees = problem.spaces[0].mesh, _degrees(problem)
        made, given = self.topology.mesh, [block.nodes.shape for block in mesh.blocks]
        if given != [block.nodes.shape for block in made.blocks] or mesh.n_points != made.n_points:
            raise ValueError(
                f"This recovery was made for a mesh of {made.n_cells} cells, got one of {mesh.n_cells}: make another."
            )
        known = self.recoveries if degrees == self.degrees else [_made(self.topology, degree) for degree in degrees]
        return tuple(each.moved(mesh) for each in known)


def with_gradients(integral, recoveries, problem, value, density: Callable) -> tuple[Integral, tuple, tuple]:
    """Return an integral whose energy sees the recovered gradients as well, and the spaces and fields it is to be taken of.

    It is taken over all cells, with the rule of its own where it depends on what is known at its points (a memory).

    **Arguments:**

    - `density`: (integral, seen, point, parameters, gradients) → its energy; of fields whose functions are vectors, or one
      for the whole mesh, and where a term sees no gradient, None stands for the recovered one.
    """
    fields = value if isinstance(value, tuple) else (value,)
    if not _holds_points(integral):
        # What a recovered gradient is squared, or fitted by, takes more points than a solution of constant gradients.
        degree = max(integral.domain.degree, *(2 * recovery.space.degree for recovery in recoveries))
        integral = dataclasses.replace(integral, domain=cells_of(problem.spaces[0], degree=degree))
    degree = integral.domain.degree

    def gradient(f, slots):
        space, recovery = problem.spaces[f], recoveries[f]
        if space.vectorial or space.blocks[0].element.whole or not ({"gradient", "both"} & set(slots.split("+"))):
            return None
        found = recovery.gradient(raised(space, fields[f], recovery.space))
        return QuadratureField(recovery.at_quadrature(found, degree))

    gradients = tuple(gradient(f, slots) for f, slots in zip(integral.fields, integral.slots, strict=True))
    both = ft.partial(_density, density, dataclasses.replace(integral, parameters=None))
    return (
        dataclasses.replace(integral, energy=both, parameters=(integral.parameters, gradients)),
        problem.spaces,
        fields,
    )


def _density(density, integral, seen, point, parameters):
    return density(integral, seen, point, *parameters)


def _holds_points(integral) -> bool:
    """Whether an integral depends on what is known at its own quadrature points alone."""
    return any(isinstance(leaf, QuadratureField) for leaf in jax.tree.leaves(integral.parameters, is_leaf=_is_field))


@ft.lru_cache(maxsize=8)
def _made(topology, degree):
    return Recovery(topology.mesh, degree, topology)


def _degrees(problem) -> tuple[int, ...]:
    """Of each field the highest degree whose polynomials it holds."""
    return tuple(map(_degree, problem.spaces))


def _degree(space):
    parts = space.blocks[0].element.parts
    return max(1, max((part.degree for part in parts if part.family == "P"), default=space.degree))


def _groups(mesh, names) -> np.ndarray:
    """Number of the group of each cell; those of no group are one more."""
    regions = np.zeros(mesh.n_cells, int)
    for k, name in enumerate(names if isinstance(names, tuple | list) else (names,)):
        cells = np.asarray(mesh.cells_in(name))
        if np.any(regions[cells]):
            raise ValueError(f"The cell groups {', '.join(map(repr, names))} overlap: a cell lies within one of them.")
        regions[cells] = k + 1
    return regions


def _materials(problem, mesh) -> np.ndarray:
    """Number of the material of each cell, by the constants of the law that are given by cells."""
    fields = [f for f in jax.tree.leaves(problem.terms().flow, is_leaf=_is_field) if isinstance(f, CellField)]
    regions = np.zeros(mesh.n_cells, int)
    for field in fields:
        rows = np.asarray(field.values).reshape(mesh.n_cells, -1)
        _, regions = np.unique(np.column_stack([regions, rows]), axis=0, return_inverse=True)
    return regions.reshape(-1) if regions.max() < MOST_REGIONS else np.zeros(mesh.n_cells, int)


def _is_field(leaf: Any) -> bool:
    return isinstance(leaf, AbstractField)
