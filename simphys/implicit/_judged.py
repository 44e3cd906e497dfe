"""The point that a method returned: F there, and whether the Jacobian was the derivative of it."""

import equinox as eqx
import jax
import jax.numpy as jnp

from .._trees import choose
from .._typing import Array, Bool, Callable, Int, PyTree, Scalar
from ._problem import Evaluated, interpolate
from ._tangent import Product, defect_of, direction, has_own_matrix, tangent_tolerance


class Judged(eqx.Module):
    """The residual at the returned point, and what was found of the Jacobian."""

    found: Evaluated
    along: tuple[PyTree, PyTree] | None
    """A direction v, and ∂F/∂y v there by differentiation."""
    defect: Scalar


class Seen(eqx.Module):
    """F at some point, a direction v, and ∂F/∂y v there by differentiation."""

    found: Evaluated
    v: PyTree
    along: PyTree


def unseen(like: PyTree) -> PyTree:
    """Return NaN for all numbers, of arrays or of their shapes."""
    return jax.tree.map(
        lambda s: jnp.full(s.shape, jnp.nan if jnp.issubdtype(s.dtype, jnp.inexact) else 0, s.dtype), like
    )


def derivative_along(at: Callable, y: PyTree, load: Scalar, args, v: PyTree | None, by_load: Scalar | None = None):
    """Evaluate at y and a load factor t, and find ∂F/∂y v + ∂F/∂t ṫ there.

    **Arguments:**

    - `at`: load factor → problem.
    - `v`, `by_load`: v, ṫ; None for 0.
    """

    def residual(y, t):
        found = at(t).evaluate(y, args)
        return found.residual, found

    if by_load is None:
        _, along, found = jax.jvp(lambda y: residual(y, load), (y,), (v,), has_aux=True)
    elif v is None:
        _, along, found = jax.jvp(lambda t: residual(y, t), (load,), (by_load,), has_aux=True)
    else:
        _, along, found = jax.jvp(residual, (y, load), (v, by_load), has_aux=True)
    return found, along


class Inquiry(eqx.Module):
    """The last product J v compared with the derivative at the returned point, or else where that matrix was made.

    Most often one evaluation is enough: Newton's last step is short. At a kink (yield, contact) the two may have taken
    different sides by rounding: where they differ F is evaluated on both sides of the point, and the difference between
    those derivatives is not held against J.
    """

    k: Int[Array, ""]
    judged: Judged
    first: PyTree

    @staticmethod
    def begin(found: Evaluated, along: PyTree) -> "Inquiry":
        """Return one that has seen nothing; what it will be told is like `found` and `along`, arrays or their shapes."""
        found, along = unseen((found, along))
        nan = jnp.full((), jnp.nan, jnp.result_type(*jax.tree.leaves(along)))
        return Inquiry(jnp.zeros((), jnp.int32), Judged(found, (along, along), nan), along)

    def asks(self, y: PyTree, load: Scalar, product: Product) -> tuple[PyTree, Scalar, PyTree]:
        """Return where F is to be evaluated next, with which load factor, and along which direction."""
        v, k = direction(product.point), self.k
        aside = float(jnp.finfo(jnp.result_type(*jax.tree.leaves(y))).eps) ** 0.5
        shift = jnp.where(k == 2, aside, jnp.where(k == 3, -aside, 0.0))
        moved = jax.tree.map(lambda a, b: a + shift.astype(a.dtype) * b, product.point, v)
        return choose(k == 0, y, moved), jnp.where(k == 0, load, product.load), v

    def told(self, found: Evaluated, along: PyTree, v: PyTree, product: Product) -> "Inquiry":
        """Return what is known with F and its derivative at the point that was asked for."""
        k, judged = self.k, self.judged
        middle = jax.tree.map(lambda a, b: (a + b) / 2, self.first, along)
        apart = jax.tree.map(lambda a, b: jnp.abs(a - b), self.first, along)
        beside = jnp.minimum(judged.defect, defect_of(product.value, middle, apart))
        plain = plain_defect(product, along)
        defect = jnp.where(k <= 1, plain, jnp.where(k == 3, beside, judged.defect))
        judged = Judged(*choose(k == 0, (found, (v, along)), (judged.found, judged.along)), defect)
        return Inquiry(k + 1, judged, choose(k == 2, along, self.first))

    def asking(self) -> Bool[Array, ""]:
        """Return whether there is more to be asked."""
        doubtful = self.judged.defect > tangent_tolerance(self.judged.defect.dtype)
        return (self.k == 0) | ((self.k < 4) & doubtful)


