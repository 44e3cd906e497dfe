"""A law with latent internal variables whose evolution is learned."""

from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from .. import _check
from .._ranges import Ranged, positive
from .._typing import Array, Callable, Float, PyTree, Value
from ..implicit import local_root
from ._base import AbstractFiniteStrain, AbstractSmallStrain
from ._history import AbstractHistory
from ._moduli import is_concrete


_PAIRS = ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))


def mandel(tensor: Float[Array, "3 3"]) -> Float[Array, " 6"]:
    """Return a symmetric tensor as a vector of the same length, (11, 22, 33, √2 23, √2 13, √2 12)."""
    weights = jnp.asarray([1.0] * 3 + [np.sqrt(2.0)] * 3, tensor.dtype)
    return weights * jnp.stack([(tensor[i, j] + tensor[j, i]) / 2 for i, j in _PAIRS])


class LatentSpring(Ranged):
    """The potential φ(e, z) = μ |dev e − z|²: z is the strain of a dashpot in series with a spring of modulus μ.

    **Arguments**

    - `modulus`: μ, a stress, > 0.
    """

    modulus: PyTree = positive()

    def __init__(self, modulus: Value):
        self.modulus = _check.parameter(modulus)

    def __call__(self, strain, latent):
        """Return φ."""
        mean = jnp.sum(strain[:3]) / 3
        deviator = strain - mean * jnp.asarray([1.0] * 3 + [0.0] * 3, strain.dtype)
        return self.modulus * jnp.sum((deviator - latent) ** 2)


class NeuralViscoelastic(AbstractHistory):
    r"""A law with latent variables z that obey a differential equation of their own, given by a network.

    W = W_e + φ(e, z),   σ = ∂W/∂ε (finite strain: P = ∂W/∂F),   ż = s r(e/s, z/s) / τ

    e is the strain ε, or that of Green and Lagrange, (FᵀF − I)/2, which a rotation of the body does not change: the law is
    frame indifferent whatever the networks are. Its rate is taken by backward Euler, a small root problem at each point;
    z starts at 0.

    That energy is not produced is up to r and φ: z must lower φ, r·∂φ/∂z ≤ 0.

    **Arguments**

    - `material`: the law of W_e, of small or finite strain, of dimension 3; what lasts.
    - `rate`: r, (e and z in one vector, (6 + latent,)) → (latent,); an `equinox.nn.MLP`, say.
    - `latent`: number of latent variables; 6 for `LatentSpring`.
    - `potential`: φ, (e (6,), z (latent,)) → energy per volume, in the notation of Mandel; `LatentSpring(modulus)`.
    - `time`: τ, > 0; `scale`: s, > 0, the strain at which r is to be far from linear.

    **Raises** `ValueError` for parts that do not fit.

    Reference: B. D. Coleman, M. E. Gurtin, J. Chem. Phys. 47 (1967) 597; R. T. Q. Chen et al., Neural Ordinary Differential
    Equations, NeurIPS 2018.
    """

    material: AbstractSmallStrain | AbstractFiniteStrain
    rate: Callable
    potential: Callable
    time: PyTree = positive()
    scale: PyTree = positive()
    latent: int = eqx.field(static=True)
    dimension: ClassVar[int] = 3

    def __init__(
        self,
        material: AbstractSmallStrain | AbstractFiniteStrain,
        rate: Callable,
        potential: Callable,
        *,
        latent: int = 6,
        time: Value = 1.0,
        scale: Value = 1.0,
    ):
        if not isinstance(material, AbstractSmallStrain | AbstractFiniteStrain) or material.dimension != 3:
            raise ValueError(f"`material` must be an elastic law of dimension 3, got {type(material).__name__}.")
        self.material, self.rate, self.potential, self.latent = material, rate, potential, latent
        self.time = _check.parameter(time)
        self.scale = _check.parameter(scale)
        if is_concrete(*jax.tree.leaves(eqx.filter((rate, potential), eqx.is_array))):
            struct = jax.eval_shape(lambda: (rate(jnp.zeros(6 + latent)), potential(jnp.zeros(6), jnp.zeros(latent))))
            if struct[0].shape != (latent,) or struct[1].shape != ():
                raise ValueError(
                    f"`rate` must return ({latent},) and `potential` a scalar, got {struct[0].shape} and {struct[1].shape}."
                )

    @property
    def finite(self):
        """As the elastic law."""
        return isinstance(self.material, AbstractFiniteStrain)

    def initial(self):
        """No latent strain."""
        return jnp.zeros(self.latent)

    def energy(self, strain, state):
        """Return W at a strain (or F) and latent variables."""
        return self.material.energy(strain) + self.potential(self._measure(strain), state)

    def update(self, strain, state, interval):
        """Return stress and latent variables."""
        measure = self._measure(strain)
        step = jnp.asarray(interval, strain.dtype) / self.time

        def residual(z, args):
            rate, scale, measure, step, before = args
            return z - before - step * scale * rate(jnp.concatenate([measure, z]) / scale)

        after = local_root(residual, state, (self.rate, self.scale, measure, step, state), atol=1e-14)
        return jax.grad(self.energy)(strain, after), after

    def switches(self, strain, state, interval):
        """As the elastic law."""
        return self.material.switches(strain)

    def _measure(self, strain):
        if not self.finite:
            return mandel(strain)
        one = jnp.eye(3, dtype=strain.dtype)
        return mandel((strain.T @ strain - one) / 2)
