"""Bodies whose properties are scaled by a graded density, and their equilibrium."""

import functools

import equinox as eqx
import jax
import jax.numpy as jnp

from .._typing import Array
from ..fem import CellField
from ..implicit import Solution, solve
from ..materials import (
    AbstractConduction,
    AbstractFiniteStrain,
    AbstractHistory,
    AbstractSmallStrain,
    AnisotropicConduction,
    AnisotropicElastic,
    Axisymmetric,
    Constant,
    ErsatzFiniteStrain,
    IsotropicConduction,
    is_linear,
    is_strained,
)
from ..physics import AbstractBalance, Heat, Solid
from ._interpolation import AbstractInterpolation
from ._layout import Heaviside


class Memory(eqx.Module):
    """The last design and its solution, from which the next one is found."""

    value: Array
    density: Array
    loaded: Array
    """0 for the unloaded body that everything begins with, 1 after."""


def prepared(problem: AbstractBalance) -> AbstractBalance:
    """Return the problem with a material that can be graded; raise `ValueError` if there is no way to grade it."""
    if not isinstance(problem, Solid | Heat):
        raise ValueError(f"A design needs a `Solid` or a `Heat` problem, got {type(problem).__name__}.")
    return eqx.tree_at(lambda p: p.material, problem, _gradable(problem.material))


def _gradable(material):
    """The law, or what a law that strains by itself is made of, as one that can be graded."""
    if not is_strained(material):
        return _graded(material)
    if isinstance(material, Axisymmetric | AbstractHistory):
        raise ValueError(f"There is no way to grade a {type(material).__name__} by density.")
    return eqx.tree_at(lambda law: law.material, material, _gradable(material.material))


@functools.singledispatch
def _graded(material):
    raise ValueError(f"There is no way to grade a {type(material).__name__} by density.")


@_graded.register
def _(material: AbstractSmallStrain):
    if isinstance(material, AnisotropicElastic):
        return material
    if not is_linear(material):
        raise ValueError(f"A small-strain law must be linear to be graded by density, got {type(material).__name__}.")
    dim = material.dimension
    units = jnp.eye(dim * dim).reshape(dim * dim, dim, dim)
    try:
        # σ is linear in ε: its values at unit strains are the stiffness. Laws are free in what is not symmetric.
        stress = _stresses(material, (units + units.swapaxes(1, 2)) / 2)
    except (TypeError, AttributeError):
        raise ValueError("A law that is to be graded by density must have uniform parameters.") from None
    stiffness = jnp.moveaxis(stress.reshape((dim,) * 4), (0, 1), (2, 3))
    return AnisotropicElastic((stiffness + stiffness.swapaxes(0, 1)) / 2)


@eqx.filter_jit
def _stresses(material, strains):
    return jax.vmap(material.stress)(strains)


@_graded.register
def _(material: AbstractFiniteStrain):
    return material if isinstance(material, ErsatzFiniteStrain) else ErsatzFiniteStrain(material)


@_graded.register
def _(material: AbstractConduction):
    known = isinstance(material, IsotropicConduction | AnisotropicConduction)
    if not known or not isinstance(material.k, Constant):
        raise ValueError("A conductivity must not depend on temperature to be graded by density.")
    return material


def weakened(problem: AbstractBalance, scale: Array) -> AbstractBalance:
    """Return a prepared problem with the properties of its material times `scale`, (cell,)."""
    return eqx.tree_at(lambda p: p.material, problem, _scaled(problem.material, scale))


def _scaled(material, scale):
    if not is_strained(material):
        return _times(material, scale)
    return eqx.tree_at(lambda law: law.material, material, _scaled(material.material, scale))


@functools.singledispatch
def _times(material, scale):
    raise NotImplementedError


@_times.register
def _(material: AnisotropicElastic, scale):
    return eqx.tree_at(lambda m: m.scale, material, CellField(material.scale * scale))


@_times.register
def _(material: ErsatzFiniteStrain, scale):
    share = Heaviside(500.0, 0.01)(scale)
    fields = (CellField(material.scale * scale), CellField(share))
    return eqx.tree_at(lambda m: (m.scale, m.share), material, fields)


@_times.register
def _(material: AbstractConduction, scale):
    k = material.k.value
    values = k.values if isinstance(k, CellField) else k[None]
    return eqx.tree_at(
        lambda m: m.k.value,
        material,
        CellField(values * scale.reshape(-1, *(1,) * (values.ndim - 1))),
        is_leaf=lambda x: isinstance(x, CellField),
    )


def remember(problem: AbstractBalance) -> Memory:
    """Return what the first solve begins with."""
    dtype = problem.space.mesh.points.dtype
    return Memory(problem.space.zeros(), jnp.ones(problem.space.mesh.n_cells, dtype), jnp.zeros((), dtype))


def equilibrium(
    problem: AbstractBalance, interpolation: AbstractInterpolation, density: Array, memory: Memory, method, adjoint
) -> tuple[AbstractBalance, Solution, Memory]:
    """Return the graded problem, its solution and what the next solve begins with.

    A linear problem is solved from the last solution. One that is not is led from the last design and its solution, at
    first from the unloaded body, to this one.
    """
    graded = weakened(problem, interpolation(density))
    if problem.linear:
        solution = solve(graded, memory.value, method=method, adjoint=adjoint, throw=False)
    else:
        before = weakened(_loaded(problem, memory.loaded), interpolation(memory.density))
        solution = solve(graded, memory.value, method=method, adjoint=adjoint, start=before, throw=False)
    ones = jnp.ones_like(memory.loaded)
    return graded, solution, Memory(solution.reached, density, ones)


def _loaded(problem: AbstractBalance, factor: Array) -> AbstractBalance:
    """The problem with loads, prescribed values and strains of its own times 0 or 1."""
    none = problem.unloaded()
    parts = lambda p: (p.constraints, p.loads, p.material)
    arrays = eqx.filter((parts(none), parts(problem)), eqx.is_inexact_array)
    mixed = jax.tree.map(lambda a, b: jnp.where(factor > 0, b, a), *arrays)
    return eqx.tree_at(parts, problem, eqx.combine(mixed, parts(problem)))
