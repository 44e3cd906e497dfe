"""Meshes for states: where they are to be fine, and how a state gets there."""

import dataclasses

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from .._typing import Callable, PyTree
from ..physics import AbstractBalance
from ._followed import Carrier, Descent
from ._lineage import Lineage, Wish


AHEAD = 1.25
"""How far a front is thought to move, by how far it moved."""
AIM = 0.8
"""Part of the tolerance that a mesh is made for."""
WORTH = 0.7
"""A mesh is changed where so many of its cells, or fewer, would do."""
KEPT = 3
"""How often cells are kept, to lose less, before none is made coarser."""


@dataclasses.dataclass(frozen=True)
class Stand:
    """Where a march stands: a problem with its memory, its mesh, its state, and what was lost on the way to this mesh."""

    problem: AbstractBalance
    lineage: Lineage
    state: PyTree
    lost: float = 0.0
    lost_memory: float = 0.0


@dataclasses.dataclass(frozen=True)
class Follower:
    """Makes meshes for states; see `adapt_march` for all of it.

    **Arguments:**

    - `coarsest`: the problem on the first mesh; `make`: mesh → problem, where it is made anew for each.
    - `pair`: whether states are pairs of fields and their rates.
    """

    coarsest: AbstractBalance
    make: Callable | None
    pair: bool
    indicator: Callable
    tolerance: float
    levels: int
    reach: float | None
    loss: float
    max_unknowns: int

    def begun(self, state: PyTree | Callable) -> Stand:
        """Return where it begins: on a mesh that suits the first state."""
        base = Lineage.of(self.coarsest.spaces[0].mesh)
        on = lambda problem: self.whole(problem, state(problem) if callable(state) else state)
        first = now = Stand(self.coarsest, base, on(self.coarsest))
        for _ in range(self.levels + 1):
            target = base.towards(self.wish(now), self.reach or 0.0)
            if target.same_as(now.lineage):
                break
            if callable(state):
                problem = self.on(target)
                now = Stand(problem, target, on(problem))
            else:
                now = dataclasses.replace(self.moved(first, target)[0], lost=0.0, lost_memory=0.0)
        return now

    def next(self, now: Stand, end: Stand) -> Stand:
        """Return what a march goes on with from the end of a part: on the same mesh where it will do for the next one."""
        wish = self.wish(end)
        reach = self.ahead(self.wish(now), wish)
        target = self.base(end).towards(wish, reach)
        few = target.mesh.n_cells <= WORTH * end.lineage.mesh.n_cells
        if not few and not end.lineage.coarser(wish, reach).any():
            return dataclasses.replace(end, lost=0.0, lost_memory=0.0)
        return self.carried(end, wish, reach)

    def between(self, now: Stand, end: Stand) -> Stand | None:
        """Return the beginning of a part on a mesh that suits it as far as its end; None where there is none finer."""
        first, last = self.wish(now), self.wish(end)
        reach = self.ahead(first, last)
        wish = first.joined(last)
        if not now.lineage.coarser(wish, reach).any():
            return None
        found = self.carried(now, wish, reach)
        return dataclasses.replace(found, lost=now.lost + found.lost, lost_memory=now.lost_memory + found.lost_memory)

    def ahead(self, first: Wish, last: Wish) -> float:
        """Return how far a front will move during a part."""
        return AHEAD * first.moved_to(last) if self.reach is None else self.reach

    def squares(self, at: Stand) -> np.ndarray:
        """Return what the indicator says, (cell,)."""
        found = np.asarray(self.indicator(at.problem, self.fields(at.state)), float)
        cells = at.lineage.mesh.n_cells
        if found.shape != (cells,) or not (np.isfinite(found).all() and (found >= 0).all()):
            raise ValueError(
                f"`indicator` must return a number of 0 or more for each of {cells} cells, got shape {found.shape}"
                + (f" with {found.min():.3g} as the least." if found.shape == (cells,) else ".")
            )
        return found

    def wish(self, at: Stand) -> Wish:
        """Return how fine the mesh should be, ℓ + ⌈log₂(η_K/a)/(p + dim/2)⌉ at each cell."""
        mesh, spaces, squares = at.lineage.mesh, at.problem.spaces, self.squares(at)
        level = np.zeros(mesh.n_cells)
        if squares.any():
            # As many cells as share the error, be it ever so unevenly.
            share = squares / squares.sum()
            allowed = (AIM * self.tolerance) ** 2 * (share**2).sum()
            rate = max(space.degree for space in spaces) + mesh.dim / 2
            with np.errstate(divide="ignore"):
                level = at.lineage.level + np.ceil(np.log2(squares / allowed) / 2 / rate)
        return Wish(*at.lineage.balls(), np.clip(level, 0, self.levels))

    def carried(self, now: Stand, wish: Wish, reach: float) -> Stand:
        """Return it on a mesh as is wished for; cells stay as they are where more would be lost than allowed."""
        own, base = Wish(*now.lineage.balls(), now.lineage.level), self.base(now)
        for attempt in range(KEPT + 1):
            found, lost = self.moved(now, base.towards(wish, reach))
            if found.lost <= self.loss:
                break
            order = np.argsort(-lost)
            count = 1 + int(np.searchsorted(np.cumsum(lost[order]), 0.9 * lost.sum()))
            kept = order[:count] if attempt + 1 < KEPT else order
            wish = wish.joined(Wish(own.middle[kept], 0 * own.radius[kept], np.ceil(own.level[kept])))
        return found

    def moved(self, now: Stand, target: Lineage) -> tuple[Stand, np.ndarray]:
        """Return it on another mesh, and what each cell's part of the squares of what was lost is."""
        problem = self.on(target)
        carrier = Carrier((now.problem, now.lineage), (problem, target))
        given = now.state if self.pair else (now.state,)
        fields = tuple(map(carrier.fields, given))
        lost = sum(carrier.lost(old, new) for old, new in zip(given, fields, strict=True))
        memory, lost_memory = getattr(now.problem, "state", None), 0.0
        if memory is not None:
            other = carrier.memory(memory)
            lost_memory = carrier.lost_memory(memory, other)
            problem = eqx.tree_at(lambda p: p.state, problem, other)
        state = fields if self.pair else fields[0]
        return Stand(problem, target, state, float(np.sqrt(lost.sum())), lost_memory), lost

    def on(self, target: Lineage) -> AbstractBalance:
        """Return the problem on a mesh."""
        largest = self.coarsest.system.reduction.size * target.mesh.n_points / self.coarsest.spaces[0].mesh.n_points
        if largest > self.max_unknowns:
            raise RuntimeError(f"the next mesh has some {largest:.0f} unknowns, more than {self.max_unknowns}.")
        return Descent(self.coarsest, target)(self.coarsest) if self.make is None else self.make(target.mesh)

    def fields(self, state) -> PyTree:
        """Return the fields of a state."""
        return state[0] if self.pair else state

    def whole(self, problem, state) -> PyTree:
        """Return a first state, of which numbers are spread."""
        spaces = problem.spaces if isinstance(problem.space, tuple) else problem.spaces[0]
        full = lambda u, space: jnp.broadcast_to(jnp.asarray(u, space.zeros().dtype), space.shape)
        each = lambda u: tuple(map(full, u, spaces)) if isinstance(spaces, tuple) else full(u, spaces)
        return tuple(map(each, state)) if self.pair else each(state)

    @staticmethod
    def base(at: Stand) -> Lineage:
        """Return the first mesh."""
        return Lineage.of(at.lineage.base)
