"""The homogeneous embedding of a convex program: its iterates, their steps, and the proofs it may end in."""

import equinox as eqx
import jax
import jax.numpy as jnp

from ..._typing import Array, Bool, Float, Scalar
from ._cone import Spectral
from ._program import ConeProgram, Sizes, regularisation


LEAST_CENTRING = 1e-3
PROOF = 1e-8


class Iterate(eqx.Module):
    """A point inside the cone."""

    z: Float[Array, " n"]
    u: Float[Array, " p+m"]
    """Multipliers y of the equalities above w of the cone."""
    s: Float[Array, " m"]
    tau: Scalar
    kappa: Scalar


class Products(eqx.Module):
    """Q z, C z and Cᵀ u at an iterate."""

    Qz: Float[Array, " n"]
    Cz: Float[Array, " p+m"]
    Cu: Float[Array, " n"]


class Gap(eqx.Module):
    """What an iterate leaves of each equation of the embedding."""

    first: Float[Array, " n"]
    second: Float[Array, " p+m"]
    last: Scalar
    mu: Scalar


def products(problem: ConeProgram, at: Iterate) -> Products:
    """Multiply."""
    m = problem.matrices
    return Products(m.hessian(at.z), m.rows(at.z), m.columns(at.u))


def _padded(problem, s):
    return jnp.concatenate([jnp.zeros(problem.equalities, s.dtype), s])


def gap(problem: ConeProgram, at: Iterate, of: Products) -> Gap:
    """Evaluate the embedding's equations."""
    first = of.Qz + of.Cu + problem.q * at.tau
    second = of.Cz + _padded(problem, at.s) - problem.rhs * at.tau
    curve = jnp.vdot(at.z, of.Qz) / at.tau
    last = at.kappa + curve + jnp.vdot(problem.q, at.z) + jnp.vdot(problem.rhs, at.u)
    mu = (jnp.vdot(at.s, at.u[problem.equalities :]) + at.tau * at.kappa) / (problem.cone.degree + 1)
    return Gap(first, second, last, mu)


class System(eqx.Module):
    """[[Q, Cᵀ], [C, −H]], H = W² on the cone's rows and 0 on the equalities', with a factor that nearly is its own."""

    problem: ConeProgram
    H: Spectral
    factor: object

    def solve(self, first, second) -> tuple[Array, Array]:
        """Solve, with one step of refinement."""
        matrices, p = self.problem.matrices, self.problem.equalities
        z, u = matrices.solve(self.factor, first, second)
        r1 = first - matrices.hessian(z) - matrices.columns(u)
        r2 = second - matrices.rows(z) + _padded(self.problem, self.problem.cone.apply(self.H, u[p:]))
        dz, du = matrices.solve(self.factor, r1, r2)
        return z + dz, u + du


def system(problem: ConeProgram, H: Spectral, sizes: Sizes) -> System:
    """Factorise."""
    delta, rho = regularisation(sizes.rows.dtype)
    p = problem.equalities
    slack = delta * sizes.rows**2 / sizes.curvature
    weights = H.map(lambda h, d: 1 / (h + d), problem.cone.spread(slack[p:]))
    return System(problem, H, problem.matrices.factorise(rho * sizes.curvature, 1 / slack[:p], weights, problem.cone))


