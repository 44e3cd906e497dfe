"""Is a Jacobian the derivative of its residual? One product of it is compared with what differentiation says."""

import equinox as eqx
import jax
import jax.flatten_util
import jax.numpy as jnp
import lineax as lx
import numpy as np

from .._typing import PyTree, Scalar
from ..linalg import AbstractSolvable, ColouredJacobian, SparseOperator
from ._problem import RootProblem


WITH_ENTRIES = (
    SparseOperator,
    AbstractSolvable,
    lx.MatrixLinearOperator,
    lx.PyTreeLinearOperator,
    lx.DiagonalLinearOperator,
)


class Product(eqx.Module):
    """J v of the last matrix that Newton's method has made, and where; NaN before there was one."""

    point: PyTree
    load: Scalar
    value: PyTree


def has_own_matrix(problem, operator, y, args) -> bool:
    """Whether J is made otherwise than by differentiating F as a whole, so that it could be another's.

    Matrices made by colours compare themselves.
    """
    own = isinstance(problem, RootProblem) and problem.jacobian_function is not None
    if isinstance(operator, lx.JacobianLinearOperator) or not (own or isinstance(operator, WITH_ENTRIES)):
        return False
    if not isinstance(problem, RootProblem):
        return True
    if isinstance(problem.jacobian_function, ColouredJacobian):
        return False
    try:
        # A function that calls the host may come with a Jacobian because it has no derivative.
        eqx.filter_eval_shape(lambda y: jax.jvp(lambda y: problem.residual(y, args), (y,), (y,)), y)
    except (TypeError, ValueError, NotImplementedError):
        return False
    return True


def direction(y: PyTree, along: PyTree | None = None) -> PyTree:
    """Return v: random, always the same, and in each leaf as large as y is there (1 where that is 0).

    A loop carries `along`, which is `scattered(y)`: a sparse product would else compute it anew for each of its entries.
    """

    def one(leaf, numbers):
        largest = jnp.max(jnp.abs(leaf), initial=0)
        return numbers * jnp.where((largest > 0) & jnp.isfinite(largest), largest, 1)

    return jax.tree.map(one, y, scattered(y) if along is None else along)


def scattered(y: PyTree) -> PyTree:
    """Return numbers in [-1, 1) beside those of y, the same whatever y is."""
    leaves, structure = jax.tree.flatten(y)
    return jax.tree.unflatten(structure, [hashed(place, leaf) for place, leaf in enumerate(leaves)])


def hashed(place: int, leaf):
    """Return numbers in [-1, 1), a hash of their indices: JAX's generators, good for more, take a second to compile."""
    x = jax.lax.iota(jnp.uint32, leaf.size) + np.uint32((place + 1) * 0x9E3779B9 % 2**32)
    for shift, factor in ((16, 0x7FEB352D), (15, 0x846CA68B)):
        x = (x ^ (x >> np.uint32(shift))) * np.uint32(factor)
    x = (x ^ (x >> np.uint32(16))).astype(leaf.dtype)
    return (x * 2.0**-31 - 1).reshape(leaf.shape)


def product_at(operator, y: PyTree, load: Scalar, along: PyTree) -> Product:
    """Return J v; derivatives of it are no one's."""
    return jax.lax.stop_gradient(Product(y, load, operator.mv(direction(y, along))))


def row_sizes(operator, y: PyTree, product: Product | None, along: PyTree | None = None) -> PyTree:
    """Return |J v|: in each row the size of what an error of y would make of F there.

    The numbers of a field on a mesh have one unit, and v is as large as the field; those of any other vector may be a
    temperature beside a pressure, and v is as large as each of them (down to what is rounding of the largest).
    Among a hundred thousand rows of a mesh some J v cancels by chance: what the row's own number makes of it is the least.
    """
    if isinstance(operator, SparseOperator | AbstractSolvable):
        known = operator.mv(direction(y, along)) if product is None else product.value
        own = jax.flatten_util.ravel_pytree(y)[1](lx.diagonal(operator))
        size = lambda jv, d, y: jnp.maximum(jnp.abs(jv), jnp.abs(d) * _largest(jnp.abs(y)))
        return jax.lax.stop_gradient(jax.tree.map(size, known, own, y))
    v = direction(y, along)
    shrink = lambda v, y: v * (jnp.abs(y) / _largest(jnp.abs(y)) + jnp.finfo(y.dtype).eps)
    v = jax.tree.map(shrink, v, y)
    return jax.lax.stop_gradient(jax.tree.map(jnp.abs, operator.mv(v)))


def largest_row(residual: PyTree, rows: PyTree) -> Scalar:
    """Return max_r |F|_r / |J v|_r; infinite where a row has no size but a residual."""
    one = lambda f, size: jnp.max(jnp.where(f == 0, 0, jnp.abs(f) / size), initial=0)
    return jnp.max(jnp.stack(jax.tree.leaves(jax.tree.map(one, residual, rows))))


def tangent_tolerance(dtype) -> float:
    """Defect above which a tangent is called wrong: far above rounding, far below what a missing term makes."""
    return float(jnp.finfo(dtype).eps) ** (1 / 3)


def defect_of(product: PyTree, along: PyTree, slack: PyTree | None = None) -> Scalar:
    """Return max_r (|J v − ∂F/∂y v| − slack)_r / (|J v| + |∂F/∂y v|)_r over all rows r, each in its own units.

    Rows whose sums happen to cancel are measured by the root mean square of their field, times a small number.
    """

    def one(a, b, slack):
        size = jnp.abs(a) + jnp.abs(b)
        floor = float(jnp.finfo(size.dtype).eps) ** 0.2 * jnp.sqrt(jnp.mean(jnp.square(size / _largest(size))))
        size = size + floor * _largest(size)
        return jnp.max(jnp.maximum(jnp.abs(a - b) - slack, 0) / jnp.where(size == 0, 1, size), initial=0)

    slack = jax.tree.map(jnp.zeros_like, product) if slack is None else slack
    found = jax.tree.leaves(jax.tree.map(one, product, along, slack))
    return jnp.max(jnp.stack([f.astype(jnp.result_type(*found)) for f in found]))


def _largest(x):
    largest = jnp.max(x, initial=0)
    return jnp.where(largest == 0, 1, largest)


def agrees(defect: Scalar, operator=None, along: tuple[PyTree, PyTree] | None = None):
    """Whether a gradient may be taken with this matrix: what the solve found of it, else one product of it."""
    tolerance = tangent_tolerance(defect.dtype)
    if along is None:
        return ~(defect > tolerance)
    v, rate = along
    here = defect_of(operator.mv(v), rate)
    return jnp.where(jnp.isnan(defect), ~(here > tolerance), defect <= tolerance)
