"""The root problem: the one equation everything else is written as."""

import abc
from collections.abc import Callable
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import lineax as lx

from .._ranges import Ranged
from .._told import Told
from .._touching import Touching
from .._typing import Array, PyTree, Scalar
from ..linalg import ColouredJacobian
from ._agreeing import agreeing, numbers, scalar


class Evaluated(Told):
    """A residual and what it is judged by.

    **Attributes:**

    - `residual`: F(y), of y's structure; not finite where y is inadmissible.
    - `scale`: for each leaf of y the magnitude (a scalar) that its residual is measured against; 0 for |J v|, the size that
      an error of y would give it.
    - `energy`: the scalar whose gradient F is, or None; it guards the line search.
    """

    residual: PyTree
    scale: PyTree
    energy: Scalar | None


class AbstractRootProblem(Ranged):
    """An equation F(y, args) = 0 for y; every array leaf of the module is a parameter of the solution.

    F(y*(θ), θ) = 0,   dy*/dθ = −(∂F/∂y)⁻¹ ∂F/∂θ

    To solve an equation given as a Python function, use `RootProblem`.
    """

    raises: ClassVar[bool] = True
    """Whether programs may raise where a solve failed. They must not where several processes run one: whoever raised alone
    would leave the others waiting. Values and gradients are NaN then, and certificates say why."""

    @property
    @abc.abstractmethod
    def linear(self) -> bool:
        """Whether F is known to be affine in y, so that the Jacobian at one point serves all."""

    @abc.abstractmethod
    def residual(self, y: PyTree, args: Any) -> PyTree:
        """Return F(y, args), of y's structure; not finite where y is inadmissible."""

    @abc.abstractmethod
    def jacobian(self, y: PyTree, args: Any) -> lx.AbstractLinearOperator:
        """Return ∂F/∂y as a Lineax operator whose tags are true."""

    @abc.abstractmethod
    def evaluate(self, y: PyTree, args: Any) -> "Evaluated":
        """Return F(y, args) together with its scale and the energy it derives from, if there is one."""

    @abc.abstractmethod
    def unknowns(self, guess: PyTree | None) -> PyTree:
        """Return y for a user's guess of the solution's value, or the default y for None."""

    @abc.abstractmethod
    def value(self, y: PyTree) -> PyTree:
        """Return what the user receives for the unknowns y."""

    def sizes(self, y: PyTree) -> PyTree | None:
        """Return numbers, of the structure of `value`, as large as those that F(y) takes differences of.

        A step that is rounding of them is none in F. A law of finite strain sees positions; None: `value` is all.
        """
        return None

    def switches(self, y: PyTree, args: Any) -> tuple[Array, ...]:
        """Return arrays of numbers that are 0 where F has a kink, of order 1 elsewhere; the last axis is one point's.

        NaN at points where a parameter that depends on y has left its range.
        """
        return ()

    def longest(self, y: PyTree, ahead: "AbstractRootProblem", beyond: PyTree, args: Any) -> Scalar | None:
        """Return how much of the straight way from y to `beyond`, of the problem `ahead`, is admissible; None for all.

        Newton's method goes no further in one step. It is never differentiated.
        """
        return None

    def touching(self, y: PyTree, args: Any) -> Touching | None:
        """Return what y touches, for the certificate; None for problems without contact."""
        return None

    def blamed(self, y: PyTree, args: Any) -> list[str]:
        """Return in words what makes F(y) no number, for a message; nothing where that is not known."""
        return []

    def roomier(self) -> "AbstractRootProblem | None":
        """Return the problem with more room for pairs in contact; None where that does not help."""
        return None

    @abc.abstractmethod
    def unloaded(self) -> "AbstractRootProblem | None":
        """Return the problem whose solution is the default y, of the same structure; None if there is none such.

        Continuation leads from there to this problem: θ(t) = (1 − t) θ₀ + t θ.
        """


