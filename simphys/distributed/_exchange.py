"""What parts tell each other: the values of what one owns and others see."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from .._arrays import taken
from .._typing import Array, Int
from ._numbering import Numbering, stacked


AXIS = "parts"
"""Name of the axis of devices."""


class Exchange(eqx.Module):
    """Owned values to those who see them, and sums of what was seen back to the owners; both inside `shard_map`.

    Neighbours are taken in rounds: in each a part sends to one other at most and hears of one, so that a round is one
    `ppermute`. All else is gathering, so that its derivative is the way back.
    """

    sends: tuple[Int[Array, " m"], ...]
    """For each round the owned places that are sent, any where there are fewer."""
    source: Int[Array, " seen"]
    """For each place of what is seen, where it stands among all that was heard; behind it in empty places."""
    rounds: tuple[tuple[tuple[int, int], ...], ...] = eqx.field(static=True)
    places: int = eqx.field(static=True)
    origin: Int[Array, " seen"] | None = None
    """Where one device has all parts beside each other: where each seen value stands among those of all parts."""

    def spread(self, own: Array, axis: int = 0) -> Array:
        """Return owned values followed by those that are seen, along an axis."""
        if not self.rounds:
            return own
        own = jnp.moveaxis(own, axis, 0)
        if self.origin is not None:
            every = jax.lax.all_gather(own, AXIS).reshape(-1, *own.shape[1:])
            return jnp.moveaxis(jnp.concatenate([own, taken(every, self.origin)]), 0, axis)
        heard = [
            jax.lax.ppermute(taken(own, sent), AXIS, pairs) for sent, pairs in zip(self.sends, self.rounds, strict=True)
        ]
        heard = jnp.concatenate([*heard, jnp.zeros((1, *own.shape[1:]), own.dtype)])
        return jnp.moveaxis(jnp.concatenate([own, taken(heard, self.source)]), 0, axis)

    def collect(self, local: Array, axis: int = 0) -> Array:
        """Return for what is owned the sum over all parts that see it; the transposed map of `spread`."""
        if not self.rounds:
            return local
        shape = list(local.shape)
        shape[axis] = self.places
        (own,) = jax.linear_transpose(lambda x: self.spread(x, axis), jax.ShapeDtypeStruct(tuple(shape), local.dtype))(
            local
        )
        return own


def exchange_of(numbering: Numbering) -> Exchange:
    """Plan who sends what to whom; arrays have a leading axis for parts."""
    messages = []
    for part, (seen, owner) in enumerate(zip(numbering.seen, numbering.owner, strict=True)):
        for other in np.unique(owner):
            messages.append((seen[owner == other], int(other), part))
    messages.sort(key=lambda m: -len(m[0]))
    rounds: list[list] = []
    for message in messages:
        _, sender, hearer = message
        free = (r for r in rounds if all(sender != s and hearer != h for _, s, h in r))
        found = next(free, None)
        if found is None:
            rounds.append(found := [])
        found.append(message)
    sends, begins, total = [], {}, 0
    for each in rounds:
        length = max(len(numbers) for numbers, _, _ in each)
        rows = [np.zeros(0, np.int64)] * numbering.parts
        for numbers, sender, hearer in each:
            rows[sender] = numbering.local(sender, numbers)
            begins[hearer, sender] = total
        sends.append(stacked(rows, length, 0).astype(np.int32))
        total += length
    source = np.full((numbering.parts, numbering.others), total, np.int32)
    for numbers, sender, hearer in messages:
        at = numbering.local(hearer, numbers) - numbering.places
        source[hearer, at] = begins[hearer, sender] + np.arange(len(numbers))
    pairs = tuple(tuple((sender, hearer) for _, sender, hearer in each) for each in rounds)
    return Exchange(tuple(sends), source, pairs, numbering.places)


def beside(exchange: Exchange) -> Exchange:
    """Return the same exchange between parts that one device has; on the host."""
    if not exchange.rounds:
        return exchange
    parts = exchange.source.shape[0]
    origin = np.zeros((parts, sum(sent.shape[1] for sent in exchange.sends) + 1), np.int32)
    begin = 0
    for sent, pairs in zip(exchange.sends, exchange.rounds, strict=True):
        for sender, hearer in pairs:
            origin[hearer, begin : begin + sent.shape[1]] = sender * exchange.places + sent[sender]
        begin += sent.shape[1]
    return dataclasses.replace(exchange, origin=np.take_along_axis(origin, exchange.source, axis=1))


def total(part: Array) -> Array:
    """Return the sum over parts; inside `shard_map`."""
    return jax.lax.psum(part, AXIS)
