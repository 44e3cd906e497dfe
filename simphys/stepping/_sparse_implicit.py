"""Diffrax's implicit and IMEX methods with sparse stages."""

import dataclasses

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from .._result import RESULTS
from .._typing import Array, PyTree
from ..implicit import Implicit, Newton, Solution, solve
from ._diffrax_term import DiffraxTerm, MassBalance
from ._evolution import combine
from ._march import finite


@dataclasses.dataclass(frozen=True)
class Tableau:
    """Coefficients of one part of a method: aᵢⱼ (with the diagonal), b, weights of the error, c, and of the predictor."""

    a: np.ndarray
    b: np.ndarray
    error: np.ndarray
    c: np.ndarray
    predictor: np.ndarray
    diagonal: np.ndarray


class SparseImplicit(diffrax.AbstractAdaptiveSolver):
    r"""An implicit or IMEX Runge–Kutta method of Diffrax whose stages simphys solves, with the mesh's sparse Jacobian.

    M kᵢ/h + R(y₀ + Σⱼ aᵢⱼ kⱼ, t₀ + cᵢ h) = 0

    The coefficients, the error estimate and the interpolation are those of the method given; its root finder is not used,
    for Diffrax would differentiate it by a dense Jacobian. Each stage is a root problem as every other of simphys, and its
    derivative that of a root. Step size controllers, `SaveAt`, events and adjoints work as with any solver; a stage that
    cannot be solved makes the step be repeated with a shorter length.

    **Arguments:**

    - `method`: `diffrax.ImplicitEuler()`, `Kvaerno3/4/5()`, or for `MultiTerm(explicit, implicit)` `KenCarp3/4/5()`. The
      implicit term must be one of `diffrax_term`.
    - `newton`: how stages are solved; `simphys.Newton(least_steps=1)` by default.
    - `adjoint`: derivative rule of the stages; `simphys.Implicit()` by default.

    **Raises:** `ValueError` for a method without implicit stages.

    Reference: C. A. Kennedy, M. H. Carpenter, Appl. Numer. Math. 44 (2003) 139.
    """

    method: diffrax.AbstractSolver = eqx.field(static=True)
    newton: Newton
    adjoint: Implicit

    def __init__(self, method, newton=None, adjoint=None):
        self.method = method
        self.newton = Newton(least_steps=1) if newton is None else newton
        self.adjoint = Implicit(recycle=False) if adjoint is None else adjoint
        tableaus_of(method)

    @property
    def term_structure(self):  # pyright: ignore[reportIncompatibleVariableOverride]
        """That of the method."""
        return self.method.term_structure

    @property
    def interpolation_cls(self):  # pyright: ignore[reportIncompatibleVariableOverride]
        """That of the method."""
        return self.method.interpolation_cls

    def order(self, terms):
        """That of the method."""
        return self.method.order(terms)

    def error_order(self, terms):
        """That of the method."""
        return self.method.error_order(terms)

    def func(self, terms, t0, y0, args):
        """Return the vector field."""
        return terms.vf(t0, y0, args)

    def init(self, terms, t0, t1, y0, args):
        """Check the terms; the first rate is not known yet."""
        _implicit_term(_parts(terms)[-1])
        return jnp.ones((), bool), jax.tree.map(jnp.zeros_like, y0)

    def step(self, terms, t0, t1, y0, args, solver_state, made_jump):
        """Solve the stages one after the other, by one compiled program."""
        tableaus, parts = tableaus_of(self.method), _parts(terms)
        controls = [part.contr(t0, t1) for part in parts]
        implicit, control = tableaus[-1], controls[-1]
        count, first = len(implicit.b), int(implicit.diagonal[0] == 0)
        dtype = jnp.result_type(*jax.tree.leaves(y0))
        product = lambda i, t, y: parts[i].vf_prod(t, y, args, controls[i])
        ks = [jax.tree.map(lambda leaf: jnp.zeros((count, *leaf.shape), leaf.dtype), y0) for _ in parts]
        put = lambda stack, i, k: jax.tree.map(lambda x, new: x.at[i].set(new), stack, k)
        if first:
            fresh, known = solver_state
            evaluate = lambda: parts[-1].vf(t0, y0, args)
            rate = jax.lax.cond(fresh | jnp.asarray(made_jump), evaluate, lambda: known)
            ks = [put(ks[i], 0, product(i, t0, y0)) for i in range(len(parts) - 1)]
            ks.append(put(jax.tree.map(lambda x: jnp.zeros((count, *x.shape), x.dtype), y0), 0, _times(control, rate)))

        def stage(carry, inputs):
            ks, result = carry
            i, rows, diagonal, predictor, times = inputs
            weigh = lambda row, stack: jax.tree.map(lambda x: jnp.tensordot(row.astype(x.dtype), x, 1), stack)
            base = combine((1.0, y0), *((1.0, weigh(row, k)) for row, k in zip(rows, ks, strict=True)))
            at = [jnp.where(c == 1, t1, t0 + c * (t1 - t0)) for c in times]
            guess = combine((1.0, base), (diagonal, weigh(predictor, ks[-1])))
            found, k = self._stage(parts[-1], at[-1], diagonal, control, base, guess)
            y = combine((1.0, base), (diagonal, k))
            explicit = [put(ks[j], i, product(j, at[j], y)) for j in range(len(parts) - 1)]
            result = RESULTS.where(result == RESULTS.successful, found.result, result)
            return ([*explicit, put(ks[-1], i, k)], result), None

        later = np.arange(first, count)
        inputs = (
            jnp.asarray(later),
            tuple(jnp.asarray(np.tril(t.a, -1)[later], dtype) for t in tableaus),
            jnp.asarray(implicit.diagonal[later], dtype),
            jnp.asarray(implicit.predictor[later], dtype),
            tuple(jnp.asarray(t.c[later], jnp.result_type(t0)) for t in tableaus),
        )
        (ks, result), _ = jax.lax.scan(stage, (ks, RESULTS.successful), inputs)
        return self._finish(tableaus, ks, result, y0, control)

    def _stage(self, part, t, diagonal, control, base, guess) -> tuple[Solution, PyTree]:
        """Return the solution and k of one stage, y = base + a k."""
        term, direction = _implicit_term(part)
        t = t * direction
        length = jnp.asarray(diagonal * control)
        if not term.inertial:
            mass, factor = term.mass(t, base), (1 / length).astype(base.dtype)
            known = factor * _product(term, mass, base) - term.carried(t, base)
            found = self._solve(MassBalance(term, mass, t, factor, known), guess)
            return found, (found.value - base) / diagonal
        u, v = base
        length = length.astype(u.dtype)
        mass, factor = term.mass(t, u), 1 / length**2
        known = factor * _product(term, mass, u + length * v) - term.carried(t, u)
        found = self._solve(MassBalance(term, mass, t, factor, known), guess[0])
        velocity = (found.value - u) / length
        return found, ((found.value - u) / diagonal, (velocity - v) / diagonal)

    def _solve(self, problem, guess):
        return finite(solve(problem, guess, method=self.newton, adjoint=self.adjoint, throw=False))

    def _finish(self, tableaus, ks, result, y0, control):
        """Sum up the stages."""
        weigh = lambda row, stack: jax.tree.map(lambda x: jnp.tensordot(jnp.asarray(row, x.dtype), x, 1), stack)
        y1 = combine((1.0, y0), *((1.0, weigh(t.b, k)) for t, k in zip(tableaus, ks, strict=True)))
        error = combine(*((1.0, weigh(t.error, k)) for t, k in zip(tableaus, ks, strict=True)))
        good = result == RESULTS.successful
        error = jax.tree.map(lambda e: jnp.where(good, e, jnp.inf), error)
        status = diffrax.RESULTS.where(good, diffrax.RESULTS.successful, diffrax.RESULTS.nonlinear_divergence)
        dense = dict(y0=y0, y1=y1)
        if not isinstance(self.method, diffrax.ImplicitEuler):
            dense["k"] = ks[0] if len(ks) == 1 else tuple(ks)
        last = jax.tree.map(lambda k: k[-1] / jnp.asarray(control, k.dtype), ks[-1])
        return y1, error, dense, (jnp.asarray(not _stiffly_accurate(tableaus)), last), status


