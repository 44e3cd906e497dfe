"""Functions f(z, u) of one sample for deep-equilibrium networks."""

import abc

import equinox as eqx
import jax
import jax.numpy as jnp

from .._told import Told
from .._typing import Array, Float, PyTree


class AbstractCell(Told):
    """f(z, u): one layer, which the equilibrium z = f(z, u) applies infinitely often; u is made of the input once."""

    @abc.abstractmethod
    def inject(self, x: Array) -> PyTree:
        """Return u, what f needs of the input x of one sample."""

    @abc.abstractmethod
    def start(self, u: PyTree) -> PyTree:
        """Return z₀ for one sample: zeros of z's shape."""

    @abc.abstractmethod
    def __call__(self, z: PyTree, u: PyTree) -> PyTree:
        """Return f(z, u)."""


class DenseCell(AbstractCell):
    """z = tanh(W z + U x + b).

    A contraction where ‖W‖₂ < 1, as it is at the beginning (about 0.6).

    **Arguments:**

    - `inputs`: number of entries of x.
    - `features`: number of entries of z.
    - `key`: of the random weights.

    Reference: S. Bai, J. Z. Kolter, V. Koltun, Deep Equilibrium Models, NeurIPS 2019.
    """

    recurrent: Float[Array, "features features"]
    input: eqx.nn.Linear

    def __init__(self, inputs: int, features: int, *, key: Array):
        one, two = jax.random.split(key)
        self.recurrent = 0.3 * jax.random.normal(one, (features, features)) / features**0.5
        self.input = eqx.nn.Linear(inputs, features, key=two)

    def inject(self, x):
        """Return U x + b."""
        return self.input(x)

    def start(self, u):
        """Return zeros."""
        return jnp.zeros_like(u)

    def __call__(self, z, u):
        """Return tanh(W z + u)."""
        return jnp.tanh(self.recurrent @ z + u)


class _Bounded(eqx.Module):
    """A convolution of Euclidean norm `limit` at most, whatever its weights are: K min(1, limit / √(‖K‖₁ ‖K‖∞))."""

    convolution: eqx.nn.Conv2d
    limit: float = eqx.field(static=True)

    def __call__(self, z):
        K = self.convolution.weight
        size = jnp.abs(K)
        bound = jnp.sqrt(jnp.max(jnp.sum(size, (1, 2, 3))) * jnp.max(jnp.sum(size, (0, 2, 3))))
        K = K * (self.limit / jnp.maximum(bound, self.limit))
        return eqx.tree_at(lambda c: c.weight, self.convolution, K)(z)


class _Branch(eqx.Module):
    """z ↦ K₂ n(relu(K₁ z)), of Lipschitz constant `limit` at most."""

    first: _Bounded
    norm: eqx.nn.GroupNorm
    second: _Bounded

    def __init__(self, channels: int, groups: int, limit: float, *, key: Array):
        one, two = jax.random.split(key)
        self.first = _Bounded(eqx.nn.Conv2d(channels, channels, 3, padding=1, key=one), 1.0)
        # (x − mean) / √(variance + 1) changes by no more than x does.
        self.norm = eqx.nn.GroupNorm(groups, channels, eps=1.0, channelwise_affine=False)
        self.second = _Bounded(eqx.nn.Conv2d(channels, channels, 3, padding=1, use_bias=False, key=two), limit)

    def __call__(self, z):
        return self.second(self.norm(jax.nn.relu(self.first(z))))


SKIP, BRANCH = 0.5, 0.45
"""Shares of the skip connection and of what is learned in the Lipschitz constant of f."""


class ConvCell(AbstractCell):
    """A residual block of convolutions: two 3×3 convolutions, group normalisation, a skip connection.

    f(z, u) = relu(z/2 + u + K₂ n(relu(K₁ z))),   u = n₀(K₀ x)

    A contraction by 0.95 or less in the Euclidean norm, whatever the weights are: n does not stretch, and the convolutions
    are scaled down where √(‖K₁‖₁ ‖K₁‖∞) > 1 or √(‖K₂‖₁ ‖K₂‖∞) > 0.45. So training cannot lose the equilibrium.

    **Arguments:**

    - `inputs`: channels of x, (inputs, height, width).
    - `channels`: channels of z, (channels, height, width).
    - `groups`: groups of the normalisation, a divisor of `channels`.
    - `key`: of the random weights.

    Reference: E. Winston, J. Z. Kolter, Monotone operator equilibrium networks, NeurIPS 2020, for networks that have one
    equilibrium by construction; H. Gouk et al., Mach. Learn. 110 (2021) 393, for bounded convolutions.
    """

    input: eqx.nn.Sequential
    branch: _Branch

    def __init__(self, inputs: int, channels: int, *, groups: int = 4, key: Array):
        _check_groups(channels, groups)
        one, two = jax.random.split(key)
        self.input = _input(eqx.nn.Conv2d(inputs, channels, 3, padding=1, key=one), groups)
        self.branch = _Branch(channels, groups, BRANCH, key=two)

    def inject(self, x):
        """Return n₀(K₀ x)."""
        return self.input(x)

    def start(self, u):
        """Return zeros."""
        return jnp.zeros_like(u)

    def __call__(self, z, u):
        """Return one pass of the block."""
        return jax.nn.relu(SKIP * z + u + self.branch(z))


