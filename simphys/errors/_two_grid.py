"""The richer problem's matrix, solved with the help of the mesh's own."""

import functools
from typing import ClassVar

import jax
import jax.numpy as jnp
import lineax as lx

from .._typing import Array, PyTree
from ..linalg import (
    DEFINITE,
    AbstractPreconditioner,
    Auto,
    ConjugateGradients,
    Direct,
    SparseOperator,
    chebyshev,
    eigenvalue_bound,
    padded_product,
)
from ..physics import AbstractBalance
from ._enriched import Enrichment


LARGEST_FACTORISED = 20_000
"""Unknowns of a richer problem in 3-D up to which its matrix is factorised."""
LANCZOS_START = 1
DEGREE = 3
"""Matrix products of one smoothing."""
STEPS = 60


class TwoGrid(AbstractPreconditioner):
    """Chebyshev smoothing on the richer space, a correction by the mesh's own tangent, smoothing again.

    M⁻¹ ≈ S + P A_h⁻¹ Pᵀ, symmetric and positive definite where A_h and A are. Products with A are in single precision: they
    are most of the work, and memory is what they wait for.

    **Arguments:**

    - `enrichment`, `problem`, `rich`: what takes the one problem's unknowns to those of the other.
    - `coarse`: the tangent of `problem`; it is factorised, or its own preconditioner stands for its inverse.
    """

    enrichment: Enrichment
    problem: AbstractBalance
    rich: AbstractBalance
    coarse: SparseOperator
    made_for: ClassVar[str] = DEFINITE

    def prepare(self, operator):
        """Return the matrix by rows, what the smoother needs, and what the mesh's own matrix is solved with."""
        rows = tuple(row.astype(jnp.float32) for row in operator.as_rows())
        diagonal = operator.data[operator.pattern.diagonal].astype(jnp.float32)
        inverse = 1 / jnp.where(diagonal > 0, diagonal, jnp.nan)
        product = functools.partial(padded_product, operator.pattern, rows)
        start = jnp.cos(jnp.arange(LANCZOS_START, LANCZOS_START + inverse.size, dtype=inverse.dtype) ** 1.5)
        return operator.pattern, rows, (inverse, eigenvalue_bound(product, inverse, start)), self.below()

    def below(self):
        """Return what the mesh's own matrix is solved with."""
        own = self.coarse.preconditioner
        return None if own is None else own.prepare(self.coarse)

    def apply(self, prepared, residual):
        """Return M⁻¹ r."""
        pattern, rows, scaling, below = prepared
        product = functools.partial(padded_product, pattern, rows)
        given = residual.astype(jnp.float32)
        x, r = chebyshev(product, scaling, given, DEGREE)
        x = x + self.corrected(below, r.astype(residual.dtype)).astype(jnp.float32)
        more, _ = chebyshev(product, scaling, given - product(x), DEGREE, last=False)
        return (x + more).astype(residual.dtype)

    def corrected(self, below, r):
        """Return P A_h⁻¹ Pᵀ r, or nearly."""
        down, up = self.transfers(r)
        coarse = self.coarse
        if coarse.preconditioner is not None:
            return up(coarse.preconditioner.apply(below, down(r)))
        solver = Direct()
        return up(solver.compute(solver.init(coarse, {}), down(r), {})[0])

    def transfers(self, r):
        """Return Pᵀ and P."""
        zero = jax.ShapeDtypeStruct((self.problem.system.reduction.size,), r.dtype)
        up = lambda y: self.enrichment.up(self.problem, self.rich, y)
        back = jax.linear_transpose(up, zero)
        return lambda r: back(r)[0], up

    def describe(self):
        """Two grids."""
        return "two grids, one of a degree less"


def solved(
    enrichment: Enrichment, problem, rich, value, operator: SparseOperator, vectors: tuple[PyTree, ...], rtol: float
) -> tuple[tuple[PyTree, ...], Array]:
    """Solve A x = b for several b with the tangent A of a richer problem; and whether all were.

    A large symmetric one in 3-D, of a single field, by conjugate gradients with two grids; where these break down, and any
    other, by a factorisation.
    """
    direct = lambda: _each(Auto(rtol=rtol), operator, vectors)
    large = rich.spaces[0].mesh.dim == 3 and operator.in_size() > LARGEST_FACTORISED
    if not (large and len(rich.spaces) == 1 and lx.is_symmetric(operator)):
        return direct()
    coarse = problem.jacobian(problem.unknowns(value))
    method = ConjugateGradients(rtol=rtol, max_steps=STEPS, preconditioner=TwoGrid(enrichment, problem, rich, coarse))
    found, good = _each(method, operator, vectors)
    return jax.lax.cond(good, lambda: (found, good), direct)


def _each(method, operator, vectors):
    found = [lx.linear_solve(operator, b, method, throw=False) for b in vectors]
    good = jnp.all(jnp.stack([each.result == lx.RESULTS.successful for each in found]))
    return tuple(each.value for each in found), good
