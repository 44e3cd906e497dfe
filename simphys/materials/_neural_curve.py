"""A property that depends on temperature as a network has learned."""

import itertools

import jax.numpy as jnp
import numpy as np

from .. import _check
from .._ranges import positive
from .._told import Told
from .._typing import Array, Float, PyTree, Scalar, Value
from ._curve import AbstractCurve


class Perceptron(Told):
    """A small network of tanh, whose last layer starts at 0.

    zₗ = tanh(Wₗ zₗ₋₁ + bₗ),   N = w·z

    **Arguments:**

    - `inputs`: number of inputs.
    - `width`, `depth`: units in a layer, and layers.
    - `seed`: of the first weights.
    """

    weights: tuple[Array, ...]
    biases: tuple[Array, ...]

    def __init__(self, inputs: int = 1, *, width: int = 8, depth: int = 1, seed: int = 0):
        for name, value in (("inputs", inputs), ("width", width), ("depth", depth)):
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ValueError(f"`{name}` must be a whole number of 1 or more, got {value!r}.")
        draw, sizes = np.random.default_rng(seed), [inputs, *[width] * depth]
        inner = [draw.standard_normal((b, a)) / np.sqrt(a) for a, b in itertools.pairwise(sizes)]
        self.weights = (*map(jnp.asarray, inner), jnp.zeros(width))
        self.biases = tuple(jnp.asarray(draw.uniform(-1.0, 1.0, width)) for _ in range(depth))

    def __call__(self, x: Float[Array, " inputs"]) -> Scalar:
        """Return N."""
        for W, b in zip(self.weights[:-1], self.biases, strict=True):
            x = jnp.tanh(W @ x + b)
        return self.weights[-1] @ x


class NeuralCurve(AbstractCurve):
    """A property that is positive at every temperature, `value = a exp(N((T − T₀)/ΔT))`.

    **Arguments:**

    - `level`: a, > 0: what the property is about; a new network's curve is a at every temperature.
    - `centre`, `span`: T₀, and ΔT > 0: half the range of temperatures.
    - `network`: N, by default a new `Perceptron(1)`.

    **Raises:** `ValueError` for `level` or `span` that are not positive.
    """

    level: PyTree = positive(several=True)
    centre: PyTree
    span: PyTree = positive(several=True)
    network: Perceptron

    def __init__(self, *, level: Value, centre: Value, span: Value, network: Perceptron | None = None):
        self.level = _check.parameter(level)
        self.centre = _check.finite("centre", _check.parameter(centre))
        self.span = _check.parameter(span)
        self.network = Perceptron() if network is None else network

    def __call__(self, temperature):
        return self.level * jnp.exp(self.network(jnp.atleast_1d((temperature - self.centre) / self.span)))

    def samples(self):
        return None
