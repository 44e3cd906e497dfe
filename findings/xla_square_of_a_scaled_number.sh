#!/usr/bin/env bash
# XLA on CPUs compiles (x · c)² as x² · c²: where c² overflows, the square of 0 is NaN, and that of a tiny number, too.
#
# Scaling before squaring is how norms are kept from underflow: x of 1e-170, times 2^516, has a square that can be held. Without
# `jit` JAX computes just that. Compiled, the algebraic simplifier moves the constant out of the square first; c² = 2^1032 is
# infinite, x² = 0, and 0 · inf = NaN. It happens to scalars and to what is summed up at once; an array that is
# returned as it is comes out right. A constant whose square is finite is safe.
#
# Seen: Python 3.11, jax and jaxlib 0.10.2 (CPU). Output: eager 4.60e-30, compiled nan; of 0: eager 0.0, compiled nan
# Exits 0 while the compiled square is NaN and the eager one is not; else 1.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q --disable-pip-version-check jax==0.10.2 jaxlib==0.10.2
JAX_PLATFORMS=cpu JAX_ENABLE_X64=1 "$work/venv/bin/python" - <<'PY'
import sys
import jax
import jax.numpy as jnp

square = lambda x: jnp.square(x * 2.0**516)
surprises = 0
for x in (1e-170, 0.0):
    x = jnp.asarray(x)
    eager, compiled = float(square(x)), float(jax.jit(square)(x))
    print(f"x = {float(x):g}: eager {eager:.3g}, compiled {compiled:.3g}")
    surprises += eager == eager and compiled != compiled
sys.exit(0 if surprises == 2 else 1)
PY
