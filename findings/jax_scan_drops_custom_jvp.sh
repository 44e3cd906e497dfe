#!/usr/bin/env bash
# A rule given by `jax.custom_jvp` is lost inside of `jax.lax.scan` once a reverse-mode derivative is differentiated again.
#
# The function below is written so that only its rule knows its derivative. Applied twice in a row, all second derivatives
# follow the rule. Applied twice by a `scan`, forward over forward and reverse over forward do so too, but reverse over
# reverse and forward over reverse differentiate, the second time, the function as it is written: no error, another number.
# It makes no difference where the rule is only a better way to compute the same; it does for implicit solves, envelope
# theorems and guards. `jax.custom_vjp` keeps its rule here, as does a primitive with a rule in `ad.primitive_jvps`.
#
# Seen: Python 3.11, jax 0.10.2. Output: "twice: 20.28 20.28 20.28 20.28", "scan: 20.28 20.28 6.76 6.76".
# Exits 0 while the last two of the second line are wrong; else 1.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q --disable-pip-version-check jax==0.10.2
"$work/venv/bin/python" - <<'PY'
import sys

import jax


@jax.custom_jvp
def square(x):
    return jax.lax.stop_gradient(x) ** 2


@square.defjvp
def _(primals, tangents):
    return square(primals[0]), 2 * primals[0] * tangents[0]


twice = lambda x: square(square(x))
scanned = lambda x: jax.lax.scan(lambda y, _: (square(y), None), x, length=2)[0]
x, exact = 1.3, 12 * 1.3**2
modes = (jax.jacfwd, jax.jacfwd), (jax.jacrev, jax.jacfwd), (jax.jacrev, jax.jacrev), (jax.jacfwd, jax.jacrev)
found = {}
for name, function in (("twice", twice), ("scan", scanned)):
    found[name] = [float(outer(inner(function))(x)) for outer, inner in modes]
    print(f"{name}:", *(f"{value:.2f}" for value in found[name]))
right = [abs(value / exact - 1) < 1e-5 for name in ("twice", "scan") for value in found[name]]
sys.exit(0 if right == [True] * 6 + [False] * 2 else 1)
PY
