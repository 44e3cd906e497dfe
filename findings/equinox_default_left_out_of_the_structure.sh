#!/usr/bin/env bash
# A field that an Equinox module's own constructor leaves to its default changes the pytree structure.
#
# Versions: equinox 0.13.8, jax 0.10.2, Python 3.11.
# Behaviour: a module with a hand-written `__init__` may leave a field with a default unassigned: reading it gives the
#   default. But flattening counts what lies in the instance's own dictionary: with one entry fewer than there are
#   fields it takes the module for a wrapper and puts five placeholders into the metadata where the other has one. The two structures differ, so
#   that `jax.tree.map` over both raises "different pytree metadata at key path" with texts that name no field, and a
#   jitted function is traced once for each.
# Output seen:
#   same field value True, equal structures False, traces 2
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q "equinox==0.13.8" "jax[cpu]==0.10.2"
"$work/venv/bin/python" - <<'PY'
import equinox as eqx
import jax
import jax.numpy as jnp


class Base(eqx.Module):
    extra: object = eqx.field(default=None, kw_only=True)


class Left(Base):
    x: jax.Array

    def __init__(self, x, settle=False):
        self.x = x
        if settle:
            self.extra = None


left, settled = Left(jnp.ones(2)), Left(jnp.ones(2), settle=True)
traces = []


@jax.jit
def twice(module):
    traces.append(1)
    return 2 * module.x


twice(left), twice(settled)
same = left.extra is settled.extra
equal = jax.tree.structure(left) == jax.tree.structure(settled)
print(f"same field value {same}, equal structures {equal}, traces {len(traces)}")
try:
    jax.tree.map(lambda a, b: a + b, left, settled)
    raise SystemExit("the two structures match")
except ValueError as error:
    assert "metadata" in str(error), error
assert (same, equal, len(traces)) == (True, False, 2)
PY
