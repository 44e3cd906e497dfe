"""Quadratic programs, over second-order cones if need be, as a layer."""

import dataclasses
import warnings

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from ..._hidden import compiled
from ..._result import RESULTS
from ..._told import Told
from ..._typing import Array, Float, Int
from ...implicit import (
    AbstractAdjoint,
    Certificate,
    Implicit,
    NotConverged,
    OneStep,
    Solution,
    Stats,
    error_if_failed,
    solve,
)
from ...linalg import Auto
from ._cone import Cone
from ._equilibrate import Equilibrated, equilibrated
from ._interior_point import InteriorPoint
from ._matrices import Dense
from ._program import Refinement


class QPSolution(Told):
    """The solution of a convex program, or the proof that there is none.

    Where `result` is a failure, the solution's own arrays are NaN, and so are gradients through them.
    """

    value: Float[Array, " n"]
    """Minimiser z."""
    slack: Float[Array, " m"]
    """s = h − G z, in the cone."""
    equality_duals: Float[Array, " p"]
    """Multipliers y of A z = b."""
    duals: Float[Array, " m"]
    """Multipliers w of G z ≤ h, in the cone."""
    result: RESULTS
    certificate: Certificate
    stats: Stats
    weakly_active: Int[Array, ""]
    """Constraints whose slack and multiplier both vanish: the derivative is one-sided there."""
    farkas: tuple[Float[Array, " p"], Float[Array, " m"]]
    """Where `infeasible`: (y, w) with Aᵀy + Gᵀw = 0, w in the cone and bᵀy + hᵀw = −1; NaN elsewhere."""
    ray: Float[Array, " n"]
    """Where `unbounded`: z with Qz = 0, Az = 0, −Gz in the cone and qᵀz = −1; NaN elsewhere."""


class QP(Told):
    """The minimiser of a convex quadratic program as a function of its data.

    min ½ zᵀQz + qᵀz   subject to   A z = b,   G z ≤ h

    The last rows of G z ≤ h may belong to second-order cones: h − G z ∈ {(t, x) : ‖x‖ ≤ t}. With Q = 0 it is a linear
    (or second-order cone) program. What is differentiated is Robinson's normal map of the optimality conditions at the
    converged point, on the active set found there; where constraints are redundant, gradients with respect to their
    right-hand sides are those of the smallest multipliers. `jax.vmap` maps over programs, each with its own status.

    **Arguments:**

    - `Q`: symmetric positive semidefinite (n, n); only its symmetric part counts. None for 0.
    - `q`: (n,).
    - `A`, `b`: equalities, (p, n) and (p,), or None.
    - `G`, `h`: inequalities, (m, n) and (m,), or None.
    - `second_order`: sizes of the second-order cones that the last rows of G belong to, in this order.
    - `method`: an `InteriorPoint`.
    - `adjoint`: `Implicit()` (default) or `OneStep()`. An interior-point iteration has no gradient of interest.

    **Raises:** `ValueError` if shapes do not fit.

    References: B. Amos, J. Z. Kolter, OptNet, ICML 2017; A. Agrawal et al., Differentiating through a cone program,
    J. Appl. Numer. Optim. 1 (2019) 107.
    """

    Q: Array | None
    q: Array
    A: Array | None
    b: Array | None
    G: Array | None
    h: Array | None
    second_order: tuple[int, ...] = eqx.field(static=True)
    method: InteriorPoint
    adjoint: AbstractAdjoint

    def __init__(self, Q, q, A=None, b=None, G=None, h=None, *, second_order=(), method=None, adjoint=None):
        self.Q, self.q, self.A, self.b, self.G, self.h = (
            None if x is None else _floating(x) for x in (Q, q, A, b, G, h)
        )
        self.second_order = tuple(int(k) for k in second_order)
        self.method = InteriorPoint() if method is None else method
        self.adjoint = Implicit() if adjoint is None else adjoint
        _check(self)

    def __call__(self, *, throw: bool = True, **replaced) -> QPSolution:
        """Solve, with some of Q, q, A, b, G, h replaced.

        **Arguments:**

        - `throw`: raise if there is no solution or none was found. With `throw=False` look at `result`.
        - `replaced`: new arrays by name.

        **Returns:** a `QPSolution`.

        **Raises:** `NotConverged`; under a JAX transformation an `equinox.EquinoxRuntimeError`.
        """
        unknown = set(replaced) - {"Q", "q", "A", "b", "G", "h"}
        if unknown:
            raise ValueError(f"A QP has Q, q, A, b, G and h to be replaced, got {', '.join(sorted(unknown))}.")
        if replaced:
            own = {name: getattr(self, name) for name in ("Q", "q", "A", "b", "G", "h")} | replaced
            options = dict(second_order=self.second_order, method=self.method, adjoint=self.adjoint)
            return QP(**own, **options)(throw=throw)
        m = (0 if self.G is None else self.G.shape[0]) - sum(self.second_order)
        check_numbers(self.Q, self.q, self.A, self.b, self.G, None if self.h is None else self.h[:m])
        check_numbers(h=None if self.h is None else self.h[m:], bounds=False)
        return solve_program(_program(self), self.method, self.adjoint, throw)


@compiled
def _program(qp: QP) -> Equilibrated:
    """Where nothing is compiled around it, two hundred operations that would each be."""
    A, b, G, h = _blank(qp)
    n = qp.q.shape[0]
    Q = jnp.zeros((n, n), qp.q.dtype) if qp.Q is None else (qp.Q + qp.Q.T) / 2
    cone = Cone(G.shape[0] - sum(qp.second_order), qp.second_order)
    return equilibrated(Dense(Q, jnp.concatenate([A, G])), qp.q, jnp.concatenate([b, h]), cone)


