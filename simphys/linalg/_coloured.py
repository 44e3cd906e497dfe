"""Sparse Jacobians of the user's own functions, by automatic differentiation along a few coloured directions."""

import equinox as eqx
import jax
import jax.numpy as jnp
import lineax as lx
import numpy as np
from jax.flatten_util import ravel_pytree

from .._arrays import int32, placed
from .._told import Told
from .._typing import Any, Array, Callable, Int, PyTree
from ._colouring import colouring
from ._operator import SparseOperator
from ._pattern import SparsityPattern, matrix_vector
from ._sparsity import sparsity_of


class ColouredJacobian(Told):
    """Assembles J = ∂F/∂y from one Jacobian-vector product for each colour; built by `coloured_jacobian`.

    J_{r k} = (J s_c)_r,   s_c = Σ e_j over the columns j of k's colour c, of which row r holds no other

    Each time one product more, with a random vector, is compared with the matrix row by row; where they differ the
    pattern misses an entry or J is not symmetric as was said, and the matrix returned is NaN: solves and gradients
    then fail with a status instead of being wrong.

    Calling it `(function, y, args, tags=frozenset())` gives J as a `SparseOperator`, differentiable in all of them.
    """

    pattern: SparsityPattern
    colours: Int[Array, " n"]
    row: Int[Array, " z"]
    colour: Int[Array, " z"]
    """Entry k of the matrix is element `row[k]` of the product with seed `colour[k]`; beyond the last one: zero."""
    probe: Int[Array, " n"]
    count: int = eqx.field(static=True)
    """Number of colours."""
    symmetric: bool = eqx.field(static=True)
    chunk: int = eqx.field(static=True)

    def __call__(self, function: Callable, y: PyTree, args: Any = None, tags=frozenset()) -> SparseOperator:
        """Return ∂F/∂y at y, NaN where it fails its check."""
        operator, defect = self.checked(function, y, args, tags)
        good = jax.lax.stop_gradient(defect) <= _tolerance(defect.dtype)
        return eqx.tree_at(lambda o: o.data, operator, jnp.where(good, operator.data, jnp.nan))

    def checked(self, function: Callable, y: PyTree, args: Any = None, tags=frozenset()):
        """Return the assembled operator A and its defect, max_r |A v − J v|_r / (|A| |v| + |J v|)_r, v random."""
        flat, unravel = ravel_pytree(y)
        if flat.size != self.pattern.size:
            raise ValueError(f"`y` must hold {self.pattern.size} numbers, as when it was coloured; got {flat.size}.")
        residual = lambda flat: ravel_pytree(function(unravel(flat), args))[0]
        probe = self.probe.astype(flat.dtype) / 64

        def product(c):
            seed = jnp.where(c < self.count, (self.colours == c).astype(flat.dtype), probe)
            return jax.jvp(residual, (flat,), (seed,))[1]

        numbers = jnp.arange(self.count + 1, dtype=self.colours.dtype)
        whole = self.count < self.chunk
        products = jax.vmap(product)(numbers) if whole else jax.lax.map(product, numbers, batch_size=self.chunk)
        data = products.at[self.colour, self.row].get(mode="fill", fill_value=0)
        structure = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype), y)
        tags = frozenset(tags) | (frozenset([lx.symmetric_tag]) if self.symmetric else frozenset())
        return SparseOperator(self.pattern, data, structure, tags), self._defect(data, probe, products[-1])

    def _defect(self, data, probe, wanted):
        got = matrix_vector(self.pattern, data, probe)
        size = matrix_vector(self.pattern, jnp.abs(data), jnp.abs(probe)) + jnp.abs(wanted)
        return jnp.max(jnp.abs(got - wanted) / jnp.where(size == 0, 1, size), initial=0)


def _tolerance(dtype) -> float:
    return float(jnp.finfo(dtype).eps) ** 0.5


