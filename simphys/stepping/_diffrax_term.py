"""Semi-discrete problems as Diffrax terms."""

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp

from .._hidden import hashable
from .._trees import norm
from .._typing import Array, Callable, PyTree, Scalar
from ..assembly import assemble, assemble_tangent
from ..implicit import AbstractRootProblem, Evaluated, Implicit, checked_solve, current_probe
from ..linalg import SparseOperator
from ..physics import AbstractBalance, AbstractLoad, layout_of_storage, reduced_forces, refuse_stepwise
from ._semidiscrete import Semidiscrete


class DiffraxTerm(diffrax.AbstractTerm):
    r"""A balance law on a mesh as a term of `diffrax.diffeqsolve`; made by `diffrax_term`.

    M u̇ = −R(u, t),   or with inertia the pair u̇ = v, M v̇ = −R(u, t)

    The state is û, the values that no constraint fixes; with inertia the pair (û, v̂).
    """

    evolution: Semidiscrete
    loads: tuple[AbstractLoad, ...] | None
    """What R consists of; None for all of the balance law."""
    lumped: bool = eqx.field(static=True)

    def vf(self, t, y, args):
        """Return u̇, with inertia (u̇, v̇), by one solve with the mass matrix."""
        u = y[0] if self.inertial else y
        rate = self._accelerated(jax.tree.map(jnp.negative, self.flow(t, u)), t, u)
        if not self.inertial:
            return rate
        return (jnp.zeros_like(y[1]) if self.loads is not None else y[1]), rate

    def contr(self, t0, t1, **kwargs):
        """Return t₁ − t₀."""
        return t1 - t0

    def prod(self, vf, control):
        """Return their product."""
        return jax.tree.map(lambda rate: jnp.asarray(control, rate.dtype) * rate, vf)

    @property
    def inertial(self) -> bool:
        """Whether the state is a pair."""
        return self.evolution.derivatives == 2

    def state(self, u, v=None, *, t=0.0) -> PyTree:
        """Return the state of a field u, and with inertia of its velocity v, at time t."""
        if (v is not None) != self.inertial:
            raise ValueError(f"`v` belongs to problems with inertia{', and is needed there' * self.inertial}.")
        reduced = lambda field: self.evolution.at(t).unknowns(self.evolution.consistent(field, t))
        return reduced(u) if v is None else (reduced(u), self.evolution.resting().at(t).unknowns(_like(v, u)))

    def field(self, t, y) -> PyTree:
        """Return the whole field u of a state at time t."""
        return self.evolution.at(t).value(y[0] if self.inertial else y)

    def flow(self, t, u) -> Array:
        """Return R(û, t)."""
        problem = self.evolution.at(t)
        fields = problem._fields(u)
        if self.loads is None:
            return reduced_forces(problem, problem.forces(fields)[0])
        terms = [load.term(problem.space) for load in self.loads]
        total, _, _ = assemble(
            problem.spaces, [_across(problem, *pair) for pair in zip(self.loads, terms, strict=True)], fields
        )
        return reduced_forces(problem, total)

    def mass(self, t, u) -> SparseOperator | Array:
        """Return M, a sparse operator; its diagonal if it is lumped."""
        problem = self.evolution.at(t)
        if self.lumped:
            ones = jnp.ones(problem.space.shape, u.dtype)
            return reduced_forces(problem, assemble(problem.spaces, (problem.terms().stored,), (ones,))[0])
        alone = layout_of_storage(problem)
        structure = jax.ShapeDtypeStruct(u.shape, u.dtype)
        fields = problem._fields(u)
        return assemble_tangent(
            alone, problem.spaces, (problem.terms().stored,), fields, problem.constraints, structure
        )

    def carried(self, t, u) -> Array:
        """Return the force by which prescribed values that change in time move û: ∂S/∂t, with inertia ∂²S/∂t²."""
        if self.evolution.drive is None or self.lumped or self.loads is not None:
            return jnp.zeros_like(u)

        def stored(t):
            problem = self.evolution.at(t)
            return reduced_forces(problem, assemble(problem.spaces, (problem.terms().stored,), problem._fields(u))[0])

        rate = lambda t: jax.jvp(stored, (t,), (jnp.ones_like(t),))[1]
        t = jnp.asarray(t, float)
        return jax.jvp(rate, (t,), (jnp.ones_like(t),))[1] if self.inertial else rate(t)

    def _accelerated(self, force, t, u):
        """M⁻¹ force, prescribed values changing."""
        force = force - self.carried(t, u)
        mass = self.mass(t, u)
        if self.lumped:
            return force / mass
        return checked_solve(mass, force, current_probe(), jnp.zeros_like(u), jnp.ones((), bool), Implicit(), False)


