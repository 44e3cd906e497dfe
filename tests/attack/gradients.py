"""A randomised campaign of gradients against differences.

`python tests/attack/gradients.py --cases 1000 --seed 0` draws structures (material, cell, loads, constraints, stepper,
layer, adjoint policy, transformation), ten parameter points each, and compares every directional derivative with
central differences of fourth order. What it prints at the end: how many agree, how many were refused by name (a status,
an error, a flag), how many the differences cannot decide, and, which must be none, how many are wrong without a word.
"""

# ruff: noqa: E402

import argparse
import collections
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

import jax


jax.config.update("jax_enable_x64", True)

import equinox as eqx
import jax.numpy as jnp
import numpy as np

import simphys as sp


sys.path.insert(0, str(pathlib.Path(__file__).parent))
from _cases import MAKERS, pick


WRONG, WRONG_SINGLE = 1e-6, 2e-2
STEPS = (4e-3, 1e-3, 2.5e-4, 6e-5)


def modes(case):
    """Ways to take a derivative along a direction: name to function (parameters, direction) → number."""
    f = case.function
    dot = lambda g, d: sum(jnp.vdot(a, b) for a, b in zip(jax.tree.leaves(g), jax.tree.leaves(d), strict=True))
    flagged = lambda x: sp.value_and_grad(f)(x)
    pair = lambda x, d: jax.tree.map(lambda a, b: jnp.stack([a, a + 0.01 * b]), x, d)
    found = {
        "grad": lambda x, d: dot(jax.grad(f)(x), d),
        "jit grad": eqx.filter_jit(lambda x, d: dot(jax.grad(f)(x), d)),
        "jit vmap grad": eqx.filter_jit(
            lambda x, d: dot(jax.tree.map(lambda g: g[0], jax.vmap(jax.grad(f))(pair(x, d))), d)
        ),
        "jit jacrev": eqx.filter_jit(lambda x, d: dot(jax.jacrev(f)(x), d)),
        "certified": lambda x, d: dot(flagged(x)[1], d),
        "jit jvp": eqx.filter_jit(lambda x, d: jax.jvp(f, (x,), (d,))[1]),
        "single": lambda x, d: _single(f, x, d),
    }
    if case.only == "forward":
        return {"jit jvp": found["jit jvp"]}
    if case.only == "reverse":
        found.pop("jit jvp")
    return found


def _single(f, x, d):
    """The same derivative with parameters in float32, where everything else may stay as it is."""
    low = jax.tree.map(lambda a: a.astype(jnp.float32), x)
    g = jax.grad(lambda x: f(jax.tree.map(lambda a: a.astype(jnp.float64), x)))(low)
    return sum(
        float(jnp.vdot(a.astype(jnp.float64), b)) for a, b in zip(jax.tree.leaves(g), jax.tree.leaves(d), strict=True)
    )


def drawn(rng, parameters):
    """A point near the given parameters, and a direction."""
    size = lambda a: float(np.max(np.abs(a))) or 1.0
    noise = lambda a, scale: jnp.asarray(scale * size(np.asarray(a)) * rng.uniform(-1, 1, np.shape(a)))
    x = jax.tree.map(lambda a: a + noise(a, 0.02), parameters)
    return x, jax.tree.map(lambda a: noise(a, 0.3), parameters)


def differences(value, x, d):
    """Central differences of fourth order for some steps."""
    at = lambda h: float(value(jax.tree.map(lambda a, b: a + h * b, x, d)))
    return np.array([(8 * (at(h) - at(-h)) - at(2 * h) + at(-2 * h)) / (12 * h) for h in STEPS])


def judged(slope, slopes, value, tolerance):
    """`right`, `wrong`, or `undecided` where differences do not agree with each other."""
    scale = max(abs(slope), np.abs(slopes).min(), 1e-3 * abs(value), 1e-12)
    error = np.abs(slopes - slope).min() / scale
    spread = np.abs(np.diff(slopes)).min() / scale
    if error <= tolerance:
        return "right", error
    return ("undecided" if spread > tolerance / 10 else "wrong"), error


def campaign(cases, seed, makers=MAKERS, per_structure=10, say=print):
    """Run it; return the counts and what was wrong."""
    rng = np.random.default_rng(seed)
    counts, wrong, worst, done, structures = collections.Counter(), [], 0.0, 0, 0
    while done < cases:
        maker, own = pick(rng, makers), np.random.default_rng(rng.integers(2**32))
        case = maker(own)
        structures += 1
        ways = modes(case)
        mode = pick(own, ways)
        value = eqx.filter_jit(case.function)
        for _ in range(min(per_structure, cases - done)):
            x, d = drawn(own, case.parameters)
            verdict, error = _one(case, ways[mode], mode, value, x, d)
            counts[verdict] += 1
            done += 1
            worst = max(worst, error if verdict == "right" and mode != "single" else 0.0)
            if verdict == "wrong" or verdict.startswith("crashed"):
                wrong.append((case.name, mode, error))
                say(f"{verdict.upper()} {case.name} | {mode} | {error:.2e}")
        say(f"{done:5d}  {structures:4d}  {case.name} | {mode} | {dict(counts)}")
        if structures % 20 == 0:
            eqx.clear_caches()
            jax.clear_caches()
    say(f"{done} cases of {structures} structures: {dict(counts)}; worst error of those that agree {worst:.1e}")
    return counts, wrong


def _one(case, slope_of, mode, value, x, d):
    base = float(value(x))
    try:
        slope = float(slope_of(x, d))
    except (sp.NotConverged, eqx.EquinoxRuntimeError, RuntimeError, ValueError) as error:
        return f"refused ({type(error).__name__})", 0.0
    except TypeError as error:
        return f"crashed ({str(error)[:60]})", 0.0
    if not np.isfinite(base) or not np.isfinite(slope):
        return "refused (NaN)", 0.0
    slopes = differences(value, x, d)
    if not np.all(np.isfinite(slopes)):
        return "undecided", 0.0
    return judged(slope, slopes, base, WRONG_SINGLE if mode == "single" else WRONG)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--cases", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", nargs="*", help="names of makers in _cases.py")
    chosen = parser.parse_args()
    started = time.process_time()
    print(f"seed {chosen.seed}")
    makers = [maker for maker in MAKERS if chosen.only is None or maker.__name__ in chosen.only]
    _, wrong = campaign(chosen.cases, chosen.seed, makers)
    print(f"{time.process_time() - started:.0f} s of CPU time")
    sys.exit(1 if wrong else 0)
