"""Static equilibrium of solids that hardly change their volume."""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from .._check import parameter, positive
from .._typing import Array, PyTree
from ..fem import (
    AbstractConstraint,
    FunctionSpace,
    Integral,
    System,
    cells_of,
    check_taylor_hood,
    density_at_points,
)
from ..materials import AbstractFiniteStrain, AbstractSmallStrain, volumetric_split
from ._balance import AbstractBalance, AbstractLoad, NodalForces, build, gauges, recommended
from ._blocks import Blocks, build_blocks, check_vector_held, checked_loads, outer_terms, pressure_floor
from ._loads import BodyForce, Pressure, Traction
from ._solid import admissible
from ._thickness import thick


class MixedSolid(AbstractBalance):
    r"""Equilibrium of a nearly incompressible body, with displacement u and pressure p as unknowns.

    Π = ∫ W₀(F) − p θ(F) − c p²/2 dV − work of the loads,   stationary in u and p;   W = W₀ + θ²/(2c)

    In the continuum p = −θ/c and Π is the energy of `Solid`. With Taylor–Hood elements nothing locks as c → 0 (ν → ½):
    errors do not depend on c, which may be as small as 1e-30. p is positive in compression; for laws whose W₀ does not
    see the volume, and θ = J − 1 or tr ε, it is the mean Cauchy pressure −tr σ/3.

    The value is the pair (u, p). There is no minimum principle, so the line search watches the residual, and the
    tangent is symmetric but indefinite.

    **Arguments:**

    - `space`: pair of spaces made by `simphys.fem.taylor_hood`.
    - `material`: a law that `simphys.materials.volumetric_split` can tell apart, of the mesh's dimension
      (`PlaneStrain`); its parameters may be fields.
    - `constraints`, `loads`, `thickness`: as for `Solid`; constraints on the pressure have `field=1`.
    - `primal`: how the displacement's block is preconditioned if the system is to be solved by `Minres` with a
      `SaddlePoint` preconditioner: `simphys.linalg.Multigrid.build`, or another function (pattern, data,
      near_nullspace, positions) → `AbstractPreconditioner`. None: in 3-D above 30,000 unknowns multigrid, as part of
      a triangular preconditioner for `FGMRES`; below, and in the plane, nothing, and the system is factorised.

    **Raises:** `ValueError` if the parts do not fit, or the body can move without strain (the motions are named).

    Reference: T. J. R. Hughes, The Finite Element Method, Prentice-Hall 1987, chapter 4; F. Brezzi, M. Fortin, Mixed and
    Hybrid Finite Element Methods, Springer 1991, chapter VI.
    """

    space: tuple[FunctionSpace, FunctionSpace]
    material: AbstractFiniteStrain | AbstractSmallStrain
    constraints: tuple[AbstractConstraint, ...]
    loads: tuple[AbstractLoad, ...]
    thickness: PyTree
    system: System
    blocks: Blocks | None

    def __init__(self, space, material, constraints=(), loads=(), *, thickness=1.0, primal: Callable | None = None):
        check_taylor_hood(space)
        volumetric_split(material)
        dim = space[0].mesh.dim
        if material.dimension != dim:
            hint = "wrap it in `PlaneStrain`" if dim == 2 else "take the law without the plane wrapper"
            raise ValueError(f"The mesh is {dim}-D, but the law {type(material).__name__} is not: {hint}.")
        self.space, self.material = tuple(space), material
        self.loads = checked_loads(loads, space, (Traction, Pressure, BodyForce, NodalForces))
        small = isinstance(material, AbstractSmallStrain)
        if small and any(isinstance(load, Pressure) and load.follower for load in self.loads):
            raise ValueError("A follower `Pressure` needs a finite-strain law: small strains know no deformed surface.")
        self.thickness = positive("thickness", parameter(thickness))
        self.constraints, self.system = build(self.space, constraints, self.integrals())
        check_vector_held(space[0], self.constraints)
        self.blocks = None
        self.blocks = build_blocks(self, primal)

    def integrals(self):
        """Mixed energy and loads."""
        outer = outer_terms(self.loads, self.space)
        return (self._inner(_weak), *(thick(term, self.thickness) for term in outer))

    def stress(self, value) -> Array:
        """Return the first Piola–Kirchhoff (small strain: Cauchy) stress, averaged over each cell, (cell, dim, dim)."""
        stress, measure = density_at_points(self._inner(_weak, _stress_at), self.space, value)
        weights = measure / jnp.sum(measure, axis=1, keepdims=True)
        return jnp.einsum("eqij,eq->eij", stress, weights)

    def _inner(self, weak, density=None) -> Integral:
        where, parameters = cells_of(self.space[0]), (self.material, self.thickness)
        return Integral(where, weak, parameters, density, fields=(0, 1), slots=("gradient", "value"))


@gauges.register
def _(problem: MixedSolid):
    return (problem._inner(_gauge),)


@recommended.register
def _(problem: MixedSolid, values):
    if problem.blocks is None:
        return None
    return problem.blocks.preconditioner(problem.space, problem._inner(_weak, _schur), values)


def _measure(material, H):
    """F, or ε, of a displacement gradient."""
    if isinstance(material, AbstractSmallStrain):
        return (H + H.T) / 2
    return H + jnp.eye(H.shape[0], dtype=H.dtype)


def _guarded(material, F, value):
    return value if isinstance(material, AbstractSmallStrain) else admissible(F, value)


def _mixed_energy(material, H, p):
    F = _measure(material, H)
    return volumetric_split(material).energy(F, p)


def _weak(fields, point, parameters):
    (material, thickness), (u, p) = parameters, fields
    stress, volume = jax.grad(_mixed_energy, argnums=(1, 2))(material, u.gradient, p.value)
    stress = _guarded(material, _measure(material, u.gradient), stress)
    return (None, thickness * stress), (thickness * volume, None)


def _stress_at(fields, point, parameters):
    return jax.grad(_mixed_energy, argnums=1)(parameters[0], fields[0].gradient, fields[1].value)


def _shear_modulus(material, H):
    return volumetric_split(material).shear_modulus(_measure(material, jnp.zeros_like(H)))


def _gauge(fields, point, parameters):
    (material, thickness), (u, p) = parameters, fields
    return (None, None), (thickness * pressure_floor(u.gradient, p.value, _shear_modulus(material, u.gradient)), None)


def _schur(fields, point, parameters):
    """1/μ, and c of the compressible part: both per undeformed volume of a body of this thickness."""
    (material, thickness), (u, _) = parameters, fields
    split = volumetric_split(material)
    return thickness * (1 / _shear_modulus(material, u.gradient) + split.compliance(material))
