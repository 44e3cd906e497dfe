"""Programs that every part runs on its own arrays."""

from collections.abc import Callable, Iterator
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from .._typing import PyTree
from ._exchange import AXIS


def on_parts(devices: Mesh, function: Callable, *divided: PyTree, shared: bool = False) -> Any:
    """Return what each part makes of its arrays, stacked; with `shared` the second of two results is the same in all.

    Each part has a device; or one device has all of them, one beside the other.

    **Arguments:**

    - `function`: of the trees without their leading axis.
    - `divided`: trees whose arrays have a leading axis for parts.
    """
    arrays, rest = eqx.partition(divided, eqx.is_array)
    held: list = []

    def local(arrays):
        found = function(*eqx.combine(arrays, rest))
        dynamic, static = eqx.partition(found if shared else (found, None), eqx.is_array)
        held.append(static)
        return dynamic

    def alone(arrays):
        own, same = local(jax.tree.map(lambda a: a[0], arrays))
        return jax.tree.map(lambda a: a[None], own), same

    if devices.size == jax.tree.leaves(arrays)[0].shape[0]:
        specs = PartitionSpec(AXIS), PartitionSpec()
        run = jax.shard_map(alone, mesh=devices, in_specs=PartitionSpec(AXIS), out_specs=specs, check_vma=False)
    else:
        run = jax.vmap(local, out_axes=(0, None), axis_name=AXIS)
    own, same = eqx.combine(run(arrays), held[-1])
    return (own, same) if shared else own


def placed_by_part(tree: PyTree, devices: Mesh) -> PyTree:
    """Put arrays of NumPy's on the devices, by their leading axis; each process holds those of its own parts."""
    sharding = NamedSharding(devices, PartitionSpec(AXIS))

    def place(array):
        if not isinstance(array, np.ndarray):
            return array
        with jax.ensure_compile_time_eval():
            array = array.astype(jax.dtypes.canonicalize_dtype(array.dtype))
            return jax.make_array_from_callback(array.shape, sharding, lambda index: array[index])

    return jax.tree.map(place, tree)


def placed_of_parts(held: dict[int, list[np.ndarray]], count: int, devices: Mesh) -> list[jax.Array]:
    """Put arrays of single parts on their devices, stacked; each process gives those of the parts that it has."""
    sharding = NamedSharding(devices, PartitionSpec(AXIS))

    def stack(number):
        some = next(iter(held.values()))[number]
        own = lambda index: np.stack([held[part][number] for part in range(*index[0].indices(count))])
        return jax.make_array_from_callback((count, *some.shape), sharding, own)

    return [stack(number) for number in range(len(next(iter(held.values()))))]


def held_by_part(tree: PyTree, devices: Mesh) -> PyTree:
    """Have arrays with a leading axis for parts held so."""
    sharding = NamedSharding(devices, PartitionSpec(AXIS))
    hold = lambda leaf: jax.lax.with_sharding_constraint(leaf, sharding) if eqx.is_array(leaf) else leaf
    return jax.tree.map(hold, tree)


def held_by_all(tree: PyTree, devices: Mesh) -> PyTree:
    """Have arrays held whole by every device."""
    sharding = NamedSharding(devices, PartitionSpec())
    hold = lambda leaf: jax.lax.with_sharding_constraint(leaf, sharding) if eqx.is_array(leaf) else leaf
    return jax.tree.map(hold, tree)


def here(tree: PyTree) -> PyTree:
    """Return arrays that every device holds whole as ones of this process alone.

    What several processes hold together would have to be worked on by all of them.
    """
    return jax.tree.map(lambda leaf: jnp.asarray(np.asarray(leaf)) if eqx.is_array(leaf) else leaf, tree)


def own_rows(array: jax.Array) -> Iterator[tuple[int, np.ndarray]]:
    """Yield the rows of an array by parts that this process holds, with the numbers of the parts."""
    for shard in array.addressable_shards:
        yield from enumerate(np.asarray(shard.data), shard.index[0].start or 0)


def together(what: str) -> None:
    """Wait until all processes have come here."""
    if jax.process_count() > 1:
        from jax.experimental.multihost_utils import sync_global_devices

        sync_global_devices(what)
