"""z = f(z, x) as a layer."""

import dataclasses
import warnings
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import lineax as lx
import optimistix as optx

from .._frozen import thawed, without_given
from .._trees import norm
from .._typing import Any, Callable, PyTree
from ..implicit import (
    AbstractAdjoint,
    AbstractMethod,
    AbstractRootProblem,
    Evaluated,
    Implicit,
    MismatchedTolerances,
    Solution,
    least_tolerance,
    solve,
)
from ..linalg import FGMRES
from ._anderson import Anderson
from ._iterated import Iterated
from ._iteration import AbstractIteration


TRUST = 0.1
MARGIN = 0.5
POINTLESS = 1e-3


class FixedPointProblem(AbstractRootProblem):
    """z = f(z, x) as a root problem; x is what `solve` calls `args`.

    F(z) = z − f(z, x),   residual ‖F‖ / ‖f‖ over all leaves of z together

    **Arguments:**

    - `function`: f(z, x) → a pytree like z; a module's array leaves are parameters.
    - `guess`: default z.
    - `tags`: Lineax tags that are true of 1 − ∂f/∂z.
    """

    function: Callable
    guess: PyTree = None
    tags: frozenset[object] = eqx.field(static=True, default=frozenset())
    linear: ClassVar[bool] = False

    def residual(self, y, args):
        """Return z − f(z, x)."""
        return jax.tree.map(jnp.subtract, y, self.function(y, args))

    def jacobian(self, y, args):
        """Return 1 − ∂f/∂z, matrix-free, with f linearised once for all products."""
        operator = lx.JacobianLinearOperator(self.residual, y, args, tags=self.tags)
        return lx.linearise(operator)

    def evaluate(self, y, args):
        """Return F, for each leaf the norm of all of f(z, x), and no energy."""
        image = self.function(y, args)
        size = norm(image)
        return Evaluated(jax.tree.map(jnp.subtract, y, image), jax.tree.map(lambda _: size, y), None)

    def unknowns(self, guess):
        """Return the guess itself."""
        guess = self.guess if guess is None else guess
        if guess is None:
            raise ValueError("A fixed point needs a `guess`: an array or a pytree of arrays of z's shape.")
        return jax.tree.map(jnp.asarray, guess)

    def value(self, y):
        """Return z."""
        return y

    def unloaded(self):
        """There is no load to be taken away."""
        return None


class FixedPoint(eqx.Module):
    """The layer x ↦ z that solves z = f(z, x; θ).

    z = f(z, x; θ),   dz = (1 − ∂f/∂z)⁻¹ (∂f/∂x dx + ∂f/∂θ dθ)

    The derivative, by default, is that of the converged solution. Its adjoint system (1 − ∂f/∂z)ᵀ λ = v is solved by the
    forward method, λ ← v + (∂f/∂z)ᵀ λ (after Newton's method by GMRES), to the tolerance of the forward solve unless
    `adjoint` says otherwise; memory does not grow with the number of iterations. No gradient is given where the solve
    failed, its adjoint missed its tolerance, or the Jacobian is nearly singular.

    **Arguments:**

    - `function`: f(z, x) → a pytree like z. Where it is a module, its array leaves are the parameters θ. Meshes,
      constraints and loads of problems in it are not, unless `simphys.trainable` picks them.
    - `method`: `Anderson()` (default), `Damped()`, `Broyden()`, `newton_krylov()` or any root finder of `solve`.
    - `adjoint`: what the gradient means: `Implicit`, `Unrolled` or `OneStep`; None for
      `Implicit(Iterated(…), rtol=(that of the method), trust=0.1)`.
    - `batched`: f is for one sample, and x, z have a leading batch dimension; the samples are iterated together, and judged
      by their common residual. (`jax.vmap` of the layer gives each its own iteration and status, at more cost a step.)
    - `tags`: Lineax tags that are true of 1 − ∂f/∂z.
    - `throw`: raise where no fixed point is found, or no gradient.

    Reference: S. Bai, J. Z. Kolter, V. Koltun, Deep Equilibrium Models, NeurIPS 2019.
    """

    function: Callable = eqx.field(converter=without_given)
    method: optx.AbstractRootFinder = Anderson()
    adjoint: AbstractAdjoint | None = None
    batched: bool = eqx.field(static=True, default=False)
    tags: frozenset[object] = eqx.field(static=True, default=frozenset())
    throw: bool = eqx.field(static=True, default=True)

    def problem(self, guess: PyTree, x: Any = None) -> FixedPointProblem:
        """Return the root problem; solve it with `args=x`."""
        function = _Mapped(thawed(self.function)) if self.batched else thawed(self.function)
        return FixedPointProblem(function, guess, self.tags)

    def __call__(self, x: Any = None, guess: PyTree = None, *, probe=None) -> Solution:
        """Solve; return a `Solution`, whose `value` is z and serves as `guess` for the next call.

        **Arguments:**

        - `x`: input, passed on to f.
        - `guess`: where the iteration starts, of z's shape: zeros, or the solution of an earlier call.
        - `probe`: see `simphys.value_and_grad`.

        **Returns:** the `Solution`.

        **Raises:** `NotConverged` where `throw` is set; `ValueError` where f(z, x) is not like z.
        """
        problem = self.problem(guess, x)
        guess = problem.unknowns(guess)
        _check_structure(problem.function, guess, x)
        adjoint = self._adjoint(jnp.result_type(*jax.tree.leaves(guess)))
        return solve(problem, guess, x, method=self.method, adjoint=adjoint, throw=self.throw, probe=probe)

    def _adjoint(self, dtype):
        method = self.method
        own = method.tolerance(dtype) if isinstance(method, AbstractMethod) else method.rtol
        if self.adjoint is None:
            inner = max(MARGIN * own, least_tolerance(dtype))
            return Implicit(adjoint_solver(method, inner), rtol=own, trust=TRUST)
        asked = self.adjoint.rtol
        if asked is not None and asked < POINTLESS * own:
            warnings.warn(
                f"The adjoint is held to {asked:.1g}, the forward solve to {own:.1g} only: the gradient will have an error "
                "of the order of the latter. Tighten the method's `rtol`, or loosen the adjoint's.",
                MismatchedTolerances,
                stacklevel=4,
            )
        return self.adjoint


def adjoint_solver(method: optx.AbstractRootFinder, rtol: float) -> lx.AbstractLinearSolver:
    """Return the solver for (1 − ∂f/∂z)ᵀ λ = v that fixed points use unless told otherwise.

    The transpose has the same spectrum: where the iteration has converged, it will do so again.
    """
    if isinstance(method, AbstractIteration):
        return Iterated(dataclasses.replace(method, rtol=rtol))
    return FGMRES(rtol=rtol, restart=30, max_steps=1_000)


class _Mapped(eqx.Module):
    """f for one sample, mapped over the leading dimension of z and x."""

    function: Callable

    def __call__(self, z, x):
        return jax.vmap(self.function)(z, x)


def _check_structure(function, guess, x):
    image = eqx.filter_eval_shape(function, guess, x)
    shapes = lambda tree: [(leaf.shape, leaf.dtype) for leaf in jax.tree.leaves(tree)]
    if jax.tree.structure(image) != jax.tree.structure(guess) or shapes(image) != shapes(guess):
        raise ValueError(
            "f(z, x) must have the structure, shapes and types of z, the guess: "
            f"z is {eqx.tree_pformat(guess)}, f(z, x) is {eqx.tree_pformat(image)}."
        )
