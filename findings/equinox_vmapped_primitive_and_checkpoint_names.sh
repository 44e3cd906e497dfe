#!/usr/bin/env bash
# A primitive made by Equinox's `create_vprim` cannot be checkpointed by names once it is under `vmap`.
#
# `jax.checkpoint(f, policy=save_only_these_names("a"))` asks its policy of every primitive in f, with that primitive's
# parameters as keyword arguments; the policy's own first argument is called `prim`. Equinox batches its primitives by binding
# another one that has a parameter of this name. So the reverse derivative of a checkpointed, vmapped solve by Lineax
# (0.1.1, whose derivative binds such a primitive anew) ends in a TypeError from within JAX. Without
# `vmap`, or with `everything_saveable`, the same program runs. Way round: checkpoint inside of `vmap`, or a policy of one's
# own whose first argument is positional only.
#
# Seen: Python 3.11, jax 0.10.2, equinox 0.13.8. Output: "everything_saveable: [-0.8322937 -0.8322937]", "positional only:
# [-0.8322937 -0.8322937]", "save_only_these_names: … got multiple values for argument 'prim'".
# Exits 0 while the named policy fails so and the others do not; else 1.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q --disable-pip-version-check jax==0.10.2 equinox==0.13.8
"$work/venv/bin/python" - <<'PY'
import sys

import equinox.internal as eqxi
import jax
import jax.numpy as jnp

double = lambda x: eqxi.filter_primitive_bind(double_p, x)
double_p = eqxi.create_vprim(
    "double",
    eqxi.filter_primitive_def(lambda x: 2 * x),
    eqxi.filter_primitive_def(lambda x: x),
    eqxi.filter_primitive_jvp(lambda p, t: (double(p[0]), 2 * t[0])),
    eqxi.filter_primitive_transpose(materialise_zeros=True)(lambda inputs, ct: (2 * ct,)),
)
policies = jax.checkpoint_policies
named = policies.save_only_these_names("a")
inner = jax.vmap(lambda x: jnp.sin(double(x)))
slope = lambda policy: jax.grad(lambda x: jnp.sum(jax.checkpoint(inner, policy=policy)(x)))(jnp.ones(2))
own = lambda primitive, /, *avals, **parameters: primitive.name == "name" and parameters.get("name") == "a"
print("everything_saveable:", slope(policies.everything_saveable))
print("positional only:", slope(own))
try:
    print(slope(named))
except TypeError as error:
    print("save_only_these_names:", error)
    sys.exit(0 if "multiple values for argument 'prim'" in str(error) else 1)
sys.exit(1)
PY
