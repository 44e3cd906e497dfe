"""The richer problem's linear equations, solved without its matrix."""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import lineax as lx
from jax.flatten_util import ravel_pytree

from .._typing import Array, Callable, PyTree
from ..assembly import NodePairs
from ..fem import diagonals, richer, streamable
from ..linalg import Auto, ConjugateGradients, Prepared
from ..physics import AbstractBalance
from ._enriched import Enrichment
from ._two_grid import LARGEST_FACTORISED, TwoGrid


TOLERANCE = 0.1
"""Error in the energy norm, relative to what the richer space adds: a hundredth of the energy."""
START = 1e-2
ROUND = 3
"""Directions of a round: two scaled residuals, one correction by the mesh's own tangent."""
KEPT = 3
"""Directions that each new one is made conjugate to; of a fixed preconditioner the last one would do."""
MOST = 45


MOST_UNKNOWNS = {1: 2_000_000, 2: 1_000_000, 3: 400_000}
"""Of the richer space, by the mesh's dimension, where its matrix is factorised or an iteration needs it."""
MOST_UNASSEMBLED = 6_000_000
"""Without a matrix: some 2 kB for each (1.4 GB for 670,000)."""


def enriched(problem: AbstractBalance, *, limited: bool = False) -> Enrichment:
    """Return the enrichment of a problem to be compared with: without a matrix where it is better solved so.

    **Arguments:**

    - `limited`: refuse a richer space of more unknowns than a machine of ordinary size solves for.

    **Raises:** `ValueError` as `Enrichment`, and for what is refused.
    """
    spaces = tuple(map(richer, problem.spaces))
    size, free = sum(space.n_dofs for space in spaces), _matrix_free(problem, spaces)
    most = MOST_UNASSEMBLED if free else MOST_UNKNOWNS[spaces[0].mesh.dim]
    if limited and size > most:
        raise ValueError(f"{size} unknowns of the richer space are too many: more than {most}.")
    return Enrichment(problem, matrix=not free)


def _matrix_free(problem, spaces) -> bool:
    """Whether the richer problem is a large symmetric one in 3-D, over cells that are taken chunk by chunk."""
    if len(spaces) > 1 or spaces[0].mesh.dim < 3 or spaces[0].n_dofs <= LARGEST_FACTORISED:
        return False
    terms = [term for term in problem.integrals() if not term.constant]
    over_cells = [piece for term in terms for piece in term.pieces(spaces) if term.where == "all cells"]
    return all(term.symmetric for term in terms) and all(streamable(*piece) for piece in over_cells)


def solved_unassembled(enrichment, problem, rich, value, y: PyTree, vectors: tuple[PyTree, ...]):
    """Solve A x = b for several b with the tangent A of a richer problem at y; and whether all were.

    By conjugate directions: scaled residuals, which see what the mesh does not, and the mesh's own solutions by turns. Each
    takes one product with A, which is a derivative of the residual.
    """
    coarse = problem.jacobian(problem.unknowns(value))
    grids = TwoGrid(enrichment, problem, rich, coarse)
    below = grids.below()
    flat, unravel = ravel_pytree(y)
    product = lambda x: ravel_pytree(jax.jvp(rich.residual, (unravel(flat),), (unravel(x),))[1])[0]
    diagonal = jnp.abs(diagonal_of(rich, unravel(flat)))
    inverse = 1 / jnp.where(diagonal > 0, diagonal, 1.0)
    method = Auto(rtol=START)
    if coarse.preconditioner is not None:
        method = ConjugateGradients(rtol=START, preconditioner=Prepared(coarse.preconditioner, below))

    def one(b):
        b, _ = ravel_pytree(b)
        down, up = grids.transfers(b)
        first = up(lx.linear_solve(coarse, down(b), method, throw=False).value)
        x, good = conjugate_directions(
            product, (lambda r: inverse * r, functools.partial(grids.corrected, below)), b, first
        )
        return unravel(x), good

    found = [one(b) for b in vectors]
    return tuple(x for x, _ in found), jnp.all(jnp.stack([good for _, good in found]))


