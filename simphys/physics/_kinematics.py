"""What a law sees of a displacement field, and the work of its stress on another."""

import jax.numpy as jnp
import numpy as np

from .._check import parameter
from .._trees import any_traced
from .._typing import Any
from ..fem import FunctionSpace, Local, NodalField, Point
from ..materials import (
    AbstractEigenstrain,
    AbstractFiniteStrain,
    AbstractHistory,
    AbstractSmallStrain,
    Axisymmetric,
    ErsatzFiniteStrain,
    check_compressible,
)


RING = ("translation along y",)
"""The one rigid motion of a body of revolution."""


def core(law):
    """Return the law itself; of an `Axisymmetric` one the three-dimensional law."""
    return law.material if isinstance(law, Axisymmetric) else law


def is_finite(law) -> bool:
    """Tell whether a law is one of finite strain."""
    law = core(law)
    return law.finite if isinstance(law, AbstractHistory) else isinstance(law, AbstractFiniteStrain)


def seen(law, space: FunctionSpace, u):
    """Return displacements as large as what a law of finite strain sees, positions, whose gradient F is; else None."""
    if not is_finite(law):
        return None
    points = space.mesh.points
    return jnp.abs(u) + jnp.max(points.max(axis=0) - points.min(axis=0))


def check_law(law, dim: int, *, mixed: bool = False):
    """Raise `ValueError` unless this is a solid law of the mesh's dimension, that need not keep its volume unless mixed."""
    if not isinstance(core(law), AbstractFiniteStrain | AbstractSmallStrain | AbstractHistory):
        raise ValueError(f"`material` must be a solid law, got {type(law).__name__}.")
    if law.dimension != dim:
        hint = "wrap it in `PlaneStrain` or `PlaneStress`" if dim == 2 else "take the law without the plane wrapper"
        raise ValueError(f"The mesh is {dim}-D, but the law {type(law).__name__} is not: {hint}.")
    if not mixed:
        check_compressible(law)


def check_follower(law, loads, kind):
    """Raise `ValueError` for follower loads that a law does not know."""
    if not any(isinstance(load, kind) and load.follower for load in loads):
        return
    if not is_finite(law):
        raise ValueError("A follower `Pressure` needs a finite-strain law: small strains know no deformed surface.")
    if isinstance(law, Axisymmetric):
        raise ValueError("A follower `Pressure` on a body of revolution is not known; take a dead one.")


def checked_thickness(law, space: FunctionSpace, thickness):
    """Return the thickness as a parameter; raise `ValueError` if it, or the place of a meridian plane, is none."""
    given, thickness = thickness, parameter(thickness)
    if not isinstance(law, Axisymmetric):
        return thickness
    if any_traced(given) or not isinstance(thickness, jnp.ndarray) or np.shape(given) or float(given) != 1.0:
        raise ValueError("A body of revolution has no `thickness`: leave it away.")
    if any_traced(space.mesh.points):
        return thickness
    radii = np.asarray(space.mesh.points)[:, 0]
    if radii.min() < -1e-9 * np.abs(radii).max():
        raise ValueError(f"A meridian plane has r = x ≥ 0, but the mesh reaches x = {radii.min():g}.")
    return thickness


def depth(law, space: FunctionSpace, thickness):
    """Return what stands behind a point of the mesh: the thickness, or the circumference 2πr."""
    return NodalField(2 * jnp.pi * space.nodes()[:, 0]) if isinstance(law, Axisymmetric) else thickness


def slots(law) -> str:
    """Return what of the displacement an integrand looks at."""
    return "both" if isinstance(law, Axisymmetric) else "gradient"


def gradient(law, u: Local, point: Point) -> Any:
    """Return ∇u, with u_r/r in the place θθ for a body of revolution."""
    if not isinstance(law, Axisymmetric):
        return u.gradient
    return jnp.pad(u.gradient, (0, 1)).at[2, 2].set(u.value[0] / point.position[0])


def measure(law, u: Local, point: Point):
    """Return F, or ε."""
    H = gradient(law, u, point)
    return H + jnp.eye(H.shape[0], dtype=H.dtype) if is_finite(law) else (H + H.T) / 2


def admissible(F, value):
    """NaN where the material is turned inside out: a law need not notice, and a step there must be refused."""
    det = F[0, 0] * F[1, 1] - F[0, 1] * F[1, 0] if F.shape[0] == 2 else jnp.vdot(F[0], jnp.cross(F[1], F[2]))
    return jnp.where(det > 0, value, jnp.nan)


def guarded(law, F, value):
    """`admissible` for laws of finite strain, but for those that look after it themselves."""
    while isinstance(law, AbstractEigenstrain):
        law = law.material
    return admissible(F, value) if is_finite(law) and not isinstance(law, ErsatzFiniteStrain) else value


def work(law, stress, point: Point):
    """Return (f₀, f₁) with f₀·v + f₁:∇v = P:∇v, for a body of revolution with P_θθ v_r/r."""
    if not isinstance(law, Axisymmetric):
        return None, stress
    return jnp.stack([stress[2, 2] / point.position[0], jnp.zeros_like(stress[2, 2])]), stress[:2, :2]
