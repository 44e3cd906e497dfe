"""Integrals of energies and of weak residuals, over cells and facets, with their element tangents."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from .._arrays import int32, taken
from .._typing import Array, Callable, Int, PyTree
from ..linalg import GatheredSums, accelerated
from ._domain import Domain, chosen_side
from ._fields import at_points, varies_by_cell
from ._point import Local, Point, Sides, UnsidedLocal, UnsidedPoint
from ._space import FunctionSpace


WRITTEN_OUT = 32
FEW = 2**16
CHUNK = 256
CHUNK_ON_GPU = 65_536


class Integral(eqx.Module):
    """One term of a balance law.

    R(v) = ∫ f₀(u, ∇u, x)·v + f₁(u, ∇u, x):∇v,   or   Π = ∫ W(u, ∇u, x) with f₀ = ∂W/∂u, f₁ = ∂W/∂∇u

    **Arguments:**

    - `domain`: cells or facets.
    - `weak`: (fields, point, parameters) → for each field the pair (f₀, f₁), None for a part that is 0; fields is a tuple
      of `Local`. A global function: it is part of the compiled program.
    - `parameters`: what `weak` and `energy` depend on; array leaves and fields of them are differentiable.
    - `energy`: (fields, point, parameters) → W, if there is one.
    - `fields`: numbers of the fields of the (mixed) space that take part.
    - `slots`: for each of them what the integrand looks at: "value", "gradient" or "both".
    - `symmetric`: whether ∂R/∂u is symmetric; an integral with an energy is.
    - `constant`: True if R does not depend on u, such as a dead load: it then has no tangent.
    - `switches`: (fields, point, parameters) → numbers that are 0 where the integrand's tangent jumps, or None; evaluated
      once, for a certificate.
    - `linear`: True if R is known to be linear (affine) in u: one tangent serves every state.
    - `name`: what messages call the term; by default the name of `weak`.
    - `sized`: whether points know the size of their cells.
    """

    domain: Domain
    weak: Callable = eqx.field(static=True)
    parameters: PyTree
    energy: Callable | None = eqx.field(static=True, default=None)
    fields: tuple[int, ...] = eqx.field(static=True, default=(0,))
    slots: tuple[str, ...] = eqx.field(static=True, default=("both",))
    symmetric: bool = eqx.field(static=True, default=True)
    constant: bool = eqx.field(static=True, default=False)
    linear: bool = eqx.field(static=True, default=False)
    switches: Callable | None = eqx.field(static=True, default=None)
    name: str = eqx.field(static=True, default="")
    sized: bool = eqx.field(static=True, default=False)

    def __post_init__(self):
        if not self.name:
            weak = self.weak
            self.name = getattr(weak, "__name__", type(weak).__name__).lstrip("_")


class _Setting(eqx.Module):
    """An integral ready to be evaluated at the quadrature points."""

    measure: Array  # item, quad
    bases: tuple[Array, ...]  # per field: item, quad, local, slot
    nodal: tuple[Array, ...]  # per field: item, local, component
    mapped: PyTree  # what is mapped over points
    axes: tuple[PyTree, PyTree] = eqx.field(static=True)


def _prepare(integral: Integral, spaces: tuple[FunctionSpace, ...], values: tuple[Array, ...]) -> _Setting:
    mesh, domain = spaces[0].mesh, integral.domain
    if varies_by_cell(integral.parameters):
        unsided = domain.where if domain.two_sided else domain.unsided
        chosen_side(None, unsided, "a parameter that differs from cell to cell has")
    geometry = domain.geometry(mesh)
    bases = tuple(
        domain.basis(spaces[f], geometry, slots) for f, slots in zip(integral.fields, integral.slots, strict=True)
    )
    nodal = tuple(_columns(taken(values[f], domain.nodes(spaces[f])), spaces[f]) for f in integral.fields)
    first = spaces[integral.fields[0]]
    has_nodal = domain.values(first, geometry)
    parameters, over_items, over_points = at_points(
        integral.parameters,
        domain.take,
        domain.take(first.cells),
        has_nodal,
        mesh.n_cells,
        first.n_nodes,
        geometry.measure.shape[1],
    )
    unsided = domain.unsided
    at, size = geometry.position, geometry.size if integral.sized else None
    point = UnsidedPoint(at, unsided, size) if unsided else Point(at, geometry.normal, size)
    zeros = jax.tree.map(lambda _: 0, point)
    return _Setting(
        geometry.measure,
        bases,
        nodal,
        (point, parameters),
        (_Axes((zeros, over_items)), _Axes((zeros, over_points))),
    )


class _Axes:
    """Mapping axes as a static field: compared by their leaves."""

    def __init__(self, tree):
        self.tree = tree
        self.leaves, self.treedef = jax.tree.flatten(tree, is_leaf=lambda x: x is None)

    def __eq__(self, other):
        return (self.leaves, self.treedef) == (other.leaves, other.treedef)

    def __hash__(self):
        return hash((tuple(self.leaves), self.treedef))


def _columns(local, space):
    """Give scalar fields a component axis."""
    return local[..., None] if space.components is None else local


def _over_points(function, setting: _Setting, *columns):
    """Map function(columns at a point, (point, parameters)) over items and quadrature points."""
    items, points = (axes.tree for axes in setting.axes)
    inner = jax.vmap(function, in_axes=(0, points))
    outer = jax.vmap(inner, in_axes=(0, items))
    return outer(columns, setting.mapped)


def _field_columns(setting):
    """u and ∇u at the quadrature points: z[e, q, c, s] = Σ_a u[e, a, c] G[e, q, a, s]."""
    return tuple(_interpolated(u, G) for u, G in zip(setting.nodal, setting.bases, strict=True))


def _interpolated(u, G):
    """Σ_a u[e, a, c] G[e, q, a, s], written out where that is short: XLA then fuses it, several times faster."""
    if _few(u, G):
        return jnp.sum(u[:, None, :, :, None] * G[:, :, :, None, :], axis=2)
    if u.shape[1] > WRITTEN_OUT:
        return jnp.einsum("eac,eqas->eqcs", u, G)
    return sum(u[:, None, a, :, None] * G[:, :, a, None, :] for a in range(u.shape[1]))


def _tested(flux, G):
    """Σ_qs flux[e, q, c, s] G[e, q, a, s]."""
    points, slots = flux.shape[1], flux.shape[3]
    if _few(flux, G):
        return jnp.sum(flux[:, :, None] * G[:, :, :, None], axis=(1, 4))
    if points * slots > WRITTEN_OUT:
        return jnp.einsum("eqcs,eqas->eac", flux, G)
    return sum(flux[:, q, None, :, s] * G[:, q, :, None, s] for q in range(points) for s in range(slots))


def _few(columns, G) -> bool:
    """Whether a contraction has so few products that its compilation counts: the shortest program then is the best."""
    return G.size * columns.shape[2] <= FEW


def _local(integral, spaces, columns) -> tuple[Local, ...]:
    """Split columns (component, slot) into value and gradient, as the integrand is to see them."""
    found = []
    for f, slots, z in zip(integral.fields, integral.slots, columns, strict=True):
        z = z[0] if spaces[f].components is None else z
        if integral.domain.two_sided:
            found.append(Sides(*(Local(*_value_and_gradient(half, slots)) for half in jnp.split(z, 2, axis=-1))))
            continue
        value, gradient = _value_and_gradient(z, slots)
        unsided = integral.domain.unsided
        found.append(UnsidedLocal(value, unsided) if unsided else Local(value, gradient))
    return tuple(found)


def _value_and_gradient(z, slots):
    value = None if slots == "gradient" else z[..., 0]
    return value, None if slots == "value" else (z if slots == "gradient" else z[..., 1:])


def _pack(integral, spaces, pairs, columns):
    """The inverse of `_local` for what the integrand returned."""
    packed = []
    for f, slots, pair, z in zip(integral.fields, integral.slots, pairs, columns, strict=True):
        halves = jnp.split(z, 2, axis=-1) if integral.domain.two_sided else [z]
        of_sides = pair if integral.domain.two_sided else [pair]
        scalar = spaces[f].components is None
        parts = [_packed(slots, own, half, scalar) for own, half in zip(of_sides, halves, strict=True)]
        packed.append(parts[0] if len(parts) == 1 else jnp.concatenate(parts, axis=-1))
    return tuple(packed)


def _packed(slots, pair, z, scalar: bool):
    f0, f1 = pair
    shape = z.shape[1:] if scalar else z.shape
    value_shape = shape[:-1]
    parts = []
    if slots != "gradient":
        f0 = jnp.zeros(value_shape, z.dtype) if f0 is None else jnp.asarray(f0, z.dtype)
        parts.append(jnp.broadcast_to(f0, value_shape)[..., None])
    if slots != "value":
        wanted = (*value_shape, shape[-1] - (slots == "both"))
        parts.append(jnp.zeros(wanted, z.dtype) if f1 is None else jnp.asarray(f1, z.dtype).reshape(wanted))
    return jnp.concatenate(parts, axis=-1).reshape(z.shape)


def _pointwise(integral, spaces):
    def function(columns, mapped):
        point, parameters = mapped
        pairs = integral.weak(_local(integral, spaces, columns), point, parameters)
        return _pack(integral, spaces, pairs, columns)

    return function


def element_residuals(integral: Integral, spaces, values) -> tuple[tuple[Array, ...], Array | None]:
    """Return for each field of the integral its contribution of each item, (item, local, component), and ∫ W or None."""
    setting = _prepare(integral, spaces, values)
    weak = _pointwise(integral, spaces)

    def function(columns, mapped):
        energy = None
        if integral.energy is not None:
            energy = integral.energy(_local(integral, spaces, columns), *mapped)
        return weak(columns, mapped), energy

    fluxes, density = _over_points(function, setting, *_field_columns(setting))
    weighted = [f * setting.measure[..., None, None] for f in fluxes]
    residuals = tuple(_tested(f, G) for f, G in zip(weighted, setting.bases, strict=True))
    return residuals, None if density is None else jnp.sum(density * setting.measure)  # pyright: ignore[reportReturnType]


class NodePairs(eqx.Module):
    """Which node pair each block of the element tangents belongs to, and how blocks are summed up over them."""

    numbers: Int[Array, "item a b"]
    gathered: GatheredSums | None
    """For a GPU, over the node pairs that the integral has blocks for; None where blocks are added chunk by chunk."""
    touched: Int[Array, " pair"] | None
    """Numbers of those pairs; None if these are all."""

    @staticmethod
    def build(numbers: np.ndarray, count: int) -> "NodePairs":
        """Lay out the sums of blocks over `count` node pairs; on the host."""
        at = int32(numbers)
        if not accelerated():
            return NodePairs(at, None, None)
        targets, touched = numbers.ravel(), None
        hit = np.bincount(targets, minlength=count) > 0
        if not hit.all():
            targets, touched = (np.cumsum(hit) - 1)[targets], int32(np.flatnonzero(hit))
        return NodePairs(at, GatheredSums.build(targets, int(hit.sum())), touched)

    def add(self, sums, blocks):
        """Add the sums of all items' blocks, (item · a · b, component × component)."""
        own = self.gathered(blocks)  # pyright: ignore[reportOptionalCall]
        return sums + own if self.touched is None else sums.at[self.touched].add(own, unique_indices=True)


