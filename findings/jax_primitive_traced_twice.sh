#!/usr/bin/env bash
# JAX traces a jitted function twice where a primitive asks for its shapes by it and is lowered by it.
#
# A primitive whose abstract evaluation runs `jax.eval_shape(f)` and whose lowering is `mlir.lower_fun(f)` should find f's
# traced program again in JAX's cache when f is `jax.jit`ted. It does not: while it lowers, JAX sets the context of abstract
# meshes to an empty mesh, where it was not set before, and that context is part of the cache's key ("Tracing context doesn't
# match: abstract_mesh_context_manager differs", says jax_explain_cache_misses). Nothing else differs. A program of which all
# lies in such primitives (Equinox's `filter_primitive`, say) takes twice the time to trace.
# Asking for the shapes within `jax.sharding.use_abstract_mesh(jax.sharding.get_abstract_mesh())` has it traced once.
#
# Seen: Python 3.11, jax 0.10.2. Output: "traced 2 times, in one context 1". Exits 0 while that is so, else 1.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q --disable-pip-version-check jax==0.10.2
"$work/venv/bin/python" - <<'PY'
import contextlib
import sys
import jax
from jax.extend.core import Primitive
from jax.interpreters import mlir


def traces(context):
    count = []
    square = jax.jit(lambda x: count.append(1) or x * x)
    primitive = Primitive("square_by_a_function")

    @primitive.def_abstract_eval
    def _(x):
        with context():
            found = jax.eval_shape(square, jax.ShapeDtypeStruct(x.shape, x.dtype, weak_type=x.weak_type))
        return jax.core.ShapedArray(found.shape, found.dtype, weak_type=found.weak_type)

    mlir.register_lowering(primitive, mlir.lower_fun(square, multiple_results=False))
    jax.jit(primitive.bind).lower(1.0)
    return len(count)


found = traces(contextlib.nullcontext), traces(lambda: jax.sharding.use_abstract_mesh(jax.sharding.get_abstract_mesh()))
print(f"traced {found[0]} times, in one context {found[1]}")
sys.exit(0 if found == (2, 1) else 1)
PY