def coloured_jacobian(
    function: Callable, y: PyTree, args: Any = None, *, sparsity=None, symmetric: bool = False, chunk: int = 16
) -> ColouredJacobian:
    """Prepare the sparse Jacobian ∂F/∂y of F(y, args): find or take its pattern, colour it, and check it at y.

    Done once on the host; the result holds the pattern and colours, but no F: it serves any function of this pattern.
    A pattern found holds for all y, and for all values of the floating arrays in `function` and `args`.

    **Arguments:**

    - `function`: F(y, args), of y's structure.
    - `y`: a generic point, such as a random one: where entries happen to vanish their absence is not noticed.
    - `args`: passed on.
    - `sparsity`: where J may be nonzero: a SciPy sparse matrix (n, n), a pair (rows, columns), a `SparsityPattern`, or
      None to detect it by asdex (`pip install "simphys[colouring]"`; 5 to 20 s for 250,000 unknowns). Unknowns are
      numbered as in `jax.flatten_util.ravel_pytree(y)`.
    - `symmetric`: whether J = Jᵀ; the operator is tagged so, and irregular patterns take fewer colours.
    - `chunk`: products computed at once; memory is about `chunk` times that of one.

    **Returns:** a `ColouredJacobian`.

    **Raises:** `ValueError` if the pattern misses entries of ∂F/∂y at y, or if that is not symmetric as stated; it
    names the measured defect.

    Reference: A. R. Curtis, M. J. D. Powell, J. K. Reid, IMA J. Appl. Math. 13 (1974) 117.
    """
    y = jax.tree.map(lambda leaf: leaf if eqx.is_inexact_array(leaf) else jnp.asarray(leaf, dtype=float), y)
    size = ravel_pytree(y)[0].size
    out = jax.eval_shape(lambda y: function(y, args), y)
    shapes = lambda tree: jax.tree.map(lambda leaf: leaf.shape, tree)
    if shapes(out) != shapes(y):
        raise ValueError(f"`function` must return what has y's structure {shapes(y)}, got {shapes(out)}.")
    rows, columns = sparsity_of(function, y, args, sparsity, size)
    pattern, where = SparsityPattern.from_entries(rows, columns, size)
    if symmetric:
        rows, columns, where = np.asarray(pattern.rows), np.asarray(pattern.columns), np.arange(pattern.stored)
    found = colouring(rows, columns, _coordinates(y), symmetric)
    row, colour = np.zeros(pattern.stored, np.int32), np.full(pattern.stored, found.count + 1, np.int32)
    row[where], colour[where] = found.row, found.colour
    rng = np.random.default_rng(0)
    probe = (rng.integers(1, 128, size) * rng.choice([-1, 1], size)).astype(np.int8)
    made = ColouredJacobian(
        pattern, int32(found.colours), int32(row), int32(colour), placed(probe), found.count, symmetric, chunk
    )
    _require(made, function, y, args)
    return made


class _Gradient(eqx.Module):
    """∂Φ/∂y, its parameters in sight."""

    energy: Callable

    def __call__(self, y, args):
        return jax.grad(self.energy)(y, args)


def coloured_hessian(energy: Callable, y: PyTree, args: Any = None, *, sparsity=None, chunk: int = 16):
    """Prepare the sparse Hessian ∂²Φ/∂y² of an energy Φ(y, args): a symmetric `coloured_jacobian` of its gradient.

    Products are forward-over-reverse. The result is called with the gradient F = ∂Φ/∂y, not with Φ.

    **Arguments:**

    - `energy`: Φ(y, args), a scalar; the others as in `coloured_jacobian`.

    **Returns:** a `ColouredJacobian`.

    **Raises:** `ValueError` as `coloured_jacobian` does.
    """
    return coloured_jacobian(_Gradient(energy), y, args, sparsity=sparsity, symmetric=True, chunk=chunk)


def _require(made: ColouredJacobian, function, y, args):
    defect = eqx.filter_jit(lambda made, function, y, args: made.checked(function, y, args)[1])(made, function, y, args)
    if not jnp.isfinite(defect):
        raise ValueError("∂F/∂y is not finite at `y`: give an admissible point.")
    if defect > _tolerance(defect.dtype):
        fault = "misses entries, or ∂F/∂y is not symmetric" if made.symmetric else "misses entries of ∂F/∂y"
        raise ValueError(
            f"The sparsity pattern {fault}: a product with a random vector differs by {float(defect):.1e} of its row "
            f"from the derivative's own at y; at most {_tolerance(defect.dtype):.0e} is rounding."
        )


def _coordinates(y) -> np.ndarray:
    """Place of each unknown: number of its array, and its indices there, aligned at the last."""
    leaves = jax.tree.leaves(y)
    most = max(leaf.ndim for leaf in leaves)
    places = []
    for number, leaf in enumerate(leaves):
        index = np.indices(leaf.shape).reshape(leaf.ndim, leaf.size).T
        front = np.zeros((leaf.size, 1 + most - leaf.ndim), np.int64)
        front[:, 0] = number
        places.append(np.concatenate([front, index], axis=1))
    return np.concatenate(places)
