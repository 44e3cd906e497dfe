"""What is read off the displacement of a solid: Cauchy stress in space, energy, change of volume, internal variables."""

from collections.abc import Callable
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp

from .._trees import norm
from ..fem import Integral
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
from ._quantity import Quantity, averaged, gradients_of, nodal


DISPLACEMENT = nodal("displacement", "displacement magnitude", "length", shown=True, moves=True)


def of_solid(problem) -> tuple[Quantity, ...]:
    """Return the quantities of a `Solid` or `MixedSolid`."""
    law, finite = kinematics.core(problem.material), kinematics.is_finite(problem.material)
    found = [DISPLACEMENT, *stresses(_Seen(_cauchy))]
    if not isinstance(law, AbstractHistory):
        found.append(averaged("energy_density", "stored energy density", "stress", _Seen(_energy)))
    if finite:
        found.append(averaged("volume_ratio", "volume ratio J", "", _Seen(_ratio)))
    if hasattr(problem.state, "accumulated"):
        found.append(Quantity("plastic_strain", "accumulated plastic strain", "", "cell", _plastic_strain))
    return (*found, nodal("pressure", "pressure", "stress", field=1)) if len(problem.spaces) > 1 else tuple(found)


def stresses(seen: Callable) -> tuple[Quantity, ...]:
    """Return the quantities of a stress; `seen` gives the integral whose energy it is, (3, 3), in space."""
    return (
        averaged("von_mises", "von Mises stress", "stress", seen, von_mises, shown=True),
        averaged("principal_stress", "largest principal stress", "stress", seen, largest),
    )


def tensors_of_solid(problem) -> tuple[Quantity, ...]:
    """Return Cauchy's stress and the strain of a `Solid` or `MixedSolid`, ε or (FᵀF − I)/2, both (3, 3); their entries."""
    strain = averaged("strain", "strain", "", _Seen(_strain))
    return *stress_tensor(_Seen(_cauchy)), *gradients_of(problem), strain, *_entries(strain)


def stress_tensor(seen: Callable) -> tuple[Quantity, ...]:
    """Return a stress, (3, 3), and its entries: "stress", "stress_xx", …; `seen` as in `stresses`."""
    stress = averaged("stress", "stress", "stress", seen)
    return stress, *_entries(stress)


def _entries(tensor):
    for i, j in ((0, 0), (1, 1), (2, 2), (0, 1), (1, 2), (0, 2)):
        axes = "xyz"[i] + "xyz"[j]
        yield averaged(f"{tensor.name}_{axes}", f"{tensor.label} {axes}", tensor.unit, tensor.seen, _Entry(i, j))


class _Entry(NamedTuple):
    row: int
    column: int

    def __call__(self, tensor):
        return tensor[self.row, self.column]


def von_mises(s):
    """Return √(3/2) |dev σ|."""
    return 1.5**0.5 * norm(s - jnp.trace(s) / 3 * jnp.eye(3, dtype=s.dtype))


def largest(s):
    """Return the largest principal stress."""
    return jnp.linalg.eigvalsh((s + s.T) / 2)[-1]


class _Seen(NamedTuple):
    """Problem → an integral whose energy is a function of (law, memory, strain, pressure, finite), all of them in space."""

    function: Callable

    def __call__(self, problem):
        law, finite = problem.material, kinematics.is_finite(problem.material)
        remembers = isinstance(kinematics.core(law), AbstractHistory)

        def density(fields, point, parameters):
            law, *memory = parameters
            strain = kinematics.measure(law, fields[0], point)
            pressure = fields[1].value if len(fields) > 1 else None
            return self.function(*_in_space(law, strain, finite), memory, pressure, finite)

        parameters = (law, problem.state, problem.interval) if remembers else (law,)
        count = len(problem.spaces)
        slots, domain = (kinematics.slots(law), "value")[:count], problem.integrals()[0].domain
        return Integral(domain, density, parameters, density, fields=tuple(range(count)), slots=slots)


@eqx.filter_jit
def _plastic_strain(problem, value):
    measure = problem.integrals()[0].domain.geometry(problem.spaces[0].mesh).measure
    weights = measure / jnp.sum(measure, axis=1, keepdims=True)
    return jnp.einsum("eq,eq->e", problem.state.accumulated.values, weights)


def _in_space(law, strain, finite):
    """The three-dimensional law within a plane one, and the strain that it sees."""
    if isinstance(law, FinitePlaneStress | SmallPlaneStress):
        return law.material, law.complete(strain)
    if isinstance(law, FinitePlaneStrain | SmallPlaneStrain | PlaneStrainHistory):
        full = jnp.pad(strain, (0, 1))
        return law.material, full.at[2, 2].set(1.0) if finite else full
    return kinematics.core(law), strain


def _cauchy(law, strain, memory, p, finite):
    """Cauchy's stress; with a pressure of its own that of the mixed law."""
    s = _stress(law, strain, memory, p, finite)
    return s @ strain.T / jnp.linalg.det(strain) if finite else s


def _strain(law, strain, memory, p, finite):
    return (strain.T @ strain - jnp.eye(3, dtype=strain.dtype)) / 2 if finite else strain


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