def solve_program(program: Equilibrated, method: InteriorPoint, adjoint: AbstractAdjoint, throw: bool) -> QPSolution:
    """Solve the root problem and say what came of it."""
    method = dataclasses.replace(method, rtol=method.tolerance(program.problem.q.dtype))
    # Data that a user's function closes over would be multiplied while XLA compiles, for minutes.
    arrays, rest = eqx.partition(program, eqx.is_array)
    program = eqx.combine(jax.lax.optimization_barrier(arrays), rest)
    if isinstance(adjoint.linear_solver, Auto):
        adjoint = dataclasses.replace(adjoint, linear_solver=Refinement())
    solution = solve(program.problem, method=method, adjoint=adjoint, throw=False)
    found = _named(program, solution)
    failed = found.result != RESULTS.successful
    if throw and isinstance(failed, jax.core.Tracer):
        return error_if_failed(found, found.result)
    if throw and failed:
        raise NotConverged(str(RESULTS[found.result]), solution)
    if not isinstance(found.weakly_active, jax.core.Tracer) and found.weakly_active > 0:
        warnings.warn(
            f"{int(found.weakly_active)} constraints are active without a multiplier: the solution has a kink there, and "
            "its derivative is one of several.",
            stacklevel=3,
        )
    return found


@compiled
def _named(program: Equilibrated, solution: Solution) -> QPSolution:
    problem, y_unit, unit = program.problem, program.of_equalities, program.of_cone
    z, y, v = solution.value
    result = solution.result
    good = result == RESULTS.successful
    # NaN does not enter the projection, and its cotangent goes past it.
    known = jnp.where(good, v, 0.0)
    w = problem.cone.project(known)
    s = problem.theta * (w - known)
    kept = lambda x: jnp.where(good, x, v)
    ray, y_proof, w_proof = solution.reached
    where = lambda name, x: jnp.where(result == name, x, jnp.nan)
    return QPSolution(
        value=z,
        slack=jnp.where(program.absent & good, jnp.inf, kept(s / jnp.where(program.absent, 1.0, unit))),
        equality_duals=y * y_unit,
        duals=kept(w * unit),
        result=result,
        certificate=solution.certificate,
        stats=solution.stats,
        weakly_active=solution.certificate.weakly_active,
        farkas=(
            where(RESULTS.infeasible, y_proof * y_unit),
            where(RESULTS.infeasible, problem.cone.project(w_proof) * unit),
        ),
        ray=where(RESULTS.unbounded, ray),
    )


def _floating(x):
    x = jnp.asarray(x)
    return x if jnp.issubdtype(x.dtype, jnp.floating) else x.astype(float)


def _blank(qp: QP):
    n, dtype = qp.q.shape[0], qp.q.dtype
    empty, none = jnp.zeros((0, n), dtype), jnp.zeros(0, dtype)
    A, b = (empty, none) if qp.A is None else (qp.A, qp.b)
    G, h = (empty, none) if qp.G is None else (qp.G, qp.h)
    return A, b, G, h


def _check(qp: QP):
    if qp.q.ndim != 1:
        raise ValueError(f"`q` must have one axis (use `jax.vmap` for batches), got shape {qp.q.shape}.")
    n = qp.q.shape[0]
    if qp.Q is not None and qp.Q.shape != (n, n):
        raise ValueError(f"`Q` must be of shape {(n, n)} for {n} variables, got {qp.Q.shape}.")
    for name, rhs, matrix, vector in (("A", "b", qp.A, qp.b), ("G", "h", qp.G, qp.h)):
        if (matrix is None) != (vector is None):
            raise ValueError(f"`{name}` and `{rhs}` go together: one of them was given without the other.")
        if matrix is None:
            continue
        if matrix.ndim != 2 or matrix.shape[1] != n:
            raise ValueError(f"`{name}` must have {n} columns, got shape {matrix.shape}.")
        if vector.shape != (matrix.shape[0],):
            raise ValueError(f"`{rhs}` must have {matrix.shape[0]} entries, as `{name}` has rows, got {vector.shape}.")
    rows = 0 if qp.G is None else qp.G.shape[0]
    if any(k < 2 for k in qp.second_order) or sum(qp.second_order) > rows:
        raise ValueError(
            f"`second_order` must be sizes of 2 or more that sum up to at most the {rows} rows of `G`, "
            f"got {qp.second_order}."
        )
    check_settings(qp.method, qp.adjoint)


def check_numbers(Q=None, q=None, A=None, b=None, G=None, h=None, *, bounds=True):
    """Raise `ValueError` for data that are not finite, but for +∞ in `h`; what is traced is judged as it runs."""
    for name, data in dict(Q=Q, q=q, A=A, b=b, G=G, h=h).items():
        if data is None or isinstance(data, jax.core.Tracer):
            continue
        host, open_ = np.asarray(data), name == "h" and bounds
        bad = np.argwhere(~(np.isfinite(host) | (open_ & np.isposinf(host))))
        if bad.size:
            place, wanted = ", ".join(map(str, bad[0])), "finite, or +inf for no bound" if open_ else "finite"
            raise ValueError(f"`{name}` must be {wanted}, got {name}[{place}] = {host[tuple(bad[0])]:g}.")


def check_settings(method, adjoint):
    """Raise `ValueError` for a method or a gradient that convex programs do not have."""
    if not isinstance(method, InteriorPoint):
        raise ValueError(f"`method` must be an `InteriorPoint`, got {method!r}.")
    if not isinstance(adjoint, Implicit | OneStep):
        raise ValueError(f"`adjoint` must be `Implicit()` or `OneStep()`, got {adjoint!r}.")