class RootProblem(AbstractRootProblem):
    """A function F(y, args), or the gradient F = ∂Φ/∂y of an energy, as a root problem.

    **Arguments:**

    - `function`: F(y, args) → residual of y's structure. A module or `jax.tree_util.Partial` may carry parameters.
      May be left out where `energy` is given: then F = ∂Φ/∂y, and ∂F/∂y is tagged symmetric.
    - `tags`: Lineax tags that are true of ∂F/∂y, such as `lineax.symmetric_tag`.
    - `energy`: optional Φ(y, args) with F = ∂Φ/∂y.
    - `jacobian`: optional function (y, args) → Lineax operator, or a `linalg.ColouredJacobian`; by default matrix-free.
    - `scale`: magnitude, per leaf of y or one for all, that the residual is measured against; by default 1.
    - `guess`: default y.

    **Raises:** `ValueError` if there is neither a function nor an energy.
    """

    function: Callable | None
    tags: frozenset[object] = eqx.field(static=True)
    energy_function: Callable | None
    jacobian_function: Callable | ColouredJacobian | None
    residual_scale: PyTree
    guess: PyTree
    linear: ClassVar[bool] = False

    def __init__(self, function=None, *, tags=frozenset(), energy=None, jacobian=None, scale=1.0, guess=None):
        if function is None and energy is None:
            raise ValueError("A root problem needs a residual `function` or an `energy`, got neither.")
        self.function = function
        tags = frozenset([tags]) if not isinstance(tags, frozenset | set | tuple | list) else frozenset(tags)
        self.tags = tags | {lx.symmetric_tag} if function is None else tags
        self.energy_function = energy
        self.jacobian_function = jacobian
        real = lambda s: isinstance(s, jax.Array) and jnp.issubdtype(s.dtype, jnp.floating)
        self.residual_scale = jax.tree.map(lambda s: s if real(s) else jnp.asarray(s, dtype=float), scale)
        self.guess = guess

    def residual(self, y, args):
        """Return F(y, args)."""
        if self.function is None:
            return jax.grad(scalar(self.energy_function))(y, args)
        return agreeing(self.function(y, args), y)

    def jacobian(self, y, args):
        """Return the given operator, the one assembled by colours, or the matrix-free one."""
        if isinstance(self.jacobian_function, ColouredJacobian):
            return self.jacobian_function(self.residual, y, args, self.tags)
        if self.jacobian_function is not None:
            return self.jacobian_function(y, args)
        return lx.JacobianLinearOperator(self.residual, y, args, tags=self.tags)

    def evaluate(self, y, args):
        """Return F, the given scale for each leaf of y, and Φ(y, args) or None."""
        leaves = jax.tree.leaves(self.residual_scale)
        scale = jax.tree.map(lambda _: leaves[0], y) if len(leaves) == 1 else self.residual_scale
        scale = jax.tree.map(lambda s, y: s.astype(jnp.result_type(y)), scale, y)
        energy = None if self.energy_function is None else self.energy_function(y, args)
        return Evaluated(self.residual(y, args), scale, energy)

    def unknowns(self, guess):
        """Return the guess itself."""
        guess = self.guess if guess is None else guess
        if guess is None:
            raise ValueError("This problem has no default guess: pass `guess=` to `solve`.")
        return numbers(guess)

    def value(self, y):
        """Return y itself."""
        return y

    def unloaded(self):
        """A bare function has no load to be taken away."""
        return None


def departure(start: PyTree, end: PyTree) -> PyTree:
    """Return start's floating leaves that are not the very same arrays in end, and None for all others.

    What does not change along a path is not differentiated along it either.
    """
    differs = lambda a, b: a if eqx.is_inexact_array(b) and a is not b else None
    return jax.tree.map(differs, start, end)


def interpolate(start: PyTree, end: PyTree, t: Scalar) -> PyTree:
    """Return (1 − t) start + t end for the leaves that `departure` left in start, and end's other leaves."""
    exact = lambda a, b: b if a is None else jnp.where(t >= 1, b, _blend(a, b, t))
    return jax.tree.map(exact, start, end, is_leaf=lambda x: x is None)


def along(start: PyTree, end: PyTree, t: Scalar) -> PyTree:
    """Return them likewise beyond 1 as well, where they go on changing."""
    return jax.tree.map(lambda a, b: _blend(a, b, t), start, end, is_leaf=lambda x: x is None)


def _blend(a, b, t):
    return b if a is None else a + jnp.asarray(t, b.dtype) * (b - a)
