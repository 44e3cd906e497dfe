#!/usr/bin/env bash
# A solve that fails with `throw=True` raises, but not in a compiled program of which only the gradient is kept.
#
# Equinox's `error_if` ties its check to the value that it returns; derivatives pass by it. `jit(grad(f))` throws the value away, and the
# compiler the check with it: Optimistix's `root_find` for y² + k = 0, which has no root at k = 1, then has the gradient −0.0,
# and Diffrax's `diffeqsolve`, which uses up its steps a third of the way, one of 0.37. Neither raises; `jit(f)`,
# `jit(value_and_grad(f))` and `grad(f)` without `jit` do. Who trains with `jit(grad(loss))` never hears of a failed solve. Way round: use the
# value as well, or multiply tangents by a one that is checked.
#
# Seen: Python 3.11, jax 0.10.2, equinox 0.13.8, optimistix 0.1.0, diffrax 0.7.2. Output: "root: jit(f) raises, jit(grad(f)) -0.0",
# "growth: jit(f) raises, jit(grad(f)) 0.3735…".
# Exits 0 while both gradients come without an error, else 1.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q --disable-pip-version-check jax==0.10.2 equinox==0.13.8 optimistix==0.1.0 diffrax==0.7.2
"$work/venv/bin/python" - 2>/dev/null <<'PY'
import sys

import diffrax
import equinox as eqx
import jax
import optimistix as optx


def root(k):
    return optx.root_find(lambda y, k: y**2 + k, optx.Newton(1e-5, 1e-5), 1.0, k, max_steps=20, throw=True).value


def growth(k):
    term = diffrax.ODETerm(lambda t, y, k: k * y)
    control = diffrax.PIDController(rtol=1e-6, atol=1e-6)
    found = diffrax.diffeqsolve(
        term, diffrax.Tsit5(), 0.0, 1.0, None, 1.0, k, stepsize_controller=control, max_steps=3, throw=True
    )
    return found.ys[-1]


def attempt(function):
    try:
        return str(float(eqx.filter_jit(function)(1.0)))
    except Exception:
        return "raises"


found = {f.__name__: (attempt(f), attempt(jax.grad(f))) for f in (root, growth)}
for name, (value, gradient) in found.items():
    print(f"{name}: jit(f) {value}, jit(grad(f)) {gradient}")
sys.exit(0 if all(v == "raises" and g != "raises" for v, g in found.values()) else 1)
PY
