"""The optimality conditions of a convex program as a root problem."""

import dataclasses
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import lineax as lx

from ..._typing import Array, Float, PyTree, Scalar
from ...implicit import AbstractRootProblem, Evaluated
from ...linalg import AbstractPreconditioner, register_tagged
from ._cone import Cone, Spectral
from ._matrices import AbstractMatrices


WEAK = 1e-6


class Sizes(eqx.Module):
    """Natural magnitudes of a program, so that tolerances mean the same in any units."""

    curvature: Scalar
    """Of Q; for linear programs, what gives ‖q‖ over a typical length."""
    length: Scalar
    """Of z."""
    slope: Scalar
    """Of q."""
    rows: Float[Array, " p+m"]
    """Of each row of C, the same throughout a second-order cone."""

    def of_point(self, z: Array, u: Array) -> tuple[Scalar, Scalar]:
        """Return what to measure lengths and forces at a point against: its own, if within 10³ of what is natural.

        A point at infinity is not to pass for one that satisfies a constraint.
        """
        force = jnp.maximum(self.slope, self.curvature * self.length)
        within = lambda x, usual: jnp.clip(x, usual, 1e3 * usual)
        return within(jnp.linalg.norm(z), self.length), within(jnp.linalg.norm(self.rows * u), force)


class ConeProgram(AbstractRootProblem):
    """The optimality conditions of min ½ zᵀQz + qᵀz subject to A z = b and h − G z ∈ K, as one equation.

    Q z + q + Aᵀy + Gᵀ Π(v) = 0,   A z − b = 0,   G z + θ (Π(v) − v) − h = 0

    with Π the projection onto K: w = Π(v) are the multipliers and s = θ (Π(v) − v) the slacks, complementary by
    construction (Robinson's normal map). Unknowns are (z, y, v), v = w − s / θ; θ makes slacks and multipliers
    comparable and is the same throughout a second-order cone.

    Reference: S. M. Robinson, Normal maps induced by linear transformations, Math. Oper. Res. 17 (1992) 691.
    """

    matrices: AbstractMatrices
    q: Float[Array, " n"]
    rhs: Float[Array, " p+m"]
    """b above h."""
    cone: Cone
    sizes: Sizes
    linear: ClassVar[bool] = False

    @property
    def theta(self) -> Float[Array, " m"]:
        """θ: what a slack is divided by to compare with its multiplier."""
        return self.sizes.rows[self.equalities :] ** 2 / self.sizes.curvature

    @property
    def equalities(self) -> int:
        """Number p of rows of A."""
        return self.rhs.shape[0] - self.cone.size

    def residual(self, y, args):
        """Return the three rows."""
        z, dual, v = y
        w, p = self.cone.project(v), self.equalities
        first = self.matrices.hessian(z) + self.q + self.matrices.columns(jnp.concatenate([dual, w]))
        second = self.matrices.rows(z) - self.rhs
        return first, second[:p], second[p:] + self.theta * (w - v)

    def jacobian(self, y, args):
        """Return the generalised derivative."""
        theta = self.theta
        return KKT(self.matrices, self.cone.projector(y[2]), theta, self.cone, self.equalities, KKTFactor(self.sizes))

    def evaluate(self, y, args):
        """Return the rows, and for each number of them the magnitude of the terms that balance in it.

        ∑ |C_ij| |z_j| + |b_i| for a row: each is judged in its own units. What rounding of a point of the program's natural
        length leaves is added; a point at infinity is not to pass for one that satisfies a constraint.
        """
        z, dual, v = y
        at, p = self.sizes, self.equalities
        rounding = 100 * jnp.finfo(z.dtype).eps / tolerance(z.dtype)
        u = jnp.abs(jnp.concatenate([dual, self.cone.project(v)]))
        near = jnp.minimum(jnp.abs(z), 1e3 * at.length) + rounding * at.length
        first, rows = self.matrices.magnitudes(near, u)
        scale = first + jnp.abs(self.q), rows[:p] + jnp.abs(self.rhs[:p]), rows[p:] + jnp.abs(self.rhs[p:])
        return Evaluated(self.residual(y, args), scale, None)

    def switches(self, y, args):
        """Return 0 for the numbers and second-order cones whose slack and multiplier both vanish beside what is usual."""
        z, _, v = y
        w = self.cone.project(v)
        s, unit = self.theta * (w - v), self.sizes.rows[self.equalities :]
        length, push = self.sizes.of_point(z, jnp.concatenate([jnp.zeros(self.equalities, w.dtype), w]))
        near = WEAK if jnp.finfo(z.dtype).eps < 1e-12 else 1e-3
        idle = self.cone.near_boundary(w, near * push / unit)
        touching = self.cone.near_boundary(s, near * length * unit)
        return (jnp.where(idle & touching, 0.0, 1.0).astype(z.dtype),)

    def unknowns(self, guess):
        """Return a guess as it is; zero by default."""
        zeros = lambda k: jnp.zeros(k, self.q.dtype)
        default = (zeros(self.q.shape[0]), zeros(self.equalities), zeros(self.cone.size))
        return default if guess is None else guess

    def value(self, y):
        """Return (z, y, v)."""
        return y

    def unloaded(self):
        """An interior-point method needs no path of loads."""
        return None


