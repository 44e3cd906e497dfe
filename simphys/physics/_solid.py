"""Equilibrium and motion of solids."""

import dataclasses

import jax
import jax.numpy as jnp

from .._check import parameter, positive
from .._typing import Array, PyTree
from ..fem import AbstractConstraint, FunctionSpace, Integral, QuadratureField, System, cells_of, density_at_points
from ..materials import AbstractFiniteStrain, AbstractHistory, AbstractSmallStrain, is_linear
from ._balance import AbstractBalance, AbstractLoad, build, derivatives, storage, updated_state
from ._held import check_held
from ._loads import Pressure
from ._thickness import thick


class Solid(AbstractBalance):
    r"""Equilibrium of a body at small or finite strain, as its material says.

    finite: ∫ P(F):∇v dV = ∫ b·v dV + ∫ t·v dA,  F = I + ∇u;     small: P = σ(ε),  ε = (∇u + ∇uᵀ)/2
    in time with ∫ ρ ü·v dV on the left

    **Arguments:**

    - `space`: a `FunctionSpace` with one component per dimension.
    - `material`: an `AbstractFiniteStrain`, `AbstractSmallStrain` or `AbstractHistory` law of the space's dimension; its
      parameters may be `CellField`, `NodalField` or `QuadratureField`. A law with a memory starts virgin; its internal
      variables are in `state`, and `simphys.stepping` leads them through time.
    - `constraints`: `Dirichlet`, `Periodic`, `RigidTie`.
    - `loads`: `Traction`, `Pressure`, `BodyForce`, `NodalForces`.
    - `thickness`: of a plane body, a length. Loads per area and volume act on all of it; nodal forces are as given.
    - `density`: ρ, mass per undeformed volume, for `simphys.stepping`: a number or a field.

    **Raises:** `ValueError` if the parts do not fit, or a body without density can move without strain (the motions are
    named).

    Reference: J. Bonet, R. D. Wood, Nonlinear Continuum Mechanics for Finite Element Analysis, Cambridge 2008.
    """

    space: FunctionSpace
    material: AbstractFiniteStrain | AbstractSmallStrain
    constraints: tuple[AbstractConstraint, ...]
    loads: tuple[AbstractLoad, ...]
    thickness: PyTree
    density: PyTree
    state: PyTree
    interval: PyTree
    system: System

    def __init__(self, space, material, constraints=(), loads=(), *, thickness=1.0, density=None):
        dim = space.mesh.dim
        if space.components != dim:
            raise ValueError(f"A solid in {dim}-D needs `components={dim}`, got {space.components}.")
        if not isinstance(material, AbstractFiniteStrain | AbstractSmallStrain | AbstractHistory):
            raise ValueError(f"`material` must be a solid law, got {type(material).__name__}.")
        if material.dimension != dim:
            hint = "wrap it in `PlaneStrain` or `PlaneStress`" if dim == 2 else "take the law without the plane wrapper"
            raise ValueError(f"The mesh is {dim}-D, but the law {type(material).__name__} is not: {hint}.")
        small = isinstance(material, AbstractSmallStrain)
        if small and any(isinstance(load, Pressure) and load.follower for load in loads):
            raise ValueError("A follower `Pressure` needs a finite-strain law: small strains know no deformed surface.")
        self.space, self.material, self.loads = space, material, tuple(loads)
        self.thickness = positive("thickness", parameter(thickness))
        self.state = virgin(space, material)
        self.interval = None if self.state is None else jnp.zeros((), space.mesh.points.dtype)
        self.density = None if density is None else positive("density", parameter(density))
        stored = storage(self)
        terms = self.integrals() if stored is None else (*self.integrals(), stored)
        self.constraints, self.system = build((space,), constraints, terms)
        if stored is None:
            check_held(space, self.constraints, self.system.reduction)

    def integrals(self):
        """Stored energy and loads."""
        inner = self._inner()
        outer = (load.integral(self.space) for load in self.loads)
        return (inner, *(thick(term, self.thickness) for term in outer if term is not None))

    def _inner(self):
        where, law = cells_of(self.space), self.material
        if isinstance(law, AbstractHistory):
            parameters = (law, self.thickness, self.state, self.interval)
            return Integral(where, _remembering, parameters, slots=("gradient",), symmetric=law.symmetric)
        finite = isinstance(law, AbstractFiniteStrain)
        weak, energy = (_finite, _finite_energy) if finite else (_small, _small_energy)
        return Integral(where, weak, (law, self.thickness), energy, slots=("gradient",), linear=is_linear(law))

    def stress(self, value) -> Array:
        """Return the first Piola–Kirchhoff (small strain: Cauchy) stress, averaged over each cell, (cell, dim, dim)."""
        finite = isinstance(self.material, AbstractFiniteStrain)
        remembers = isinstance(self.material, AbstractHistory)
        law = _updated_stress if remembers else _piola_at if finite else _cauchy_at
        stress, measure = density_at_points(dataclasses.replace(self._inner(), energy=law), (self.space,), (value,))
        weights = measure / jnp.sum(measure, axis=1, keepdims=True)
        return jnp.einsum("eqij,eq->eij", stress, weights)


