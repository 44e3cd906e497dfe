"""Systems driven by a measured input: an oscillator, the same with a learned correction, a neural differential equation."""

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from .. import _check
from .._hidden import hashable
from .._told import Told
from .._typing import Array, Callable, Float, Int, PyTree, Scalar
from ._signal import Signal


class Oscillator(Told):
    r"""An oscillator of one degree of freedom with a cubic spring (Duffing).

    m ÿ + d ẏ + (a + b y²) y = u + u₀

    **Arguments:**

    - `mass`, `damping`, `stiffness`, `cubic`: m > 0, d, a, b.
    - `offset`: u₀, what the input is measured wrong by.

    Reference: T. Wigren, J. Schoukens, Three free data sets for development and benchmarking in nonlinear system
    identification, European Control Conference 2013.
    """

    mass: Array
    damping: Array
    stiffness: Array
    cubic: Array
    offset: Array

    def __init__(self, mass, damping=0.0, stiffness=0.0, cubic=0.0, offset=0.0):
        self.mass = _check.positive("mass", _check.parameter(mass))
        given = dict(damping=damping, stiffness=stiffness, cubic=cubic, offset=offset)
        checked = {name: _check.finite(name, _check.parameter(value)) for name, value in given.items()}
        self.damping, self.stiffness = checked["damping"], checked["stiffness"]
        self.cubic, self.offset = checked["cubic"], checked["offset"]

    def __call__(self, x: Float[Array, " 2"], u: Scalar) -> Float[Array, " 2"]:
        """Return ẋ of the state x = (y, ẏ) under the input u."""
        y, v = x
        force = u + self.offset - self.damping * v - (self.stiffness + self.cubic * y * y) * y
        return jnp.stack([v, force / self.mass])


class Corrected(Told):
    r"""A system with a learned force, ẋ₂ = f₂(x, u) + a N(x/s, u/s_u).

    **Arguments:**

    - `system`: f, such as an `Oscillator`.
    - `network`: N, (3,) → (1,); where its last layer is 0 the system is as it was.
    - `scales`: s, of y, ẏ and u.
    - `size`: a, an acceleration.
    """

    system: Callable
    network: Callable
    scales: Array
    size: Array

    def __call__(self, x, u):
        """Return ẋ."""
        force = self.network(jnp.append(x, u) / jax.lax.stop_gradient(self.scales))[0]
        return self.system(x, u) + jnp.stack([jnp.zeros_like(force), jax.lax.stop_gradient(self.size) * force])


class NeuralRate(Told):
    r"""A neural differential equation, ẋ = r s (W z + N(z)),   z = (x/s, u/s_u).

    **Arguments:**

    - `network`: N, (3,) → (2,).
    - `linear`: W, (2, 3).
    - `scales`: s, of y, ẏ and u.
    - `rate`: r, 1/time: how fast things are.
    """

    network: Callable
    linear: Array
    scales: Array
    rate: Array

    def __call__(self, x, u):
        """Return ẋ."""
        scales, rate = jax.lax.stop_gradient((self.scales, self.rate))
        z = jnp.append(x, u) / scales
        return rate * scales[:2] * (self.linear @ z + self.network(z))


class Augmented(eqx.Module):
    """The right-hand side f(t, u, args) + g(t, u, args) of an `ODE` or of `diffrax.ODETerm`; g may be a network.

    **Arguments:**

    - `function`: f.
    - `closure`: g; array leaves of both are parameters.
    """

    function: Callable
    closure: Callable

    def __call__(self, t: Scalar, u: PyTree, args: PyTree) -> PyTree:
        """Return their sum."""
        return jax.tree.map(jnp.add, self.function(t, u, args), self.closure(t, u, args))


def simulate(
    system: Callable,
    signal: Signal,
    begin: Int[Array, " lane"],
    samples: int,
    rate: float,
    *,
    start: Float[Array, "lane state"] | None = None,
    substeps: int = 2,
    states: int = 2,
    adjoint=None,
) -> Float[Array, "lane sample state"]:
    r"""Simulate a driven system from several moments of a record at once, from the input alone, by Diffrax.

    ẋ = f(x, u(t))

    **Arguments:**

    - `system`: f, (x, u) → ẋ per unit of time.
    - `signal`: u.
    - `begin`: the samples at which the simulations begin.
    - `samples`: how many samples each is to last.
    - `rate`: samples per unit of time.
    - `start`: states at the beginning; rest by default.
    - `substeps`: steps of Tsitouras' method of order 5 to a sample. Two are exact to 10⁻⁵ up to a tenth of the rate.
    - `states`: number of state variables.
    - `adjoint`: of Diffrax; `ForwardMode()` by default, as least squares need it; `RecursiveCheckpointAdjoint()` for
      gradients in reverse.

    **Returns:** the states at the samples, the first of them the start.
    """
    begin = jnp.asarray(begin)
    start = jnp.zeros((begin.shape[0], states)) if start is None else jnp.asarray(start, float)
    term = diffrax.ODETerm(_PerSample(hashable(system), signal, rate))
    saved = diffrax.SaveAt(t0=True, steps=substeps)

    def one(origin, x):
        found = diffrax.diffeqsolve(
            term,
            diffrax.Tsit5(),
            0.0,
            float(samples - 1),
            1 / substeps,
            x,
            args=origin,
            stepsize_controller=diffrax.ConstantStepSize(),
            saveat=saved,
            max_steps=(samples - 1) * substeps,
            adjoint=diffrax.ForwardMode() if adjoint is None else adjoint,
            # A state that runs away is seen by its values; a check inside the loop would cost time.
            throw=False,
        )
        return jnp.asarray(found.ys)

    return jax.vmap(one)(begin.astype(float), start)


class _PerSample(eqx.Module):
    """The rate with time counted in samples: steps then are exact, and no rounding adds one more."""

    system: Callable
    signal: Signal
    rate: float = eqx.field(static=True)

    def __call__(self, t, x, origin):
        return self.system(x, self.signal(origin + t)) / self.rate


def network(inputs: int, outputs: int, width: int, depth: int, seed: int, last: float) -> eqx.nn.MLP:
    """Return a multilayer perceptron of tanh whose last layer is scaled by `last`, its bias 0."""
    made = eqx.nn.MLP(inputs, outputs, width, depth, jnp.tanh, key=jax.random.PRNGKey(seed), dtype=float)
    end = made.layers[-1]
    generator = np.random.default_rng(seed)
    weight = jnp.asarray(last * generator.standard_normal(end.weight.shape) / np.sqrt(width))
    return eqx.tree_at(lambda m: (m.layers[-1].weight, m.layers[-1].bias), made, (weight, jnp.zeros(outputs)))
