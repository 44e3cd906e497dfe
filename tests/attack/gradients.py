"""A randomised campaign of gradients against differences.

`python tests/attack/gradients.py --cases 1000 --seed 0` draws structures (material, cell, loads, constraints, stepper,
layer, adjoint policy, transformation), ten parameter points each, and compares every directional derivative with
central differences of fourth order. What it prints at the end: how many agree, how many were refused by name (a status,
an error, a flag), how many the differences cannot decide, and, which must be none, how many are wrong without a word.
"""

# ruff: noqa: E402

import argparse
import collections
import functools
import importlib.metadata
import os
import pathlib
import sys
import time


# Compilation is most of the time: LLVM optimises little here.
FLAGS = "--xla_llvm_disable_expensive_passes=true --xla_backend_optimization_level=0"
if importlib.metadata.version("jax") < "0.11":
    FLAGS += " --xla_cpu_use_fusion_emitters=false"
os.environ.setdefault("XLA_FLAGS", FLAGS)
os.environ.setdefault("JAX_INCLUDE_FULL_TRACEBACKS_IN_LOCATIONS", "false")

import jax


jax.config.update("jax_enable_x64", True)

import equinox as eqx
import jax.numpy as jnp
import numpy as np

import simphys as sp


sys.path.insert(0, str(pathlib.Path(__file__).parent))
from _cases import heat, mixed, pick, solid
from _layers import fixed_point, qp, root
from _marches import body_in_time, fields_in_time, heat_in_time, ode


MAKERS = (solid, solid, solid, heat, mixed, heat_in_time, body_in_time, body_in_time, fields_in_time)
MAKERS += (ode, root, root, fixed_point, fixed_point, qp, qp)
WRONG, WRONG_SINGLE = 1e-6, 2e-2
STEPS = (1e-3, 2.5e-4, 4e-3, 6e-5)
REFUSALS = sp.NotConverged, sp.stepping.StepFailed, eqx.EquinoxRuntimeError, FloatingPointError


def dot(g, d):
    """Of two pytrees of one structure."""
    return sum(jnp.vdot(a, b) for a, b in zip(jax.tree.leaves(g), jax.tree.leaves(d), strict=True))


def moved(x, h, d):
    """x + h d."""
    return jax.tree.map(lambda a, b: a + h * b, x, d)


def measured(solution):
    """A number that depends on all of a solution, by weights and squares."""
    leaves = jax.tree.leaves(solution)
    weighted = [jnp.vdot(jnp.cos(1 + jnp.arange(y.size, dtype=y.dtype)), y) + jnp.vdot(y, y) / 2 for y in leaves]
    return sum(weighted)


def ways(case):
    """Ways to take a derivative along a direction, by name: functions (θ, direction) → number, kinks, derivative.

    One program gives both the number, of which differences are taken, and its derivative: compilation is what takes long.
    """

    def f(x):
        solution, kinks = case.function(x)
        return measured(solution), kinks

    def reverse(x, d):
        (number, kinks), g = jax.value_and_grad(f, has_aux=True)(x)
        return number, kinks, dot(g, d)

    def jacrev(x, d):
        g, (number, kinks) = jax.jacrev(lambda x: (f(x)[0], f(x)), has_aux=True)(x)
        return number, kinks, dot(g, d)

    def certified(x, d):
        (number, kinks), g, _ = sp.value_and_grad(f, has_aux=True)(x)
        return number, kinks, dot(g, d)

    def forward(x, d):
        number, slope, kinks = jax.jvp(f, (x,), (d,), has_aux=True)
        return number, kinks, slope

    def second(x, d):
        of_gradient = lambda x: (lambda number, kinks, slope: (slope, kinks))(*reverse(x, d))
        slope, change, kinks = jax.jvp(of_gradient, (x,), (d,), has_aux=True)
        return slope, kinks, change

    compiled = {"lanes": functools.partial(_lanes, f), "single": functools.partial(_single, f)}
    compiled["masked lanes"] = functools.partial(_masked, case.function)
    compiled |= {"jit grad": reverse, "jacrev": jacrev, "certified": certified, "jvp": forward, "second": second}
    found = {"grad": reverse} | {name: eqx.filter_jit(way) for name, way in compiled.items()}
    left_out = {None: (), "first": ("second",), "reverse": ("second", "jvp")}
    if case.only == "forward":
        return {"jvp": found["jvp"]}
    return {
        name: way
        for name, way in found.items()
        if name not in left_out[case.only] and (case.single or name != "single")
    }


def _lanes(f, x, d):
    """In a batch of two."""
    pair = jax.tree.map(lambda a, b: jnp.stack([a, a + 0.01 * b]), x, d)
    (number, kinks), g = jax.vmap(jax.value_and_grad(f, has_aux=True))(pair)
    return number[0], kinks[0], dot(jax.tree.map(lambda g: g[0], g), d)


