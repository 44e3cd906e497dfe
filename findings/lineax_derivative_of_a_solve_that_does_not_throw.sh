#!/usr/bin/env bash
# Lineax: `linear_solve(..., throw=False)` does not raise where a matrix is singular, but its derivative does.
#
# With `throw=False` a failed lane of `vmap` comes back as a result to look at, and the usual next step is to mask it. The
# value of the masked sum is right; `jax.grad` and `jax.jvp` of the same sum raise an `EquinoxRuntimeError`, wrapped by JAX,
# because the derivative rule solves for the tangents with errors switched on again. A batch is lost for one lane that nobody
# wanted, and no argument turns it off: the right-hand side and the matrix of what failed must be replaced before the solve.
#
# Seen: Python 3.11, lineax 0.1.1, equinox 0.13.8, jax and jaxlib 0.10.2 (CPU). Output: loss 1.0; grad raises; jvp raises
# Exits 0 while the value comes back and both derivatives raise; else 1.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q --disable-pip-version-check jax==0.10.2 jaxlib==0.10.2 equinox==0.13.8 lineax==0.1.1
JAX_PLATFORMS=cpu "$work/venv/bin/python" - 2>/dev/null <<'PY'
import sys
import jax
import jax.numpy as jnp
import lineax as lx


def masked_sum(scales):
    def one(scale):
        operator = lx.MatrixLinearOperator(scale * jnp.eye(2))
        solution = lx.linear_solve(operator, jnp.ones(2), lx.LU(), throw=False)
        return jnp.where(solution.result == lx.RESULTS.successful, jnp.sum(solution.value), 0.0)

    return jnp.sum(jax.vmap(one)(scales))


scales = jnp.array([2.0, 0.0])
loss = float(masked_sum(scales))
print("loss", loss)
raised = 0
for name, derivative in {
    "grad": lambda: jax.grad(masked_sum)(scales),
    "jvp": lambda: jax.jvp(masked_sum, (scales,), (jnp.ones(2),))[1],
}.items():
    try:
        print(name, derivative())
    except Exception as error:
        raised += 1
        print(name, "raises", type(error).__name__)
sys.exit(0 if loss == 1.0 and raised == 2 else 1)
PY
