"""Failures under transformations, raised with the number of each member of `vmap` that failed."""

import itertools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import Primitive
from jax.interpreters import batching, mlir

from .._result import RESULTS
from .._rules import with_rule
from .._typing import PyTree


MOST_NAMED, MOST_AXES = 8, 4


def error_if_failed(tree: PyTree, result: RESULTS) -> PyTree:
    """Return the tree; raise, at run time, where a status is a failure: its sentence, and which lanes of `vmap` it befell.

    Derivatives of the tree raise as well: a program of which only a gradient is kept has no use for the tree itself.

    **Arguments:**

    - `tree`: arrays whose use is to raise.
    - `result`: the status, traced.

    **Raises:** at run time `equinox.EquinoxRuntimeError`.
    """
    report = _lanes_p.bind(jnp.where(result == RESULTS.successful, -1, result._value).astype(jnp.int32))
    failed = report[0] > 0
    ticket = jax.lax.cond(failed, _ask, lambda report: jnp.zeros((), jnp.int32), report)
    checked = eqx.branched_error_if(tree, failed, ticket, _MESSAGES)
    one = eqx.branched_error_if(jnp.ones(()), failed, ticket, _MESSAGES)
    return jax.tree.map(lambda leaf: _carried(leaf, one) if eqx.is_inexact_array(leaf) else leaf, checked)


def _carried_jvp(primals, tangents):
    """The leaf's tangents and cotangents are multiplied by 1, whose use is to raise."""
    (leaf, one), (moved, _) = primals, tangents
    return _carried(leaf, one), None if moved is None else moved * jax.lax.stop_gradient(one).astype(moved.dtype)


_carried = with_rule("carried", lambda leaf, one: leaf, _carried_jvp)


def _ask(report):
    return jax.pure_callback(_write, jax.ShapeDtypeStruct((), jnp.int32), report)


class _Messages:
    """Texts that were written at run time, by number; Equinox looks one up when it raises."""

    def __init__(self):
        self.numbers, self.texts = itertools.count(1), {}

    def __getitem__(self, number):
        return self.texts.get(number, "A solve failed.")

    def __len__(self):
        return len(self.texts)


_MESSAGES = _Messages()


def _write(report):
    number = next(_MESSAGES.numbers) % 2**30
    _MESSAGES.texts[number] = describe_lanes(np.asarray(report))
    # Only the newest are ever looked up.
    for old in sorted(_MESSAGES.texts)[:-64]:
        _MESSAGES.texts.pop(old, None)
    return np.asarray(number, np.int32)


def describe_lanes(report: np.ndarray) -> str:
    """Put a report into words."""
    count, code, *rest = (int(n) for n in report)
    places, shape = rest[:MOST_NAMED], tuple(n for n in rest[MOST_NAMED:] if n > 0)
    text = RESULTS._index_to_message[code]
    if not shape:
        return text
    lanes = [np.unravel_index(place, shape) for place in places if place >= 0]
    names = [str(int(lane[0])) if len(lane) == 1 else str(tuple(map(int, lane))) for lane in lanes]
    more = f" and {count - len(names)} more" if count > len(names) else ""
    size = " × ".join(map(str, shape))
    return f"{text} This befell {count} of the {size} lanes of `vmap`: lane {', '.join(names)}{more}."


def _report(codes):
    """How many lanes failed, the largest status, the first lanes that failed, and the lengths of the axes of `vmap`."""
    flat = codes.reshape(-1)
    places = jnp.nonzero(flat >= 0, size=MOST_NAMED, fill_value=-1)[0].astype(jnp.int32)
    axes = jnp.asarray([*codes.shape, *(0,) * MOST_AXES][:MOST_AXES], jnp.int32)
    head = jnp.stack([jnp.sum(flat >= 0).astype(jnp.int32), jnp.maximum(jnp.max(flat), 0)])
    return jnp.concatenate([head, places, axes])


def _batch(arguments, dims):
    # As with Equinox's `unvmap_any`: what is reported of all lanes belongs to none.
    (codes,), (dim,) = arguments, dims
    return _lanes_p.bind(jnp.moveaxis(codes, dim, 0)), None


_lanes_p = Primitive("failed_lanes")
_lanes_p.def_impl(jax.jit(_report))
_lanes_p.def_abstract_eval(lambda codes: jax.core.ShapedArray((2 + MOST_NAMED + MOST_AXES,), jnp.int32))
mlir.register_lowering(_lanes_p, mlir.lower_fun(_report, multiple_results=False))
batching.primitive_batchers[_lanes_p] = _batch