def add_tangents(integral: Integral, spaces, values, pairs, sums):
    """Add ∂R_f/∂u_g of all items to sums[f, g], (node pair, component × component), for fields f and g of the integral.

    The tangent moduli come from forward-mode differentiation at the quadrature point:
    K[a c, b d] = Σ_q G[a, s] ∂w[c, s]/∂z[d, t] G[b, t] dx.

    Items are taken in chunks, so that moduli and element matrices stay in cache and take no memory beside the sums; on
    a GPU chunks are large, and the blocks of all of them are kept until they are summed up.

    **Arguments:**

    - `pairs`: pairs[f][g] tells the node pairs of the blocks.
    - `sums`: by (f, g).
    """
    setting = _prepare(integral, spaces, values)
    blocks_of = _tangent_blocks(integral, spaces, setting)
    sliced = _sliceable(setting)[0][1]
    numbers = jax.tree.map(lambda p: p.numbers, pairs, is_leaf=_is_pairs)
    flat_pairs = jax.tree.leaves(pairs, is_leaf=_is_pairs)
    gathered = all(p.gathered is not None for p in flat_pairs)

    def add(sums, chunk):
        sliced, at = chunk
        sums, kept = dict(sums), []
        for f, row, row_at in zip(integral.fields, blocks_of(sliced), at, strict=True):
            for g, blocks, pair in zip(integral.fields, row, row_at, strict=True):
                flat = blocks.reshape(-1, sums[f, g].shape[1])
                if gathered:
                    kept.append(flat)
                else:
                    sums[f, g] = sums[f, g].at[pair.ravel()].add(flat, wrap_negative_indices=False)
        return sums, kept

    # Chunks of one size, filled up by items of measure 0: one left over would be compiled by itself.
    count = setting.measure.shape[0]
    chunks = -(-count // (CHUNK_ON_GPU if gathered else CHUNK))
    missing = -count % chunks
    filled = lambda a: jnp.concatenate([a, a[:missing]]) if missing else a
    cut = lambda a: filled(a).reshape(chunks, -1, *a.shape[1:])
    measure = filled(setting.measure).at[count:].set(0.0)
    items = (measure.reshape(chunks, -1, *measure.shape[1:]), *jax.tree.map(cut, sliced[1:]))
    sums, kept = jax.lax.scan(add, sums, (items, jax.tree.map(cut, numbers)))
    if gathered:
        order = [(f, g) for f in integral.fields for g in integral.fields]
        for key, pair, blocks in zip(order, flat_pairs, kept, strict=True):
            own = blocks.reshape(-1, *blocks.shape[2:])[: count * pair.numbers[0].size]
            sums[key] = pair.add(sums[key], own)
    return sums


def _is_pairs(x):
    return isinstance(x, NodePairs)


def _tangent_blocks(integral, spaces, setting):
    """The function from a chunk of a setting to its element blocks, blocks[f][g] (item, a, b, c, d)."""
    moduli_at = jax.jacfwd(_pointwise(integral, spaces))
    (fixed, _), unravel = _sliceable(setting)

    def blocks_of(sliced):
        part = unravel(fixed, sliced)
        moduli = _over_points(moduli_at, part, *_field_columns(part))
        weighted = lambda D: D * part.measure[..., None, None, None, None]
        return [
            [_element_blocks(weighted(D), G, H) for D, H in zip(row, part.bases, strict=True)]
            for row, G in zip(moduli, part.bases, strict=True)
        ]

    return blocks_of


def _element_blocks(D, G, H):
    """Σ_qst G[q, a, s] D[q, c, s, d, t] H[q, b, t] as (item, a, b, c, d), by two matrix products for each item."""
    items, points, c, s, d, t = D.shape
    a, b = G.shape[2], H.shape[2]
    half = jnp.matmul(D.transpose(0, 1, 3, 2, 4, 5).reshape(items, points, s * c * d, t), H.swapaxes(2, 3))
    left = G.transpose(0, 2, 1, 3).reshape(items, a, points * s)
    blocks = jnp.matmul(left, half.reshape(items, points * s, c * d * b))
    return blocks.reshape(items, a, c, d, b).transpose(0, 1, 4, 2, 3)


def _sliceable(setting):
    """Split a setting into what is shared by all items and what each item has of its own, and a way to join them."""
    mapped, (items, _) = setting.mapped, (axes.tree for axes in setting.axes)
    none = lambda x: x is None
    leaves, treedef = jax.tree.flatten(mapped, is_leaf=none)
    axes = jax.tree.leaves(_broadcast_axes(items, mapped), is_leaf=none)
    own = [leaf if axis == 0 else None for leaf, axis in zip(leaves, axes, strict=True)]
    shared = [leaf if axis is None else None for leaf, axis in zip(leaves, axes, strict=True)]
    parts = (setting.measure, setting.bases, setting.nodal, own)

    def join(shared, parts):
        measure, bases, nodal, own = parts
        both = [b if a is None else a for a, b in zip(own, shared, strict=True)]
        return _Setting(measure, bases, nodal, jax.tree.unflatten(treedef, both), setting.axes)

    return (shared, parts), join


def _broadcast_axes(axes, tree):
    """Axes for each leaf, as `vmap` understands a prefix of them."""
    none = lambda x: x is None
    return jax.tree.map(lambda axis, part: jax.tree.map(lambda _: axis, part, is_leaf=none), axes, tree, is_leaf=none)


def total_energy(integral: Integral, spaces, values) -> Array | None:
    """Return ∫ W, or None for an integral that has no energy."""
    return element_residuals(integral, spaces, values)[1]


def density_at_points(integral: Integral, spaces, values):
    """Return the integrand's energy at every quadrature point (item, quad) and the measures, for output."""
    setting, density = _prepare(integral, spaces, values), integral.energy
    if density is None:
        raise ValueError("This integral has no energy to be evaluated.")

    def function(columns, mapped):
        return density(_local(integral, spaces, columns), *mapped)

    return _over_points(function, setting, *_field_columns(setting)), setting.measure
