"""The scan of a march: what reverse mode keeps of its steps."""

import jax
import jax.numpy as jnp


def checkpointed_scan(step, carry, inputs, checkpoints: int | None):
    """`lax.scan` whose reverse mode keeps the carry of so many steps, evenly spread, and repeats the others.

    Without checkpoints it keeps the state after each step, and evaluates what the adjoint needs there once more.
    """
    inner = jax.checkpoint(step, policy=_keeps_roots, prevent_cse=False)
    if checkpoints is None:
        return jax.lax.scan(inner, carry, inputs)
    count = inputs[0].shape[0]
    length = -(-count // checkpoints)
    segments = -(-count // length)

    # The last segment is filled up with steps beyond the end, which do nothing.
    def fill(a):
        more = segments * length - count
        tail = jnp.broadcast_to(a[-1], (more, *a.shape[1:]))
        tail = tail + jnp.arange(1, more + 1, dtype=a.dtype) if a is inputs[0] else tail
        return jnp.concatenate([a, tail]).reshape(segments, length, *a.shape[1:])

    segment = jax.checkpoint(lambda carry, part: jax.lax.scan(inner, carry, part), prevent_cse=False)
    carry, found = jax.lax.scan(segment, carry, jax.tree.map(fill, inputs))
    return carry, jax.tree.map(lambda a: a.reshape(-1, *a.shape[2:])[:count], found)


def _keeps_roots(primitive, /, *arguments, prim=None, **parameters):
    """Keep what a solve has found; Equinox's primitives have a parameter called as the first argument of JAX's policy."""
    return jax.checkpoint_policies.save_only_these_names("simphys_root")(primitive, *arguments, **parameters)