def plain_defect(product: Product, along: PyTree) -> Scalar:
    """Return how far J v is from ∂F/∂y v; NaN where there was no J."""
    return jnp.where(was_made(product), defect_of(product.value, along), jnp.nan)


def was_made(product: Product) -> Bool[Array, ""]:
    """Return whether there was a matrix."""
    first = jax.tree.leaves(product.value)[0].ravel()[:1]  # none where there are no unknowns
    return jnp.all(jnp.isfinite(first))


def _inquire(at, y, load, args, product) -> Judged:
    def run(inquiry):
        point, load_there, v = inquiry.asks(y, load, product)
        return *derivative_along(at, point, load_there, args, v), v

    begin = Inquiry.begin(*eqx.filter_eval_shape(lambda: derivative_along(at, y, load, args, y)))
    step = lambda inquiry: inquiry.told(*run(inquiry), product)
    return jax.lax.while_loop(Inquiry.asking, step, begin).judged


def _looked(problem, y, args, v) -> Seen:
    found, along = derivative_along(lambda _: problem, y, jnp.ones(()), args, v)
    return Seen(found, v, along)


def _of_linear(problem, y, args, product, seen: Seen | None) -> Judged:
    """Compare the only product J v there has been with the derivative, which is that of any point."""
    seen = _looked(problem, y, args, direction(choose(was_made(product), product.point, y))) if seen is None else seen
    return Judged(seen.found, (seen.v, seen.along), plain_defect(product, seen.along))


def _of_entries(problem, y, args, entries, seen: Seen | None) -> Judged:
    """Compare a product of the matrix that is the same everywhere with the derivative at y."""
    operator = eqx.tree_at(lambda o: o.data, problem.jacobian(y, args), entries)
    seen = _looked(problem, y, args, direction(y)) if seen is None else seen
    return Judged(seen.found, None, defect_of(operator.mv(seen.v), seen.along))


def judged_at(problem, start, args, y: PyTree, load: Scalar, report: dict, own_method: bool) -> Judged:
    """Evaluate at the point that a method returned, and compare what it reported of its Jacobian; none has derivatives.

    **Arguments:**

    - `start`: where the path of loads begins, or None.
    - `report`: of the method; `judged` if it has done all this, `seen` if it has evaluated; `product` of the last matrix,
      or `reuse` with the entries of the only one.
    - `own_method`: whether the method reports at all; for others a product of F's derivative is left to the adjoint.
    """
    if report.get("judged") is not None:
        return report["judged"]
    entries = getattr(report.get("reuse"), "entries", None)
    arrays, rest = eqx.partition((problem, start, args, y, load, report.get("product"), entries), eqx.is_array)
    held = eqx.combine(jax.lax.stop_gradient(arrays), rest)
    problem, start, args, y, load, product, entries = held
    at = lambda t: problem if start is None else interpolate(start, problem, t)
    seen = report.get("seen")
    if product is not None and problem.linear:
        return _of_linear(problem, y, args, product, seen)
    if product is not None:
        return _inquire(at, y, load, args, product)
    if entries is not None:
        return _of_entries(problem, y, args, entries, seen)
    if not own_method and has_own_matrix(problem, eqx.filter_eval_shape(problem.jacobian, y, args), y, args):
        seen = _looked(problem, y, args, direction(y))
        return Judged(seen.found, (seen.v, seen.along), jnp.full((), jnp.nan))
    return Judged(at(load).evaluate(y, args), None, jnp.full((), jnp.nan))