class _State(NamedTuple):
    x: Array
    r: Array
    directions: Array
    products: Array
    curvatures: Array
    gains: Array
    """What the directions of the last round took from the energy, and all but the first."""
    total: Array
    step: Array
    bad: Array


def conjugate_directions(product: Callable, ways, b, first) -> tuple[Array, Array]:
    """Conjugate directions from x = 0; x, and whether what is left of its error is small."""
    smooth, correct = ways

    def body(s: _State):
        d = jax.lax.switch(
            jnp.where(s.step == 0, 2, jnp.where(s.step % ROUND == 0, 1, 0)),
            (smooth, correct, lambda r: first),
            s.r,
        )
        Ad = product(d)
        shares = (s.products @ d) / s.curvatures
        d, Ad = d - shares @ s.directions, Ad - shares @ s.products
        curvature, slope = d @ Ad, d @ s.r
        alpha = jnp.where(curvature > 0, slope / jnp.where(curvature > 0, curvature, 1.0), 0.0)
        gain = alpha * slope
        bad = (curvature < 0) | ~jnp.isfinite(curvature) | ~jnp.isfinite(slope)
        at, of = s.step % KEPT, s.step % ROUND
        return _State(
            s.x + alpha * d,
            s.r - alpha * Ad,
            s.directions.at[at].set(d),
            s.products.at[at].set(Ad),
            s.curvatures.at[at].set(jnp.where(curvature > 0, curvature, 1.0)),
            s.gains.at[of].set(gain),
            s.total + jnp.where(s.step == 0, 0.0, gain),
            s.step + 1,
            bad,
        )

    small = lambda s: jnp.sum(s.gains) <= TOLERANCE**2 * s.total
    enough = lambda s: (s.step > ROUND + 1) & small(s)
    none = jnp.zeros((KEPT, b.size), b.dtype)
    zero = jnp.zeros((), b.dtype)
    begin = _State(jnp.zeros_like(b), b, none, none, jnp.ones(KEPT, b.dtype), jnp.zeros(ROUND, b.dtype), zero,
                   jnp.zeros((), jnp.int32), jnp.zeros((), bool))  # fmt: skip
    end = jax.lax.while_loop(lambda s: ~enough(s) & ~s.bad & (s.step < MOST), body, begin)
    return end.x, enough(end) & ~end.bad


def diagonal_of(rich: AbstractBalance, y: PyTree) -> Array:
    """Return nearly the diagonal of a tangent, of cells by the moduli in their middle."""
    value, spaces = rich.value(y), rich.spaces
    fields = value if isinstance(value, tuple) else (value,)
    (space,), components = spaces, spaces[0].components or 1
    total = jnp.zeros((space.n_nodes, components), fields[0].dtype)
    for term in rich.integrals():
        for piece, own in () if term.constant else term.pieces(spaces):
            (nodes,) = piece.unknowns(own)
            if streamable(piece, own):
                total = total.at[nodes].add(diagonals(piece, own, fields)[0], wrap_negative_indices=False)
            else:
                total = total + _own_entries(piece, own, fields, nodes, space.n_nodes, components)
    flat, reduction = total.ravel(), rich.system.reduction
    found = jnp.zeros(reduction.size + 1, flat.dtype).at[reduction.masters].add(flat)[:-1]
    if not reduction.weighted:
        return found
    weights = reduction.weights(spaces, rich.constraints, flat.dtype)[reduction.numbers]
    return found.at[reduction.columns].add(weights**2 * flat[reduction.rows])


def _own_entries(piece, spaces, fields, nodes, count, components):
    """The diagonal of any other term: blocks of two nodes go to a place that is thrown away."""
    same = jnp.eye(nodes.shape[1], dtype=bool)
    pairs = NodePairs(jnp.where(same, nodes[:, :, None], count).astype(jnp.int32), None, None)
    (f,) = piece.fields
    sums = {(f, f): jnp.zeros((count + 1, components**2), fields[0].dtype)}
    found = piece.add_tangents(spaces, fields, ((pairs,),), sums)[f, f][:-1]
    return jnp.diagonal(found.reshape(count, components, components), axis1=1, axis2=2)
