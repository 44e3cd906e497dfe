"""A function of JAX as a module of PyTorch."""

from .._typing import Callable, PyTree


def to_torch(function: Callable, model: PyTree = None, *, vmap: int | tuple[int | None, ...] | None = None):
    r"""Return a `torch.nn.Module` that computes a JAX function, and its gradient by the function's own adjoint.

    y = f(x₁, …),   x̄ = (∂f/∂x)ᵀ ȳ

    Tensors and arrays share their memory (DLPack), on the CPU and on a GPU. f runs compiled; where a gradient is asked
    for, what its transpose needs is kept from the forward run, and nothing is solved twice. Adjoint solves of every
    `simphys.solve` that f calls directly are reported: `module.certificate` is that of the last backward pass, of a batch
    summed over its lanes.

    Where all floating tensors that come in are of float32, so are those that come out, whatever f computes in.

    **Arguments:**

    - `function`: f, (arrays) → array or tuple of arrays; with `model`: (model, arrays) → the same.
    - `model`: any pytree, such as a problem or an Equinox module. Its floating arrays become the module's parameters,
      under their paths with _ for what is no letter or digit, and optimisers of PyTorch train them; but for meshes,
      constraints and loads of problems, and what is `simphys.frozen`. `simphys.trainable(where, model)` says otherwise.
    - `vmap`: the axis of the tensors along which f is batched, as `in_axes` of `jax.vmap`: one for all, or one for each
      tensor, None for those that all lanes share; the model is shared, results have their lanes first.

    **Returns:** the module. Its `jax_model()` is the model with the parameters as they are now.

    **Raises:** at once `ImportError` without PyTorch (the extra `[torch]`); when called, `TypeError` for what is no tensor,
    `ValueError` for float64 where JAX computes in float32, tensors on several devices, or lanes of several numbers,
    `RuntimeError` under transformations of `torch.func`. A solve that fails raises in the forward pass as it does in JAX.
    A gradient that failed, or is not finite, raises `layers.GradientFailed` with its status's name. Second derivatives are
    not offered, and raise.

    Reference: A. Paszke et al., Automatic differentiation in PyTorch, NIPS workshop 2017; https://dmlc.github.io/dlpack.
    """
    try:
        from ._torch import TorchModule
    except ImportError as error:
        raise ImportError("`to_torch` needs PyTorch: pip install simphys[torch].") from error
    if not callable(function):
        raise ValueError(f"`function` must be callable, got {function!r}.")
    return TorchModule(function, model, vmap)


class GradientFailed(RuntimeError):
    """A gradient was asked for that could not be computed; `status` is the name of an item of `RESULTS`."""

    def __init__(self, status: str, text: str):
        super().__init__(f"{status}: {text}")
        self.status = status
