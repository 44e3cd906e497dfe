"""The endpoints of a Tesseract, from one function."""

from collections.abc import Iterable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from .._result import RESULTS, name_of
from ..implicit import REPORT_SIZE, adjoint_certificate, probing
from ..layers import GradientFailed
from ._kept import Kept
from ._paths import at, differentiable_paths, put
from ._precision import precision, raised


class Endpoints:
    """`apply`, `vector_jacobian_product`, `jacobian_vector_product`, `jacobian`, `abstract_eval` and the two schemas.

    Made by `of_function` and `of_problem`. It stands for a module: `Tesseract.from_tesseract_api(endpoints)` takes it. A
    `tesseract_api.py` for an image names each endpoint once, as docs/tesseract.md shows.

    **Attributes:**

    - `InputSchema`, `OutputSchema`: pydantic models.
    - `solves`: how often the function was evaluated, with or without its linearisation.
    - `pulls`: how many adjoint sweeps there were.
    """

    __name__ = "simphys.tesseract"

    def __init__(self, function, schemas, prepare, shapes, keep, double):
        self.InputSchema, self.OutputSchema = schemas
        self.solves = self.pulls = 0
        self._function, self._prepare, self._shapes, self._double = function, prepare, shapes, double
        self._dtypes = differentiable_paths(self.OutputSchema)
        self._states, self._models, self._abstract = Kept(keep), Kept(max(keep, 1)), Kept(64)
        self._linearised = eqx.filter_jit(self._linearise)
        self._plain = eqx.filter_jit(self._call)
        self._pulled = eqx.filter_jit(lambda pull, cotangents: pull(cotangents))
        self._pushed = eqx.filter_jit(self._push)

    def apply(self, inputs: Any) -> dict[str, Any]:
        """Return the outputs; what the adjoint needs is kept, under all of the inputs."""
        return _host(self._state(inputs.model_dump())[0])

    def vector_jacobian_product(
        self, inputs: Any, vjp_inputs: Iterable[str], vjp_outputs: Iterable[str], cotangent_vector: dict[str, Any]
    ) -> dict[str, Any]:
        """Return the cotangents of inputs: one adjoint sweep, after an `apply` of equal inputs nothing else."""
        given = inputs.model_dump()
        outputs, pull = self._state(given)
        return self._pull(given, outputs, pull, vjp_inputs, cotangent_vector)

    def jacobian_vector_product(
        self, inputs: Any, jvp_inputs: Iterable[str], jvp_outputs: Iterable[str], tangent_vector: dict[str, Any]
    ) -> dict[str, Any]:
        """Return the tangents of outputs."""
        given = inputs.model_dump()
        with precision(self._double):
            free, fixed = self._split(given)
            tangents = jax.tree.map(np.zeros_like, free)
            for path in jvp_inputs:
                tangents[path] = np.asarray(tangent_vector[path], tangents[path].dtype)
            self.solves += 1
            found = self._pushed(self._model(given), free, fixed, tangents)
            return {path: np.asarray(at(found, path)) for path in jvp_outputs}

    def jacobian(self, inputs: Any, jac_inputs: Iterable[str], jac_outputs: Iterable[str]) -> dict[str, dict[str, Any]]:
        """Return all derivatives, one adjoint sweep for each number of the outputs."""
        given, jac_inputs = inputs.model_dump(), list(jac_inputs)
        outputs, pull = self._state(given)
        found: dict[str, dict[str, Any]] = {}
        for path in jac_outputs:
            value = np.asarray(at(outputs, path))
            rows = []
            for number in range(value.size):
                unit = np.zeros(value.size, value.dtype)
                unit[number] = 1
                rows.append(self._pull(given, outputs, pull, jac_inputs, {path: unit.reshape(value.shape)}))
            shape = lambda p: value.shape + np.shape(at(given, p))
            found[path] = {p: np.array([row[p] for row in rows]).reshape(shape(p)) for p in jac_inputs}
        return found

    def abstract_eval(self, abstract_inputs: Any) -> dict[str, Any]:
        """Return shapes and types of the outputs."""
        given = _abstract(abstract_inputs.model_dump())
        static = jax.tree.map(lambda x: (x.shape, str(x.dtype)) if isinstance(x, jax.ShapeDtypeStruct) else x, given)
        return self._abstract.get(static, lambda: self._evaluated(given))

    def _evaluated(self, given):
        if self._shapes is not None:
            found = {k: jax.ShapeDtypeStruct(shape, dtype) for k, (shape, dtype) in self._shapes(given).items()}
        else:
            with precision(self._double):
                arrays, static = eqx.partition(given, lambda x: isinstance(x, jax.ShapeDtypeStruct))
                call = lambda arrays: self._rounded(
                    self._function(None, raised(eqx.combine(arrays, static), self._double))
                )
                found = jax.eval_shape(call, arrays)
        return jax.tree.map(lambda s: {"shape": tuple(s.shape), "dtype": str(s.dtype)}, found)

    def _state(self, given):
        """The outputs, and the transpose of the linearised function as a pytree."""
        return self._states.get(given, lambda: self._solved(given))

    def _solved(self, given):
        with precision(self._double):
            self.solves += 1
            model, (free, fixed) = self._model(given), self._split(given)
            if not self._states.size:
                return self._plain(model, free, fixed), None
            outputs, pull = self._linearised(model, free, fixed)
            return jax.block_until_ready(outputs), pull

    def _model(self, given):
        """What is made on the host of all that is not differentiable."""
        if self._prepare is None:
            return None
        rest = given
        for path in differentiable_paths(self.InputSchema, given):
            value = np.asarray(at(given, path))
            rest = put(rest, path, jax.ShapeDtypeStruct(value.shape, value.dtype))
        return self._models.get(rest, lambda: self._prepare(rest))

    def _split(self, given):
        """Differentiable arrays by their paths, and all else."""
        free, rest = {}, given
        for path in differentiable_paths(self.InputSchema, given):
            free[path], rest = np.asarray(at(given, path)), put(rest, path, None)
        return free, jax.tree.map(lambda x: np.asarray(x) if isinstance(x, np.generic) else x, rest)

    def _call(self, model, free, fixed):
        inputs = fixed
        for path, value in free.items():
            inputs = put(inputs, path, value)
        return self._rounded(self._function(model, raised(inputs, self._double)))

    def _rounded(self, outputs):
        """Outputs in the types that their schema declares, rounded once."""
        outputs = jax.tree.map(jnp.asarray, outputs)
        for path, declared in self._dtypes.items():
            value = at(outputs, path, None)
            if value is not None and declared.expected_dtype is not None:
                outputs = put(outputs, path, value.astype(declared.expected_dtype))
        return outputs

    def _linearise(self, model, free, fixed):
        def probed(free, probe):
            with probing(probe):
                return self._call(model, free, fixed)

        return jax.vjp(probed, free, jnp.zeros(REPORT_SIZE))

    def _push(self, model, free, fixed, tangents):
        return jax.jvp(lambda free: self._call(model, free, fixed), (free,), (tangents,))[1]

    def _pull(self, given, outputs, pull, paths, cotangents):
        with precision(self._double):
            if pull is None:
                outputs, pull = self._linearised(self._model(given), *self._split(given))
            zero = lambda x: np.zeros(x.shape, x.dtype if jnp.issubdtype(x.dtype, jnp.inexact) else jax.dtypes.float0)
            full = jax.tree.map(zero, outputs)
            for path, value in cotangents.items():
                full = put(full, path, np.asarray(value, at(full, path).dtype))
            self.pulls += 1
            found, report = self._pulled(pull, full)
            certificate = adjoint_certificate(report)
            if certificate.result != RESULTS.successful:
                raise GradientFailed(name_of(certificate.result), str(RESULTS[certificate.result]))
            return {path: np.asarray(found[path]) for path in paths}


def _host(outputs):
    return jax.tree.map(np.asarray, outputs)


def _abstract(inputs):
    said = lambda x: isinstance(x, dict) and x.keys() == {"shape", "dtype"}
    return jax.tree.map(
        lambda x: jax.ShapeDtypeStruct(tuple(x["shape"]), x["dtype"]) if said(x) else x, inputs, is_leaf=said
    )
