"""Laws with a memory."""

import abc
from typing import ClassVar

import jax
import jax.numpy as jnp

from .._hidden import compiled
from .._ranges import Ranged
from .._typing import Array, Float, PyTree, Scalar, Strain, Stress
from ..implicit import local_root


class AbstractHistory(Ranged):
    """A law whose stress depends on what happened before, through internal variables at every point.

    (σ₁, z₁) = update(ε₁, z₀, Δt)

    The update is that of one implicit step; where it has an equation to solve, that is a root problem with the
    derivative of its root (`simphys.implicit.local_root`).
    """

    dimension: ClassVar[int] = 3
    finite: ClassVar[bool] = False
    """Whether it is given F = I + ∂u/∂X and returns the first Piola–Kirchhoff stress; else ε and the Cauchy stress."""
    symmetric: ClassVar[bool] = False
    """Whether ∂σ₁/∂ε₁ is known to be symmetric."""

    @abc.abstractmethod
    def initial(self) -> PyTree:
        """Return the internal variables z of the virgin material at one point."""

    @abc.abstractmethod
    def update(self, strain: Strain, state: PyTree, interval: Scalar) -> tuple[Stress, PyTree]:
        """Return stress and internal variables at the end of a step of length Δt.

        **Arguments:**

        - `strain`: ε (or F) at its end, (dimension, dimension).
        - `state`: z at its beginning.
        - `interval`: Δt; laws without a time of their own ignore it.
        """

    def switches(self, strain: Strain, state: PyTree, interval: Scalar) -> Array | None:
        """Return numbers that are 0 where the law's tangent jumps, of order 1 elsewhere; None for a smooth law."""
        return None


class PlaneStrainHistory(AbstractHistory):
    """A law with a memory under plane strain; made by `PlaneStrain`."""

    material: AbstractHistory
    dimension: ClassVar[int] = 2

    @property
    def finite(self):
        """As the law itself."""
        return self.material.finite

    @property
    def symmetric(self):
        """As the law itself."""
        return self.material.symmetric

    def initial(self):
        """Return the law's own."""
        return self.material.initial()

    def update(self, strain, state, interval):
        """Return the stress in the plane, and the law's internal variables."""
        stress, state = self.material.update(self.whole(strain), state, interval)
        return stress[:2, :2], state

    def switches(self, strain, state, interval):
        """As the law itself."""
        return self.material.switches(self.whole(strain), state, interval)

    def whole(self, strain: Float[Array, "2 2"]) -> Strain:
        """Return ε, or F, in three dimensions."""
        whole = jnp.pad(strain, (0, 1))
        return whole.at[2, 2].set(1.0) if self.finite else whole


def uniaxial(law: AbstractHistory, strains: Float[Array, " n"], times: Float[Array, " n"]) -> Float[Array, " n"]:
    """Return the axial stress of a bar along a history of axial strains, its sides free.

    For laws of finite strain these are the nominal stress and the elongation per undeformed length.

    **Arguments:**

    - `strains`, `times`: at the ends of the steps, the first being the virgin state.
    """
    return _uniaxial(law, jnp.asarray(strains), jnp.asarray(times))


@compiled
def _uniaxial(law, strains, times):
    def deformed(axial, lateral):
        gradient = jnp.diag(jnp.stack([axial, lateral, lateral]))
        return gradient + jnp.eye(3, dtype=gradient.dtype) if law.finite else gradient

    def residual(lateral, args):
        strain, state, interval = args
        stress, _ = law.update(deformed(strain, lateral), state, interval)
        return stress[1, 1]

    def step(carry, inputs):
        state, lateral = carry
        strain, interval = inputs
        lateral = local_root(residual, lateral, (strain, state, interval), atol=rounding)
        stress, state = law.update(deformed(strain, lateral), state, interval)
        return (state, lateral), stress[0, 0]

    # Where the lateral strain passes through 0, its rounding is still that of the others, of a stretch that of 1.
    size = jnp.max(jnp.abs(strains))
    rounding = 16 * jnp.finfo(strains.dtype).eps * (jnp.maximum(size, 1.0) if law.finite else size)
    begin = (law.initial(), jnp.zeros((), strains.dtype))
    _, stresses = jax.lax.scan(step, begin, (strains[1:], jnp.diff(times)))
    return jnp.concatenate([jnp.zeros(1, strains.dtype), stresses])
