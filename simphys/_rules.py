"""Functions with a derivative rule of their own that no transformation drops."""

from collections.abc import Callable

import equinox as eqx
import equinox.internal as eqxi
import jax

from ._hidden import in_one_context, opened, refuse_hidden


def with_rule(name: str, function: Callable, rule: Callable) -> Callable:
    """Return the function, differentiated by a rule: (arguments, tangents or None) → (value, its tangents or None).

    A primitive, because JAX drops a custom rule from what it evaluates in part (a `scan` within `checkpoint`): second
    derivatives would be those of the function as it is written, and wrong without a word where that is not its
    derivative.

    **Arguments:**

    - `name`: of the primitive.
    - `function`: of positional arguments, pytrees of arrays and anything else.
    - `rule`: calls what is returned here for the value, so that it can be differentiated again.

    **Raises:** `ValueError`, when called with functions that hide traced values: no rule sees those.
    """

    @in_one_context  # or the whole of it would be traced twice
    def shapes(*arguments):
        arguments = _exchanged(arguments, jax.core.ShapedArray, jax.ShapeDtypeStruct)
        # In the same context as when it is lowered, or the whole of it would be traced twice.
        with jax.sharding.use_abstract_mesh(jax.sharding.get_abstract_mesh()):
            program = opened(function, *arguments)
        refuse_hidden(program, f"The program of `{name}`")
        return eqx.combine(jax.tree.unflatten(program.structure, program.program.out_avals), program.rest)

    define = eqxi.filter_primitive_def
    primitive = eqxi.create_vprim(name, define(function), define(shapes), eqxi.filter_primitive_jvp(rule), None)
    eqxi.register_impl_finalisation(primitive)
    return lambda *arguments: eqxi.filter_primitive_bind(primitive, *arguments)


def _exchanged(tree, old, new):
    return jax.tree.map(lambda x: new(x.shape, x.dtype, weak_type=x.weak_type) if isinstance(x, old) else x, tree)
