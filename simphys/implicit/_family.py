"""Root problems that depend on a load factor λ: λ ↦ (problem, args)."""

import abc
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp

from .._hidden import hashable
from .._keyed import keyed
from .._trees import norm
from .._typing import PyTree, Scalar
from ._certificate import relative_norm, sized
from ._problem import AbstractRootProblem, along, departure


class AbstractFamily(eqx.Module):
    """What has a problem for each load factor."""

    @abc.abstractmethod
    def at(self, load: Scalar) -> tuple[AbstractRootProblem, Any]:
        """Return the problem at a load factor, and the arguments of its methods."""

    @abc.abstractmethod
    def exactly(self, load: float, dtype) -> tuple[AbstractRootProblem, Any]:
        """Return them at a number, outside of compiled programs: at 1 what a user gave, to the last bit."""


class Blended(AbstractFamily):
    """θ(λ) = (1 − λ) θ₀ + λ θ, from a problem θ₀ (0) through the one posed (1) and beyond."""

    start: PyTree
    end: AbstractRootProblem
    args: Any

    def at(self, load):
        """Blend."""
        return along(self.start, self.end, load), self.args

    def exactly(self, load, dtype):
        """Blend, but at 1."""
        return (self.end, self.args) if load == 1 else self.at(jnp.asarray(load, dtype))


class Argued(AbstractFamily):
    """A problem whose `args` is λ, or a function of it."""

    problem: AbstractRootProblem
    args: Callable | None

    def at(self, load):
        """Hand λ on."""
        return self.problem, load if self.args is None else self.args(load)

    def exactly(self, load, dtype):
        """Hand λ on."""
        return self.at(jnp.asarray(load, dtype))


class Called(AbstractFamily):
    """A function λ ↦ problem."""

    function: Callable
    args: Any

    def at(self, load):
        """Call it."""
        return self.function(load), self.args

    def exactly(self, load, dtype):
        """Call it."""
        return self.at(jnp.asarray(load, dtype))


def family_of(problem, args, start) -> AbstractFamily:
    """Return the family that the arguments of `follow` mean.

    **Raises:** `ValueError` for a `start` beside a function, or of another structure.
    """
    if not isinstance(problem, AbstractRootProblem):
        if not callable(problem):
            raise ValueError(f"`problem` must be a root problem or a function λ → root problem, got {problem!r}.")
        if start is not None:
            raise ValueError("`start` is the problem at λ = 0 of one that is given by itself, not of a function of λ.")
        return hashable(Called(keyed(problem), args))
    if start is None:
        start = problem.unloaded()
        if start is None:
            if args is not None and not callable(args):
                raise ValueError(
                    "Of an equation without loads of its own λ is `args`; for more arguments give a function λ → args, "
                    f"got {args!r}."
                )
            return hashable(Argued(problem, keyed(args)))
    elif jax.tree.structure(start) != jax.tree.structure(problem):
        raise ValueError("`start` must have the structure of `problem`; it differs.")
    return hashable(Blended(departure(start, problem), problem, args))


def evaluated(family: AbstractFamily, y: PyTree, load: Scalar):
    """Return what there is of F at y and λ, and ∂F/∂λ."""

    def at(load):
        problem, args = family.at(load)
        found = problem.evaluate(y, args)
        return found.residual, found

    _, rate, found = jax.jvp(at, (load,), (jnp.ones_like(load),), has_aux=True)
    return found, rate


def relative_size(found, rows: PyTree) -> Scalar:
    """Return the residual relative to its scale, as Newton's method has it."""
    return relative_norm(found.residual, sized(found.scale, found.residual, rows))


def root_mean_squares(tree: PyTree):
    """Return √(mean of squares) of each leaf, (f,)."""
    each = [norm(leaf) / max(leaf.size, 1) ** 0.5 for leaf in jax.tree.leaves(tree)]
    return jnp.stack(each)
