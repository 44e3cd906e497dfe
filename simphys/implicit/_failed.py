"""Values of solves that failed: NaN, whose derivative is NaN where it is asked for, and 0 for a cotangent of exactly 0."""

import functools
import math

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir

from .._typing import Array, Bool, Callable, PyTree, Scalar


LARGEST_COPY = 2**20
"""Entries up to which a parameter that all lanes of `vmap` share is given to each of them, to be held where it failed."""


def nan_unless(ok: Bool[Array, ""], tree: PyTree, source: Scalar | None = None) -> PyTree:
    """Return the tree where a solve succeeded, else NaN.

    The derivative of a NaN is NaN (`jnp.where` would give 0, a plausible number), but a cotangent of exactly 0 stays 0:
    what a mask has thrown away has no influence.

    **Arguments:**

    - `ok`: whether it succeeded.
    - `tree`: the values, finite.
    - `source`: `influence` of parameters to which the NaN of a derivative is handed on as well, past a computation of
      `tree` that lets nothing through.
    """

    def one(leaf):
        if not eqx.is_inexact_array(leaf):
            return leaf
        bad = jnp.broadcast_to(~ok, leaf.shape)
        origins = [leaf] if source is None else [leaf, jnp.broadcast_to(source.astype(leaf.dtype), leaf.shape)]
        nothing = functools.reduce(jnp.add, (_nan_p.bind(bad, origin, reverse=False) for origin in origins))
        return jnp.where(bad, nothing, leaf)

    return jax.tree.map(one, tree)


def held_unless(ok: Bool[Array, ""], tree: PyTree) -> PyTree:
    """Return the tree as it is; its derivative is 0 where `ok` is false, whatever the cotangent, NaN too.

    A large array that the lanes of `vmap` share is left as it is: a copy for each of them would cost too much.
    """
    held = lambda leaf: _mask_p.bind(ok, leaf, tangent=False) if eqx.is_inexact_array(leaf) else leaf
    return jax.tree.map(held, tree)


def influence(tree: PyTree) -> Scalar:
    """Return 0, as a function of all floating leaves: its derivative by each entry is 1."""
    leaves = [leaf for leaf in jax.tree.leaves(tree) if eqx.is_inexact_array(leaf) and leaf.size]
    return _nothing(leaves) if leaves else jnp.zeros(())


def where_finite(function: Callable, *inputs: PyTree) -> PyTree:
    """Return function(*inputs); where that is not finite, all of it is NaN, and a cotangent of exactly 0 stays 0.

    Whether it is finite is asked of the same program without derivatives, which XLA finds to be the same.
    """
    arrays, rest = eqx.partition(inputs, eqx.is_array)
    seen = function(*eqx.combine(jax.lax.stop_gradient(arrays), rest))
    ok = jnp.all(jnp.stack([jnp.all(jnp.isfinite(leaf)) for leaf in jax.tree.leaves(seen)]))
    return nan_unless(ok, function(*held_unless(ok, inputs)), influence(inputs))


def _nothing(leaves):
    leaves = [jnp.asarray(leaf) for leaf in leaves]  # literals of a traced program are Python's numbers
    # The widest type: a problem may have parameters in another than its unknowns.
    dtype = max((leaf.dtype for leaf in leaves), key=lambda dtype: jnp.finfo(dtype).bits)
    return _zero_p.bind(*leaves, lanes=(), axes=((),) * len(leaves), dtype=dtype)


def _primitive(name, impl, abstract, jvp, transpose, batch):
    made = Primitive(name)
    made.def_impl(impl)
    made.def_abstract_eval(abstract)
    mlir.register_lowering(made, mlir.lower_fun(impl, multiple_results=False))
    if jvp is not None:
        ad.primitive_jvps[made] = jvp
    if transpose is not None:
        ad.primitive_transposes[made] = transpose
    batching.primitive_batchers[made] = batch
    return made


def _like(x):
    # Without its weak type whatever takes it would be traced once more.
    return jax.core.ShapedArray(x.shape, x.dtype, weak_type=x.weak_type)


# NaN(bad, θ; t₁, …): NaN where bad, else 0; as a function of θ it is its own derivative, with one more slot t for the
# tangent. In reverse mode t are cotangents too, and where one of them is 0 so is the product.
def _nan_impl(bad, origin, *slots, reverse):
    for slot in slots if reverse else ():
        bad = bad & (slot != 0)
    return jnp.where(bad, jnp.nan, 0.0).astype(origin.dtype)