class MultiscaleCell(AbstractCell):
    """Three resolutions in one joint equilibrium: full, half and quarter, each a residual block, all mixed with all.

    fᵢ(z, u) = relu(zᵢ/2 + uᵢ + Σⱼ Rᵢⱼ bⱼ(zⱼ)),   i = 1, 2, 3

    bⱼ is K₂ n(relu(K₁ z)) as in `ConvCell`; Rᵢⱼ is 1 for i = j, 3×3 convolutions of stride 2 downwards, a 1×1 convolution
    and nearest-neighbour interpolation upwards. The input enters at all resolutions, u₁ = n₁(K₀ x) and u₂, u₃ made of it by
    convolutions and a normalisation. z is a tuple of three arrays. A contraction by 0.95 or less, as `ConvCell`:
    ‖Rᵢⱼ‖ ≤ 1, and each bⱼ has a third of its share.

    **Arguments:**

    - `inputs`: channels of x, (inputs, height, width); height and width are multiples of 4.
    - `channels`: of the three resolutions.
    - `groups`: groups of the normalisation, a divisor of each.
    - `key`: of the random weights.

    Reference: S. Bai, V. Koltun, J. Z. Kolter, Multiscale Deep Equilibrium Models, NeurIPS 2020.
    """

    inputs: list[eqx.Module]
    branches: list[_Branch]
    mixers: list[list[eqx.Module | None]]

    def __init__(self, inputs: int, channels: tuple[int, int, int], *, groups: int = 4, key: Array):
        if len(channels) != 3:
            raise ValueError(f"`channels` must be three numbers, one for each resolution, got {channels}.")
        for c in channels:
            _check_groups(c, groups)
        keys = iter(jax.random.split(key, 12))
        first = _input(eqx.nn.Conv2d(inputs, channels[0], 3, padding=1, key=next(keys)), groups)
        down = lambda i, key: _input(eqx.nn.Sequential(_strided(channels[: i + 1], key)), groups)
        self.inputs = [first, *(down(i, next(keys)) for i in (1, 2))]
        self.branches = [_Branch(c, groups, BRANCH / 3, key=next(keys)) for c in channels]
        mixer = lambda i, j: None if i == j else _mixer(j, i, channels, next(keys))
        self.mixers = [[mixer(i, j) for j in range(3)] for i in range(3)]

    def inject(self, x):
        """Return u₁, u₂, u₃."""
        if x.ndim != 3 or x.shape[1] % 4 or x.shape[2] % 4:
            raise ValueError(f"`x` must be (channels, height, width), the last two multiples of 4, got {x.shape}.")
        first, *others = self.inputs
        u = first(x)
        return (u, *(other(u) for other in others))

    def start(self, u):
        """Return zeros at three resolutions."""
        return jax.tree.map(jnp.zeros_like, u)

    def __call__(self, z, u):
        """Return one pass of the three blocks and their mixing."""
        passed = [branch(z_j) for branch, z_j in zip(self.branches, z, strict=True)]

        def mixed(i):
            parts = [b if mixer is None else mixer(b) for mixer, b in zip(self.mixers[i], passed, strict=True)]
            return jax.nn.relu(SKIP * z[i] + sum(parts, u[i]))

        return tuple(mixed(i) for i in range(3))


class _Up(eqx.Module):
    """A 1×1 convolution, each value then repeated on a square of 2ⁿ × 2ⁿ, which multiplies the norm by 2ⁿ."""

    convolution: _Bounded
    times: int = eqx.field(static=True)

    def __call__(self, z):
        z = self.convolution(z)
        return jnp.repeat(jnp.repeat(z, self.times, axis=1), self.times, axis=2)


def _mixer(source: int, target: int, channels, key):
    """From resolution `source` (0 the finest) to `target`, of norm 1 at most."""
    if source > target:
        times = 2 ** (source - target)
        c, d = channels[source], channels[target]
        return _Up(_averaging(eqx.nn.Conv2d(c, d, 1, use_bias=False, key=key), 1 / times), times)
    widths = [channels[source]] * (target - source) + [channels[target]]
    return _Chain([_averaging(convolution, 1.0) for convolution in _strided(widths, key, use_bias=False)])


def _averaging(convolution, limit):
    """A bounded convolution with positive weights at first: those of mixed signs would pass on a tenth of the bound."""
    return _Bounded(eqx.tree_at(lambda c: c.weight, convolution, jnp.abs(convolution.weight)), limit)


class _Chain(eqx.Module):
    """Convolutions one after the other."""

    parts: list[_Bounded]

    def __call__(self, z):
        for part in self.parts:
            z = part(z)
        return z


def _strided(widths, key, use_bias=True) -> list[eqx.nn.Conv2d]:
    """3×3 convolutions of stride 2 from each width to the next."""
    keys = jax.random.split(key, len(widths) - 1)
    make = lambda a, b, k: eqx.nn.Conv2d(a, b, 3, stride=2, padding=1, use_bias=use_bias, key=k)
    return [make(a, b, k) for a, b, k in zip(widths, widths[1:], keys, strict=False)]


def _input(convolution, groups: int) -> eqx.nn.Sequential:
    """A convolution and a group normalisation, through which the input enters once."""
    parts = list(convolution.layers) if isinstance(convolution, eqx.nn.Sequential) else [convolution]
    return eqx.nn.Sequential([*parts, eqx.nn.GroupNorm(groups, parts[-1].out_channels, eps=0.01)])


def _check_groups(channels: int, groups: int) -> None:
    if channels % groups:
        raise ValueError(f"`groups` must divide the number of channels, got {groups} for {channels}.")
