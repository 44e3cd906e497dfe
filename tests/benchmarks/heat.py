"""heat: conduction that warms to its conductivity, fifty steps, as identification from transient temperatures asks for it.

Unit square, N² QUAD4, Ṫ = ∇·((1 + T²) ∇T), T = 0 at x = 0 and x = 1, insulated elsewhere; backward Euler, 50 steps of
0.002. Loss mean((T_end − target)²), gradient with respect to the nodal initial temperatures.
"""

import statistics
import time

import equinox as eqx
import jax
import jax.numpy as jnp

import simphys as sp
from simphys.stepping import BackwardEuler, march


STEPS, STEP, CHECKPOINTS = 50, 0.002, 7
REPEATS = 3


class MarchCase(eqx.Module):
    """A march of one size: its problem, its initial temperatures, the temperatures wanted in the end."""

    problem: sp.physics.Heat
    start: jax.Array
    target: jax.Array
    free: jax.Array
    size: int = eqx.field(static=True)
    name: str = eqx.field(static=True)


def build(size: int, name: str = "heat") -> MarchCase:
    """Return the case with `size` elements along an edge."""
    space = sp.fem.FunctionSpace(sp.fem.rectangle((size, size)))
    law = sp.materials.IsotropicConduction(k=sp.materials.Polynomial([1.0, 0.0, 1.0]))
    ends = [sp.fem.Dirichlet("left", 0.0), sp.fem.Dirichlet("right", 0.0)]
    bar = sp.physics.Heat(space, law, ends, capacity=1.0)
    start = space.interpolate(lambda x: jnp.sin(jnp.pi * x[0]) * (1 + 0.5 * jnp.cos(jnp.pi * x[1])))
    target = space.interpolate(lambda x: 0.5 * jnp.sin(jnp.pi * x[0]))
    x = space.nodes()[:, 0]
    return MarchCase(bar, start, target, (x > 0) & (x < 1), size, name)


def forward(case: MarchCase, start, steps: int = STEPS):
    """March; return the trajectory."""
    times = STEP * jnp.arange(steps + 1.0)
    return march(BackwardEuler(), case.problem, start, times, save=None, throw=False)


def loss(start, case: MarchCase, steps: int = STEPS, checkpoints: int | None = None):
    """Mean square of what is missing to the target."""
    times = STEP * jnp.arange(steps + 1.0)
    options = dict(save=None, checkpoints=checkpoints, throw=False)
    found = march(BackwardEuler(), case.problem, start, times, **options)
    return jnp.mean((found.final.u - case.target) ** 2)


compiled_forward = eqx.filter_jit(forward)
compiled_gradient = eqx.filter_jit(lambda start, *rest: jax.value_and_grad(loss)(start, *rest))


def measure(case: MarchCase, started: float) -> dict:
    """Time the march and its gradient, without and with checkpoints, cold and warm, each warm call from another start."""
    from .worker import peak_mb

    run = lambda k: compiled_forward(case, case.start * (1 + 0.01 * k))
    gradient = lambda kept: lambda k: compiled_gradient(case.start * (1 + 0.01 * k), case, STEPS, kept)
    found, first = _timed(lambda: run(0))
    row = {"t_compile_first": first, "time_to_first": time.time() - started, "t_forward": _median(run)}
    (value, slope), row["t_grad_first"] = _timed(lambda: gradient(None)(0))
    row["t_grad"] = _median(gradient(None))
    row["rss_mb"] = peak_mb()
    (_, kept), _ = _timed(lambda: gradient(CHECKPOINTS)(0))
    row["t_grad_checkpoints"] = _median(gradient(CHECKPOINTS))
    row["checkpoints_differ_by"] = float(jnp.linalg.norm(kept - slope) / jnp.linalg.norm(slope))
    return row | {
        "package": "simphys",
        "problem": case.name,
        "size": case.size,
        "dofs": case.start.size,
        "newton_iters": int(jnp.sum(found.newton_steps)),
        "check": float(value),
        "grad_check": float(jnp.linalg.norm(jnp.where(case.free, slope, 0.0))),
    }


def _timed(call):
    start = time.perf_counter()
    out = jax.block_until_ready(call())
    return out, time.perf_counter() - start


def _median(call):
    return statistics.median(_timed(lambda k=k: call(k))[1] for k in range(1, REPEATS + 1))
