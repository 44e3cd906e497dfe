"""Contact of surfaces as a term of a balance law."""

import itertools

import equinox as eqx
import jax
import jax.numpy as jnp

from .._touching import Touching
from .._typing import Array, PyTree
from ..assembly import AbstractTerm
from ..fem import AbstractField, NodalField
from ._energy import barrier, of_edges, of_point
from ._friction import of_pair
from ._longest import longest
from ._nearest import point_facet
from ._search import EDGE_REACH, Pairs, search
from ._surface import Surface


class Touch(AbstractTerm):
    r"""The barrier between surfaces, as a sum over pairs that are found anew for each state.

    Π = ½ Σ_x w_x κ Σ_t s_t b(d(x, t)) + Σ_ee w_ee κ b(d_ee)

    Its items are the surface's nodes, whose forces sum up those of all pairs: so what a state touches changes neither
    shapes nor the layout of the matrix.

    **Arguments:**

    - `surface`: who may touch whom.
    - `stiffness`, `reach`: κ and δ.
    - `factor`: what the areas are multiplied by, numbers or `NodalField`s, one after the other.
    - `friction`, `slip`, `before`: μ, ε and the displacements when the step began; None without friction.
    - `rooms`: how many pairs of points and facets, and of edges, are kept.
    """

    surface: Surface
    stiffness: PyTree
    reach: PyTree
    factor: tuple[PyTree, ...] = ()
    friction: PyTree = None
    slip: PyTree = None
    before: PyTree = None
    rooms: tuple[int, int] = eqx.field(static=True, default=(0, 0))
    fields: tuple[int, ...] = eqx.field(static=True, default=(0,))
    name: str = eqx.field(static=True, default="Contact")
    label: str = eqx.field(static=True, default="")
    symmetric: bool = eqx.field(static=True, default=True)
    constant: bool = eqx.field(static=True, default=False)
    linear: bool = eqx.field(static=True, default=False)
    enters: tuple[int, ...] | None = eqx.field(static=True, default=None)

    @property
    def where(self):
        """The groups that touch."""
        return self.label

    @property
    def joins(self):
        """True: what two bodies do to each other balances."""
        return True

    @property
    def wanders(self):
        """True: who touches whom is found for each state."""
        return True

    @property
    def energy(self):
        """There is one, but with friction."""
        return self._energy if self.friction is None else None

    @property
    def switches(self):
        """None: it is twice differentiable, but where the nearest point goes from one facet to the next."""
        return None

    def times(self, factor) -> "Touch":
        """Return c times the term, for areas of a body of that thickness."""
        if isinstance(factor, AbstractField) and not isinstance(factor, NodalField):
            raise ValueError(f"`Contact` takes a thickness that is a number or a `NodalField`, got {factor!r}.")
        return eqx.tree_at(lambda t: t.factor, self, (*self.factor, factor))

    def unknowns(self, spaces):
        """Return the surface's nodes."""
        return (self.surface.nodes[:, None],)

    def coupling(self, spaces):
        """Return pairs of nodes that may come to lie in one pair."""
        n = self.surface.nodes.shape[0]
        low, high = self.surface.couples // n, self.surface.couples % n
        return (jnp.stack([self.surface.nodes[low], self.surface.nodes[high]], axis=1),)

    def positions(self, spaces, values) -> tuple[Array, Array]:
        """Return undeformed and present positions of the surface's nodes."""
        (f,) = self.fields
        rest = spaces[f].nodes()[self.surface.nodes]
        return rest, rest + values[f][self.surface.nodes]

    def vertices(self, x) -> Array:
        """Return the positions of the vertices, of those of the nodes."""
        return jnp.mean(x[self.surface.middles], axis=1)

    def pairs(self, x) -> Pairs:
        """Return what is near what at these positions."""
        return search(self.surface, x, self.reach, self.rooms)

    def areas(self, spaces) -> tuple[Array, Array]:
        """Return the undeformed areas of samples, and a third of those of the facets at each edge."""
        (f,) = self.fields
        rest = spaces[f].nodes()[self.surface.nodes]
        size = _sizes(self.vertices(rest)[self.surface.facets])
        sample, facet, parts = self.surface.areas.T
        own = parts.astype(rest.dtype) / self.surface.whole * size[facet]
        of_samples = jnp.zeros(self.surface.samples.shape[0], rest.dtype).at[sample].add(own)
        edge, facet = self.surface.rims.T
        of_edges = jnp.zeros(self.surface.edges.shape[0], rest.dtype).at[edge].add(size[facet] / 3)
        for factor in self.factor:
            if isinstance(factor, NodalField):
                at = self.vertices(factor.values[self.surface.nodes])
                of_samples = of_samples * jnp.sum(self.shares(rest.dtype) * at[self.surface.samples], axis=1)
            else:
                of_samples, of_edges = of_samples * factor, of_edges * factor
        return of_samples, of_edges

    def shares(self, dtype) -> Array:
        """Return the shares of the nodes in each sample."""
        return self.surface.counts.astype(dtype) / self.surface.parts

    def local(self, spaces, values):
        """Return the force of each node, and the energy; not finite where surfaces have gone through one another."""
        rest, x = self.positions(spaces, values)
        pairs = self.pairs(x)
        energy, force = jax.value_and_grad(lambda x: self._energy(spaces, rest, x, pairs))(x)
        bad = lambda v: jnp.where(pairs.crossed, jnp.nan, v)
        if self.friction is None:
            return (bad(force)[:, None],), bad(energy)
        vertices, _, weights, (shares,) = next(iter(self._groups(spaces, rest, pairs)))
        corners, begun = self.vertices(x), self._begun(rest)
        each = jax.vmap(self._rubbed)(corners[vertices], begun[vertices], shares) * weights[:, None, None]
        middles, wide = self.surface.middles, self.surface.middles.shape[1]
        of_vertices = jnp.zeros_like(corners).at[vertices].add(each) / wide
        force = force.at[middles].add(jnp.broadcast_to(of_vertices[:, None], (*middles.shape, x.shape[1])))
        return (bad(force)[:, None],), None

    def add_tangents(self, spaces, values, pairs, sums):
        """Add the blocks of all pairs of nodes."""
        (f,) = self.fields
        rest, x = self.positions(spaces, values)
        found = self.pairs(x)
        numbers = pairs[0][0].numbers
        sums = dict(sums)
        middles = self.surface.middles
        corners, each = self.vertices(x), range(middles.shape[1])
        for vertices, function, weights, own in self._groups(spaces, rest, found):
            hessian = jax.vmap(jax.jacfwd(jax.grad(function)))
            blocks = hessian(corners[vertices], *own)
            if self.friction is not None and len(own) == 1:
                rubbed = jax.vmap(jax.jacfwd(self._rubbed))
                blocks = blocks + rubbed(corners[vertices], self._begun(rest)[vertices], *own)
            blocks = blocks * (weights / len(each) ** 2)[:, None, None, None, None]
            blocks = jnp.where(found.crossed, jnp.nan, blocks).transpose(0, 1, 3, 2, 4).reshape(-1, x.shape[1] ** 2)
            nodes = middles[vertices]
            for i, j in itertools.product(each, each):
                place = self._places(nodes[:, :, None, i], nodes[:, None, :, j], numbers)
                at = sums[f, f].at[place.ravel()]
                sums[f, f] = at.add(blocks, mode="drop", wrap_negative_indices=False)
        return sums

    def _begun(self, rest):
        """Positions of the vertices when the step began."""
        return self.vertices(rest + self.before.values[self.surface.nodes])

    def _rubbed(self, x, before, shares):
        """Forces of friction on the nodes of a pair, over κ/2 and the area."""
        reach, slip, friction = (jnp.asarray(v, x.dtype) for v in (self.reach, self.slip, self.friction))
        return friction * of_pair(x, before, shares, reach, slip)

    def longest(self, spaces, values, ahead, beyond):
        """Return how much of the way to another state is free of contact."""
        return longest(self.surface, self.positions(spaces, values)[1], self.positions(ahead, beyond)[1])

    def touching(self, spaces, values):
        """Return how many pairs are active, and the least distance."""
        found = self.pairs(self.positions(spaces, values)[1])
        return Touching(found.active, found.smallest, found.overlooked)

    def sampled(self, spaces, values) -> tuple[Array, Array, Array]:
        """Return for each sample its place, its distance from what it touches (infinite for nothing), and the pressure."""
        rest, x = self.positions(spaces, values)
        found, surface = self.pairs(x), self.surface
        shares = self.shares(x.dtype)
        x = self.vertices(x)
        place = jnp.einsum("sk,skd->sd", shares, x[surface.samples])
        there, (sample, target) = found.points[:, 0] >= 0, jnp.maximum(found.points, 0).T
        far = point_facet(jnp, place[sample], x[surface.targets[target]])
        far = jnp.sqrt(jnp.where(there, far, 1.0))
        slope = jax.vmap(jax.grad(barrier))(far / self.reach) * surface.signs[target].astype(x.dtype)
        row = jnp.where(there, sample, surface.samples.shape[0])
        gap = jnp.full(surface.samples.shape[0], jnp.inf, x.dtype).at[row].min(far, mode="drop")
        pressure = jnp.zeros_like(gap).at[row].add(-self.stiffness * slope, mode="drop")
        return place, gap, pressure

    def side_of_samples(self) -> Array:
        """Return for each sample the group that it is of."""
        return self.surface.side_of[self.surface.samples[:, 0]]

    def force_on_first(self, spaces, values) -> Array:
        """Return the sum of the forces on the nodes of the first group."""
        (forces,), _ = self.local(spaces, values)
        surface = self.surface
        first = jnp.ones(forces.shape[0], bool)
        if surface.two:
            first = first.at[surface.middles[:, 0]].set(surface.side_of == 0)
        return -jnp.sum(jnp.where(first[:, None], forces[:, 0], 0), axis=0)

    def _energy(self, spaces, rest, x, pairs):
        total, x = jnp.zeros((), x.dtype), self.vertices(x)
        for vertices, function, weights, own in self._groups(spaces, rest, pairs):
            total = total + jnp.vdot(weights, jax.vmap(function)(x[vertices], *own))
        return total

    def _groups(self, spaces, rest, pairs):
        """For points and for edges: vertices of each pair, energy of one, factors, and what else that depends on."""
        surface, dtype = self.surface, rest.dtype
        of_samples, of_rims = self.areas(spaces)
        stiffness, reach = (jnp.asarray(v, dtype) for v in (self.stiffness, self.reach))
        there, (sample, target) = pairs.points[:, 0] >= 0, jnp.maximum(pairs.points, 0).T
        shares = jnp.where(there[:, None], self.shares(dtype)[sample], 0)
        vertices = jnp.concatenate([surface.samples[sample], surface.targets[target]], axis=1)
        weights = stiffness / 2 * of_samples[sample] * surface.signs[target].astype(dtype)
        yield vertices, lambda x, shares: of_point(x, shares, reach), weights, (shares,)
        if surface.edges.shape[0]:
            there, (first, second) = pairs.edges[:, 0] >= 0, jnp.maximum(pairs.edges, 0).T
            vertices = jnp.concatenate([surface.edges[first], surface.edges[second]], axis=1)
            weights = stiffness / 2 * (of_rims[first] + of_rims[second])
            function = lambda x, rest, there: of_edges(x, rest, there, EDGE_REACH * reach)
            yield vertices, function, weights, (self.vertices(rest)[vertices], there)

    def _places(self, a, b, numbers):
        """The node pair of the matrix that two nodes of an item are; none where the layout has none."""
        n = self.surface.nodes.shape[0]
        a, b = jnp.broadcast_arrays(a, b)
        code = jnp.minimum(a, b) * n + jnp.maximum(a, b)
        last = self.surface.couples.shape[0] - 1
        at = jnp.minimum(jnp.searchsorted(self.surface.couples, code.ravel()), last).reshape(code.shape)
        found = jnp.where(a <= b, numbers[at, 0, 1], numbers[at, 1, 0])
        return jnp.where(self.surface.couples[at] == code, found, jnp.iinfo(found.dtype).max)


def _sizes(corners):
    """Lengths or areas of segments or triangles, (facet, dim, dim)."""
    e = corners[:, 1] - corners[:, 0]
    if corners.shape[1] == 2:
        return jnp.sqrt(jnp.sum(e**2, axis=1))
    return jnp.sqrt(jnp.sum(jnp.cross(e, corners[:, 2] - corners[:, 0]) ** 2, axis=1)) / 2
