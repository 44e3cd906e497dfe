"""Terms that a user states item by item: springs, joints, circuits, whatever couples a few unknowns."""

import zlib
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from .._arrays import int32
from .._check import parameter
from .._hidden import hashable
from .._told import Told
from .._typing import Array, Callable, Float, Int, PyTree
from ._term import AbstractTerm


class ItemField(Told):
    """A parameter that differs from item to item of a `Gathered` term.

    **Arguments:**

    - `values`: shape (item, …).
    """

    values: Float[Array, "item ..."] = eqx.field(converter=parameter)


class Gathered(AbstractTerm):
    r"""A sum over items, each a function of the few unknowns that it gathers.

    Π(u) = Σ_i W(u_i; p_i)   or, with `weak`,   R(u) = Σ_i G_iᵀ f(u_i; p_i),   u_i = G_i u

    **Arguments:**

    - `function`: (u, p) → W, a scalar; with `weak` → f, of the shape of u. u are the values (local, component) that an item
      gathers (of a scalar field (local,)); of several fields a tuple of such, and f a tuple, None for an equation that
      the item does not enter. A pure function, or an `equinox.Module` with parameters of its own.
    - `nodes`: numbers of the nodes that each item gathers, (item, local); of several fields a tuple of such arrays.
    - `parameters`: p, any pytree; an `ItemField` in it is seen by its value for the item.
    - `fields`: numbers of the fields that are gathered; by default those of `nodes`, from 0 on.
    - `weak`: whether the function returns forces instead of an energy; its tangent is then not taken to be symmetric.
    - `linear`: claim that R is affine in u, so that one step solves it; where it is not, a solve ends as `tangent_wrong`.

    **Raises:** `ValueError` for nodes that are no whole numbers, as many items for each field, and with the space for nodes
    that do not exist and functions that return something else.

    Reference: T. J. R. Hughes, The Finite Element Method, 2000, section 2.10, for assembly by gathering.
    """

    function: Callable
    parameters: PyTree
    nodes: tuple[Int[Array, "item local"], ...]
    fields: tuple[int, ...] = eqx.field(static=True)
    weak: bool = eqx.field(static=True)
    linear: bool = eqx.field(static=True)
    symmetric: bool = eqx.field(static=True)
    constant: bool = eqx.field(static=True)
    enters: tuple[int, ...] | None = eqx.field(static=True)
    name: str = eqx.field(static=True)
    label: str = eqx.field(static=True)
    largest: tuple[int, ...] = eqx.field(static=True)
    joins: ClassVar[bool] = True
    """True: what items contribute balances something."""
    switches: ClassVar[None] = None
    """None: it does not tell where its tangent jumps."""

    def __init__(self, function, nodes, parameters=None, *, fields=None, weak=False, linear=False):
        if not callable(function):
            raise ValueError(f"`function` must be callable, (u, parameters) → W, got {function!r}.")
        each = nodes if isinstance(nodes, tuple) else (nodes,)
        each = tuple(map(_numbers, each))
        self.nodes, self.largest = tuple(map(int32, each)), tuple(int(n.max(initial=-1)) for n in each)
        fields = tuple(range(len(each))) if fields is None else tuple(fields)
        if len(fields) != len(each) or len(set(fields)) != len(fields):
            raise ValueError(f"`fields` must name {len(each)} different fields, as `nodes` does, got {fields!r}.")
        if len({n.shape[0] for n in self.nodes}) != 1:
            raise ValueError(f"`nodes` must have as many items for each field, got {[n.shape[0] for n in self.nodes]}.")
        self.function, self.parameters, self.fields = function, parameters, fields
        self.weak, self.linear, self.symmetric, self.constant = weak, linear, not weak, False
        self.enters = None
        self.name = f"Gathered({getattr(function, '__name__', type(function).__name__)})"
        digest = zlib.crc32(b"".join(n.astype(np.int32).tobytes() for n in each))
        self.label = f"{self.nodes[0].shape[0]} items {digest:08x}"

    @property
    def where(self):
        """How many items, and a number that tells these from others."""
        return self.label

    @property
    def energy(self):
        """Whether there is one."""
        return None if self.weak else self.function

    def unknowns(self, spaces):
        """Return the nodes of each item."""
        for f, largest in zip(self.fields, self.largest, strict=True):
            if f >= len(spaces):
                raise ValueError(f"`{self.name}` gathers field {f}; there are {len(spaces)}.")
            if largest >= spaces[f].n_nodes:
                raise ValueError(f"`{self.name}` gathers node {largest} of field {f}, which has {spaces[f].n_nodes}.")
        return self.nodes

    def local(self, spaces, values):
        """Return what each item contributes."""
        gathered, parameters, axes = self._gathered(values)
        forces = jax.vmap(self._forces(), in_axes=(0, axes))(gathered, parameters)
        energy = None if self.weak else jnp.sum(jax.vmap(self._evaluated, in_axes=(0, axes))(gathered, parameters))
        spread = lambda f, r: r[..., None] if spaces[f].components is None else r
        return tuple(spread(f, r) for f, r in zip(self.fields, forces, strict=True)), energy

    def add_tangents(self, spaces, values, pairs, sums):
        """Add the blocks of all items."""
        gathered, parameters, axes = self._gathered(values)
        found = jax.vmap(jax.jacfwd(self._forces()), in_axes=(0, axes))(gathered, parameters)
        sums = dict(sums)
        for i, (f, row) in enumerate(zip(self.fields, found, strict=True)):
            for j, (g, block) in enumerate(zip(self.fields, row, strict=True)):
                a, b = self.nodes[i].shape[1], self.nodes[j].shape[1]
                c, d = spaces[f].components or 1, spaces[g].components or 1
                flat = block.reshape(-1, a, c, b, d).transpose(0, 1, 3, 2, 4).reshape(-1, c * d)
                pair = pairs[i][j]
                if pair.gathered is None:
                    sums[f, g] = sums[f, g].at[pair.numbers.ravel()].add(flat, wrap_negative_indices=False)
                else:
                    sums[f, g] = pair.add(sums[f, g], flat)
        return sums

    def _gathered(self, values):
        own = tuple(values[f][nodes] for f, nodes in zip(self.fields, self.nodes, strict=True))
        weights, _ = eqx.partition(self.function, eqx.is_array)
        leaves, structure = jax.tree.flatten((weights, self.parameters), is_leaf=_is_field)
        for leaf in leaves:
            if _is_field(leaf) and leaf.values.shape[0] != self.nodes[0].shape[0]:
                raise ValueError(
                    f"An `ItemField` of `{self.name}` needs {self.nodes[0].shape[0]} values, got {leaf.values.shape[0]}."
                )
        dtype = own[0].dtype
        plain = [leaf.values if _is_field(leaf) else leaf for leaf in leaves]
        plain = [leaf.astype(dtype) if eqx.is_inexact_array(leaf) else leaf for leaf in plain]
        axes = [0 if _is_field(leaf) else None for leaf in leaves]
        return own, jax.tree.unflatten(structure, plain), jax.tree.unflatten(structure, axes)

    def _evaluated(self, gathered, parameters):
        weights, parameters = parameters
        _, rest = eqx.partition(self.function, eqx.is_array)
        whole = eqx.combine(weights, hashable(rest))
        found = whole(gathered if len(gathered) > 1 else gathered[0], parameters)
        if self.weak:
            return self._forced(found, gathered)
        found = jnp.asarray(found)
        if found.shape != () or not jnp.issubdtype(found.dtype, jnp.floating):
            raise ValueError(f"`{self.name}` must return a real scalar, got shape {found.shape} of {found.dtype}.")
        return found

    def _forced(self, found, gathered):
        found = found if len(gathered) > 1 else (found,)
        if not isinstance(found, tuple) or len(found) != len(gathered):
            raise ValueError(f"`{self.name}` must return forces for each of {len(gathered)} fields, got {found!r}.")
        forces = tuple(
            jnp.zeros_like(u) if f is None else jnp.asarray(f, u.dtype) for f, u in zip(found, gathered, strict=True)
        )
        for force, u in zip(forces, gathered, strict=True):
            if force.shape != u.shape:
                raise ValueError(f"Forces of `{self.name}` must have shape {u.shape}, got {force.shape}.")
        return forces

    def _forces(self):
        return self._evaluated if self.weak else jax.grad(self._evaluated)


def _is_field(x):
    return isinstance(x, ItemField)


def _numbers(nodes):
    nodes = np.asarray(nodes)
    if nodes.ndim != 2 or not np.issubdtype(nodes.dtype, np.integer) or nodes.min(initial=0) < 0:
        raise ValueError(
            f"`nodes` must be whole numbers, 0 or more, of shape (item, local), got {nodes.dtype} {nodes.shape}."
        )
    return nodes
