"""The bridge to PyTorch; imported when it is first used."""

import contextlib
import functools
import re

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import torch  # pyright: ignore[reportMissingImports]

from .._frozen import Frozen, without_given
from .._result import RESULTS, name_of
from .._typing import PyTree
from ..implicit import REPORT_SIZE, AdjointCertificate, adjoint_certificate, probing
from ._to_torch import GradientFailed


class TorchModule(torch.nn.Module):
    """Made by `to_torch`."""

    certificate: AdjointCertificate | None

    def __init__(self, function, model, axes=None):
        super().__init__()
        self._axes = axes
        chosen = without_given(model)
        chosen = chosen.tree if isinstance(chosen, Frozen) else chosen
        free, self._fixed = eqx.partition(chosen, eqx.is_inexact_array)
        leaves, self._structure = jax.tree_util.tree_flatten_with_path(free)
        self._names = [_parameter_name(where) for where, _ in leaves]
        if len(set(self._names)) < len(self._names):
            raise ValueError(f"Two arrays of `model` would have the same name among {self._names}.")
        for name, (_, leaf) in zip(self._names, leaves, strict=True):
            # A copy: an optimiser changes parameters in place, and the arrays of the model are not to change.
            self.register_parameter(name, torch.nn.Parameter(torch.from_numpy(np.array(leaf))))
        self._bare = model is None
        self._function = function
        self._forward = eqx.filter_jit(self._call)
        self._linearised = eqx.filter_jit(self._linearise)
        self._transposed = eqx.filter_jit(lambda pull, cotangents: pull(cotangents))
        self.certificate = None

    def forward(self, *tensors):
        """Return f(x₁, …)."""
        for tensor in tensors:
            if not isinstance(tensor, torch.Tensor):
                raise TypeError(f"tensors expected, got {type(tensor).__name__}.")
            if torch._C._functorch.is_functorch_wrapped_tensor(tensor):
                raise RuntimeError(
                    "A module made by `to_torch` is differentiated by autograd and batched by `to_torch(…, vmap=0)`; "
                    "transformations of `torch.func` cannot look into it."
                )
        found = _Bridge.apply(self, *(getattr(self, name) for name in self._names), *tensors)
        return found[0] if self._single else found

    def jax_model(self) -> PyTree:
        """Return the model with copies of the parameters as they are now."""
        leaves = [jnp.array(getattr(self, name).detach().cpu().numpy()) for name in self._names]
        return self._model(leaves)

    def _model(self, weights):
        return Frozen(eqx.combine(jax.tree_util.tree_unflatten(self._structure, weights), self._fixed)).value

    def _call(self, arrays, probe=None):
        count = len(self._names)
        weights, inputs = arrays[:count], arrays[count:]

        def called(*inputs):
            # Solves are reported where they are traced: within the batch.
            with contextlib.nullcontext() if probe is None else probing(probe):
                found = self._function(*inputs) if self._bare else self._function(self._model(weights), *inputs)
            self._single = not isinstance(found, tuple)
            return tuple(jnp.asarray(part) for part in ((found,) if self._single else found))

        return _as_given((called if self._axes is None else jax.vmap(called, self._axes))(*inputs), inputs)

    def _linearise(self, arrays):
        """f, and its transpose as a pytree; what is no floating array is held fixed."""
        free, fixed = eqx.partition(arrays, eqx.is_inexact_array)
        return jax.vjp(lambda free, probe: self._call(eqx.combine(free, fixed), probe), free, jnp.zeros(REPORT_SIZE))


def _as_given(found, inputs):
    """Results in the widest floating type of the inputs, where these have one."""
    given = [a.dtype for a in inputs if jnp.issubdtype(a.dtype, jnp.floating)]
    if not given:
        return found
    wanted = functools.reduce(jnp.promote_types, given)
    return tuple(part.astype(wanted) if jnp.issubdtype(part.dtype, jnp.floating) else part for part in found)


