"""Order parameters that are not conserved."""

import equinox as eqx

from .._check import parameter
from .._hidden import compiled
from .._ranges import positive
from .._typing import Callable, PyTree, Scalar, Value
from ..assembly import AbstractConstraint, System
from ..fem import FunctionSpace, Integral
from ..materials import AbstractFreeEnergy, ConcavePart, ConvexPart, as_free_energy
from ._acting import AbstractLoad, Constraints, Loads, outlined
from ._balance import AbstractBalance
from ._free_energy import (
    check_field,
    check_supplies,
    free_energy,
    free_forces,
    points_of,
    potential_floor,
    total_free_energy,
)
from ._named import Named
from ._quantity import nodal
from ._terms import Terms, build


class AllenCahn(AbstractBalance):
    r"""The Allen–Cahn equation: an order parameter that goes downhill in its free energy.

    ċ = −M δE/δc,   E = ∫ ψ(c) + κ |∇c|²/2 dV;     weakly   ∫ ċ/M v + ψ'(c) v + κ ∇c·∇v dV = 0

    `BackwardEuler()` and all others of first order lead it; `ConvexSplitting()` lets E fall in every step, whatever its
    length, `AverageVectorField()` so to second order. Interfaces move with the velocity −M κ times their curvature.

    **Arguments:**

    - `space`: a scalar `FunctionSpace`, cells no larger than the width of interfaces (`DoubleWell` tells it).
    - `law`: ψ, an `AbstractFreeEnergy` such as `DoubleWell`, or a function of c; energy per volume.
    - `constraints`: `Dirichlet`, `Periodic`. Where there are none, ∇c·n = 0.
    - `loads`: `Source` (a driving force, energy per volume), `Flux` (of a wall, energy per area), `NodalForces`.
    - `gradient_energy`: κ, energy per length, > 0: a number or a field.
    - `mobility`: M, volume per energy and time, > 0: a number or a field.

    **Raises:** `ValueError` if the parts do not fit.

    Reference: S. M. Allen, J. W. Cahn, Acta Metallurgica 27 (1979) 1085.
    """

    space: FunctionSpace
    law: AbstractFreeEnergy
    constraints: tuple[AbstractConstraint, ...] | Named
    loads: tuple[AbstractLoad, ...] | Named
    gradient_energy: PyTree = positive()
    mobility: PyTree = positive()
    system: System

    def __init__(
        self,
        space: FunctionSpace,
        law: AbstractFreeEnergy | Callable,
        constraints: Constraints = (),
        loads: Loads = (),
        *,
        gradient_energy: Value,
        mobility: Value = 1.0,
    ):
        check_field("An order parameter", space)
        self.space, self.law, self.loads = space, as_free_energy(law), outlined(check_supplies(loads), space)
        self.gradient_energy = parameter(gradient_energy)
        self.mobility = parameter(mobility)
        self.constraints, self.system = build((space,), constraints, self.terms())

    def terms(self):
        """Free energy and loads; stored is c / M."""
        outer = (load.term(self.space) for load in self.loads)
        flow = (self._inner(self.law), *(term for term in outer if term is not None))
        where = points_of(self.space)
        stored = Integral(where, _stored, self.mobility, _stored_energy, slots=("value",), linear=True)
        return Terms(flow, stored, gauges=(Integral(where, _gauge, self.law, slots=("value",)),))

    def quantities(self):
        """Return the phase field."""
        return (nodal("phase", "phase field", shown=True),)

    def convex_split(self):
        """Return the law with the convex part of ψ, and the concave part as a term."""
        law = check_splits(self.law)
        concave = Integral(points_of(self.space), _pull, ConcavePart(law), slots=("value",))
        return eqx.tree_at(lambda p: p.law, self, ConvexPart(law)), concave

    @compiled
    def energy(self, value) -> Scalar:
        """Return E, without loads."""
        return total_free_energy(self.space, points_of(self.space), self.law, self.gradient_energy, value)

    def _inner(self, law) -> Integral:
        return Integral(points_of(self.space), free_forces, (law, self.gradient_energy), free_energy)


def check_splits(law: AbstractFreeEnergy) -> AbstractFreeEnergy:
    """Return a free energy; raise `ValueError` for one without known convex and concave parts."""
    if not law.splits:
        raise ValueError(
            "`ConvexSplitting()` needs the convex and the concave part of the free energy: give `FreeEnergy` a "
            "`curvature`, or take `AverageVectorField()`."
        )
    return law


def _stored(fields, point, mobility):
    return ((fields[0].value / mobility, None),)


def _stored_energy(fields, point, mobility):
    return fields[0].value ** 2 / mobility / 2


def _pull(fields, point, law):
    return ((law.potential(fields[0].value), None),)


def _gauge(fields, point, law):
    return ((potential_floor(law, fields[0].value), None),)
