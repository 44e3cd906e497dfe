"""Phases that separate: concentrations that are conserved."""

import dataclasses

import equinox as eqx
import jax.numpy as jnp

from .._check import parameter
from .._hidden import compiled
from .._ranges import positive
from .._typing import Array, Callable, PyTree, Scalar, Sequence, Value
from ..assembly import AbstractConstraint, System, assemble
from ..fem import FunctionSpace, Integral
from ..materials import (
    AbstractCurve,
    AbstractFreeEnergy,
    ConcavePart,
    ConvexPart,
    admissible_at,
    as_curve,
    as_free_energy,
)
from ._acting import AbstractLoad, Constraints, Loads, NodalForces, outlined
from ._allen_cahn import check_splits
from ._balance import AbstractBalance
from ._free_energy import check_field, check_supplies, points_of, potential_floor, total_free_energy
from ._named import Named
from ._quantity import nodal
from ._terms import Terms, build


class CahnHilliard(AbstractBalance):
    r"""The Cahn–Hilliard equation for a concentration c and its chemical potential μ.

    ċ = ∇·(M(c) ∇μ) + s,   μ = δE/δc,   E = ∫ ψ(c) + κ |∇c|²/2 dV;     weakly, for all w and q,

    ∫ (ψ'(c) − μ) w + κ ∇c·∇w dV = 0,     ∫ ċ q + M(c) ∇μ·∇q dV = ∫ s q dV − ∫ j q dA

    The value is the pair (c, μ). Only c is stored: a march may begin with (c, 0.0), the potential follows. What there
    is of c is kept to rounding. `BackwardEuler()` and all others of first order lead it; `ConvexSplitting()` lets E fall
    in every step, whatever its length, `AverageVectorField()` so to second order.

    **Arguments:**

    - `space`: a scalar `FunctionSpace` for both fields, or a pair on one mesh, the degree for μ not above that for c.
      Cells no larger than the width of interfaces (`DoubleWell` tells it).
    - `law`: ψ, an `AbstractFreeEnergy` such as `DoubleWell`, or a function of c; energy per volume.
    - `constraints`: `Dirichlet`, `Periodic` (one for each field, `field=0` and 1). Where there are none, nothing flows
      and ∇c·n = 0.
    - `loads`: `Source` (s, concentration per time), `Flux` (j, concentration × length per time, outwards), `NodalForces`
      (with `field=1`: concentration × volume per time).
    - `gradient_energy`: κ, energy per length, > 0: a number or a field.
    - `mobility`: M, length² × volume per energy and time, > 0: a number, a field, or a curve of c such as
      `Polynomial([1, 0, -1])`, which must not become negative.

    **Raises:** `ValueError` if the parts do not fit.

    Reference: J. W. Cahn, J. E. Hilliard, J. Chem. Phys. 28 (1958) 258; C. M. Elliott, D. A. French, F. A. Milner, Numer.
    Math. 54 (1989) 575, for the mixed form.
    """

    space: tuple[FunctionSpace, FunctionSpace]
    law: AbstractFreeEnergy
    constraints: tuple[AbstractConstraint, ...] | Named
    loads: tuple[AbstractLoad, ...] | Named
    gradient_energy: PyTree = positive()
    mobility: AbstractCurve = positive()
    system: System

    def __init__(
        self,
        space: Sequence[FunctionSpace],
        law: AbstractFreeEnergy | Callable,
        constraints: Constraints = (),
        loads: Loads = (),
        *,
        gradient_energy: Value,
        mobility: Value = 1.0,
    ):
        self.space = checked_pair(space)
        self.law, self.loads = as_free_energy(law), outlined(check_supplies(loads), self.space)
        self.gradient_energy = parameter(gradient_energy)
        self.mobility = as_curve(parameter(mobility))
        self.constraints, self.system = build(self.space, constraints, self.terms())

    def terms(self):
        """Potential, diffusion and supplies; c is stored by the second equation, and μ follows at once."""
        outer = (
            load.term(self.space) if isinstance(load, NodalForces) else load.term(self.space[1]) for load in self.loads
        )
        supplies = (dataclasses.replace(term, fields=(1,), energy=None) for term in outer if term is not None)
        parameters = (self.law, self.gradient_energy, self.mobility)
        inner = self._over_both(_weak, parameters, ("both", "both"), switches=_switches)
        stored, gauge = self._over_both(_stored, None, linear=True), self._over_both(_gauge, self.law)
        return Terms((inner, *supplies), stored, algebraic=(0,), immediate=(1,), gauges=(gauge,))

    def quantities(self):
        """Return concentration and chemical potential."""
        return nodal("phase", "phase field", shown=True), nodal("chemical_potential", "chemical potential", field=1)

    def convex_split(self):
        """Return the law with the convex part of ψ, and the concave part as a term."""
        law = check_splits(self.law)
        concave = self._over_both(_pull, ConcavePart(law))
        return eqx.tree_at(lambda p: p.law, self, ConvexPart(law)), concave

    @compiled
    def energy(self, value) -> Scalar:
        """Return E of a pair (c, μ)."""
        return total_free_energy(self.space[0], points_of(*self.space), self.law, self.gradient_energy, value[0])

    @compiled
    def content(self, value) -> Array:
        """Return ∫ c dV of a pair (c, μ)."""
        return jnp.sum(assemble(self.space, (self.terms().stored,), value)[0][1])

    def _over_both(self, weak, parameters, slots=("value", "value"), **options) -> Integral:
        where = points_of(*self.space)
        return Integral(where, weak, parameters, fields=(0, 1), slots=slots, symmetric=False, **options)


def checked_pair(space) -> tuple[FunctionSpace, FunctionSpace]:
    """Return the spaces of concentration and potential; raise `ValueError` if they do not fit."""
    pair = tuple(space) if isinstance(space, tuple | list) else (space, space)
    if len(pair) != 2:
        raise ValueError(f"`space` must be one space or two, got {len(pair)}.")
    check_field("A concentration", pair[0])
    check_field("A chemical potential", pair[1])
    if pair[0].mesh is not pair[1].mesh:
        raise ValueError("The spaces of concentration and chemical potential must be on one mesh.")
    if pair[1].degree > pair[0].degree:
        raise ValueError(
            f"The degree for the potential must not be above that for the concentration, got {pair[1].degree} and "
            f"{pair[0].degree}: parts of it would be undetermined."
        )
    return pair


def _weak(fields, point, parameters):
    law, gradient_energy, mobility = parameters
    c, mu = fields
    flow = mobility(c.value) * mu.gradient
    return (law.potential(c.value) - mu.value, gradient_energy * c.gradient), (None, flow)


def _switches(fields, point, parameters):
    return admissible_at(parameters[2], fields[0].value, lambda mobility: mobility >= 0)


def _stored(fields, point, parameters):
    return (None, None), (fields[0].value, None)


def _pull(fields, point, law):
    return (law.potential(fields[0].value), None), (None, None)


def _gauge(fields, point, law):
    return (potential_floor(law, fields[0].value) + jnp.abs(fields[1].value), None), (None, None)
