"""Diffusion, advection and reaction of a scalar on a grid."""

from collections.abc import Callable

import equinox as eqx
import jax.numpy as jnp
import lineax as lx
import numpy as np

from .._check import entries, finite, parameter, positive as checked_positive
from .._ranges import positive
from .._trees import norm
from .._typing import Array, Bool, Scalar
from ..linalg import DEFINITE, GENERAL
from ._cell_multigrid import Balance, CellMultigrid, longer_by
from ._cell_space import CellSpace
from ._fields import CellField, FaceField
from ._grid import Grid
from ._lines import end
from ._problem import AbstractCellProblem, is_full, preconditioned
from ._separable import Separable, SeparableInverse


LEAST_CELLS = 4_096
"""From so many on coefficients that vary are dealt with by multigrid; below fast diagonalisation is compiled faster."""
SMOOTH = 1.5
"""Difference of ln κ between neighbours above which it is said to jump."""


class Diffusion(AbstractCellProblem):
    r"""Diffusion of a scalar u in the cells of a grid, with advection and reaction.

    C ∂u/∂t + N(v) u − ∇·(κ ∇u) = s + r(u)

    Integrated over cells; fluxes between cells by the harmonic mean of κ, which is exact for layers. `solve` finds the
    steady state, `march` leads through time. The value is a `CellField`. Where no side, no flow and no reaction determine
    u but for a constant, its mean is 0, and what enters must leave. A constant κ takes a direct solve; one that varies,
    however much, some 12 to 60 iterations on any grid, with geometric multigrid from 4,096 cells on.

    **Arguments:**

    - `grid`: a `Grid`.
    - `conductivity`: κ > 0, a number or an array over the cells.
    - `conditions`: see `CellSpace`.
    - `source`: s, a number or an array over the cells.
    - `reaction`: r, a function of u at all cells that acts point by point; a module may carry parameters.
    - `velocity`: v, a `FaceField` without divergence or a number for each axis; None where nothing flows.
    - `capacity`: C > 0, a number or an array over the cells.
    - `active`: which cells take part, a boolean array over them, or None for all; nothing enters the others, where u is 0.
    - `name`: what u is called in scenes.

    **Raises:** `ValueError` if the parts do not fit. A steady state whose sources and fluxes do not add up to 0 where
    nothing determines the level ends as `parameters_inadmissible`.
    """

    space: CellSpace
    conductivity: Array = positive()
    source: Array
    reaction: Callable | None
    velocity: FaceField | None
    capacity: Array = positive()
    separable: Separable
    active: Bool[Array, "..."] | None
    name: str = eqx.field(static=True)
    doublings: tuple[int, ...] = eqx.field(static=True)

    def __init__(
        self,
        grid,
        conductivity,
        conditions,
        source=0.0,
        *,
        reaction=None,
        velocity=None,
        capacity=1.0,
        active=None,
        name="u",
    ):
        if not isinstance(grid, Grid):
            raise ValueError(f"`grid` must be a `Grid`, got {grid!r}.")
        self.space = CellSpace(grid, conditions)
        self.conductivity = checked_positive("conductivity", self._over_cells("conductivity", conductivity))
        self.source = self._over_cells("source", source)
        self.capacity = self._over_cells("capacity", capacity)
        self.reaction, self.name = reaction, name
        self.velocity = None if velocity is None else _on_faces(self.space, velocity)
        if velocity is not None and active is not None:
            raise ValueError("`velocity` passes all cells: it takes no `active`.")
        self.active = None if active is None else _active(self.space, active)
        self.doublings = longer_by(grid.spacings)
        axes = range(grid.dimension)
        middle = jnp.exp(jnp.mean(jnp.log(self.conductivity)))
        self.separable = Separable([self.space.line(a) for a in axes], self.space.sides.pairs, middle)

    def _over_cells(self, name, value):
        value = finite(name, jnp.asarray(parameter(value), self.space.grid.dtype))
        if value.ndim and value.shape != self.space.grid.shape:
            raise ValueError(f"`{name}` must be a number or have shape {self.space.grid.shape}, got {value.shape}.")
        return value

    @property
    def linear(self):
        """Unless something reacts."""
        return self.reaction is None

    @property
    def undetermined(self) -> bool:
        """Whether a steady state is determined but for a constant."""
        return self.reaction is None and not self.space.sides.bound

    def storage(self, y):
        """Return ∫ C u dV."""
        return self._of_active(self.space.grid.volumes * self.capacity * y)

    def flow(self, y, mixed, factor, full=True):
        """Return what leaves each cell by diffusion and flow, less what arises in it."""
        volumes = self.space.grid.volumes
        into, fluxes = self._diffused(mixed)
        arising = self._of_active(volumes * self.source)
        total, parts = -into - arising, [*fluxes, jnp.broadcast_to(arising, mixed.shape)]
        for carried in self._carried(mixed) if full else ():
            total, parts = total + carried, [*parts, carried]
        if self.active is not None:
            total = jnp.where(self.active, total, self._stiffness() * volumes * mixed)
        return total, norm(parts)

    def carried(self, y):
        """Return advection and reaction, and the fastest rate of advection between cells."""
        total, rate, grid = sum(self._carried(y), jnp.zeros_like(y)), jnp.zeros((), y.dtype), self.space.grid
        if self.velocity is not None:
            for h, v in zip(grid.spacings, self.velocity.components, strict=True):
                rate = rate + jnp.max(jnp.abs(v)) / jnp.min(h) / jnp.min(self.capacity)
        return total, rate

    def _carried(self, y) -> list[Array]:
        volumes, u, found = self.space.grid.volumes, CellField(y), []
        if self.velocity is not None:
            passing = self.space.passing(self.velocity, u).values
            found.append(volumes * (self.space.advection(self.velocity, u).values + passing))
        if self.reaction is not None:
            found.append(-self._of_active(volumes * self.reaction(y)))
        return found

    def _diffused(self, u):
        """What diffusion brings to each cell, and all fluxes."""
        return self.space.diffusion(u, jnp.broadcast_to(self.conductivity, u.shape), self.active)

    def _of_active(self, numbers):
        return numbers if self.active is None else jnp.where(self.active, numbers, 0)

    def moving(self, residual):
        """Return R itself."""
        return residual

    def mixed(self, y, base, weight):
        """Return w u + (1 − w) u₀."""
        return weight * y + (1 - weight) * base

    def level(self, y):
        """Return a multiple of the mean of u, where nothing else determines it."""
        if not self.undetermined:
            return jnp.zeros_like(y)
        volumes = self._of_active(self.space.grid.volumes)
        return self._stiffness() * volumes * (jnp.sum(volumes * y) / jnp.sum(volumes))

    def flaws(self, y, steady):
        """Return NaN where what enters cannot leave, and nothing determines the level.

        A flow that passes no side carries as much into the box as out of it. One that does takes along a share of what is
        inside, so that there the solution itself tells: its mean is 0 where there is one.
        """
        if not steady or not self.undetermined:
            return ()
        into, fluxes = self._diffused(jnp.zeros_like(y))
        sources = self._of_active(jnp.broadcast_to(self.space.grid.volumes * self.source, y.shape))
        size, eps = jnp.sum(jnp.abs(sources)) + sum(jnp.sum(jnp.abs(flux)) for flux in fluxes), jnp.finfo(y.dtype).eps
        balanced = jnp.abs(jnp.sum(into) + jnp.sum(sources)) <= float(eps) ** 0.6 * size
        if self.velocity is not None:
            kept = jnp.sum(jnp.abs(self.level(y))) <= float(eps) ** (1 / 3) * size
            balanced = jnp.where(self._passed, kept, balanced)
        return (jnp.where(balanced, 1.0, jnp.nan).reshape(1),)

    @property
    def _passed(self):
        """Whether the flow passes a side."""
        ends = [end(v, a, side) for a, v in enumerate(self.velocity.components) for side in (0, 1)]
        within = [self.space.sides.periodic(axis) for axis in range(len(ends) // 2)]
        return jnp.any(jnp.stack([jnp.any(e != 0) for k, e in enumerate(ends) if not within[k // 2]] or [False]))

    def tangent(self, whole, y, factor, weight):
        """Return it by its products, with a preconditioner that serves the adjoint as well."""
        steady, varies = whole is self, self.conductivity.ndim > 0 and y.size >= LEAST_CELLS
        make = self._by_multigrid if varies or self.active is not None else self.inverse
        full = is_full(whole)
        return preconditioned(whole, y, make(y, factor, weight, steady, full), self.tags(full))

    def _by_multigrid(self, y, factor, weight, steady, full):
        """Return the inverse by grids of larger cells."""
        volumes, real = self.space.grid.volumes, lambda x: jnp.asarray(x, y.dtype)
        links, sides = self.space.couplings(jnp.broadcast_to(self.conductivity, y.shape), self.active)
        shift = self._of_active(jnp.broadcast_to(real(factor) * self.capacity * volumes, y.shape))
        balance = Balance(tuple(real(weight) * c for c in links), real(weight) * sides + shift)
        passive = None
        if self.active is not None:
            passive = jnp.where(self.active, 0, real(weight) * self._stiffness() * volumes)
        level, weights = (None, None)
        if steady and self.undetermined:
            weights = self._of_active(jnp.broadcast_to(volumes, y.shape))
            level = self._stiffness()
        return CellMultigrid(balance, weights, level, passive, self.doublings)

    def inverse(self, y, factor, weight, steady=True, full=True):
        """Return the inverse by fast diagonalisation, of coefficients that are smoothed out."""
        own = lambda x: jnp.asarray(x, y.dtype)
        scaling = self._scaling(y.shape)
        shift = jnp.mean(own(factor) * self.capacity / scaling**2)
        general = full and (self.reaction is not None or self.velocity is not None)
        level = self._stiffness() / jnp.mean(scaling**2) if self.undetermined else None
        kind = GENERAL if general else DEFINITE
        return SeparableInverse(self.separable, shift, own(weight), level, scaling, kind)

    def _scaling(self, shape):
        """√κ in units of what the separable part was made with; where κ jumps, one number does better than a field."""
        kappa = jnp.log(jnp.broadcast_to(self.conductivity / self.separable.coefficient, shape))
        largest = [jnp.max(jnp.abs(jnp.diff(kappa, axis=axis))) for axis in range(kappa.ndim)]
        smooth = jnp.max(jnp.stack(largest)) < SMOOTH
        return jnp.exp(jnp.where(smooth, kappa, jnp.mean(kappa)) / 2)

    def tags(self, full: bool = True):
        """Symmetric and positive definite without flow and reaction."""
        if full and (self.reaction is not None or self.velocity is not None):
            return frozenset()
        return frozenset([lx.symmetric_tag, lx.positive_semidefinite_tag])

    def unknowns(self, guess):
        """Return the array of a `CellField`, of numbers or of an array; 0 for None."""
        values = guess.values if isinstance(guess, CellField) else (0.0 if guess is None else guess)
        return self._of_active(self.space.field(values).values)

    def value(self, y):
        """Return a `CellField`."""
        return CellField(y)

    def content(self, u: CellField) -> Scalar:
        """Return ∫ C u dV."""
        return jnp.sum(self.storage(u.values))

    def entering(self, u: CellField, side: str) -> Scalar:
        """Return ∫ κ ∂u/∂n dA over a side: what diffusion brings in there.

        **Raises:** `ValueError` for a side that the grid does not have, or that is periodic.
        """
        names = [name for pair in self.space.grid.sides for name in pair]
        if side not in names:
            raise ValueError(f"This grid has the sides {names}, got {side!r}.")
        axis, upper = divmod(names.index(side), 2)
        if self.space.sides.periodic(axis):
            raise ValueError(f"`{side}` is periodic: nothing enters there.")
        _, fluxes = self._diffused(u.values)
        before = sum(1 if self.space.sides.periodic(a) else 3 for a in range(axis))
        return jnp.sum(jnp.broadcast_to(fluxes[before + 1 + upper], end(u.values, axis, upper).shape))

    def _stiffness(self):
        volumes = self.space.grid.volumes
        return jnp.mean(self.conductivity) / jnp.sum(volumes) ** (2 / volumes.ndim)


def _active(space, active):
    active = np.asarray(active)
    if active.dtype != bool or active.shape != space.grid.shape:
        raise ValueError(
            f"`active` must be booleans of shape {space.grid.shape}, got {active.dtype} of shape {active.shape}."
        )
    if not active.any():
        raise ValueError("`active` leaves no cell over.")
    return jnp.asarray(active)


def _on_faces(space, velocity):
    """A velocity on all faces, which one of a number for each axis is everywhere the same."""
    grid = space.grid
    more = lambda a, c: a == c and not space.sides.periodic(a)
    wanted = [tuple(n + more(a, c) for a, n in enumerate(grid.shape)) for c in range(grid.dimension)]
    if (each := entries(velocity)) and len(each) == len(wanted) and all(jnp.ndim(a) == 0 for a in each):
        each = [finite("velocity", jnp.asarray(parameter(a), grid.dtype)) for a in each]
        return FaceField(tuple(jnp.broadcast_to(a, shape) for a, shape in zip(each, wanted, strict=True)))
    found = [x.shape for x in velocity.components] if isinstance(velocity, FaceField) else type(velocity).__name__
    if found != wanted:
        raise ValueError(
            f"`velocity` must be {len(wanted)} numbers, or a `FaceField` with components of shapes {wanted}, got {found}."
        )
    return velocity