def _masked(f, x, d):
    """In a batch whose second lane lies far off, and does not count: its derivative is 0, whatever became of it."""
    pair = jax.tree.map(lambda a, b: jnp.stack([a, a + 10 * b]), x, d)

    def kept(pair):
        solution, kinks = jax.vmap(f)(pair)
        return measured(jax.tree.map(lambda y: y[0], solution)), kinks[0]

    (number, kinks), g = jax.value_and_grad(kept, has_aux=True)(pair)
    return number, kinks, dot(g, jax.tree.map(lambda b: jnp.stack([b, b]), d))


def _single(f, x, d):
    """All of it in float32."""
    low = jax.tree.map(lambda a: a.astype(jnp.float32), x)
    (number, kinks), g = jax.value_and_grad(f, has_aux=True)(low)
    return number, kinks, dot(jax.tree.map(lambda a: a.astype(jnp.float64), g), d)


def drawn(rng, parameters):
    """A point near the given parameters, and a direction; what is 0 becomes a little more."""

    def noise(a, scale):
        size = np.minimum(np.max(np.abs(a)) or 0.1, 1 + np.abs(a))
        return jnp.asarray(scale * size * rng.uniform(-1, 1, np.shape(a)))

    x = jax.tree.map(lambda a: a + noise(a, 0.02) + (0.003 if not np.any(a) else 0.0), parameters)
    return x, jax.tree.map(lambda a: noise(a, 0.3), parameters)


def difference(value, x, d, h):
    """A central difference of fourth order."""
    at = lambda h: float(value(moved(x, h, d)))
    return (8 * (at(h) - at(-h)) - at(2 * h) + at(-2 * h)) / (12 * h)


def judged(slope, value, x, d, base, tolerance):
    """`agrees`, `wrong`, or `undecided` where differences do not agree with each other; and the least error."""
    slopes = []
    for h in STEPS:
        slopes.append(difference(value, x, d, h))
        found = np.array(slopes)
        if not np.isfinite(found[-1]):
            return "undecided", 0.0
        scale = max(abs(slope), np.abs(found).min(), 1e-3 * abs(base), 1e-12)
        error = np.abs(found - slope).min() / scale
        if error <= tolerance:
            return "agrees", error
    spread = np.abs(np.subtract.outer(found, found))[~np.eye(len(found), dtype=bool)].min() / scale
    return ("undecided" if spread > tolerance / 10 else "wrong"), error


def campaign(cases, seed, makers=MAKERS, per_structure=10, say=print):
    """Run it; return the counts and what was wrong."""
    rng = np.random.default_rng(seed)
    counts, kinds, wrong, worst, structures = collections.Counter(), collections.Counter(), [], 0.0, 0
    while sum(counts.values()) < cases:
        own = np.random.default_rng(rng.integers(2**32))
        case = pick(rng, makers)(own)
        structures += 1
        available = ways(case)
        mode = pick(own, available)
        function = eqx.filter_jit(lambda x: (measured(case.function(x)[0]),))
        # Differences of what is not compiled would trace it anew for each of them.
        number = (lambda x, d: function(x)) if mode in ("single", "grad") else available[mode]
        for _ in range(min(per_structure, cases - sum(counts.values()))):
            x, d = drawn(own, case.parameters)
            verdict, error = _one(available[mode], number, x, d, WRONG_SINGLE if mode == "single" else WRONG)
            counts[verdict] += 1
            kinds[mode] += 1
            worst = max(worst, error if verdict == "agrees" and mode != "single" else 0.0)
            if verdict == "wrong" or verdict.startswith("crashed"):
                wrong.append((case.name, mode, error))
                say(f"{verdict.upper()} {case.name} | {mode} | {error:.2e}")
        say(f"{sum(counts.values()):5d}  {structures:4d}  {case.name} | {mode} | {dict(counts)}", flush=True)
        if structures % 20 == 0:
            eqx.clear_caches()
            jax.clear_caches()
    say(f"{sum(counts.values())} cases of {structures} structures: {dict(counts)}; by way: {dict(kinds)}")
    say(f"worst error of those that agree, float64: {worst:.1e}")
    return counts, wrong


def _one(way, number, x, d, tolerance):
    try:
        base, kinks, slope = (float(found) for found in way(x, d))
    except REFUSALS as error:
        return f"refused by {type(error).__name__}", 0.0
    except Exception as error:
        return f"crashed: {type(error).__name__} {str(error)[:300]}", 0.0
    if kinks > 0:
        return "flagged as a kink", 0.0
    if not np.isfinite(base):
        return "refused by NaN", 0.0
    if not np.isfinite(slope):
        return "refused by NaN of the gradient", 0.0
    try:
        return judged(slope, lambda x: number(x, d)[0], x, d, base, tolerance)
    except REFUSALS as error:
        return f"differences refused by {type(error).__name__}", 0.0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--cases", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--points", type=int, default=10, help="of each structure")
    parser.add_argument("--only", nargs="*", help="names of makers in _cases.py")
    chosen = parser.parse_args()
    started = time.process_time()
    print(f"seed {chosen.seed}")
    makers = [maker for maker in MAKERS if chosen.only is None or maker.__name__ in chosen.only]
    _, wrong = campaign(chosen.cases, chosen.seed, makers, chosen.points)
    print(f"{time.process_time() - started:.0f} s of CPU time")
    sys.exit(1 if wrong else 0)
