"""What a benchmark case is, and the two compiled functions that are timed."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import equinox as eqx
import jax
import numpy as np

import simphys as sp


@dataclass(frozen=True)
class Case:
    """A problem of one size, and what is asked of it.

    **Attributes:**

    - `problem`: the root problem.
    - `parameters`: named arrays; arguments of every compiled function, constants of none.
    - `place`: (problem, parameters) → the problem that holds them.
    - `loss`: (problem, u, parameters) → the scalar that is compared between packages.
    - `wrt`: name of the parameter that the gradient is taken with respect to.
    - `varied`: name of the coefficients that change from one warm call to the next.
    - `rtol`: relative residual.
    - `also`: further losses, by name, evaluated once and not timed.
    """

    name: str
    size: int
    problem: sp.physics.Solid
    parameters: dict[str, jax.Array]
    place: Callable[[Any, dict], Any]
    loss: Callable[[Any, jax.Array, dict], jax.Array]
    wrt: str
    varied: str
    rtol: float
    also: dict[str, Callable] = field(default_factory=dict)

    @property
    def unknowns(self) -> int:
        """Nodal values of the mesh, prescribed ones included, as every package counts them."""
        return self.problem.space.n_dofs


class Programs:
    """The compiled functions of a case: `forward(parameters)` and `gradient(parameters)`."""

    def __init__(self, case: Case):
        self.case = case

    def forward(self, parameters):
        """Return the `Solution`."""
        return _forward(self.case.problem, parameters, self.case.place, self.case.rtol)

    def gradient(self, parameters, loss=None):
        """Return ((loss, stats), gradient, certificate of the adjoint) for the case's loss or another one."""
        case = self.case
        loss = case.loss if loss is None else loss
        return _gradient(parameters[case.wrt], case.problem, parameters, case.wrt, case.place, loss, case.rtol)


def _solve(problem, parameters, place, rtol):
    return sp.solve(place(problem, parameters), method=sp.Newton(rtol=rtol))


def _evaluate(x, problem, parameters, wrt, place, loss, rtol):
    parameters = parameters | {wrt: x}
    solution = _solve(problem, parameters, place, rtol)
    return loss(problem, solution.value, parameters), solution.stats


_forward = eqx.filter_jit(_solve)
_gradient = eqx.filter_jit(sp.value_and_grad(_evaluate, has_aux=True))


def changed(case: Case, k: int, amount: float = 0.1) -> dict[str, jax.Array]:
    """Return parameters whose varied coefficients have each changed by a random factor in 1 ± amount.

    No two k give matrices that are multiples of each other, so that no factor or hierarchy of an earlier call is exact.
    """
    value = case.parameters[case.varied]
    factor = 1 + amount * np.random.default_rng(k).uniform(-1, 1, value.shape)
    return case.parameters | {case.varied: jax.device_put(np.asarray(value) * factor)}


def scaled(case: Case, k: int) -> dict[str, jax.Array]:
    """Return parameters whose varied coefficients are all multiplied by 1 + 10⁻⁹ k: equal in effect, not in bits."""
    return case.parameters | {case.varied: case.parameters[case.varied] * (1 + 1e-9 * k)}


@eqx.filter_jit
def residual_beside_load(problem, value) -> jax.Array:
    """Return ‖F(u)‖ / ‖∂F/∂t‖ at rest, t the fraction of all loads and prescribed values: what peers' solvers measure."""
    rest, y0 = problem.unloaded(), problem.unknowns(None)

    def residual(t):
        blend = lambda a, b: a + t * (b - a) if eqx.is_inexact_array(b) and a is not b else b
        return jax.tree.map(blend, rest, problem).residual(y0)

    zero = jax.numpy.zeros((), value.dtype)
    _, rate = jax.jvp(residual, (zero,), (zero + 1,))
    return jax.numpy.linalg.norm(problem.residual(problem.unknowns(value))) / jax.numpy.linalg.norm(rate)
