"""The root of an equation as a layer."""

import equinox as eqx
import optimistix as optx

from .._frozen import thawed, without_given
from .._told import Told
from .._typing import Any, Callable, PyTree
from ..implicit import AbstractAdjoint, RootProblem, Solution, solve


class Root(Told):
    """The solution y of f(y, x) = 0 as a function of x and of f's own parameters.

    dy = −(∂f/∂y)⁻¹ (∂f/∂x dx + ∂f/∂θ dθ)

    **Arguments:**

    - `function`: f(y, x) → residual of y's structure; an Equinox module whose arrays are trained with the network. Meshes,
      constraints and loads of problems in it are not, unless `simphys.trainable` picks them.
    - `method`: an `optimistix.AbstractRootFinder`; `Newton()` by default.
    - `adjoint`: `Implicit()` (default), `Unrolled()` or `OneStep()`: what the gradient means.
    - `scale`: magnitude, per leaf of y or one for all, that the residual is measured against.
    - `tags`: Lineax tags that are true of ∂f/∂y.

    Reference: S. G. Krantz, H. R. Parks, The Implicit Function Theorem, Birkhäuser 2013.
    """

    function: Callable = eqx.field(converter=without_given)
    method: optx.AbstractRootFinder | None = None
    adjoint: AbstractAdjoint | None = None
    scale: PyTree = 1.0
    tags: frozenset[object] = eqx.field(static=True, default=frozenset())

    def __call__(self, guess: PyTree, x: Any = None, *, throw: bool = True) -> Solution:
        """Solve from a guess.

        **Arguments:**

        - `guess`: y to start from; no derivative is taken through it.
        - `x`: the layer's input.
        - `throw`: raise if no root is found. With `throw=False` look at `result`; gradients are NaN then.

        **Returns:** a `Solution`; its `value` is y.
        """
        problem = RootProblem(thawed(self.function), tags=self.tags, scale=self.scale)
        return solve(problem, guess, x, method=self.method, adjoint=self.adjoint, throw=throw)
