"""Dense systems: small ones without a sparse matrix."""

import itertools
import math
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import lineax as lx
from jax.flatten_util import ravel_pytree

from .. import _lapack
from .._typing import Array


class Dense(lx.AbstractLinearSolver):
    """Factorise the dense matrix of any square operator, by LU with row exchanges.

    As `lineax.LU`; in batches (`vmap`) on few cores matrix after matrix, where LAPACK on two batches in one program may
    never end.
    """

    def init(self, operator, options):
        """Factorise."""
        if operator.in_size() != operator.out_size():
            raise ValueError(
                f"A dense factorisation takes a square operator, got {operator.out_size()} × {operator.in_size()}."
            )
        into, out = (_shapes(s) for s in (operator.in_structure(), operator.out_structure()))
        return _Factors(*_lapack.lu(operator.as_matrix()), into, out, False)

    def compute(self, state, vector, options: dict[str, Any]):
        """Solve by the factors."""
        solve = _lapack.lu_solve_transposed if state.transposed else _lapack.lu_solve
        flat = ravel_pytree(vector)[0].astype(state.factors.dtype)
        return _unravelled(solve(state.factors, state.pivots, flat), state.into), lx.RESULTS.successful, {}

    def transpose(self, state, options):
        """Return the factors of the transpose."""
        return _Factors(state.factors, state.pivots, state.out, state.into, not state.transposed), {}

    def conj(self, state, options):
        """Return the factors of the conjugate."""
        return eqx.tree_at(lambda s: s.factors, state, state.factors.conj()), {}

    def assume_full_rank(self):
        """A singular operator is a failure."""
        return True


class _Factors(eqx.Module):
    factors: Array
    pivots: Array
    into: tuple = eqx.field(static=True)
    out: tuple = eqx.field(static=True)
    transposed: bool = eqx.field(static=True)


def _shapes(structure):
    leaves, tree = jax.tree.flatten(structure)
    return tuple((leaf.shape, leaf.dtype) for leaf in leaves), tree


def _unravelled(flat, shapes):
    leaves, tree = shapes
    ends = list(itertools.accumulate(math.prod(shape) for shape, _ in leaves))
    parts = jnp.split(flat, ends[:-1])
    return jax.tree.unflatten(tree, [p.reshape(s).astype(t) for p, (s, t) in zip(parts, leaves, strict=True)])