def _nan_jvp(primals, tangents, *, reverse):
    bad, origin, *slots = primals
    _, t_origin, *t_slots = tangents
    out = _nan_p.bind(bad, origin, *slots, reverse=reverse)
    parts = [] if type(t_origin) is ad.Zero else [_nan_p.bind(bad, origin, *slots, t_origin, reverse=reverse)]
    for i, t in enumerate(t_slots):
        if type(t) is not ad.Zero:
            parts.append(_nan_p.bind(bad, origin, *slots[:i], t, *slots[i + 1 :], reverse=reverse))
    return out, functools.reduce(jnp.add, parts) if parts else ad.Zero.from_primal_value(out)


def _nan_transpose(cotangent, bad, origin, *slots, reverse):
    (where,) = (i for i, slot in enumerate(slots) if ad.is_undefined_primal(slot))
    bar = None
    if type(cotangent) is not ad.Zero:
        others = [slot for i, slot in enumerate(slots) if i != where]
        bar = _nan_p.bind(bad, origin, *others, cotangent, reverse=True)
    return [None, None, *(bar if i == where else None for i in range(len(slots)))]


def _nan_batch(arguments, dims, *, reverse):
    lanes = next(a.shape[d] for a, d in zip(arguments, dims, strict=True) if d is not None)
    arguments = [_in_front(a, d, lanes) for a, d in zip(arguments, dims, strict=True)]
    return _nan_p.bind(*arguments, reverse=reverse), 0


def _in_front(x, dim, lanes):
    return jnp.broadcast_to(x, (lanes, *x.shape)) if dim is None else jnp.moveaxis(x, dim, 0)


_nan_p = _primitive(
    "nan_unless", _nan_impl, lambda bad, origin, *_, reverse: _like(origin), _nan_jvp, _nan_transpose, _nan_batch
)


# Zero(x₁, …): 0, as a function of every entry its own derivative; mapped over by `vmap` wherever something that it is
# given is: so `vmap` wants a value whose derivative is. `axes` are, for each xᵢ, those lanes that its first axes are.
def _zero_impl(*_, lanes, axes, dtype):
    return jnp.zeros(lanes, dtype)


def _zero_jvp(primals, tangents, *, lanes, axes, dtype):
    out = _zero_p.bind(*primals, lanes=lanes, axes=axes, dtype=dtype)
    parts = []
    for t, own in zip(tangents, axes, strict=True):
        if type(t) is not ad.Zero:
            summed = jnp.sum(t, axis=tuple(range(len(own), t.ndim))).astype(dtype)
            parts.append(jax.lax.broadcast_in_dim(summed, lanes, own))
    return out, functools.reduce(jnp.add, parts) if parts else ad.Zero.from_primal_value(out)


def _zero_batch(arguments, dims, *, lanes, axes, dtype):
    size = next(a.shape[d] for a, d in zip(arguments, dims, strict=True) if d is not None)
    arguments = [a if d is None else jnp.moveaxis(a, d, 0) for a, d in zip(arguments, dims, strict=True)]
    further = [tuple(k + 1 for k in own) for own in axes]
    axes = tuple(own if d is None else (0, *own) for own, d in zip(further, dims, strict=True))
    return _zero_p.bind(*arguments, lanes=(size, *lanes), axes=axes, dtype=dtype), 0


_zero_p = _primitive(
    "zero", _zero_impl, lambda *_, lanes, axes, dtype: jax.core.ShapedArray(lanes, dtype), _zero_jvp, None, _zero_batch
)


# Mask(ok, t): t where ok, else 0; the leading axes of t are those of ok. Of a value it is the identity, of which the
# derivative is this.
def _mask_impl(ok, t, *, tangent):
    if not tangent:
        return t
    return jnp.where(ok.reshape(ok.shape + (1,) * (t.ndim - ok.ndim)), t, jnp.zeros_like(t))


def _mask_jvp(primals, tangents, *, tangent):
    ok, t = primals
    out = _mask_p.bind(ok, t, tangent=tangent)
    moved = tangents[1]
    return out, ad.Zero.from_primal_value(out) if type(moved) is ad.Zero else _mask_p.bind(ok, moved, tangent=True)


def _mask_transpose(cotangent, ok, t, *, tangent):
    return [None, None if type(cotangent) is ad.Zero else _mask_p.bind(ok, cotangent, tangent=tangent)]


def _mask_batch(arguments, dims, *, tangent):
    (ok, t), (of_ok, of_t) = arguments, dims
    if of_t is None and ok.shape[of_ok] * math.prod(t.shape) > LARGEST_COPY:
        return t, None
    lanes = ok.shape[of_ok] if of_ok is not None else t.shape[of_t]
    return _mask_p.bind(_in_front(ok, of_ok, lanes), _in_front(t, of_t, lanes), tangent=tangent), 0


_mask_p = _primitive(
    "held_unless", _mask_impl, lambda ok, t, tangent: _like(t), _mask_jvp, _mask_transpose, _mask_batch
)
