"""Fields derived from a solution: what pictures, files and observations show."""

import equinox as eqx
import jax
import jax.numpy as jnp

from .. import fem, physics
from .._trees import norm
from .._typing import Array
from ..materials import AbstractFiniteStrain, AbstractHistory, volumetric_split
from ..physics import _kinematics as kinematics
from ._error import SceneError, listing


SOLID = ("displacement", "von_mises", "principal_stress", "energy_density", "volume_ratio")
THERMO_SOLID = ("displacement", "temperature", "von_mises", "principal_stress")
DAMAGE = ("displacement", "damage", "smoothed_strain", "von_mises", "principal_stress")
PHASES = ("phase", "chemical_potential")
STOKES = ("velocity", "pressure")
HEAT = ("temperature", "heat_flux")


NODAL = ("displacement", "velocity", "temperature", "phase", "pressure", "chemical_potential", "smoothed_strain")
"""Quantities with values at nodes."""
VECTORS = ("displacement", "velocity")
"""Those with components."""
_NAMES = {
    physics.Heat: HEAT,
    physics.Stokes: STOKES,
    physics.AllenCahn: PHASES[:1],
    physics.CahnHilliard: PHASES,
    physics.ThermoSolid: THERMO_SOLID,
    physics.GradientDamage: DAMAGE,
}


def available(problem) -> tuple[str, ...]:
    """Return the names of the quantities that a problem has."""
    for kind, names in _NAMES.items():
        if isinstance(problem, kind):
            return names
    law = kinematics.core(problem.material)
    if isinstance(law, AbstractHistory):
        found = ("displacement", "von_mises", "principal_stress") + (("volume_ratio",) if law.finite else ())
        return (*found, "plastic_strain") if hasattr(problem.state, "accumulated") else found
    found = SOLID if isinstance(law, AbstractFiniteStrain) else SOLID[:-1]
    return (*found, "pressure") if isinstance(problem, physics.MixedSolid) else found


def check_available(problem, name: str):
    """Raise `SceneError` unless a problem has a quantity of this name."""
    if name not in available(problem):
        raise SceneError(f"no quantity {name!r} here; there are {listing(available(problem))}.")


def main_field(value) -> Array:
    """Return the first field of a solution: a displacement, a velocity, a temperature or phases."""
    return value[0] if isinstance(value, tuple) else value


def quantity(problem, value, name: str, plane: str | None = None) -> tuple[str, Array]:
    """Return a derived field.

    **Arguments:**

    - `problem`, `value`: a balance law and its solution.
    - `name`: one of those `available`.
    - `plane`: "strain" or "stress" for a plane body.

    **Returns:** "node" or "cell", and the values. Those of cells are means over the cell; stress is Cauchy's.
    """
    check_available(problem, name)
    if name in ("pressure", "chemical_potential", "smoothed_strain") or (
        name == "temperature" and len(problem.spaces) > 1
    ):
        return "node", fem.raised(problem.spaces[1], value[1], problem.spaces[0])
    if name in NODAL:
        return "node", main_field(value)
    if name == "damage":
        return "cell", problem.damage(value)
    if isinstance(problem, physics.ThermoSolid | physics.GradientDamage):
        return "cell", problem.mean_of_stress({"von_mises": _mises, "principal_stress": _largest}[name], value)
    if name == "heat_flux":
        return "cell", _compiled_flux(problem, value)
    if name == "plastic_strain":
        return "cell", _mean_over_cells(problem, problem.state.accumulated.values)
    return "cell", _cell_mean(problem, value, name, plane)


@eqx.filter_jit
def _mean_over_cells(problem, values):
    measure = problem.integrals()[0].domain.geometry(problem.spaces[0].mesh).measure
    return jnp.einsum("eq,eq->e", values, measure / jnp.sum(measure, axis=1, keepdims=True))


@eqx.filter_jit
def _compiled_flux(problem, value):
    return problem.flux(value)


@eqx.filter_jit
def _cell_mean(problem, value, name, plane):
    law, finite = problem.material, kinematics.is_finite(problem.material)
    remembers = isinstance(kinematics.core(law), AbstractHistory)
    function = {
        "von_mises": _von_mises,
        "principal_stress": _principal,
        "energy_density": _energy,
        "volume_ratio": _ratio,
    }[name]
    integral = fem.Integral(
        problem.integrals()[0].domain,
        function,
        (law, problem.state, problem.interval) if remembers else law,
        _Evaluate(function, finite, plane),
        fields=(0, 1)[: len(problem.spaces)],
        slots=(kinematics.slots(law), "value")[: len(problem.spaces)],
    )
    values = value if isinstance(value, tuple) else (value,)
    found, measure = fem.density_at_points(integral, problem.spaces, values)
    return jnp.einsum("eq,eq->e", found, measure / jnp.sum(measure, axis=1, keepdims=True))


class _Evaluate(eqx.Module):
    """A function of the strain measure and the law in space, at a quadrature point."""

    function: object = eqx.field(static=True)
    finite: bool = eqx.field(static=True)
    plane: str | None = eqx.field(static=True)

    def __call__(self, fields, point, material):
        law, *memory = material if isinstance(material, tuple) else (material,)
        strain = kinematics.measure(law, fields[0], point)
        p = fields[1].value if len(fields) > 1 else None
        if self.plane == "stress":
            return self.function(law.material, law.complete(strain), p, self.finite)
        if self.plane is not None:
            law, strain = law.material, _whole(strain, self.finite) if self.plane == "strain" else strain
        return self.function(_Led(law, *memory) if memory else law, strain, p, self.finite)


def _whole(strain, finite):
    """The strain in space of a plane one."""
    full = jnp.pad(strain, (0, 1))
    return full.at[2, 2].set(1.0) if finite else full


class _Led(eqx.Module):
    """A law with a memory as one without, at the internal variables it has reached."""

    law: AbstractHistory
    state: object
    interval: object

    def stress(self, strain):
        return self.law.update(strain, self.state, self.interval)[0]

    first_piola = stress


def _cauchy(law, strain, p, finite):
    """Stress; with a pressure of its own that of the mixed energy."""
    if p is None:
        s = law.first_piola(strain) if finite else law.stress(strain)
    else:
        s = jax.grad(volumetric_split(law).energy)(strain, p)
    return s @ strain.T / jnp.linalg.det(strain) if finite else s


def _von_mises(law, strain, p, finite):
    return _mises(_cauchy(law, strain, p, finite))


def _mises(s):
    deviator = s - jnp.trace(s) / 3 * jnp.eye(3, dtype=s.dtype)
    return 1.5**0.5 * norm(deviator)


def _principal(law, strain, p, finite):
    return _largest(_cauchy(law, strain, p, finite))


def _largest(s):
    return jnp.linalg.eigvalsh((s + s.T) / 2)[-1]


def _energy(law, strain, p, finite):
    """W; c p²/2 is the part of the volume's change."""
    if p is None:
        return law.energy(strain)
    split = volumetric_split(law)
    return split.distortion(law, strain) + split.compliance(law) * p * p / 2


def _ratio(law, strain, p, finite):
    return jnp.linalg.det(strain)
