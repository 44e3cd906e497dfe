"""What to do about an error that comes from the kind of elements rather than from their size."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np

from .._hidden import compiled
from ..fem import density_at_points
from ..physics import AbstractBalance, Solid
from ._estimate import Estimate
from ._zz import EnergyError


LARGE = 0.01
"""Relative error of a goal from which elements are looked at."""
STIFF = 50.0
"""κ/μ from which a material is nearly incompressible: ν = .49."""
SLENDER = 8.0
"""Length by thickness from which a body is thin."""


def remedies(problem: AbstractBalance, estimate: Estimate | EnergyError) -> tuple[str, ...]:
    """Say what kind of elements a large error asks for: finer ones of the same kind would take long to be good.

    Displacements alone cannot bend or shear where they must keep their volume (κ/μ > 50, ν > .49), and linear ones cannot
    bend a thin body: they lock, and all that is read off them is too stiff, though every equation is solved.

    **Arguments:**

    - `problem`: a balance law; only of a `Solid` anything is said.
    - `estimate`: what `estimate_error` or `zz` found; of the latter its square counts, which is that of the energy.

    **Returns:** sentences; none for an error below 1 %.

    **Raises:** `ValueError` for an estimate of another kind.
    """
    if isinstance(estimate, EnergyError):
        relative = estimate.relative**2
    elif isinstance(estimate, Estimate):
        relative = abs(estimate.error) / max(abs(estimate.value), abs(estimate.corrected), np.finfo(float).tiny)
    else:
        raise ValueError(f"`estimate` must be an `Estimate` or an `EnergyError`, got {type(estimate).__name__}.")
    if not isinstance(problem, Solid) or relative < LARGE:
        return ()
    found, degree = [], problem.space.degree
    stiffness, slender = float(_volumetric(problem)), _slenderness(problem.space.mesh)
    if stiffness > STIFF:
        found.append(
            f"The material is nearly incompressible (κ/μ = {stiffness:.3g}) and the error {relative:.1%}: displacements "
            "alone lock. Take mixed elements, `MixedSolid` on `fem.taylor_hood(mesh)` (in scenes "
            '`formulation = "mixed"`).'
        )
    if slender > SLENDER and degree == 1:
        found.append(
            f"The body is {slender:.3g} times as long as thick, its elements are linear and the error is {relative:.1%}: "
            "they are too stiff where it bends. Take quadratic ones (`degree=2`), or a theory of beams or shells."
        )
    elif slender > 4 * SLENDER:
        found.append(
            f"The body is {slender:.3g} times as long as thick and the error {relative:.1%}: where it bends, raise the "
            "degree, or take a theory of beams or shells."
        )
    return tuple(found)


@compiled
def _volumetric(problem):
    """The largest κ/μ at rest, by C₁₁₁₁ = κ + 4μ/3 and C₁₂₁₂ = μ; of plane stress what is left of it."""
    integral = problem.tensors()[0].seen(problem)
    stress = integral.energy

    def moduli(seen, point, parameters):
        (u,) = seen
        at = lambda g: stress((dataclasses.replace(u, gradient=g),), point, parameters)
        rest, unit = jnp.zeros_like(u.gradient), lambda i, j: jnp.zeros_like(u.gradient).at[i, j].set(1.0)
        slope = lambda i, j: jax.jvp(at, (rest,), (unit(i, j),))[1][i, j]
        return jnp.stack([slope(0, 0), slope(0, 1)])

    values = problem.space.zeros()
    found, _ = density_at_points(dataclasses.replace(integral, energy=moduli), problem.spaces, (values,))
    return jnp.max(found[..., 0] / found[..., 1]) - 4 / 3


def _slenderness(mesh) -> float:
    """Extent along the longest of a body's axes by that along the shortest."""
    points = np.asarray(mesh.points)
    along = (points - points.mean(axis=0)) @ np.linalg.svd(points - points.mean(axis=0), full_matrices=False)[2].T
    extents = np.ptp(along, axis=0)
    return float(extents.max() / extents.min())
