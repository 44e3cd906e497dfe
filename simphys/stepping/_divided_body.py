"""Balance laws on meshes that are divided among devices, as problems in time."""

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp

from .._trees import all_finite
from .._typing import Array, PyTree, Scalar
from ..distributed import Divided, DividedStage, PartField, Parts
from ..implicit import Newton, where_finite
from ..physics import AbstractBalance, AbstractContact, check_storage, memory_of, remembering
from ._evolution import AbstractEvolution, Bounds, alike, driven


class DividedBody(AbstractEvolution):
    """A balance law of one field whose mesh is divided; see `Semidiscrete` for the same on one device.

    **Arguments:**

    - `parts`: of the mesh.
    - `problem`: of the whole mesh, an `AbstractBalance`.
    - `drive`: (problem, t) → the problem of the whole mesh at time t; None if nothing changes.

    **Raises:** `ValueError` for what is not divided, by its name.
    """

    parts: Parts
    problem: AbstractBalance
    made: Divided
    """The problem as it is without the drive."""
    drive: Callable | None

    def __init__(self, parts, problem, drive=None, *, made=None):
        if not isinstance(parts, Parts):
            raise ValueError(f"`parts` must be a `distributed.Parts` of the problem, got a `{type(parts).__name__}`.")
        check_led(problem)
        self.parts, self.drive, self.made = parts, drive, parts.divide(problem) if made is None else made
        state = getattr(problem, "state", None)
        if made is None and state is not None:
            problem = remembering(problem, parts.restriction.remembered(state), None)
        self.problem = problem

    @property
    def derivatives(self):
        """2 for bodies with inertia, 0 for what stores nothing, else 1."""
        return self.problem.terms().derivatives

    def at(self, t: Scalar) -> Divided:
        """Return the divided problem at time t."""
        if self.drive is None:
            return self.made
        return self.parts.changed(self.made, self.problem, driven(self.problem, self.drive, t))

    def seen(self, u: Array, t: Scalar) -> tuple[Array, AbstractBalance]:
        """Return a field and the problem at time t as those of the whole mesh, on every device."""
        return self.parts.whole(u), driven(self.undivided, self.drive, t)

    @property
    def undivided(self) -> AbstractBalance:
        """The problem of the whole mesh, with what it remembers."""
        state = getattr(self.problem, "state", None)
        return self.problem if state is None else remembering(self.problem, self.gathered(state), None)

    def gathered(self, memory: PyTree) -> PyTree:
        """Return what a stepper goes on with, and what is remembered, as that of the whole mesh, on every device."""
        shape = self.made.parameters.given.shape

        def whole(leaf):
            if isinstance(leaf, PartField):
                return self.parts.shared(self.parts.restriction.whole(leaf, self.problem.space.mesh.n_cells))
            return self.parts.whole(leaf) if jnp.shape(leaf) == shape else leaf

        return jax.tree.map(whole, memory, is_leaf=lambda leaf: isinstance(leaf, PartField))

    def divided(self, memory: PyTree, like: PyTree) -> PyTree:
        """Return by parts what `gathered` has made whole; `like` is what it has made it of."""
        shape = self.made.parameters.given.shape

        def own(part, leaf):
            if isinstance(part, PartField):
                return self.parts.restriction.remembered(leaf)
            return self.parts.split(leaf) if jnp.shape(part) == shape else leaf

        return jax.tree.map(own, like, memory, is_leaf=lambda leaf: isinstance(leaf, PartField))

    def stored(self, u, t):
        """Return S(u) of the nodes that each part owns."""
        return where_finite(lambda problem, u: problem.storage(u).residual, self.at(t), u)

    def flow(self, u, t):
        """Return R(u) of the nodes that each part owns."""
        return where_finite(lambda problem, u: problem.flow(u).residual, self.at(t), u)

    def stage(self, t, factor, known, *, acting_at=None, weight=1.0, base=None, points=0, split=False, flowing=True):
        """Return the body's stage; the body itself if nothing is stored."""
        if self.derivatives == 0:
            return self.at(t)
        if split:
            raise ValueError("`ConvexSplitting` is not divided among devices: take `BackwardEuler()` or `BDF2()`.")
        own = lambda x: x.astype(known.dtype) if isinstance(x, jax.Array) else x
        acting = None if acting_at is None or self.drive is None else self.at(acting_at)
        return DividedStage(self.at(t), own(factor), known, acting, own(weight), base, points, flowing)

    def rate(self, u, t):
        """A problem on a mesh is led implicitly."""
        raise ValueError("On meshes no stepper is explicit.")

    def bounds(self, u, t):
        """Unknown."""
        return Bounds(jnp.asarray(jnp.inf), all_finite(u))

    def history(self):
        """Return what each part remembers."""
        return memory_of(self.problem)

    def remembering(self, history, interval):
        """Return the body with another memory."""
        if history is None:
            return self
        problem = remembering(self.problem, history, interval)
        made = self.parts.changed(self.made, self.problem, problem)
        return DividedBody(self.parts, problem, self.drive, made=made)

    def remembered(self, u, t):
        """Return what each part remembers then."""
        problem = driven(self.problem, self.drive, t)
        return None if getattr(problem, "state", None) is None else self.parts.updated(problem, u)

    @property
    def rubbing(self):
        """None: friction is not divided."""
        return ()

    def sliding(self, before, span):
        """Itself."""
        return self

    def admitted(self, stage, u, guess):
        """The guess."""
        return guess

    def until_touch(self, t, h, ahead):
        """All of it."""
        return h

    def method(self):
        """Newton's method as for equilibria."""
        return Newton(least_steps=1)

    def resting(self):
        """Return the unloaded body, driven by nothing."""
        problem = self.problem.unloaded()
        return DividedBody(self.parts, problem, made=self.parts.changed(self.made, self.problem, problem))

    def consistent(self, u, t):
        """Return u with the prescribed values of time t, of the nodes that each part owns."""
        problem = self.at(t)
        return problem.value(problem.unknowns(self.spread(u, problem.parameters.given)))

    def spread(self, rate, u):
        """Return numbers, or a field of the whole mesh, by parts."""
        if jnp.shape(rate) == u.shape:
            return jnp.asarray(rate, u.dtype)
        return self.parts.split(alike(rate, self.like())).astype(u.dtype)

    def like(self):
        """Return the shape of a field of the whole mesh, as states are given."""
        return eqx.filter_eval_shape(lambda space: jnp.zeros(space.shape, space.mesh.points.dtype), self.problem.space)

    def judged(self, error):
        """Return it such that its mean over all places is that over all nodes: places may be empty."""
        parts, places, _ = error.shape
        return error * (parts * places / self.parts.n_nodes) ** 0.5


def check_led(problem: AbstractBalance):
    """Raise `ValueError` for what is divided in equilibrium but not in time, or not at all."""
    if not isinstance(problem, AbstractBalance):
        raise ValueError(f"A balance law on a mesh is divided (`simphys.physics`), got a `{type(problem).__name__}`.")
    check_storage(problem)
    terms = problem.terms()
    if terms.algebraic or terms.immediate or terms.multipliers:
        raise ValueError(f"A `{type(problem).__name__}` has equations that hold at every time: not divided in time.")
    for load in problem.loads:
        if load.stepwise or load.remembers or isinstance(load, AbstractContact):
            raise ValueError(f"A `{type(load).__name__}` has friction, contact or a memory: not divided in time.")
