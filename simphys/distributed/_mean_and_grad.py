"""The gradient of a batch's mean, whose members several devices and processes share."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from .._told import Told
from .._typing import Array, Callable, PyTree
from ._members import MemberFailed, map_members, rows_of


class BatchGradient(Told):
    """What a batch came to.

    **Attributes:**

    - `value`: the mean of the loss.
    - `gradient`: of the mean, of the model's structure, with None for what is no floating array.
    - `values`: the loss of each member, (member,).
    """

    value: Array
    gradient: PyTree
    values: Array


def mean_and_grad(loss: Callable, *, devices: Any = None, chunk: int = 1) -> Callable[..., BatchGradient]:
    r"""Return (model, batch) ↦ the mean of a loss over a batch and its gradient, members side by side on all devices.

    L(θ) = 1/n Σ_m ℓ(θ, m),   ∂L/∂θ = 1/n Σ_m ∂ℓ/∂θ

    Each member, or chunk of members, is computed by itself by the same program wherever it is, and all are summed in
    the order of the batch: value and gradient have the same bits on any number of devices and processes of one kind. Of
    each member one gradient is kept until then.

    **Arguments:**

    - `loss`: ℓ, (θ, member, …) → a scalar.
    - `devices`: a JAX `Mesh`, a list of devices, or how many of this process; None for the default one. With devices of
      several processes all of these call the returned function, with the same model and batch, and get the same.
    - `chunk`: members that one program computes at a time (by `jax.vmap`, the last ones with copies of themselves); small
      losses gain by it. Roundings depend on it.

    **Returns:** the function (θ, batch, …) → `BatchGradient`; `batch` is a list of members or arrays with a leading axis
    for them, what else is given is passed on to ℓ. Array leaves of θ are differentiated. It is not to be compiled itself.

    **Raises:** `ValueError` for a batch without members; `MemberFailed` in all processes where ℓ raises.
    """
    if not isinstance(chunk, int) or chunk < 1:
        raise ValueError(f"`chunk` must be a whole number of 1 or more, got {chunk!r}.")
    program = eqx.filter_jit(_of_one(loss) if chunk == 1 else _of_some(loss))

    def evaluate(model: PyTree, batch: PyTree, *more: PyTree) -> BatchGradient:
        rows, _ = rows_of(batch)
        pieces = rows if chunk == 1 else [_stacked(rows[k : k + chunk], chunk) for k in range(0, len(rows), chunk)]
        found = _shared(lambda piece: program(model, piece, more), pieces, devices)
        each = np.concatenate([np.ravel(values) for values, _ in found])[: len(rows)]
        mean = jax.tree.map(lambda *parts: jnp.asarray(_sum(parts) / len(rows)), *(gradient for _, gradient in found))
        return BatchGradient(jnp.asarray(_sum(each) / len(rows)), mean, jnp.asarray(each))

    return evaluate


def sum_over_members(function: Callable, *, devices: Any = None) -> Callable[..., PyTree]:
    r"""Return (model, members) ↦ Σ_m f(model, m), members side by side on all devices, summed in their order.

    **Arguments:**

    - `function`: f, (model, member) → a pytree of arrays.
    - `devices`: as of `mean_and_grad`.

    **Returns:** the function; `members` are a list, or arrays with a leading axis for them.

    **Raises:** `ValueError` where there are no members; `MemberFailed` in all processes where f raises.
    """
    program = eqx.filter_jit(function)

    def total(model: PyTree, members: PyTree) -> PyTree:
        found = _shared(lambda member: program(model, member), rows_of(members)[0], devices)
        return jax.tree.map(lambda *parts: jnp.asarray(_sum(parts)), *found)

    return total


def _shared(program, pieces, devices):
    """What a program finds of each piece, in their order, whoever computes it."""
    here, by = _shares(devices, len(pieces))
    own = [piece for piece, process in zip(pieces, by, strict=True) if process == jax.process_index()]
    found = _own(program, own, here)
    if set(by) != {jax.process_index()}:
        return _of_all(found, by, eqx.filter_eval_shape(program, pieces[0]))
    if isinstance(found, MemberFailed):
        raise found
    return found


def _of_one(loss):
    """The loss of a member, and its gradient."""
    return lambda model, member, more: eqx.filter_value_and_grad(lambda model: loss(model, member, *more))(model)


def _of_some(loss):
    """Losses of some members, and the gradient of their sum."""

    def some(model, members_and_count, more):
        members, count = members_and_count

        def total(model):
            each = jax.vmap(lambda member: loss(model, member, *more))(members)
            return jnp.sum(jnp.where(jnp.arange(each.size) < count, each, 0)), each

        (_, each), gradient = eqx.filter_value_and_grad(total, has_aux=True)(model)
        return each, gradient

    return some


def _stacked(rows, chunk):
    """Some members with a leading axis, the last one repeated, and how many they are."""
    filled = [*rows, *rows[-1:] * (chunk - len(rows))]
    return jax.tree.map(lambda *leaves: jnp.stack([jnp.asarray(leaf) for leaf in leaves]), *filled), np.array(len(rows))


def _sum(parts):
    """In the order that they stand in, whoever has computed them."""
    total = np.asarray(parts[0])
    for part in parts[1:]:
        total = total + np.asarray(part)
    return total


def _shares(devices, count):
    """The devices of this process that are to work, and which process each piece is for."""
    if devices is None or isinstance(devices, int):
        return devices, [jax.process_index()] * count
    every = list(devices.devices.flat) if isinstance(devices, jax.sharding.Mesh) else list(devices)
    here = [device for device in every if device.process_index == jax.process_index()]
    if not here:
        raise ValueError(f"`devices` holds none of process {jax.process_index()}.")
    return here, [every[number % len(every)].process_index for number in range(count)]


def _own(function, pieces, devices):
    """What this process finds, or how it failed."""
    if not pieces:
        return []
    try:
        found = map_members(function, pieces, devices=devices, progress=False).results
    except MemberFailed as failed:
        return failed
    return [jax.tree.map(np.asarray, result) for result in found]


def _of_all(found, by, like):
    """What all processes have found, in the order of the batch."""
    from jax.experimental.multihost_utils import process_allgather

    failed = process_allgather(np.array(isinstance(found, MemberFailed)))
    if isinstance(found, MemberFailed):
        raise found
    if failed.any():
        process = int(np.flatnonzero(failed)[0])
        raise MemberFailed(f"Members failed in process {process}, which says why.", None)
    room = max(map(by.count, set(by)))
    nothing = jax.tree.map(lambda leaf: np.zeros(leaf.shape, leaf.dtype), like)
    filled = [*found, *[nothing] * (room - len(found))]
    stacks = process_allgather(jax.tree.map(lambda *leaves: np.stack(leaves), *filled))
    taken, ordered = dict.fromkeys(by, 0), []
    for process in by:
        at = process, taken[process]
        ordered.append(jax.tree.map(lambda stack, at=at: np.asarray(stack)[at], stacks))
        taken[process] += 1
    return ordered
