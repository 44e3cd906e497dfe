"""Stored energies told apart into what resists a change of volume and the rest: the form that mixed elements need."""

import functools

import equinox as eqx
import jax
import jax.numpy as jnp

from .._told import Told
from .._typing import Array, Callable, Scalar
from ._arruda_boyce import ArrudaBoyce
from ._base import AbstractFiniteStrain, AbstractSmallStrain
from ._eigenstrain import FiniteEigenstrain, HistoryEigenstrain, SmallEigenstrain, stretch
from ._finite_plasticity import FinitePlasticity
from ._gent import Gent
from ._history import AbstractHistory, PlaneStrainHistory
from ._holzapfel_gasser_ogden import HolzapfelGasserOgden
from ._j2 import J2Plasticity
from ._linear_elastic import LinearElastic
from ._moduli import bulk, lame
from ._mooney_rivlin import MooneyRivlin
from ._neo_hooke import IsochoricNeoHooke, NeoHooke
from ._neural_hyperelastic import NeuralHyperelastic
from ._ogden import Ogden
from ._plane_strain import FinitePlaneStrain, SmallPlaneStrain
from ._tensors import volume_ratio
from ._volumetric import LogSquared
from ._yeoh import Yeoh


class VolumetricSplit(Told):
    """An elastic energy W(F) = W₀(F) + θ(F)²/(2c), or ψ(ε) alike, whose compliance c may be as small as one likes.

    With the pressure p as an unknown of its own the same body has the energy

    Π(F, p) = W₀(F) − p θ(F) − c p²/2,   where ∂Π/∂p = 0 gives p = −θ/c,

    which does not grow as c → 0. Make one by `volumetric_split`.

    **Arguments:**

    - `law`: the law that is told apart; its parameters are those of the three functions.
    - `distortion`: (law, F) → W₀, energy per undeformed volume.
    - `dilatation`: (law, F) → θ, a measure of the change of volume: J − 1, ln J, tr ε.
    - `compliance`: law → c, the inverse of the bulk modulus (of λ, where W₀ is not isochoric).
    """

    law: AbstractFiniteStrain | AbstractSmallStrain
    distortion: Callable[..., Scalar] = eqx.field(static=True)
    dilatation: Callable[..., Scalar] = eqx.field(static=True)
    compliance: Callable[..., Scalar] = eqx.field(static=True)

    def energy(self, F: Array, p: Scalar) -> Scalar:
        """Return Π(F, p); for a law of small strain F is the strain."""
        c = self.compliance(self.law)
        return self.distortion(self.law, F) - p * self.dilatation(self.law, F) - c * p * p / 2

    def shear_modulus(self, F: Array) -> Scalar:
        """Return the mean over i ≠ j of ∂²W₀/∂F_ij∂F_ij: μ, if the law is isotropic and F = I (or ε = 0)."""
        slope = jax.grad(lambda H: self.distortion(self.law, F + _symmetric(self.law, H)))
        dim = F.shape[0]
        units = jnp.eye(dim * dim, dtype=F.dtype).reshape(dim, dim, dim, dim)
        pairs = [units[i, j] for i in range(dim) for j in range(dim) if i != j]
        return jnp.mean(jnp.stack([jnp.vdot(e, jax.jvp(slope, (jnp.zeros_like(F),), (e,))[1]) for e in pairs]))


class RememberingSplit(Told):
    """The same of a law with a memory, σ = σ₀ + θ/c ∂θ/∂F, whose σ₀ and internal variables do not depend on θ.

    **Arguments:**

    - `law`, `dilatation`, `compliance`: as for `VolumetricSplit`.
    - `shear`: law → μ.
    """

    law: AbstractHistory
    dilatation: Callable[..., Scalar] = eqx.field(static=True)
    compliance: Callable[..., Scalar] = eqx.field(static=True)
    shear: Callable[..., Scalar] = eqx.field(static=True)

    def shear_modulus(self, F: Array) -> Scalar:
        """Return μ."""
        return self.shear(self.law)


def _symmetric(law, H):
    """A change of the deformation gradient as the law sees it."""
    return (H + H.T) / 2 if isinstance(law, AbstractSmallStrain) else H


@functools.singledispatch
def volumetric_split(
    law: AbstractFiniteStrain | AbstractSmallStrain | AbstractHistory,
) -> VolumetricSplit | RememberingSplit:
    """Tell a law's energy apart into W₀ + θ²/(2c).

    A law of one's own joins in by `volumetric_split.register`.

    **Raises:** `ValueError` for a law whose energy is not known in this form (orthotropic ones, `PlaneStress`, which
    does not lock anyway, `NeoHooke` with another volumetric energy than `LogSquared`).
    """
    raise ValueError(f"The energy of {type(law).__name__} is not known as W₀ + θ²/(2c): it has no mixed form.")


