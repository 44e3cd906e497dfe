"""A hyperelastic law whose energy is a polyconvex network."""

import jax
import jax.numpy as jnp
import numpy as np

from .. import _check
from .._ranges import positive
from .._typing import Callable, PyTree, Scalar, Value
from ._base import AbstractFiniteStrain
from ._convex_network import ConvexNetwork
from ._tensors import cofactor, first_invariant, oriented


ROOT3 = float(np.sqrt(3.0))


class NeuralHyperelastic(AbstractFiniteStrain):
    r"""An isotropic law with a learned energy, polyconvex and frame indifferent whatever the weights are.

    W = μ/m (N(k₁, k₂, J) − N(0, 0, 1) − n (J − 1)) + κ/8 (J² + J⁻² − 2)

    k₁ = |F| − √3 − ln J/√3,   k₂ = |cof F| − √3 − 2 ln J/√3

    k₁ and k₂ are convex in (F, cof F, J), 0 in a rigid motion and positive elsewhere. N is convex in all three and
    non-decreasing in k₁ and k₂, so W is polyconvex. With n = ∂N/∂J at F = I that state is free of stress, and W ≥ 0 is 0
    in rigid motions alone; n (J − 1) is linear in J, and leaves W polyconvex. The last term grows without bound as J → 0
    or ∞. With N₁ = ∂N/∂k₁, N₂ = ∂N/∂k₂ at F = I and m = (N₁ + N₂)/√3, μ is the initial shear modulus, and the initial bulk
    modulus is κ + μ/3 (N₁ + 4 N₂)/(N₁ + N₂) + μ/m ∂²N/∂J² (`bulk_modulus`), which exceeds κ.

    **Arguments:**

    - `mu`: μ, a stress, > 0.
    - `kappa`: κ, a stress, > 0. (Without effect where the volume is kept, as in `nominal_stress`.)
    - `network`: N, (k (2,), J (1,)) → number; by default a new `ConvexNetwork(2, 1)`. One that is not convex and
      non-decreasing in k makes a law that is not polyconvex either.

    **Raises:** `ValueError` for moduli that are not positive, or a network of other inputs.

    Reference: L. Linden et al., Neural networks meet hyperelasticity: a guide to enforcing physics, J. Mech. Phys. Solids
    179 (2023) 105363; S. Hartmann, P. Neff, Int. J. Solids Struct. 40 (2003) 2767, for the growth term.
    """

    mu: PyTree = positive()
    kappa: PyTree = positive()
    network: Callable

    def __init__(self, *, mu: Value, kappa: Value, network: Callable | None = None):
        self.mu = _check.parameter(mu)
        self.kappa = _check.parameter(kappa)
        self.network = ConvexNetwork(2, 1) if network is None else network
        _check_network(self.network)

    def bulk_modulus(self) -> Scalar:
        """Return the bulk modulus at F = I."""
        rest = jnp.zeros(3, jnp.result_type(self.mu))
        joined = lambda z: self.network(z[:2], z[2:])
        at = rest.at[2].set(1)
        first, second, _ = jax.grad(joined)(at)
        curvature = jax.grad(lambda z: jax.grad(joined)(z)[2])(at)[2]
        learned = (first + 4 * second) / 3 + ROOT3 * curvature
        return self.kappa + self.mu * learned / (first + second)

    def energy(self, F):
        cof = cofactor(F)
        J = oriented(jnp.sum(F[0] * cof[0]))
        k1 = jnp.sqrt(first_invariant(F)) - ROOT3 - jnp.log(J) / ROOT3
        k2 = jnp.sqrt(jnp.sum(cof * cof)) - ROOT3 - 2 * jnp.log(J) / ROOT3
        rest, one = jnp.zeros(2, F.dtype), jnp.ones(1, F.dtype)
        level, (slopes, n) = jax.value_and_grad(self.network, argnums=(0, 1))(rest, one)
        scale = ROOT3 * self.mu / jnp.sum(slopes)
        learned = self.network(jnp.stack([k1, k2]), J[None]) - level - n[0] * (J - 1)
        return scale * learned + self.kappa / 8 * (J - 1 / J) ** 2


def _check_network(network):
    if not callable(network):
        raise ValueError(f"`network` must be callable, (k, J) → number, got {network!r}.")
    try:
        found = jax.eval_shape(network, jnp.zeros(2), jnp.ones(1))
    except (TypeError, ValueError) as error:
        raise ValueError("`network` must take k of shape (2,) and J of shape (1,): `ConvexNetwork(2, 1)`.") from error
    if getattr(found, "shape", None) != ():
        raise ValueError(f"`network` must return one number, got {found}.")