def virgin(space: FunctionSpace, material) -> PyTree:
    """Return the internal variables of a virgin body at every quadrature point; None for a law without memory."""
    if not isinstance(material, AbstractHistory):
        return None
    points = cells_of(space).geometry(space.mesh).measure.shape
    spread = lambda leaf: QuadratureField(
        jnp.broadcast_to(leaf.astype(space.mesh.points.dtype), (*points, *leaf.shape))
    )
    return jax.tree.map(spread, material.initial())


@updated_state.register
def _(problem: Solid, value):
    if problem.state is None:
        return None
    integral = dataclasses.replace(problem._inner(), energy=_updated_state)
    state, _ = density_at_points(integral, (problem.space,), (value,))
    return jax.tree.map(QuadratureField, state)


@storage.register
def _(problem: Solid):
    if problem.density is None:
        return None
    parameters, where = (problem.density, problem.thickness), cells_of(problem.space)
    return Integral(where, _momentum, parameters, _kinetic, slots=("value",), linear=True)


@derivatives.register
def _(problem: Solid):
    return 0 if problem.density is None else 2


def _deformation(fields):
    H = fields[0].gradient
    return H + jnp.eye(H.shape[0], dtype=H.dtype)


def _strain(fields):
    H = fields[0].gradient
    return (H + H.T) / 2


def admissible(F, value):
    """NaN where the material is turned inside out: a law need not notice, and a step there must be refused."""
    det = F[0, 0] * F[1, 1] - F[0, 1] * F[1, 0] if F.shape[0] == 2 else jnp.vdot(F[0], jnp.cross(F[1], F[2]))
    return jnp.where(det > 0, value, jnp.nan)


def _updated(fields, parameters):
    law, _, state, interval = parameters
    if law.finite:
        F = _deformation(fields)
        stress, state = law.update(F, state, interval)
        return admissible(F, stress), state
    return law.update(_strain(fields), state, interval)


def _updated_stress(fields, point, parameters):
    return _updated(fields, parameters)[0]


def _updated_state(fields, point, parameters):
    return _updated(fields, parameters)[1]


def _remembering(fields, point, parameters):
    return ((None, parameters[1] * _updated_stress(fields, point, parameters)),)


def _momentum(fields, point, parameters):
    density, thickness = parameters
    return ((thickness * density * fields[0].value, None),)


def _kinetic(fields, point, parameters):
    ((momentum, _),) = _momentum(fields, point, parameters)
    return jnp.vdot(momentum, fields[0].value) / 2


def _piola_at(fields, point, parameters):
    F = _deformation(fields)
    return admissible(F, parameters[0].first_piola(F))


def _cauchy_at(fields, point, parameters):
    return parameters[0].stress(_strain(fields))


def _finite(fields, point, parameters):
    return ((None, parameters[1] * _piola_at(fields, point, parameters)),)


def _finite_energy(fields, point, parameters):
    F = _deformation(fields)
    return parameters[1] * admissible(F, parameters[0].energy(F))


def _small(fields, point, parameters):
    return ((None, parameters[1] * _cauchy_at(fields, point, parameters)),)


def _small_energy(fields, point, parameters):
    return parameters[1] * parameters[0].energy(_strain(fields))
