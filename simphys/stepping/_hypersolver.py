"""A stepper whose local error has been learned."""

import dataclasses
from typing import ClassVar

import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree

from .._result import RESULTS
from .._typing import Array, Callable, PyTree
from ..implicit import nan_unless, solve
from ._march import finite
from ._ode import ODE
from ._stepper import AbstractSingleStep, Memory


class Hypersolver(AbstractSingleStep):
    r"""A single-step method, corrected by what a network has learned of its local error.

    u₁ = ψ + h^{p+1} g(u₀, (ψ − u₀)/h),   ψ the step of a method of order p

    Where g is off by δ, each step is off by h^{p+1} δ: an order is not gained, its constant is. The step is still that of
    an implicit method, and g is smooth: derivatives are those of both. For an `ODE`; prescribed values of a balance law
    would be corrected away.

    **Arguments:**

    - `stepper`: a stepper that needs nothing but the state, such as `BackwardEuler()`.
    - `correction`: g, (u₀, rate), both flattened (n,) → (n,); an `equinox.nn.MLP` of 2n inputs, say, behind a function.

    **Raises:** `ValueError` for other steppers, and when it is led through anything but an `ODE`.

    Reference: M. Poli et al., Hypersolvers: toward fast continuous-depth models, NeurIPS 2020.
    """

    derivatives: ClassVar[int] = 1
    stepper: AbstractSingleStep
    correction: Callable

    def __check_init__(self):
        if not isinstance(self.stepper, AbstractSingleStep) or self.stepper.derivatives != 1:
            raise ValueError(f"`stepper` must be a single-step method of first order in time, got {self.stepper!r}.")
        if not callable(self.correction):
            raise ValueError(f"`correction` must be callable, (state, rate) → state, got {self.correction!r}.")

    @property
    def order(self):
        """That of the method corrected."""
        return self.stepper.order

    def step(self, evolution, memory, t, h, solve):
        """Step, then correct."""
        if not isinstance(evolution, ODE):
            raise ValueError("A `Hypersolver` is for an `ODE`: it would correct a balance law's prescribed values too.")
        found = self.stepper.step(evolution, memory, t, h, solve)
        before, _ = ravel_pytree(memory.u)
        plain, unravel = ravel_pytree(found.memory.u)
        corrected = plain + h ** (self.order + 1) * self.correction(before, (plain - before) / h)
        return dataclasses.replace(found, memory=Memory(unravel(corrected)), error=None)


def local_errors(
    stepper: AbstractSingleStep,
    ode: ODE,
    states: PyTree,
    interval,
    *,
    reference: AbstractSingleStep,
    substeps: int = 16,
) -> tuple[Array, Array, Array]:
    r"""Return what a `Hypersolver`'s correction is trained on: (u₀, (ψ − u₀)/h, (φ − ψ)/h^{p+1}), each (sample, n).

    **Arguments:**

    - `stepper`: the method whose step is ψ.
    - `ode`: an autonomous `ODE`.
    - `states`: u₀, with a leading axis of samples.
    - `interval`: h.
    - `reference`: the method that finds φ, the state after h, in `substeps` steps: one of higher order, such as `SDIRK3()`.

    A sample whose solves failed is NaN.
    """
    run = lambda problem, guess, start=None: finite(solve(problem, guess, method=ode.method(), throw=False))
    zero = jnp.zeros(())

    def walk(method, u, h, count):
        def one(carry, _):
            memory, fine = carry
            found = method.step(ode, memory, zero, h, run)
            return (found.memory, fine & (found.result == RESULTS.successful)), None

        (memory, fine), _ = jax.lax.scan(one, (method.begin(ode, zero, u, run), jnp.asarray(True)), None, length=count)
        return nan_unless(fine, ravel_pytree(memory.u)[0])

    def sample(u):
        before, _ = ravel_pytree(u)
        h = jnp.asarray(interval, before.dtype)
        plain, exact = walk(stepper, u, h, 1), walk(reference, u, h / substeps, substeps)
        return before, (plain - before) / h, (exact - plain) / h ** (stepper.order + 1)

    return jax.vmap(sample)(states)
