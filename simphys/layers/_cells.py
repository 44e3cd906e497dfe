"""Functions f(z, u) of one sample for deep-equilibrium networks."""

import abc

import equinox as eqx
import jax
import jax.numpy as jnp

from .._typing import Array, Float, PyTree


class AbstractCell(eqx.Module):
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


class _Residual(eqx.Module):
    """(z, u) ↦ relu(z + norm(u + conv(norm(relu(conv z)))))."""

    first: eqx.nn.Conv2d
    second: eqx.nn.Conv2d
    norms: list[eqx.nn.GroupNorm]

    def __init__(self, channels: int, groups: int, *, key: Array):
        one, two = jax.random.split(key)
        self.first, self.second = (_small(eqx.nn.Conv2d(channels, channels, 3, padding=1, key=k)) for k in (one, two))
        self.norms = [_norm(groups, channels) for _ in range(2)]

    def __call__(self, z, u):
        inner, middle = self.norms
        change = self.second(inner(jax.nn.relu(self.first(z))))
        return jax.nn.relu(z + middle(u + change))


class ConvCell(AbstractCell):
    """A residual block of convolutions: two 3×3 convolutions, group normalisation, a skip connection.

    z = n₃(relu(z + n₂(u + K₂ n₁(relu(K₁ z))))),   u = K₀ x

    **Arguments:**

    - `inputs`: channels of x, (inputs, height, width).
    - `channels`: channels of z, (channels, height, width).
    - `groups`: groups of the normalisation, a divisor of `channels`.
    - `key`: of the random weights.

    Reference: S. Bai, V. Koltun, J. Z. Kolter, Multiscale Deep Equilibrium Models, NeurIPS 2020.
    """

    input: eqx.nn.Conv2d
    block: _Residual
    norm: eqx.nn.GroupNorm

    def __init__(self, inputs: int, channels: int, *, groups: int = 4, key: Array):
        _check_groups(channels, groups)
        one, two = jax.random.split(key)
        self.input = eqx.nn.Conv2d(inputs, channels, 3, padding=1, key=one)
        self.block = _Residual(channels, groups, key=two)
        self.norm = _outer_norm(groups, channels)

    def inject(self, x):
        """Return K₀ x."""
        return self.input(x)

    def start(self, u):
        """Return zeros."""
        return jnp.zeros_like(u)

    def __call__(self, z, u):
        """Return one pass of the block."""
        return self.norm(self.block(z, u))


class MultiscaleCell(AbstractCell):
    """Three resolutions in one joint equilibrium: full, half and quarter, each a residual block, then all mixed with all.

    zᵢ = nᵢ(relu(Σⱼ Rᵢⱼ bⱼ(zⱼ, uⱼ))),   i = 1, 2, 3

    bⱼ is a residual block as in `ConvCell`; Rᵢⱼ is 1 for i = j, 3×3 convolutions of stride 2 downwards, a 1×1 convolution
    and nearest-neighbour interpolation upwards. The input enters at all resolutions, u₁ = K₀ x and u₂, u₃ made of it as by
    R₂₁, R₃₁. z is a tuple of three arrays.

    **Arguments:**

    - `inputs`: channels of x, (inputs, height, width); height and width are multiples of 4.
    - `channels`: of the three resolutions.
    - `groups`: groups of the normalisation, a divisor of each.
    - `key`: of the random weights.

    Reference: S. Bai, V. Koltun, J. Z. Kolter, Multiscale Deep Equilibrium Models, NeurIPS 2020.
    """

    inputs: list[eqx.Module]
    blocks: list[_Residual]
    mixers: list[list[eqx.Module | None]]
    norms: list[eqx.nn.GroupNorm]

    def __init__(self, inputs: int, channels: tuple[int, int, int], *, groups: int = 4, key: Array):
        if len(channels) != 3:
            raise ValueError(f"`channels` must be three numbers, one for each resolution, got {channels}.")
        for c in channels:
            _check_groups(c, groups)
        keys = iter(jax.random.split(key, 12))
        first = eqx.nn.Conv2d(inputs, channels[0], 3, padding=1, key=next(keys))
        self.inputs = [first, *(_mixer(0, i, channels, next(keys), 1.0) for i in (1, 2))]
        self.blocks = [_Residual(c, groups, key=next(keys)) for c in channels]
        mixer = lambda i, j: None if i == j else _mixer(j, i, channels, next(keys))
        self.mixers = [[mixer(i, j) for j in range(3)] for i in range(3)]
        self.norms = [_outer_norm(groups, c) for c in channels]

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
        passed = [block(z_i, u_i) for block, z_i, u_i in zip(self.blocks, z, u)]

        def mixed(i):
            parts = [h if mixer is None else mixer(h) for mixer, h in zip(self.mixers[i], passed)]
            return self.norms[i](jax.nn.relu(sum(parts[1:], parts[0])))

        return tuple(mixed(i) for i in range(3))


class _Up(eqx.Module):
    """A 1×1 convolution, each value then repeated on a square of 2ⁿ × 2ⁿ."""

    convolution: eqx.nn.Conv2d
    times: int = eqx.field(static=True)

    def __call__(self, z):
        z = self.convolution(z)
        return jnp.repeat(jnp.repeat(z, self.times, axis=1), self.times, axis=2)


def _mixer(source: int, target: int, channels, key, factor=0.3):
    """From resolution `source` (0 the finest) to `target`."""
    c, d = channels[source], channels[target]
    if source > target:
        return _Up(_small(eqx.nn.Conv2d(c, d, 1, key=key), factor), 2 ** (source - target))
    widths = [c] * (target - source) + [d]
    keys = jax.random.split(key, target - source)
    down = lambda a, b, k: _small(eqx.nn.Conv2d(a, b, 3, stride=2, padding=1, key=k), factor)
    return eqx.nn.Sequential([down(a, b, k) for a, b, k in zip(widths, widths[1:], keys)])


def _small(convolution, factor=0.3):
    """The convolution with smaller weights, so that f contracts at the beginning."""
    return eqx.tree_at(lambda c: c.weight, convolution, factor * convolution.weight)


def _norm(groups: int, channels: int):
    """Group normalisation; its slope is bounded by 1/√0.1 where all is the same, as in an empty picture."""
    return eqx.nn.GroupNorm(groups, channels, eps=0.1)


def _outer_norm(groups: int, channels: int):
    """The normalisation that z comes out of, half as large as what the block adds to z: so, too, f contracts."""
    norm = _norm(groups, channels)
    return eqx.tree_at(lambda n: n.weight, norm, 0.5 * norm.weight)  # pyright: ignore[reportOperatorIssue]


def _check_groups(channels: int, groups: int) -> None:
    if channels % groups:
        raise ValueError(f"`groups` must divide the number of channels, got {groups} for {channels}.")
