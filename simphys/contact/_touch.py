"""Contact of surfaces as a term of a balance law."""

from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp

from .._touching import Touching
from .._typing import Array, PyTree
from ..assembly import AbstractTerm
from ..fem import AbstractField, NodalField
from ._energy import barrier, of_edges, of_point, slope_of_point
from ._friction import held_back, of_pair
from ._group import Group
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
    - `friction`, `static_friction`, `slip`: μ, μ_s or None, ε; None without friction.
    - `before`: the displacements when the step began.
    - `rooms`: how many pairs of points and facets, and of edges, are kept.
    """

    surface: Surface
    stiffness: PyTree
    reach: PyTree
    factor: tuple[PyTree, ...] = ()
    friction: PyTree = None
    static_friction: PyTree = None
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
    joins: ClassVar[bool] = True
    """True: what two bodies do to each other balances."""
    wanders: ClassVar[bool] = True
    """True: who touches whom is found for each state."""
    switches: ClassVar[None] = None
    """None: it is twice differentiable, but where the nearest point goes from one facet to the next."""

    @property
    def where(self):
        """The groups that touch."""
        return self.label

    @property
    def energy(self):
        """There is one, but with friction."""
        return self.local if self.friction is None else None

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
        of_samples = jnp.zeros(self.surface.owners.shape[0], rest.dtype).at[sample].add(own)
        edge, facet = self.surface.rims.T
        of_edges = jnp.zeros(self.surface.edges.shape[0], rest.dtype).at[edge].add(size[facet] / 3)
        for factor in self.factor:
            if isinstance(factor, NodalField):
                of_samples = of_samples * self.at_samples(factor.values[self.surface.nodes])
            else:
                of_samples, of_edges = of_samples * factor, of_edges * factor
        return of_samples, of_edges

    def at_samples(self, x) -> Array:
        """Return what the nodes have, (n, …), at the samples."""
        samples = self.surface.samples
        shares = samples.shares[:, 0].astype(x.dtype) / samples.whole
        return jnp.einsum("sk,sk...->s...", shares, x[samples.nodes])

    def local(self, spaces, values):
        """Return the force of each node, and the energy; not finite where surfaces have gone through one another."""
        rest, x = self.positions(spaces, values)
        pairs = self.pairs(x)
        energy, force = jnp.zeros((), x.dtype), jnp.zeros_like(x)
        for group in self._groups(spaces, rest, pairs):
            energies, forces = group.forces(x)
            energy, force = energy + jnp.sum(energies), force.at[group.nodes()].add(forces)
        bad = lambda v: jnp.where(pairs.crossed, jnp.nan, v)
        return (bad(force)[:, None],), bad(energy) if self.friction is None else None

    def add_tangents(self, spaces, values, pairs, sums):
        """Add the blocks of all pairs of nodes."""
        (f,) = self.fields
        rest, x = self.positions(spaces, values)
        found = self.pairs(x)
        numbers = pairs[0][0].numbers
        sums = dict(sums)
        for group in self._groups(spaces, rest, found):
            blocks, place = group.tangents(x, lambda a, b: self._places(a, b, numbers))
            blocks = jnp.where(found.crossed, jnp.nan, blocks).reshape(-1, x.shape[1] ** 2)
            sums[f, f] = sums[f, f].at[place.ravel()].add(blocks, mode="drop", wrap_negative_indices=False)
        return sums

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
        place, corners = self.at_samples(x), self.vertices(x)
        there, (sample, target) = found.points[:, 0] >= 0, jnp.maximum(found.points[:, :2], 0).T
        far = point_facet(jnp, place[sample], corners[surface.targets[target]])
        far = jnp.sqrt(jnp.where(there, far, 1.0))
        slope = jax.vmap(jax.grad(barrier))(far / self.reach) * found.points[:, 2].astype(x.dtype)
        row = jnp.where(there, sample, surface.owners.shape[0])
        gap = jnp.full(surface.owners.shape[0], jnp.inf, x.dtype).at[row].min(far, mode="drop")
        pressure = jnp.zeros_like(gap).at[row].add(-self.stiffness * slope, mode="drop")
        return place, gap, pressure

    def side_of_samples(self) -> Array:
        """Return for each sample the group that it is of."""
        return self.surface.side_of[self.surface.facets[self.surface.owners, 0]]

    def force_on_first(self, spaces, values) -> Array:
        """Return the sum of the forces on the nodes of the first group."""
        (forces,), _ = self.local(spaces, values)
        surface = self.surface
        first = jnp.ones(forces.shape[0], bool)
        if surface.two:
            first = first.at[surface.middles[:, 0]].set(surface.side_of == 0)
        return -jnp.sum(jnp.where(first[:, None], forces[:, 0], 0), axis=0)

    def _groups(self, spaces, rest, pairs):
        """Pairs of points and facets, and of edges."""
        surface, dtype = self.surface, rest.dtype
        of_samples, of_rims = self.areas(spaces)
        stiffness, reach = (jnp.asarray(v, dtype) for v in (self.stiffness, self.reach))
        there, (sample, target) = pairs.points[:, 0] >= 0, jnp.maximum(pairs.points[:, :2], 0).T
        weights = stiffness / 2 * of_samples[sample] * pairs.points[:, 2].astype(dtype)
        energy = lambda points, rest, there: of_point(points, there, reach)
        slope = lambda points, rest, there: slope_of_point(points, there, reach)
        friction = None
        if self.friction is not None:
            given = (self.slip, self.friction, self.static_friction)
            numbers = [None if v is None else jnp.asarray(v, dtype) for v in given]
            held = lambda slip: held_back(slip, *numbers)
            friction = lambda points, before, there: of_pair(points, before, there, reach, held)
        begun = None if friction is None else rest + self.before.values[surface.nodes]
        sides = surface.samples, surface.corners
        yield Group(sides, (sample, target), there, weights, rest, begun, energy, slope, friction)
        if surface.edges.shape[0]:
            there, (first, second) = pairs.edges[:, 0] >= 0, jnp.maximum(pairs.edges, 0).T
            weights = stiffness / 2 * (of_rims[first] + of_rims[second])
            energy = lambda points, rest, there: of_edges(points, rest, there, EDGE_REACH * reach)
            yield Group(
                (surface.ends,) * 2, (first, second), there, weights, rest, None, energy, jax.grad(energy), None
            )

    def _places(self, a, b, numbers):
        """The node pair of the matrix that two nodes of an item are; none where the layout has none."""
        n = self.surface.nodes.shape[0]
        a, b = jnp.broadcast_arrays(a, b)
        code = jnp.minimum(a, b) * n + jnp.maximum(a, b)
        last = self.surface.couples.shape[0] - 1
        at = jnp.minimum(jnp.searchsorted(self.surface.couples, code.ravel()), last).reshape(code.shape)
        found = jnp.where(a <= b, numbers[at, 0, 1], numbers[at, 1, 0])
        return jnp.where(self.surface.couples[at] == code, found, -1)


def _sizes(corners):
    """Lengths or areas of segments or triangles, (facet, dim, dim)."""
    e = corners[:, 1] - corners[:, 0]
    if corners.shape[1] == 2:
        return jnp.sqrt(jnp.sum(e**2, axis=1))
    return jnp.sqrt(jnp.sum(jnp.cross(e, corners[:, 2] - corners[:, 0]) ** 2, axis=1)) / 2
