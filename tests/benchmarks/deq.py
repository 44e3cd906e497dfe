"""deq, deq_hard: z = tanh(W z + U x + b) for a batch of 64, and its gradient with respect to W, U and b.

deq: W random of spectral norm 0.9, so of spectral radius 0.45: plain iteration takes 13 steps to 1e-6. deq_hard: W
symmetric of spectral radius 0.99 and small inputs, so that tanh is nearly linear: about 760 steps. Loss Σ z² / 64.
"""

import time

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

import simphys as sp
from simphys.layers import Anderson, Damped, FixedPoint, Iterated


BATCH, RTOL = 64, 1e-6
ADJOINT_RTOL = 1e-5
"""Gradients are then 8e-6 (deq) and 8e-5 (deq_hard) off the exact ones: the latter is the doing of the forward solve."""
REPEATS, SECONDS = 7, 15.0


class DeqCase(eqx.Module):
    """A network of one size, its inputs, and how its equilibrium and the adjoint are to be found."""

    weights: tuple[jax.Array, jax.Array, jax.Array]
    x: jax.Array
    method: Damped | Anderson
    adjoint: sp.Implicit
    name: str = eqx.field(static=True)
    size: int = eqx.field(static=True)


def build(size: int, name: str = "deq") -> DeqCase:
    """Return the case with `size` features."""
    hard = name == "deq_hard"
    random = np.random.default_rng(0)
    W = random.standard_normal((size, size))
    W = (W + W.T) / 2 if hard else W
    W *= (0.99 if hard else 0.9) / np.linalg.norm(W, 2)
    U = random.standard_normal((size, size)) / np.sqrt(size) * (0.02 if hard else 1.0)
    b = (0.002 if hard else 0.1) * random.standard_normal(size)
    x = random.standard_normal((BATCH, size))
    # Where f contracts by a half, nothing beats the plain iteration; close to 1, memory pays.
    way = (lambda rtol: Anderson(rtol, memory=10)) if hard else Damped
    adjoint = sp.Implicit(Iterated(way(ADJOINT_RTOL)), rtol=1.5 * ADJOINT_RTOL, trust=0.1)
    return DeqCase((jnp.asarray(W), jnp.asarray(U), jnp.asarray(b)), jnp.asarray(x), way(RTOL), adjoint, name, size)


def network(z, u_and_W):
    """f for the whole batch."""
    u, W = u_and_W
    return jnp.tanh(z @ W.T + u)


def forward(weights, case: DeqCase):
    """Return the `Solution`."""
    W, U, b = weights
    u = case.x @ U.T + b
    return FixedPoint(network, case.method, case.adjoint, throw=False)((u, W), jnp.zeros_like(case.x))


def loss(weights, case: DeqCase):
    """Return Σ z² / 64, and the solution."""
    solution = forward(weights, case)
    return jnp.sum(solution.value**2) / BATCH, solution


compiled_forward = eqx.filter_jit(forward)
compiled_gradient = eqx.filter_jit(sp.value_and_grad(loss, has_aux=True))


def exact_gradient(case: DeqCase):
    """The gradient at tolerances 100,000 times tighter."""
    tight = Anderson(1e-12, memory=30, max_steps=5_000)
    adjoint = sp.Implicit(Iterated(tight), rtol=1e-11)
    return compiled_gradient(case.weights, eqx.tree_at(lambda c: (c.method, c.adjoint), case, (tight, adjoint)))[1]


def measure(case: DeqCase, started: float) -> dict:
    """Time solve and gradient, cold and warm (the least of some calls, as the peers' scripts do)."""
    from .worker import peak_mb

    solution, first = _timed(lambda: compiled_forward(case.weights, case))
    row = {"t_compile_first": first, "time_to_first": time.time() - started}
    row["t_forward"] = _least(lambda: compiled_forward(case.weights, case))
    ((value, _), gradient, adjoint), row["t_grad_first"] = _timed(lambda: compiled_gradient(case.weights, case))
    row["t_grad"] = _least(lambda: compiled_gradient(case.weights, case))
    row["rss_mb"] = peak_mb()
    norm = lambda tree: float(jnp.sqrt(sum(jnp.sum(leaf**2) for leaf in jax.tree.leaves(tree))))
    exact = exact_gradient(case)
    return row | {
        "package": "simphys",
        "problem": case.name,
        "size": case.size,
        "steps": int(solution.stats.newton_steps),
        "adjoint_steps": int(adjoint.linear_steps),
        "residual": float(solution.certificate.residual),
        "adjoint_residual": float(adjoint.residual),
        "grad_error": norm(jax.tree.map(jnp.subtract, gradient, exact)) / norm(exact),
        "grad_error_told": float(adjoint.error),
        "check": float(value),
        "grad_check": norm(gradient),
    }


def _timed(call):
    start = time.perf_counter()
    out = jax.block_until_ready(call())
    return out, time.perf_counter() - start


def _least(call):
    times = []
    while len(times) < REPEATS and sum(times) < SECONDS:
        times.append(_timed(call)[1])
    return min(times)