class _Bridge(torch.autograd.Function):
    """One node of PyTorch's graph."""

    @staticmethod
    def forward(ctx, module, *tensors):
        arrays = _to_jax(tensors)
        ctx.module = module
        if any(ctx.needs_input_grad):
            found, ctx.pull = module._linearised(arrays)
            # Kept for its version: what was changed in place since must not go unnoticed, memory is shared.
            ctx.save_for_backward(*tensors)
        else:
            found = module._forward(arrays)
        found = _to_torch(found, arrays)
        ctx.mark_non_differentiable(*(part for part in found if not part.is_floating_point()))
        ctx.set_materialize_grads(True)
        return found

    @staticmethod
    def backward(ctx, *cotangents):
        tensors = ctx.saved_tensors
        arrays = _to_jax(cotangents)
        fixed = [jnp.issubdtype(a.dtype, jnp.inexact) for a in arrays]
        arrays = tuple(
            a if real else np.zeros(a.shape, jax.dtypes.float0) for a, real in zip(arrays, fixed, strict=True)
        )
        try:
            found, report = ctx.module._transposed(ctx.pull, arrays)
            jax.block_until_ready(found)
        except RuntimeError as error:
            raise _explained(error) from error
        ctx.module.certificate = certificate = adjoint_certificate(report)
        _check(found, certificate)
        given = _to_torch([g for g in found if g is not None], arrays)
        remaining = iter(given)
        gradients = [None if g is None else next(remaining) for g in found]
        wanted = ctx.needs_input_grad[1:]
        gradients = [g if need else None for g, need in zip(gradients, wanted, strict=True)]
        if torch.is_grad_enabled():
            gradients = [None if g is None else _NoFurther.apply(g, *tensors) for g in gradients]
        return (None, *gradients)


class _NoFurther(torch.autograd.Function):
    """A gradient that is not to be differentiated: as a constant it would be silently wrong."""

    @staticmethod
    def forward(ctx, gradient, *tensors):
        return gradient.clone()

    @staticmethod
    def backward(ctx, *cotangents):
        raise RuntimeError("The second derivative of a module made by `to_torch` is not known: take it in JAX.")


def _check(gradients, certificate):
    """Raise where a gradient is none: it must not reach an optimiser."""
    if certificate.result != RESULTS.successful:
        raise GradientFailed(name_of(certificate.result), str(RESULTS[certificate.result]))
    for number, gradient in enumerate(gradients):
        if gradient is not None and not bool(jnp.all(jnp.isfinite(gradient))):
            raise GradientFailed("nonfinite", f"The gradient with respect to input {number} is not finite.")


def _explained(error):
    """The error of a compiled function, under the name of the status whose sentence it repeats."""
    for name, item in RESULTS._name_to_item.items():
        sentence = str(RESULTS[item])
        if sentence and sentence in str(error):
            return GradientFailed(name, sentence)
    return GradientFailed("failed", str(error))


def _to_jax(tensors):
    if len({tensor.device for tensor in tensors}) > 1:
        raise ValueError(f"Tensors on one device expected, got {sorted({str(t.device) for t in tensors})}.")
    for tensor in tensors:
        if tensor.dtype == torch.float64 and not jax.config.jax_enable_x64:  # pyright: ignore[reportAttributeAccessIssue]
            raise ValueError(
                "A tensor of float64, but JAX computes in float32: convert it, or set "
                "jax.config.update('jax_enable_x64', True) before anything is computed."
            )
    return tuple(jnp.from_dlpack(tensor.detach().contiguous()) for tensor in tensors)


def _to_torch(arrays, given):
    """Arrays as tensors over the same memory; an array that was given comes back as a copy, for tensors may change."""
    taken = {_place(array) for array in given}
    arrays = [jnp.copy(array) if _place(array) in taken else array for array in jax.block_until_ready(arrays)]
    return tuple(torch.from_dlpack(array) for array in arrays)


def _place(array):
    return array.unsafe_buffer_pointer() if isinstance(array, jax.Array) and array.size else None


def _parameter_name(where):
    return re.sub(r"\W+", "_", jax.tree_util.keystr(where)).strip("_") or "array"