def begin(problem: ConeProgram) -> tuple[Iterate, Bool[Array, ""]]:
    """Solve min ½ zᵀQz + qᵀz + ½ ‖h − G z‖² subject to A z = b, and move s and w = −s into the cone.

    Equations that contradict one another show at once: A z − b is then orthogonal to A's columns, and proves it.
    """
    cone, p, sizes = problem.cone, problem.equalities, problem.sizes
    unit = sizes.rows[p:]
    H = cone.spread(unit**2 / sizes.curvature)
    z, u = system(problem, H, sizes).solve(-problem.q, problem.rhs)
    w = u[p:]
    s = -cone.apply(H, w)
    e = cone.unit(z.dtype)
    s, w = s / unit, w * unit
    inward = lambda x: x + jnp.maximum(-1.5 * cone.least(x), 0.0) * e if x.size else x
    s, w = inward(s), inward(w)
    product = 0.5 * jnp.vdot(s, w)
    share = lambda x, floor: jnp.maximum(product / jnp.maximum(jnp.vdot(x, e), jnp.finfo(x.dtype).tiny), floor)
    force = jnp.maximum(sizes.slope, sizes.curvature * sizes.length)
    s, w = s + share(w, 0.01 * sizes.length) * e, w + share(s, 0.01 * force) * e
    mu = jnp.where(cone.degree > 0, jnp.vdot(s, w) / max(cone.degree, 1), sizes.length * force).astype(z.dtype)
    start = Iterate(z, jnp.concatenate([u[:p], w / unit]), s * unit, jnp.ones_like(mu), mu)
    r = (problem.matrices.rows(z) - problem.rhs)[:p]
    proof = eqx.tree_at(lambda at: at.u, start, jnp.concatenate([r, jnp.zeros_like(w)]))
    noise = 10 * _proof(z.dtype) * sizes.length * jnp.linalg.norm(sizes.rows[:p])
    wrong = infeasible(problem, proof, products(problem, proof), sizes) & (jnp.linalg.norm(r) > noise)
    return jax.tree.map(lambda a, b: jnp.where(wrong, a, b), proof, start), wrong


class _Direction(eqx.Module):
    z: Array
    u: Array
    s: Array
    tau: Array
    kappa: Array


def advance(problem: ConeProgram, at: Iterate, of: Products, sizes: Sizes) -> tuple[Iterate, Scalar]:
    """Predict, correct, and go 99 % of the way to the boundary; the new iterate and the step's length."""
    cone, p = problem.cone, problem.equalities
    left, w = gap(problem, at, of), at.u[p:]
    W = cone.scaling(at.s, w)
    H = W.map(jnp.square)
    inverse = W.map(jnp.reciprocal)
    linear = system(problem, H, sizes)
    scaled = cone.apply(W, w)

    both = jax.vmap(linear.solve)(
        jnp.stack([-problem.q, -left.first]), jnp.stack([problem.rhs, _padded(problem, at.s) - left.second])
    )
    (z2, z1), (u2, u1) = both
    away = z2 - at.z / at.tau
    bend = jnp.vdot(away, problem.matrices.hessian(z2) - of.Qz / at.tau)
    bend = bend + jnp.vdot(u2[p:], cone.apply(H, u2[p:])) + at.kappa / at.tau
    slope = 2 * of.Qz / at.tau + problem.q

    def direction(z1, u1, ds, dk, share):
        falls = share * left.last - dk / at.tau + jnp.vdot(slope, z1) + jnp.vdot(problem.rhs, u1)
        tau = falls / bend
        u = u1 + tau * u2
        return _Direction(z1 + tau * z2, u, -ds - cone.apply(H, u[p:]), tau, (-dk - at.kappa * tau) / at.tau)

    def longest(d):
        ratio = lambda x, dx: jnp.where(dx < 0, -x / jnp.where(dx < 0, dx, -1.0), jnp.inf)
        ends = cone.longest_step(at.s, d.s), cone.longest_step(w, d.u[p:]), ratio(at.tau, d.tau)
        return jnp.min(jnp.stack([*ends, ratio(at.kappa, d.kappa)]))

    guess = direction(z1, u1, at.s, at.kappa * at.tau, 1.0)
    # Some centring always: degenerate programs otherwise lose single complementarity products to the boundary.
    centring = jnp.maximum((1 - jnp.minimum(longest(guess), 1.0)) ** 3, LEAST_CENTRING)
    bent = cone.product(cone.apply(inverse, guess.s), cone.apply(W, guess.u[p:]))
    wanted = cone.product(scaled, scaled) + bent - centring * left.mu * cone.unit(w.dtype)
    ds = cone.apply(W, cone.divide(scaled, wanted))
    dk = at.kappa * at.tau + guess.tau * guess.kappa - centring * left.mu
    share = 1 - centring
    z1, u1 = linear.solve(-share * left.first, _padded(problem, ds) - share * left.second)
    d = direction(z1, u1, ds, dk, share)
    alpha = jnp.minimum(0.99 * longest(d), 1.0)
    moved = jax.tree.map(lambda x, dx: x + alpha * dx, at, Iterate(d.z, d.u, d.s, d.tau, d.kappa))
    return moved, alpha