def tableaus_of(method) -> tuple[Tableau, ...]:
    """Return the coefficients of a method, of its explicit part first; raise `ValueError` for one that is not implicit."""
    if isinstance(method, diffrax.ImplicitEuler):
        zero, last = np.zeros((2, 2)), np.array([0.0, 1.0])
        return (Tableau(np.diag(last), last, np.array([-0.5, 0.5]), last, zero, last),)
    found = getattr(method, "tableau", None)
    parts = found.tableaus if isinstance(found, diffrax.MultiButcherTableau) else (found,)
    fits = all(isinstance(p, diffrax.ButcherTableau) for p in parts) and parts[-1].implicit and len(parts) <= 2
    if not fits or any(p.implicit for p in parts[:-1]) or np.any(parts[-1].a_diagonal[1:] == 0):  # pyright: ignore[reportGeneralTypeIssues]
        raise ValueError(
            "`method` must be an implicit or IMEX method of Diffrax such as `Kvaerno5()` or `KenCarp4()`, "
            f"got `{type(method).__name__}`; explicit ones take terms of simphys as they are."
        )
    return tuple(_tableau(p) for p in parts)


def _tableau(given) -> Tableau:
    count = given.num_stages
    diagonal = np.zeros(count) if given.a_diagonal is None else np.asarray(given.a_diagonal, float)
    a, predictor = np.diag(diagonal), np.zeros((count, count))
    for i, row in enumerate(given.a_lower):
        a[i + 1, : i + 1] = row
    for i, row in enumerate(given.a_predictor or ()):
        predictor[i + 1, : i + 1] = row
    return Tableau(a, given.b_sol, given.b_error, np.concatenate([[given.c1], given.c]), predictor, diagonal)


def _stiffly_accurate(tableaus):
    """Whether the last stage is the new state, so that its rate is the first one of the next step."""
    return all(np.array_equal(t.a[-1], t.b) for t in tableaus)


def _parts(terms) -> tuple:
    """The terms of an IMEX method, or the one term."""
    return tuple(terms.terms) if isinstance(terms, diffrax.MultiTerm) else (terms,)


def _implicit_term(part) -> tuple[DiffraxTerm, Array | int]:
    """Undo the wrapping by which Diffrax lets time run backwards."""
    term, direction = (part, 1) if isinstance(part, DiffraxTerm) else (getattr(part, "term", None), part.direction)
    if not isinstance(term, DiffraxTerm) or term.loads is not None:
        raise ValueError(
            "The implicit term (of `MultiTerm(explicit, implicit)` the second) must be made by `simphys.stepping."
            f"diffrax_term`, got a `{type(term).__name__}`."
        )
    return term, direction


def _product(term, mass, y):
    return mass * y if term.lumped else mass.mv(y)


def _times(control, rate):
    return jax.tree.map(lambda leaf: jnp.asarray(control, leaf.dtype) * leaf, rate)