def tolerance(dtype) -> float:
    """Return the relative residual wanted by default: 1e-8 in float64, 1e-4 in float32."""
    return 1e-8 if jnp.finfo(dtype).eps < 1e-12 else 1e-4


def regularisation(dtype) -> tuple[float, float]:
    """Return δ and ρ: small, but such that Q + ρI + CᵀC/δ keeps Q's digits."""
    return (1e-7, 1e-8) if jnp.finfo(dtype).eps < 1e-12 else (2e-3, 1e-4)


class KKTFactor(AbstractPreconditioner):
    """Makes the factor of a program's KKT matrix, slightly regularised: what iterative refinement starts from."""

    sizes: Sizes
    made_for: ClassVar[str] = "refinement"

    def prepare(self, operator):
        """Factorise with H = θ (I − P)P⁻¹ + δθ for the cones, and the like for the equalities."""
        delta, rho = regularisation(self.sizes.rows.dtype)
        p, cone = operator.equalities, operator.cone
        slack = delta * self.sizes.rows**2 / self.sizes.curvature
        theta = cone.spread(operator.theta)
        weights = operator.projector.map(lambda e, t: e / (t * (1 - e + delta * e)), theta)
        return operator.matrices.factorise(rho * self.sizes.curvature, 1 / slack[:p], weights, cone)

    def apply(self, prepared, residual):
        """Refused: `Refinement` knows the three rows."""
        raise NotImplementedError("Solve a KKT system by `layers.Refinement`.")

    def describe(self):
        """Name it."""
        return "regularised KKT factor"