def shortfall(problem: ConeProgram, at: Iterate, of: Products, sizes: Sizes) -> Scalar:
    """Return the largest relative residual: of either feasibility, or of the gap sᵀw."""
    p, left = problem.equalities, gap(problem, at, of)
    length, push = sizes.of_point(at.z / at.tau, at.u / at.tau)
    dual = jnp.linalg.norm(left.first) / at.tau / (push + sizes.curvature * length)

    def primal(rows, rhs, r):
        scale = jnp.linalg.norm(rows) * length + jnp.linalg.norm(rhs)
        return jnp.linalg.norm(r) / at.tau / jnp.where(scale > 0, scale, 1.0)

    parts = [primal(sizes.rows[k], problem.rhs[k], left.second[k]) for k in (slice(None, p), slice(p, None))]
    apart = jnp.vdot(at.s, at.u[p:]) / at.tau**2 / (push * length + sizes.curvature * length**2)
    return jnp.max(jnp.stack([dual, *parts, apart]))


def separated(problem: ConeProgram, at: Iterate) -> Bool[Array, ""]:
    """Tell whether of each slack and its multiplier one is below a hundredth of the other: the active set is known."""
    (a, upper, lower), (b, up, low) = (
        problem.cone.eigenvalues(x) for x in (at.s / problem.theta, at.u[problem.equalities :])
    )
    apart = lambda x, y: jnp.all(jnp.minimum(x, y) <= 1e-2 * jnp.maximum(x, y))
    return apart(a, b) & apart(upper, low) & apart(lower, up)


def _proof(dtype):
    return PROOF if jnp.finfo(dtype).eps < 1e-12 else 1e-4


def infeasible(problem: ConeProgram, at: Iterate, of: Products, sizes: Sizes) -> Bool[Array, ""]:
    """Tell whether u proves that no point within 10⁸ natural lengths is feasible: Cᵀu = 0, w ∈ K, (b; h)ᵀu < 0."""
    down = -jnp.vdot(problem.rhs, at.u)
    return (down > 0) & (jnp.linalg.norm(of.Cu) * sizes.length <= _proof(down.dtype) * down)


def unbounded(problem: ConeProgram, at: Iterate, of: Products, sizes: Sizes) -> Bool[Array, ""]:
    """Tell whether z is a direction of endless descent: Q z = 0, A z = 0, −G z ∈ K, qᵀz < 0."""
    down = -jnp.vdot(problem.q, at.z)
    least = down / jnp.where(sizes.slope > 0, sizes.slope, 1.0)
    flat = jnp.linalg.norm(of.Qz) <= _proof(down.dtype) * sizes.curvature * least
    inside = jnp.linalg.norm((of.Cz + _padded(problem, at.s)) / sizes.rows) <= _proof(down.dtype) * least
    return (down > 0) & flat & inside


def sharpened(problem: ConeProgram, at: Iterate, sizes: Sizes) -> Iterate:
    """Move u, by little of each multiplier, to where Cᵀu = 0: a proof that the iteration only comes near to."""
    p, w = problem.equalities, at.u[problem.equalities :]
    size = jnp.linalg.norm(at.u * sizes.rows)
    level = 1e6 * sizes.curvature / size**2
    weights = problem.cone.quadratic(w).map(lambda d: level * d)
    factor = problem.matrices.factorise(
        1e-12 * sizes.curvature, level * (size / sizes.rows[:p]) ** 2, weights, problem.cone
    )
    u = at.u
    for _ in range(3):
        _, du = problem.matrices.solve(factor, problem.matrices.columns(u), jnp.zeros_like(u))
        u = u - du
    inside = problem.cone.least(u[p:]) >= 0
    return eqx.tree_at(lambda at: at.u, at, jnp.where(inside & jnp.all(jnp.isfinite(u)), u, at.u))
