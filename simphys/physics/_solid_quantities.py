"""What is read off the displacement of a solid: Cauchy stress in space, energy, change of volume, internal variables."""

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp

from .._trees import norm
from ..fem import Integral, density_at_points
from ..materials import (
    AbstractHistory,
    FinitePlaneStrain,
    FinitePlaneStress,
    PlaneStrainHistory,
    SmallPlaneStrain,
    SmallPlaneStress,
    volumetric_split,
)
from . import _kinematics as kinematics
from ._quantity import Quantity, nodal


DISPLACEMENT = nodal("displacement", "displacement magnitude", "length", shown=True, moves=True)


def of_solid(problem) -> tuple[Quantity, ...]:
    """Return the quantities of a `Solid` or `MixedSolid`."""
    law, finite = kinematics.core(problem.material), kinematics.is_finite(problem.material)
    found = [DISPLACEMENT, *stresses(_mean)]
    if not isinstance(law, AbstractHistory):
        found.append(Quantity("energy_density", "stored energy density", "stress", "cell", _Mean(_energy)))
    if finite:
        found.append(Quantity("volume_ratio", "volume ratio J", "", "cell", _Mean(_ratio)))
    if hasattr(problem.state, "accumulated"):
        found.append(Quantity("plastic_strain", "accumulated plastic strain", "", "cell", _plastic_strain))
    return (*found, nodal("pressure", "pressure", "stress", field=1)) if len(problem.spaces) > 1 else tuple(found)


def stresses(mean: Callable) -> tuple[Quantity, ...]:
    """Return the quantities of a stress; `mean(function)` gives the means over cells of a function of it, (3, 3)."""
    return (
        Quantity("von_mises", "von Mises stress", "stress", "cell", mean(von_mises), shown=True),
        Quantity("principal_stress", "largest principal stress", "stress", "cell", mean(largest)),
    )


def mean_of_stress(function: Callable) -> Callable:
    """Return (problem, value) → means over cells of a function of the stress, of a law that has `mean_of_stress`."""
    return lambda problem, value: problem.mean_of_stress(function, value)


def von_mises(s):
    """Return √(3/2) |dev σ|."""
    return 1.5**0.5 * norm(s - jnp.trace(s) / 3 * jnp.eye(3, dtype=s.dtype))


def largest(s):
    """Return the largest principal stress."""
    return jnp.linalg.eigvalsh((s + s.T) / 2)[-1]


def _mean(function):
    return _Mean(_OfStress(function))


class _Mean(eqx.Module):
    """Means over cells of a function of (law, memory, strain, pressure, finite), all of them in space."""

    function: Callable = eqx.field(static=True)

    def __call__(self, problem, value):
        return _cell_mean(self.function, problem, value)


@eqx.filter_jit
def _cell_mean(function, problem, value):
    law, finite = problem.material, kinematics.is_finite(problem.material)
    remembers = isinstance(kinematics.core(law), AbstractHistory)

    def density(fields, point, parameters):
        law, *memory = parameters
        strain = kinematics.measure(law, fields[0], point)
        return function(*_in_space(law, strain, finite), memory, fields[1].value if len(fields) > 1 else None, finite)

    parameters = (law, problem.state, problem.interval) if remembers else (law,)
    count = len(problem.spaces)
    slots = (kinematics.slots(law), "value")[:count]
    integral = Integral(
        problem.integrals()[0].domain, density, parameters, density, fields=tuple(range(count)), slots=slots
    )
    found, measure = density_at_points(integral, problem.spaces, value if isinstance(value, tuple) else (value,))
    return _weighed(found, measure)


@eqx.filter_jit
def _plastic_strain(problem, value):
    measure = problem.integrals()[0].domain.geometry(problem.spaces[0].mesh).measure
    return _weighed(problem.state.accumulated.values, measure)


def _weighed(values, measure):
    return jnp.einsum("eq,eq->e", values, measure / jnp.sum(measure, axis=1, keepdims=True))


def _in_space(law, strain, finite):
    """The three-dimensional law within a plane one, and the strain that it sees."""
    if isinstance(law, FinitePlaneStress | SmallPlaneStress):
        return law.material, law.complete(strain)
    if isinstance(law, FinitePlaneStrain | SmallPlaneStrain | PlaneStrainHistory):
        full = jnp.pad(strain, (0, 1))
        return law.material, full.at[2, 2].set(1.0) if finite else full
    return kinematics.core(law), strain


class _OfStress(eqx.Module):
    """A function of the Cauchy stress; with a pressure of its own that of the mixed law."""

    function: Callable = eqx.field(static=True)

    def __call__(self, law, strain, memory, p, finite):
        s = _stress(law, strain, memory, p, finite)
        return self.function(s @ strain.T / jnp.linalg.det(strain) if finite else s)


def _stress(law, strain, memory, p, finite):
    if p is not None and not memory:
        return jax.grad(volumetric_split(law).energy)(strain, p)
    if not memory:
        return law.first_piola(strain) if finite else law.stress(strain)
    stress = law.update(strain, *memory)[0]
    if p is None:
        return stress
    split = volumetric_split(law)
    volume, slope = jax.value_and_grad(split.dilatation, argnums=1)(law, strain)
    return stress - (p + volume / split.compliance(law)) * slope


def _energy(law, strain, memory, p, finite):
    """W; c p²/2 is the part of the volume's change."""
    if p is None:
        return law.energy(strain)
    split = volumetric_split(law)
    return split.distortion(law, strain) + split.compliance(law) * p * p / 2


def _ratio(law, strain, memory, p, finite):
    return jnp.linalg.det(strain)
