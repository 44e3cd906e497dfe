"""The error in the norm of energy, by recovered gradients."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from .._hidden import compiled, on_host
from .._typing import Array, PyTree
from ..fem import Integral, density_at_points
from ..physics import AbstractBalance
from ._gradients import Gradients, with_gradients


class EnergyError(eqx.Module):
    """What `zz` finds.

    **Attributes:**

    - `error`: ‖u − u_h‖ in the norm of energy; `norm`: that of the solution itself, ‖u_h‖, by the same form.
    - `indicators`: each cell's part of the error's square, (cell,).
    """

    error: float
    norm: float
    indicators: Array

    @property
    def relative(self) -> float:
        """The error by √(‖u_h‖² + error²)."""
        whole = (self.norm**2 + self.error**2) ** 0.5
        return self.error / whole if whole else 0.0

    def __str__(self):
        return f"{self.relative:.2%} of the norm of energy"

    __repr__ = __str__


@on_host("An estimate")
def zz(problem: AbstractBalance, value: PyTree, *, within: tuple[str, ...] | None = None) -> EnergyError:
    r"""Estimate the error of a solution in the norm of energy, by how its gradient differs from the recovered one.

    η² = Σ_e ∫_e (G − ∇u_h) : ∂f₁/∂∇u (G − ∇u_h) dV

    f₁ is what the law's terms work with on ∇v (a stress, a flux), its tangent that at the solution; of several fields each
    counts by itself. It costs no solve. It sees what is rough, not what is wrong everywhere: an error that came from far
    away (pollution by a singular corner) and one of locking are larger.

    **Arguments:**

    - `problem`, `value`: a balance law and its solution.
    - `within`: as of a `Recoverer`.

    **Raises:** `ValueError` for a problem whose terms have no gradient.

    Reference: O. C. Zienkiewicz, J. Z. Zhu, Int. J. Numer. Methods Eng. 24 (1987) 337; 33 (1992) 1365.
    """
    if not isinstance(problem, AbstractBalance):
        raise ValueError(f"`problem` must be a balance law on a mesh, got {type(problem).__name__}.")
    parts = _squares(Gradients(problem, within).of(problem), problem, value)
    if parts is None:
        raise ValueError("No term of this problem works with a gradient: there is no energy of it to be wrong.")
    error, whole = (np.maximum(np.asarray(part), 0) for part in parts)
    return EnergyError(float(np.sqrt(error.sum())), float(np.sqrt(whole.sum())), error)


@compiled
def _squares(recoveries, problem, value):
    """Of the error and of the solution, by cells."""
    found = []
    for term in problem.integrals():
        if not isinstance(term, Integral) or term.constant or not _over_cells(term.domain):
            continue
        if not any(s in ("gradient", "both") for slots in term.slots for s in slots.split("+")):
            continue
        density, measure = density_at_points(*with_gradients(term, recoveries, problem, value, _density))
        found.append(jnp.einsum("eqk,eq->ke", density, measure))
    return None if not found else sum(found[1:], found[0])


def _over_cells(domain):
    parts = [part.domain for part in domain.parts] if hasattr(domain, "parts") else [domain]
    return all(part.sides is None and part.cells is None for part in parts)


def _density(integral, seen, point, parameters, gradients):
    """e : C e and ∇u : C ∇u, summed over fields."""
    total = jnp.zeros(2, point.position.dtype)
    for k, (u, recovered) in enumerate(zip(seen, gradients, strict=True)):
        if recovered is None:
            continue
        flux = lambda g, k=k, u=u: integral.weak(
            (*seen[:k], dataclasses.replace(u, gradient=g), *seen[k + 1 :]), point, parameters
        )[k][1]
        if flux(u.gradient) is None:
            continue
        for number, e in enumerate((recovered - u.gradient, u.gradient)):
            total = total.at[number].add(jnp.vdot(e, jax.jvp(flux, (u.gradient,), (e,))[1]))
    return total
