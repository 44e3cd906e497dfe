"""Singly diagonally implicit Runge–Kutta methods."""

import math
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from .._result import RESULTS
from ._stepper import AbstractSingleStep, Memory, Taken, combine, counted


class AbstractSDIRK(AbstractSingleStep):
    """L-stable and stiffly accurate methods with one γ on the diagonal: every stage has the same matrix.

    Where prescribed values change in time, stages take them at their own times: the order there is 2 at most.
    """

    derivatives: ClassVar[int] = 1
    tableau: eqx.AbstractClassVar[np.ndarray]
    """a_ij, the last row being the weights."""
    embedded: eqx.AbstractClassVar[np.ndarray]
    """Weights of the method of one order less that estimates the error."""

    def step(self, evolution, memory, t, h, solve):
        """Solve stage after stage, by one compiled program."""
        gamma, count, u0 = float(self.tableau[0, 0]), len(self.tableau), memory.u
        dtype = h.dtype
        factor = 1 / (gamma * h)
        start = combine((factor, evolution.stored(u0, t)))
        room = lambda tree: jax.tree.map(lambda leaf: jnp.zeros((count, *leaf.shape), leaf.dtype), tree)
        weigh = lambda row, stacked: jax.tree.map(lambda x: jnp.tensordot(row.astype(x.dtype), x, 1), stacked)
        put = lambda i, stacked, new: jax.tree.map(lambda x, n: x.at[i].set(n), stacked, new)

        def stage(carry, inputs):
            guess, flows, rates, result, counts = carry
            i, row, at = inputs
            known = combine((1.0, start), (-1.0, weigh(row, flows)))
            found = solve(evolution.stage(t + at * h, factor, known), guess)
            flow = combine((1.0, known), (-factor, evolution.stored(found.value, t + at * h)))
            rate = combine((factor, found.value), (-factor, u0), (-1.0, weigh(row, rates)))
            result = RESULTS.where(result == RESULTS.successful, found.result, result)
            counts = jax.tree.map(jnp.add, counts, counted(found))
            return (found.value, put(i, flows, flow), put(i, rates, rate), result, counts), None

        zero = jnp.zeros((), jnp.int32)
        rows = jnp.asarray(np.tril(self.tableau, -1) / gamma, dtype)
        times = jnp.asarray(self.tableau.sum(axis=1), dtype)
        begin = (u0, room(start), room(u0), RESULTS.successful, (zero, zero, zero))
        (u, _, rates, result, counts), _ = jax.lax.scan(stage, begin, (jnp.arange(count), rows, times))
        error = weigh(h * jnp.asarray(self.tableau[-1] - self.embedded, dtype), rates)
        return Taken(Memory(u), result, *counts, error)


_G2 = 1 - math.sqrt(0.5)


class SDIRK2(AbstractSDIRK):
    r"""The L-stable method of order 2 with two stages, γ = 1 − 1/√2, and an embedded one of order 1.

    [S(Uᵢ) − S(u₀)] / h + Σⱼ aᵢⱼ R(Uⱼ, t₀ + cⱼ h) = 0,   u₁ = U₂

    Reference: R. Alexander, SIAM J. Numer. Anal. 14 (1977) 1006.
    """

    order: ClassVar[int] = 2
    error_order: ClassVar[int] = 2
    tableau: ClassVar[np.ndarray] = np.array([[_G2, 0.0], [1 - _G2, _G2]])
    embedded: ClassVar[np.ndarray] = np.array([1.0, 0.0])


_G3 = 0.4358665215084589994
_B1, _B2 = -(6 * _G3**2 - 16 * _G3 + 1) / 4, (6 * _G3**2 - 20 * _G3 + 5) / 4
_E2 = (1 - 2 * _G3) / (1 - _G3)


class SDIRK3(AbstractSDIRK):
    r"""The L-stable method of order 3 with three stages, γ = 0.43587, and an embedded one of order 2.

    [S(Uᵢ) − S(u₀)] / h + Σⱼ aᵢⱼ R(Uⱼ, t₀ + cⱼ h) = 0,   u₁ = U₃

    Reference: R. Alexander, SIAM J. Numer. Anal. 14 (1977) 1006.
    """

    order: ClassVar[int] = 3
    error_order: ClassVar[int] = 3
    tableau: ClassVar[np.ndarray] = np.array([[_G3, 0.0, 0.0], [(1 - _G3) / 2, _G3, 0.0], [_B1, _B2, _G3]])
    embedded: ClassVar[np.ndarray] = np.array([1 - _E2, _E2, 0.0])
