"""How two surfaces that hold together come apart: the bilinear law of cohesive zones."""

from typing import NamedTuple

import jax.numpy as jnp

from .._told import Told
from .._trees import norm
from .._typing import Array, PyTree, Scalar


class DamagedZone(Told):
    """What a cohesive zone remembers at a point.

    **Attributes:**

    - `damage`: d, from 0 (whole) to 1 (broken).
    - `dissipated`: energy per area that has broken it so far.
    """

    damage: PyTree
    dissipated: PyTree


class Constants(NamedTuple):
    """Of a zone at a point: K, strengths and energies of both modes, the exponent of their mixture."""

    stiffness: Scalar
    strength: Scalar
    energy: Scalar
    shear_strength: Scalar
    shear_energy: Scalar
    mixing: Scalar


class Opened(NamedTuple):
    """An opening against a law: its size λ, where damage begins and ends in this direction, and the energy of that."""

    size: Scalar
    begin: Scalar
    end: Scalar
    energy: Scalar

    def damage(self) -> Scalar:
        """Return d of a first opening by λ."""
        size = jnp.clip(self.size, self.begin, self.end)
        return self.end * (size - self.begin) / (size * (self.end - self.begin))

    def limit(self, damage: Scalar) -> Scalar:
        """Return the λ beyond which damage grows."""
        return self.begin * self.end / (self.end - damage * (self.end - self.begin))

    def dissipated(self, damage: Scalar) -> Scalar:
        """Return the energy per area that it took to come to d."""
        return self.energy * (self.limit(damage) - self.begin) / (self.end - self.begin)


def opened(law: Constants, along: Scalar, across: Array) -> Opened:
    """Return how far the surfaces are apart: `along` the normal, and `across` it."""
    tiny = jnp.finfo(across.dtype).tiny
    away = jnp.maximum(along, 0)
    size = norm((away, across))
    # The share of shear; where nothing is open, that of the first mode.
    share = jnp.vdot(across, across) / jnp.where(size > 0, size * size, 1)
    mixed = jnp.where(share > tiny, share, 1) ** law.mixing
    mixed = jnp.where(share > tiny, mixed, 0)
    first, second = law.strength / law.stiffness, law.shear_strength / law.stiffness
    begin = jnp.sqrt(first**2 + (second**2 - first**2) * mixed)
    energy = law.energy + (law.shear_energy - law.energy) * mixed
    return Opened(size, begin, 2 * energy / (law.stiffness * begin), energy)


def separated(law: Constants, along: Scalar, across: Array, state: DamagedZone) -> tuple[Scalar, Array, DamagedZone]:
    """Return the traction along the normal and across it, and the state that the opening leaves."""
    seen = opened(law, along, across)
    before = state.damage
    damage = jnp.maximum(before, seen.damage())
    left = (1 - damage) * law.stiffness
    pull = jnp.where(along < 0, law.stiffness, left) * along
    lost = state.dissipated + seen.dissipated(damage) - seen.dissipated(before)
    return pull, left * across, DamagedZone(damage, lost)


def potential(law: Constants, along: Scalar, across: Array, state: DamagedZone) -> Scalar:
    """Return the energy per area whose derivative the traction of a step is, of alike modes or of what is broken."""
    seen, before = opened(law, along, across), state.damage
    limit = seen.limit(before)
    whole = (1 - before) * jnp.minimum(seen.size, limit) ** 2
    softened = jnp.clip(seen.size, limit, seen.end)
    steep = seen.begin / (seen.end - seen.begin)
    spent = steep * (softened - limit) * (2 * seen.end - softened - limit)
    return law.stiffness / 2 * (jnp.minimum(along, 0) ** 2 + whole + spent)


def switches(law: Constants, along: Scalar, across: Array, state: DamagedZone) -> Array:
    """Return numbers that are 0 where the tangent jumps: damage grows, is complete, the surfaces meet."""
    seen, before = opened(law, along, across), state.damage
    never = jnp.ones_like(seen.size)
    growing = jnp.where(before < 1, seen.size / seen.limit(before) - 1, never)
    complete = jnp.where(before < 1, seen.size / seen.end - 1, never)
    meeting = jnp.where(jnp.maximum(before, seen.damage()) > 0, along / seen.begin, never)
    return jnp.stack([growing, complete, meeting])
