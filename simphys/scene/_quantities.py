"""Fields derived from a solution: what pictures, files and observations show."""

import equinox as eqx
import jax.numpy as jnp

from .. import fem, physics
from .._typing import Array
from ..materials import AbstractFiniteStrain
from ._error import SceneError, listing


SOLID = ("displacement", "von_mises", "principal_stress", "energy_density", "volume_ratio")
HEAT = ("temperature", "heat_flux")


def available(problem) -> tuple[str, ...]:
    """Return the names of the quantities that a problem has."""
    if isinstance(problem, physics.Heat):
        return HEAT
    return SOLID if isinstance(problem.material, AbstractFiniteStrain) else SOLID[:-1]


def quantity(problem, value, name: str, plane: str | None = None) -> tuple[str, Array]:
    """Return a derived field.

    **Arguments:**

    - `problem`, `value`: a `Solid` or `Heat` and its solution.
    - `name`: one of those `available`.
    - `plane`: "strain" or "stress" for a plane body.

    **Returns:** "node" or "cell", and the values. Those of cells are means over the cell; stress is Cauchy's.
    """
    if name not in available(problem):
        raise SceneError(f"no quantity {name!r} here; there are {listing(available(problem))}.")
    if name in ("displacement", "temperature"):
        return "node", value
    if name == "heat_flux":
        return "cell", _compiled_flux(problem, value)
    return "cell", _cell_mean(problem, value, name, plane)


@eqx.filter_jit
def _compiled_flux(problem, value):
    return problem.flux(value)


@eqx.filter_jit
def _cell_mean(problem, value, name, plane):
    finite = isinstance(problem.material, AbstractFiniteStrain)
    function = {
        "von_mises": _von_mises,
        "principal_stress": _principal,
        "energy_density": _energy,
        "volume_ratio": _ratio,
    }[name]
    integral = fem.Integral(
        fem.cells_of(problem.space),
        function,
        problem.material,
        _Evaluate(function, finite, plane),
        slots=("gradient",),
    )
    found, measure = fem.density_at_points(integral, (problem.space,), (value,))
    return jnp.einsum("eq,eq->e", found, measure / jnp.sum(measure, axis=1, keepdims=True))


class _Evaluate(eqx.Module):
    """A function of the strain measure and the law in space, at a quadrature point."""

    function: object = eqx.field(static=True)
    finite: bool = eqx.field(static=True)
    plane: str | None = eqx.field(static=True)

    def __call__(self, fields, point, material):
        H = fields[0].gradient
        strain = H + jnp.eye(H.shape[0], dtype=H.dtype) if self.finite else (H + H.T) / 2
        if self.plane is None:
            return self.function(material, strain, self.finite)
        if self.plane == "stress":
            return self.function(material.material, material.complete(strain), self.finite)
        full = jnp.pad(strain, (0, 1))
        full = full.at[2, 2].set(1.0) if self.finite else full
        return self.function(material.material, full, self.finite)


def _cauchy(law, strain, finite):
    if not finite:
        return law.stress(strain)
    return law.first_piola(strain) @ strain.T / jnp.linalg.det(strain)


def _von_mises(law, strain, finite):
    s = _cauchy(law, strain, finite)
    deviator = s - jnp.trace(s) / 3 * jnp.eye(3, dtype=s.dtype)
    return jnp.sqrt(1.5 * jnp.sum(deviator * deviator))


def _principal(law, strain, finite):
    s = _cauchy(law, strain, finite)
    return jnp.linalg.eigvalsh((s + s.T) / 2)[-1]


def _energy(law, strain, finite):
    return law.energy(strain)


def _ratio(law, strain, finite):
    return jnp.linalg.det(strain)