@volumetric_split.register(IsochoricNeoHooke)
@volumetric_split.register(MooneyRivlin)
@volumetric_split.register(Yeoh)
@volumetric_split.register(Gent)
@volumetric_split.register(Ogden)
@volumetric_split.register(ArrudaBoyce)
@volumetric_split.register(HolzapfelGasserOgden)
def _(law):
    """`W = W₀(F) + κ/2 (J − 1)²`."""
    return VolumetricSplit(law, _without_kappa, lambda law, F: volume_ratio(F) - 1, lambda law: 1 / law.kappa)


@volumetric_split.register
def _(law: NeoHooke):
    """`W = μ/2 (tr FᵀF − 3 − 2 ln J) + λ/2 (ln J)²`."""
    if not isinstance(law.volumetric, LogSquared):
        raise ValueError(
            f"The mixed form of `NeoHooke` needs `volumetric=LogSquared()`, got {type(law.volumetric).__name__}."
        )
    return VolumetricSplit(law, _without_lambda, lambda law, F: jnp.log(volume_ratio(F)), lambda law: 1 / law.lam)


@volumetric_split.register
def _(law: NeuralHyperelastic):
    """`W = W₀(F) + κ/8 (J - 1/J)²`."""
    dilatation = lambda law, F: (volume_ratio(F) - 1 / volume_ratio(F)) / 2
    return VolumetricSplit(law, _without_kappa, dilatation, lambda law: 1 / law.kappa)


@volumetric_split.register
def _(law: LinearElastic):
    """`ψ = μ dev ε : dev ε + κ/2 (tr ε)²`."""
    return VolumetricSplit(
        law, _deviatoric, lambda law, strain: jnp.trace(strain), lambda law: 3 * (1 - 2 * law.nu) / law.E
    )


@volumetric_split.register
def _(law: J2Plasticity):
    """θ = tr ε."""
    return RememberingSplit(law, lambda law, strain: jnp.trace(strain), _compliance, _shear)


@volumetric_split.register
def _(law: FinitePlasticity):
    """θ = ln J."""
    dilatation = lambda law, F: jnp.log(volume_ratio(F))
    return RememberingSplit(law, dilatation, lambda law: _compliance(law.small), lambda law: _shear(law.small))


@volumetric_split.register
def _(law: PlaneStrainHistory):
    inner = volumetric_split(law.material)
    whole = lambda law, strain: inner.dilatation(law.material, law.whole(strain))
    compliance, shear = lambda law: inner.compliance(law.material), lambda law: inner.shear(law.material)
    return RememberingSplit(law, whole, compliance, shear)


@volumetric_split.register(FinitePlaneStrain)
@volumetric_split.register(SmallPlaneStrain)
def _(law):
    inner = volumetric_split(law.material)
    return VolumetricSplit(
        law,
        lambda law, F: inner.distortion(law.material, law.whole(F)),
        lambda law, F: inner.dilatation(law.material, law.whole(F)),
        lambda law: inner.compliance(law.material),
    )


@volumetric_split.register
def _(law: SmallEigenstrain):
    inner = volumetric_split(law.material)
    return VolumetricSplit(
        law,
        lambda law, strain: inner.distortion(law.material, law.elastic(strain)),
        lambda law, strain: inner.dilatation(law.material, law.elastic(strain)),
        lambda law: inner.compliance(law.material),
    )


@volumetric_split.register
def _(law: FiniteEigenstrain):
    """`J* W₀(F_e) + (J* θ(F_e))²/(2 J* c)`: p stays −θ/c."""
    inner = volumetric_split(law.material)
    return VolumetricSplit(
        law,
        lambda law, F: _grown(law) * inner.distortion(law.material, law.elastic(F)),
        lambda law, F: _grown(law) * inner.dilatation(law.material, law.elastic(F)),
        lambda law: _grown(law) * inner.compliance(law.material),
    )


@volumetric_split.register
def _(law: HistoryEigenstrain):
    inner = volumetric_split(law.material)
    grown = _grown if law.finite else lambda law: 1
    return RememberingSplit(
        law,
        lambda law, F: grown(law) * inner.dilatation(law.material, law.elastic(F)),
        lambda law: grown(law) * inner.compliance(law.material),
        lambda law: inner.shear(law.material),
    )


def _grown(law):
    """J*."""
    return stretch(law.free)[0]


def _compliance(law):
    return 1 / bulk(law.E, law.nu)


def _shear(law):
    return lame(law.E, law.nu)[1]


def _without_kappa(law, F):
    return eqx.tree_at(lambda law: law.kappa, law, 0.0).energy(F)


def _without_lambda(law, F):
    return eqx.tree_at(lambda law: law.lam, law, 0.0).energy(F)


def _deviatoric(law, strain):
    _, mu = lame(law.E, law.nu)
    trace = jnp.trace(strain)
    return mu * (jnp.sum(strain * strain) - trace * trace / 3)
