"""Isotropic damage of quasi-brittle solids."""

from typing import ClassVar

import equinox as eqx
import jax.numpy as jnp

from .. import _check
from .._ranges import between, positive
from .._trees import norm
from .._typing import PyTree, Scalar, Strain, Stress, Value
from ._history import AbstractHistory
from ._moduli import lame


class DamageState(eqx.Module):
    """The largest equivalent strain κ so far."""

    largest: PyTree


class IsotropicDamage(AbstractHistory):
    r"""Elasticity whose stiffness is lost with the largest equivalent strain so far.

    σ = (1 − ω) C : ε,   ω = 1 − κ₀/κ (1 − a + a e^{−b (κ − κ₀)})  for κ > κ₀, else 0,   κ = max ε_eq over time

    ε_eq is de Vree's modified von Mises strain: that of uniaxial tension is its axial strain, and compression needs k
    times as much. As it stands the law softens without a length: on a mesh, damage gathers in one row of elements, and
    the finer they are the less energy breaks the body. `simphys.physics.GradientDamage` gives it one.

    **Arguments**

    - `E`, `nu`: as for `LinearElastic`.
    - `threshold`: κ₀ > 0, the strain at which damage begins. Concrete 1e-4.
    - `residual`: 1 − a in (0, 1], the share of the strength that lasts; 0 is allowed too, but leaves no stiffness.
    - `rate`: b > 0, how fast it softens. Concrete some 100 to 500.
    - `ratio`: k ≥ 1, strength in compression over that in tension. Concrete 10; 1 for von Mises' strain.

    **Raises** `ValueError` for constants out of range.

    Reference: R. H. J. Peerlings, R. de Borst, W. A. M. Brekelmans, J. H. P. de Vree, Int. J. Numer. Methods Eng. 39
    (1996) 3391; J. H. P. de Vree, W. A. M. Brekelmans, M. A. J. van Gils, Comput. Struct. 55 (1995) 581.
    """

    E: PyTree = positive()
    nu: PyTree = between(-1.0, 0.5)
    threshold: PyTree = positive()
    residual: PyTree = between(0.0, 1.0 + 1e-12, or_low=True)
    rate: PyTree = positive()
    ratio: PyTree = positive()
    dimension: ClassVar[int] = 3

    def __init__(
        self, *, E: Value, nu: Value, threshold: Value, rate: Value, residual: Value = 0.01, ratio: Value = 10.0
    ):
        self.E, self.nu = _check.parameter(E), _check.parameter(nu)
        self.threshold = _check.parameter(threshold)
        self.rate = _check.parameter(rate)
        self.residual = _check.parameter(residual)
        self.ratio = _check.parameter(ratio)

    def initial(self):
        """No strain yet."""
        return DamageState(jnp.zeros(()))

    def equivalent(self, strain: Strain) -> Scalar:
        """Return ε_eq; its derivative at ε = 0, where it has none, is 0."""
        k, nu = self.ratio, self.nu
        volume = jnp.trace(strain)
        deviator = strain - volume / 3 * jnp.eye(3, dtype=strain.dtype)
        spherical = (k - 1) / (1 - 2 * nu) * volume
        distortion = jnp.sqrt(6 * k) / (1 + nu) * deviator
        return (spherical + norm((distortion, spherical))) / (2 * k)

    def damage(self, largest: Scalar) -> Scalar:
        """Return ω(κ)."""
        grown = jnp.maximum(largest, self.threshold)
        lasting = self.residual + (1 - self.residual) * jnp.exp(-self.rate * (grown - self.threshold))
        return 1 - self.threshold / grown * lasting

    def update(self, strain, state, interval):
        """Return stress and state, driven by the strain at the point itself."""
        return self.driven(strain, self.equivalent(strain), state)

    def switches(self, strain, state, interval):
        """κ grows above 0."""
        return self.growing(self.equivalent(strain), state)

    def growing(self, measure: Scalar, state: DamageState) -> Scalar:
        """Return by how much a measure exceeds what the body bears without more damage, over that."""
        return measure / jnp.maximum(state.largest, self.threshold) - 1

    def driven(self, strain: Strain, measure: Scalar, state: DamageState) -> tuple[Stress, DamageState]:
        """Return stress and state where another measure than ε_eq drives the damage."""
        largest = jnp.maximum(state.largest, measure)
        lam, mu = lame(self.E, self.nu)
        elastic = lam * jnp.trace(strain) * jnp.eye(3, dtype=strain.dtype) + 2 * mu * strain
        return (1 - self.damage(largest)) * elastic, DamageState(largest)