class KKT(lx.AbstractLinearOperator):
    """J = [[Q, Aᵀ, GᵀP], [A, 0, 0], [G, 0, θ (P − I)]] with P a derivative of the projection, or its transpose."""

    matrices: AbstractMatrices
    projector: Spectral
    theta: Float[Array, " m"]
    cone: Cone
    equalities: int = eqx.field(static=True)
    preconditioner: AbstractPreconditioner
    transposed: bool = eqx.field(static=True, default=False)
    tags: frozenset[object] = eqx.field(static=True, default=frozenset())

    def mv(self, vector):
        """Return J x or Jᵀ x."""
        z, y, v = vector
        p, P = self.equalities, lambda x: self.cone.apply(self.projector, x)
        w = v if self.transposed else P(v)
        first = self.matrices.hessian(z) + self.matrices.columns(jnp.concatenate([y, w]))
        rows = self.matrices.rows(z)
        bend = P(rows[p:]) + self.theta * (P(v) - v) if self.transposed else rows[p:] + self.theta * (w - v)
        return first, rows[:p], bend

    def roughly(self, factor: PyTree, vector):
        """Solve with the regularised factor."""
        r1, r2, r3 = vector
        p = self.equalities
        if self.transposed:
            r1 = r1 + self.matrices.columns(jnp.concatenate([jnp.zeros_like(r2), r3 / self.theta]))
        z, u = self.matrices.solve(factor, r1, jnp.concatenate([r2, r3]))
        y, w = u[:p], u[p:]
        moved = -r3 if self.transposed else self.matrices.rows(z)[p:] - r3
        return z, y, w + moved / self.theta

    def as_matrix(self):
        """Return J as a dense array."""
        size = self.in_size()
        flat, unravel = jax.flatten_util.ravel_pytree(
            jax.tree.map(lambda s: jnp.zeros(s.shape, s.dtype), self.in_structure())
        )
        column = lambda e: jax.flatten_util.ravel_pytree(self.mv(unravel(e)))[0]
        return jax.vmap(column, out_axes=1)(jnp.eye(size, dtype=flat.dtype))

    def transpose(self):
        """Return Jᵀ, with the same factor."""
        return dataclasses.replace(self, transposed=not self.transposed)

    def in_structure(self):
        """Structure of (z, y, v)."""
        dtype = self.projector.orthant.dtype
        n = jax.eval_shape(self.matrices.columns, jax.ShapeDtypeStruct((self.equalities + self.cone.size,), dtype))
        part = lambda k: jax.ShapeDtypeStruct((k,), dtype)
        return part(n.shape[0]), part(self.equalities), part(self.cone.size)

    def out_structure(self):
        """Structure of J x."""
        return self.in_structure()


register_tagged(KKT)


class Refinement(lx.AbstractLinearSolver):
    """Iterative refinement of KKT systems with a regularised factor.

    x ← x + Ĵ⁻¹ (r − J x), Ĵ = J regularised. From x = 0 it leads to the solution with the smallest multipliers, where
    redundant constraints leave a choice.

    **Arguments:**

    - `max_steps`: refinements at most.

    Reference: A. Altman, J. Gondzio, Regularized symmetric indefinite systems in interior point methods for linear and
    quadratic optimization, Optim. Methods Softw. 11 (1999) 275.
    """

    max_steps: int = eqx.field(static=True, default=20)

    def init(self, operator, options):
        """Take the factor that is there, or make one."""
        if not isinstance(operator, KKT):
            raise ValueError(f"`Refinement` solves KKT systems, got a `{type(operator).__name__}`.")
        return operator, operator.preconditioner.prepare(operator)

    def compute(self, state, vector, options):
        """Refine until the residual no longer halves."""
        operator, factor = state
        size = lambda tree: jnp.sqrt(sum(jnp.sum(leaf * leaf) for leaf in tree))
        begin = size(vector)
        target = 30 * jnp.finfo(begin.dtype).eps * begin

        def proceed(carry):
            _, _, now, before, k = carry
            return (now > target) & (now <= before / 2) & (k < self.max_steps)

        def body(carry):
            x, r, now, _, k = carry
            better = jax.tree.map(jnp.add, x, operator.roughly(factor, r))
            left = jax.tree.map(jnp.subtract, vector, operator.mv(better))
            after = size(left)
            keep = after < now
            choose = lambda new, old: jax.tree.map(lambda a, b: jnp.where(keep, a, b), new, old)
            return choose(better, x), choose(left, r), jnp.where(keep, after, now), now, k + 1

        x = jax.tree.map(jnp.zeros_like, vector)
        start = (x, vector, begin, 4 * begin, jnp.zeros((), jnp.int32))
        x, *_, steps = jax.lax.while_loop(proceed, body, start)
        return x, lx.RESULTS.successful, {"num_steps": steps}

    def transpose(self, state, options):
        """The same factor serves Jᵀ."""
        operator, factor = state
        return (operator.transpose(), factor), options

    def conj(self, state, options):
        """J is real."""
        return state, options

    def assume_full_rank(self):
        """Singular but consistent systems are solved as well."""
        return False
