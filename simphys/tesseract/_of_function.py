"""A Tesseract of a function."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from ._core import runtime
from ._endpoints import Endpoints
from ._precision import precision, raised
from ._schemas import schema_like


def of_function(
    function: Callable,
    inputs: Any,
    outputs: Any = None,
    *,
    prepare: Callable | None = None,
    shapes: Callable | None = None,
    keep: int = 2,
    double: bool = True,
) -> Endpoints:
    r"""Return the endpoints of a Tesseract that computes a function of JAX, with its derivatives.

    y = f(x),   x̄ = (∂f/∂x)ᵀ ȳ

    f runs compiled. `apply` keeps what the transpose needs, under a digest of *all* inputs: `vector_jacobian_product` of
    equal inputs then costs one adjoint sweep, and inputs that differ in one bit are solved anew. Numbers are computed in
    float64, whatever JAX's own setting, and rounded once, to the type that the schema declares.

    **Arguments:**

    - `function`: f, dictionary of inputs → dictionary of outputs; with `prepare`: (what it returned, inputs) → outputs.
      What is no array (numbers, texts, None) is static in it.
    - `inputs`: the schema, a pydantic model; or an example, a dictionary of arrays and other values, which are the
      defaults then; floating arrays of an example are differentiable.
    - `outputs`: the schema; by default that of what f returns, which needs an example of inputs.
    - `prepare`: from the inputs as NumPy arrays, on the host, to any pytree: a mesh, a problem. Only shapes are there of
      differentiable inputs. It runs again when anything else has changed.
    - `shapes`: with `prepare`, inputs (arrays as shapes) → {name: (shape, dtype)} of all outputs.
    - `keep`: how many states are kept; 0 for none: each product then solves again.
    - `double`: False to compute in what JAX is set to.

    **Raises:** `ImportError` without tesseract-core; `ValueError` if the parts do not fit. When called: whatever f raises,
    such as `NotConverged` for a solve that fails; `layers.GradientFailed` for an adjoint solve that does.

    Reference: Tesseract Core, https://github.com/pasteurlabs/tesseract-core.
    """
    runtime()
    if prepare is not None and (shapes is None or outputs is None):
        raise ValueError("`prepare` makes things of concrete inputs: give `shapes` and the schema `outputs` with it.")
    if not isinstance(keep, int) or keep < 0:
        raise ValueError(f"`keep` must be a whole number of 0 or more, got {keep!r}.")
    call = function if prepare is not None else lambda model, given: function(given)
    if outputs is None:
        if not isinstance(inputs, dict):
            raise ValueError("Without the schema `outputs`, `inputs` must be an example, a dictionary.")
        outputs = _example_of(function, inputs, double)
    schema = schema_like("InputSchema", inputs) if isinstance(inputs, dict) else inputs
    outputs = schema_like("OutputSchema", outputs, required=True) if isinstance(outputs, dict) else outputs
    return Endpoints(call, (schema, outputs), prepare, shapes, keep, double)


def _example_of(function, inputs, double):
    """Shapes of what the function returns, floating ones in the widest floating type of its inputs."""
    with precision(double):
        arrays, static = eqx.partition(inputs, eqx.is_array)
        found = jax.eval_shape(lambda arrays: function(raised(eqx.combine(arrays, static), double)), arrays)
        floating = [x.dtype for x in jax.tree.leaves(arrays) if jnp.issubdtype(x.dtype, jnp.floating)]
        wide = np.result_type(*floating) if floating else np.float64
        real = lambda s: jnp.issubdtype(s.dtype, jnp.floating)
        return jax.tree.map(lambda s: jax.ShapeDtypeStruct(s.shape, wide) if real(s) else s, found)