class MassBalance(AbstractRootProblem):
    """c M û + R(û, t) = b, the equation of an implicit stage."""

    term: DiffraxTerm
    mass: SparseOperator | Array
    t: Scalar
    factor: Scalar
    known: Array

    @property
    def linear(self):
        """Whether R is."""
        return self._problem.linear

    def residual(self, y, args=None):
        """Return c M û + R − b."""
        return self.evaluate(y, args).residual

    def evaluate(self, y, args=None):
        """Return the residual, the magnitudes it is judged by, and the energy it derives from."""
        moved = self.mass * y if self.term.lumped else self.mass.mv(y)
        stored, energy = self.factor * moved, self.factor * jnp.vdot(y, moved) / 2 - jnp.vdot(self.known, y)
        total, scales, potential = self._problem.forces(self._problem._fields(y))
        residual = stored - self.known + reduced_forces(self._problem, total)
        scale = jax.lax.stop_gradient(norm((stored, self.known, scales[0])))
        energy = None if potential is None else energy + potential
        return Evaluated(residual, scale, energy)

    def jacobian(self, y, args=None):
        """Return c M + ∂R/∂û, assembled."""
        flow = self._problem.jacobian(y)
        if self.term.lumped:
            data = flow.data.at[flow.pattern.diagonal].add(self.factor * self.mass)
        else:
            data = flow.data + self.factor * self.mass.data
        return SparseOperator(flow.pattern, flow.pattern.held(data), flow.structure, flow.tags, flow.preconditioner)

    def unknowns(self, guess):
        """Return the guess: û itself."""
        return guess

    def value(self, y):
        """Return û."""
        return y

    def unloaded(self):
        """None: a stage starts from the one before."""
        return None

    @property
    def _problem(self):
        return self.term.evolution.at(self.t)


def diffrax_term(problem: AbstractBalance, drive: Callable | None = None, *, lumped: bool = False) -> DiffraxTerm:
    r"""Return a balance law as a Diffrax term.

    M u̇ = −R(u, t),   or with inertia the pair u̇ = v, M v̇ = −R(u, t)

    Explicit solvers take it as it is. For implicit ones (`diffrax.Kvaerno5`, `diffrax.KenCarp4`, …) wrap the solver in
    `SparseImplicit`: Diffrax alone would form a dense Jacobian.

    **Arguments:**

    - `problem`: a `Heat` with a constant `capacity`, a `Solid` with a `density`; of one field, without memory.
    - `drive`: as for `march`; it must leave capacity and density alone.
    - `lumped`: the diagonal mass matrix of row sums, for elements of degree 1: explicit steps then cost no solve.

    **Returns:** a term. `term.state(u)`, with inertia `term.state(u, v)`, is the state that `diffeqsolve` starts from, and
    `term.field(t, y)` the field of a state.

    **Raises:** `ValueError` for problems that it cannot be made of.

    Reference: P. Kidger, On Neural Differential Equations, PhD thesis, Oxford 2021, chapter 5.
    """
    if not isinstance(problem, AbstractBalance):
        raise ValueError(f"`problem` must be a balance law (`simphys.physics`), got {problem!r}.")
    if isinstance(problem.space, tuple):
        raise ValueError(f"`problem` must have one field, this `{type(problem).__name__}` has {len(problem.space)}.")
    if problem.terms().stored is None:
        raise ValueError("This problem stores nothing that could change in time: give it a `capacity` or a `density`.")
    if getattr(problem, "state", None) is not None:
        raise ValueError("A law with a memory balances at the ends of steps: lead it by `march`, not by Diffrax.")
    refuse_stepwise(problem, "Diffrax's solvers")
    if not problem.terms().stored.linear:
        raise ValueError("Diffrax needs a constant `capacity`, this one depends on temperature: lead it by `march`.")
    if lumped and problem.space.degree != 1:
        raise ValueError(f"`lumped` needs elements of degree 1, these are of degree {problem.space.degree}.")
    return DiffraxTerm(hashable(Semidiscrete(problem, drive)), None, lumped)


def diffrax_loads(term: DiffraxTerm, *loads: AbstractLoad) -> DiffraxTerm:
    r"""Return the term of loads alone, M u̇ = ∫ s(u, t)·v dV: the explicit part of an IMEX method.

    `diffrax.MultiTerm(diffrax_loads(term, Closure(…)), term)` is what `SparseImplicit(diffrax.KenCarp4())` takes: the
    loads explicitly, the term itself implicitly. (Loads given here must not be loads of the problem as well.)

    **Raises:** `ValueError` for what is no load with an integral.
    """
    for load in loads:
        if not isinstance(load, AbstractLoad) or load.integral(term.evolution.problem.space) is None:
            raise ValueError(f"`loads` must be loads over cells or facets, such as `Closure`, got {load!r}.")
    if not loads:
        raise ValueError("`diffrax_loads` needs at least one load.")
    return DiffraxTerm(term.evolution, tuple(loads), term.lumped)


def _across(problem, load, term):
    return term.times(problem.thickness) if getattr(load, "across_thickness", True) else term


def _like(v, u):
    return jnp.broadcast_to(jnp.asarray(v, float), jnp.shape(u))
