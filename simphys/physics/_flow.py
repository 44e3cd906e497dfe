"""What a flowing fluid says at a point: viscous stress, inertia, resistance."""

import equinox as eqx
import jax.numpy as jnp

from .._trees import norm
from .._typing import Array, PyTree, Scalar
from ..materials import AbstractCurve


FORMS = ("skew", "convective")


class Fluid(eqx.Module):
    """The numbers of a fluid, seen at a point: what `NavierStokes` says of them."""

    viscosity: PyTree
    density: PyTree
    resistance: PyTree
    grad_div: PyTree


def strain_rate(v) -> Array:
    """Return ε(v) = (∇v + ∇vᵀ)/2."""
    return (v.gradient + v.gradient.T) / 2


def shear_rate(v) -> Scalar:
    """Return γ̇ = √(2 ε:ε), with derivative 0 where it vanishes."""
    square = 2 * jnp.sum(strain_rate(v) ** 2)
    moving = square > 0
    return jnp.where(moving, jnp.sqrt(jnp.where(moving, square, 1.0)), 0.0)


def viscosity_at(viscosity, v) -> Scalar:
    """Return μ, of a law μ(γ̇) where it is one."""
    return viscosity(shear_rate(v)) if isinstance(viscosity, AbstractCurve) else viscosity


def stress_at(v, p, viscosity) -> Array:
    """Return 2μ ε(v) − p I."""
    return 2 * viscosity_at(viscosity, v) * strain_rate(v) - p.value * jnp.eye(v.gradient.shape[0], dtype=p.value.dtype)


def inertia(v, density, form: str) -> Array:
    """Return ρ (∇v) v, and for the skew form ½ ρ (div v) v with it."""
    force = density * v.gradient @ v.value
    return force if form == "convective" else force + density / 2 * v.divergence * v.value


class Momentum(eqx.Module):
    """The equations of momentum and of volume at a point."""

    form: str

    def __call__(self, fields, point, fluid: Fluid):
        v, p = fields
        force = inertia(v, fluid.density, self.form) + fluid.resistance * v.value
        volume = fluid.grad_div * v.divergence * jnp.eye(v.gradient.shape[0], dtype=v.value.dtype)
        return (force, stress_at(v, p, fluid.viscosity) + volume), (-v.divergence, None)


def multipliers(fields, point, parameters):
    """What the pressure does, and what it is there for: −p div w and −q div v."""
    v, p = fields
    return (None, -p.value * jnp.eye(v.gradient.shape[0], dtype=p.value.dtype)), (-v.divergence, None)


def volume_gauge(fields, point, fluid: Fluid):
    """What the equation of volume is judged by, ‖∇v‖ + |p|/(μ + ρ |v| h): with the pressure alone, where all is at rest."""
    v, p = fields
    inert = fluid.density * point.size * norm(v.value)
    return (None, None), (norm(v.gradient) + jnp.abs(p.value) / (viscosity_at(fluid.viscosity, v) + inert), None)


def kinks(fields, point, fluid: Fluid):
    """Kinks of a law μ(γ̇)."""
    return fluid.viscosity.switches(shear_rate(fields[0]))


def stored_momentum(fields, point, density):
    """ρ v."""
    return ((density * fields[0].value, None),)


def kinetic_energy(fields, point, density):
    """½ ρ v²."""
    return density / 2 * jnp.sum(fields[0].value ** 2)


def dissipated(fields, point, fluid: Fluid):
    """2μ ε:ε + α v²."""
    v = fields[0]
    rubbed = 2 * viscosity_at(fluid.viscosity, v) * jnp.sum(strain_rate(v) ** 2)
    return rubbed + fluid.resistance * jnp.sum(v.value**2)
