"""Recovery of gradients, and of what follows from them, at nodes."""

import functools
import itertools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from .._arrays import int32, placed
from .._small import cholesky, definite_solve, inverse_and_determinant
from .._told import Told
from .._typing import Array, Float, Int
from ._blocks import altered
from ._element import lagrange_element
from ._patches import Topology, rows_of
from ._places import cells_of
from ._quadrature import quadrature
from ._space import FunctionSpace


BATCH = 1024
"""Patches that are fitted at once."""
SLACK = 1
"""Nodes of a patch beyond the number of terms of its polynomial."""


class Recovery(Told):
    r"""Polynomial-preserving recovery: a gradient of degree p from a field of degree p.

    Around each vertex v a polynomial of degree p + 1 fits the values at the nodes x_i of a patch of cells,

    c_v = argmin_c Σ_i w_i² |P(x_i − x_v)ᵀ c − u_i|²,   w_i = 1/(|x_i − x_v|² + d²/4),     G(x_n) = mean of ∇Pᵀ c_v

    with distances in the patch's own metric, d the shortest. At a vertex G is that of its polynomial, at the nodes of
    edges, faces and cells the mean over their vertices. It is of order p + 1 where meshes are regular or not, on
    boundaries as well: values at nodes are known there, where samples of the stress would be extrapolated by half a cell
    or more. Terms of degree p + 1 that a patch does not determine (across a body of one layer of cells) are left out.

    **Arguments:**

    - `mesh`: of concrete arrays; its points may move later.
    - `degree`: p.
    - `topology`: its cells by regions: patches end where regions do, and a recovered field may jump there.

    Reference: Z. Zhang, A. Naga, SIAM J. Sci. Comput. 26 (2005) 1192.
    """

    space: FunctionSpace
    """Of scalars, as the field itself is; continuous."""
    shown: FunctionSpace
    """Of what is recovered: the same, but apart from cell to cell where there are several regions."""
    nodes: Int[Array, "patch place"]
    kept: Array
    centres: Int[Array, " patch"]
    patches: Int[Array, "node vertex"]
    shares: Float[Array, "node vertex"]

    def __init__(self, mesh, degree: int, topology: Topology):
        self.space = FunctionSpace(mesh, degree=degree)
        self.shown = FunctionSpace(mesh, degree=degree, continuous=False) if topology.several else self.space
        rows = rows_of(topology.members(self.space, len(exponents(mesh.dim, degree + 1)) + SLACK))
        self.nodes, self.kept, self.centres = int32(rows.numbers), placed(rows.kept), int32(topology.centres)
        patches, shares = topology.nodes(self.shown)
        self.patches, self.shares = int32(patches), placed(shares, mesh.points.dtype)

    def moved(self, mesh) -> "Recovery":
        """Return it for the same mesh with its points elsewhere."""
        space = altered(self.space, mesh=mesh)
        shown = space if self.shown is self.space else altered(self.shown, mesh=mesh)
        return altered(self, space=space, shown=shown)

    @eqx.filter_jit
    def gradient(self, values: Array) -> Array:
        """Return the gradient of a field at the nodes of `shown`, (node, …, dim), from its values (node, …) of `space`."""
        space, shown = self.space, self.shown
        mesh, terms = space.mesh, exponents(space.mesh.dim, space.degree + 1)
        flat = values.reshape(values.shape[0], -1)
        fits, inverse = self._fitted(flat, space.nodes(), terms)
        nodes, total = shown.nodes(), 0
        for patch, share in zip(self.patches.T, self.shares.T, strict=True):
            away = jnp.einsum("nij,nj->ni", inverse[patch], nodes - mesh.points[self.centres[patch]])
            slopes = jnp.einsum("ntr,nrd->ntd", _slopes(away, terms), inverse[patch])
            total = total + jnp.einsum("n,ntd,ntc->ncd", share.astype(flat.dtype), slopes, fits[patch])
        return total.reshape(-1, *values.shape[1:], mesh.dim)

    def _fitted(self, values, nodes, terms):
        """Coefficients of each patch's polynomial, (patch, term, component), and the map to its own coordinates."""
        points, dtype = self.space.mesh.points, values.dtype
        eps = float(jnp.finfo(dtype).eps)
        # Of terms that look alike in a patch (a slope and a curvature across one layer of cells) the lower is taken.
        order = terms.sum(axis=1)
        ridge = np.where(order == order.max(), eps**0.4, 50 * eps)

        def fit(patch):
            numbers, kept, centre = patch
            kept = kept.astype(dtype)
            away = (nodes[numbers] - points[centre][None]) * kept[:, None]
            metric = away.T @ away / jnp.sum(kept)
            inverse = inverse_and_determinant(cholesky(metric))[0]
            own = away @ inverse.T
            squared = jnp.sum(own**2, axis=1)
            least = jax.lax.stop_gradient(jnp.min(jnp.where(squared > 1e-6, squared, jnp.inf)))
            rows = _monomials(own, terms) * (kept / (squared + least / 4))[:, None]
            right = rows.T @ (values[numbers] * (kept / (squared + least / 4))[:, None])
            normal = rows.T @ rows
            normal = normal + jnp.diag(jnp.asarray(ridge, dtype) * jnp.diag(normal))
            return definite_solve(normal, right), inverse

        patches = self.nodes, self.kept, self.centres
        return jax.vmap(fit)(patches) if len(self.centres) <= BATCH else jax.lax.map(fit, patches, batch_size=BATCH)

    def at_quadrature(self, values: Array, degree: int) -> Array:
        """Return a field of `shown` at the quadrature points of all cells, (cell, quad, …)."""
        shown, found = self.shown, []
        for k, block in enumerate(shown.blocks):
            own = shown.block(k)
            domain = cells_of(own, degree=degree)
            basis = domain.basis(own, domain.geometry(own.mesh), "value")[..., 0]
            basis = jnp.broadcast_to(basis, (block.cells.shape[0], *basis.shape[1:])).astype(values.dtype)
            found.append(jnp.einsum("eqa,ea...->eq...", basis, values[block.cells]))
        width = max(f.shape[1] for f in found)
        pad = lambda f: jnp.pad(f, [(0, 0), (0, width - f.shape[1]), *[(0, 0)] * (f.ndim - 2)], "edge")
        return jnp.concatenate([pad(f) for f in found])

    def from_quadrature(self, values: Array, degree: int) -> Array:
        """Return a field of `shown` from values at quadrature points (cell, quad, …), fitted by cells; the mean at nodes.

        **Arguments:**

        - `degree`: of the rule, twice that of the space for a cell to determine the field.
        """
        shown, starts = self.shown, self.shown.mesh.starts
        total, count = jnp.zeros((shown.n_nodes, *values.shape[2:]), values.dtype), 0
        for block, first, last in zip(shown.blocks, starts, starts[1:], strict=False):
            points, weights = quadrature(block.element.cell_type, degree)
            root = np.sqrt(weights)
            table = lagrange_element(block.element.cell_type, shown.degree).tabulate(points, 0)[0][..., 0]
            fit = jnp.asarray(np.linalg.pinv(root[:, None] * table) * root, values.dtype)
            own = jnp.einsum("aq,eq...->ea...", fit, values[first:last, : len(weights)])
            if block.orientation is not None:
                back = shown.block(shown.blocks.index(block)).coefficients_back()
                own = jnp.einsum("eab,eb...->ea...", jnp.asarray(back, own.dtype)[block.orientation], own)
            total = total.at[block.cells].add(own)
            count = count + jnp.zeros(shown.n_nodes, values.dtype).at[block.cells].add(1)
        return total / count.reshape(-1, *[1] * (total.ndim - 1))


def exponents(dim: int, degree: int) -> np.ndarray:
    """Exponents of the monomials up to a degree, (term, dim), the constant first."""
    every = itertools.product(range(degree + 1), repeat=dim)
    return np.array(sorted((e for e in every if sum(e) <= degree), key=sum))


def _monomials(x, terms):
    """Their values, (…, term)."""
    powers = [jnp.ones_like(x)]
    for _ in range(int(terms.max())):
        powers.append(powers[-1] * x)
    each = jnp.stack(powers, axis=-1)
    return functools.reduce(jnp.multiply, [each[..., d, terms[:, d]] for d in range(x.shape[-1])])


def _slopes(x, terms):
    """Their gradients, (…, term, dim)."""
    found = []
    for d, along in enumerate(np.eye(x.shape[-1], dtype=int)):
        there = _monomials(x, np.maximum(terms - along, 0))
        found.append(there * jnp.broadcast_to(terms[:, d].astype(x.dtype), there.shape))
    return jnp.stack(found, axis=-1)
