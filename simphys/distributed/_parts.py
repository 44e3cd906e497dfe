"""Who owns what of a mesh: made once, on the host."""

import dataclasses
import itertools
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh

from .._check import indices
from .._told import Told, counted
from .._typing import Array, Int, PyTree
from ..fem import multigrid_makings
from ..linalg import hierarchy
from ..physics import AbstractBalance
from ._agreement import agree
from ._bisection import bisect, owners_of_cells
from ._divided import Divided
from ._exchange import AXIS, Exchange, beside
from ._memory import check_memory
from ._multigrid import DividedMultigrid, divided_multigrid
from ._parameters import Parameters, by_parts, differing, of_whole, terms_of, with_changes
from ._restriction import PartField, Restriction, check_terms, is_field, items_of, restriction
from ._sharded import held_by_all, held_by_part, on_parts, placed_by_part


class Parts(Told):
    """The parts of a body's mesh, one for each device, and what they tell each other.

    Nodes are divided by recursive coordinate bisection; a cell belongs to the part of the middle one of its nodes. Every
    part has room for as much as the largest. Coarse levels of multigrid are those of the whole mesh, so that the number of
    iterations does not depend on the number of parts.

    **Arguments:**

    - `problem`: a balance law of one field on nodal elements, with a symmetric tangent and prescribed values alone
      (`Dirichlet`) as constraints; each process has it all.
    - `devices`: a JAX `Mesh`, a list of devices, how many, or None for all devices of all processes.
    - `parts`: so many parts side by side on one device, to see what a division costs; None for one on each device.
    - `owners`: the part of each node, (node,), where another division is wanted (one of METIS, say).
    - `coarsest`: unknowns of the coarsest level at most, which every device solves densely; None for a hundredth of
      all, 600 to 1500.
    - `degree`, `single`: of the smoother, see `linalg.Multigrid`.

    **Raises:** `ValueError` for what is not divided (the term or constraint is named), for a part without cells, and where
    processes were given different problems, versions or kinds of devices.

    Reference: B. Smith, P. Bjørstad, W. Gropp, Domain Decomposition, Cambridge 1996.
    """

    restriction: Restriction
    multigrid: DividedMultigrid
    pairs: tuple[Int[Array, "part item a b"], ...]
    nodes: Int[Array, "part node"]
    place: Int[Array, " node"] | None
    """Where each node of the whole stands among those of all parts; None where nobody knows the whole."""
    n_nodes: int = eqx.field(static=True)
    """Nodes of the whole."""
    blocks: int = eqx.field(static=True)
    scalar: bool = eqx.field(static=True)
    devices: Mesh = eqx.field(static=True)

    def __init__(
        self,
        problem: AbstractBalance,
        devices: Any = None,
        *,
        parts: int | None = None,
        owners: Any = None,
        coarsest: int | None = None,
        degree: int = 2,
        single: bool = True,
    ):
        self.devices = mesh_of(devices)
        count = _count(parts, self.devices)
        space, kinds = checked(problem)
        terms = tuple(itertools.chain(*kinds.values()))
        check_terms(terms, space)
        agree(problem, self.devices)
        owner = bisect(np.asarray(space.nodes(), float), count) if owners is None else _owners(owners, space, count)
        part_of_cell = owners_of_cells(np.asarray(space.cells), owner)
        _check_filled(part_of_cell, count, space)
        made = hierarchy(
            problem.system.pattern, *multigrid_makings(space, problem.system, problem.constraints), coarsest=coarsest
        )
        moving = [name in ("flow", "stored") and not term.constant for name, of in kinds.items() for term in of]
        wanted, codes = _seen(space, [t for t, m in zip(terms, moving, strict=True) if m], part_of_cell, count)
        kept = ~problem.system.reduction.fixed().reshape(space.n_nodes, -1)
        options = dict(degree=degree, single=single)
        multigrid, nodes, blocks = divided_multigrid(made, owner, wanted, codes, kept, **options)
        found = restriction(space, terms, nodes, part_of_cell)
        numbers = []
        for items, moves in zip(found.items, moving, strict=True):
            if moves:
                numbers.append(np.stack([_pairs(found, items, nodes, blocks, p, space.n_nodes) for p in range(count)]))
        own = np.stack([nodes.whole(part, space.n_nodes)[: nodes.places] for part in range(count)])
        place = np.zeros(space.n_nodes + 1, np.int32)
        place[own.ravel()] = np.arange(own.size)
        item = np.asarray(space.mesh.points[:1]).itemsize
        check_memory((found, multigrid, numbers), multigrid, count, self.devices, item)
        if count != self.devices.size:
            multigrid = side_by_side(multigrid)
        self.restriction, self.multigrid = placed_by_part((found, multigrid), self.devices)
        self.pairs = placed_by_part(tuple(numbers), self.devices)
        self.nodes = placed_by_part(own.astype(np.int32), self.devices)
        self.place = jnp.asarray(place[:-1])
        self.n_nodes = space.n_nodes
        self.blocks, self.scalar = blocks.places + blocks.others, space.components is None

    def __repr__(self):
        sizes = " > ".join(map(str, self.multigrid.sizes))
        return f"Parts({counted(self.nodes.shape[0], 'part')}, {self.n_nodes:,} nodes, levels {sizes})"

    def divide(self, problem: AbstractBalance) -> Divided:
        """Return the problem on the devices; differentiable in all of its arrays.

        **Arguments:**

        - `problem`: the one that the parts were made for, or one of the same mesh, terms and constraints with other
          numbers.
        """
        return self._made(problem)[0]

    def shapes(self, like: AbstractBalance) -> Divided:
        """Return what a divided problem looks like that has the terms of one on another mesh: shapes for arrays."""
        return eqx.filter_eval_shape(lambda parts, like: parts._made(like, small=True)[0], self, like)

    def between(self, start: AbstractBalance, problem: AbstractBalance) -> tuple[Divided, Divided]:
        """Return both on the devices, for a path from one to the other; what is the same in both is so there."""
        divided, moving = self._made(problem)
        differs = self._differing(of_whole(start), moving, divided.parameters)
        return dataclasses.replace(divided, parameters=with_changes(differs, divided.parameters)), divided

    def _made(self, problem, small=False):
        space, kinds = checked(problem)
        fits = sum(map(len, kinds.values())) == len(self.restriction.items)
        if not fits or (space.n_nodes != self.n_nodes and not small):
            raise ValueError("The parts were made for a problem of another mesh or of other terms: make them anew.")
        moving = of_whole(problem)
        made = by_parts(self.restriction, self.nodes, moving, self.devices)
        rest = jax.tree.map(lambda leaf: None, eqx.filter(made, eqx.is_array))
        if not problem.linear:
            rest = self._differing(of_whole(problem.unloaded()), moving, made)
        return Divided(made, rest, self.multigrid, self.pairs, self.nodes, self.blocks, self.devices), moving

    def _differing(self, other: Parameters, moving: Parameters, made: Parameters) -> Parameters:
        return differing(self.restriction, self.nodes, self.devices, other, moving, made)

    def split(self, field: Array) -> Array:
        """Return a field of the whole mesh, (node,) or (node, component), as parts have it: (part, node, component)."""
        by_node = jnp.reshape(field, (self.n_nodes, -1))
        return held_by_part(by_node.at[self.nodes].get(mode="fill", fill_value=0), self.devices)

    def shared(self, tree: PyTree) -> PyTree:
        """Return arrays as every device holds them whole."""
        return held_by_all(jax.tree.map(jnp.asarray, tree), self.devices)

    def changed(self, divided: Divided, before: AbstractBalance, now: AbstractBalance) -> Divided:
        """Return a divided problem with other numbers; what is the very same in both of the whole is not divided anew."""
        changes = self._differing(of_whole(now), of_whole(before), divided.parameters)
        return dataclasses.replace(divided, parameters=with_changes(changes, divided.parameters))

    def updated(self, problem: AbstractBalance, value: Array) -> PyTree:
        """Return what a body's law remembers at the end of the step that led to a divided field, as parts have it."""

        def own(level, body, field):
            state = body.updated_state(level.seen(field, self.scalar))
            return jax.tree.map(lambda leaf: leaf.values, state, is_leaf=is_field)

        bodies = self.restriction.bodies(problem)
        found = on_parts(self.devices, own, self.multigrid.levels[0], bodies, value)
        return jax.tree.map(lambda leaf, field: PartField(leaf, field.kind), found, problem.state)

    def whole(self, value: Array) -> Array:
        """Return a divided field (part, node, component) as that of the whole mesh, on every device; differentiable.

        Of several fields, such as those of a trajectory, the leading axes stay.
        """
        if self.place is None:
            raise ValueError(
                "A problem that was read by parts is whole nowhere: `write_parts` writes fields part by part."
            )
        *more, _, _, components = value.shape
        flat = held_by_all(value, self.devices).reshape(*more, -1, components)
        found = flat[..., self.place, :]
        return found[..., 0] if self.scalar else found


def checked(problem):
    """The space and the terms of a problem; `ValueError` for one that is not divided."""
    if not isinstance(problem, AbstractBalance):
        raise ValueError(f"A balance law on a mesh is divided (`simphys.physics`), got a `{type(problem).__name__}`.")
    if len(problem.spaces) > 1:
        raise ValueError(f"A problem to be divided must have one field, this `{type(problem).__name__}` has several.")
    for constraint in problem.constraints:
        if not constraint.prescribes:
            raise ValueError(f"Constraint: {constraint.title}. Only prescribed values (`Dirichlet`) are divided.")
    return problem.spaces[0], terms_of(problem)


def mesh_of(devices: Any) -> Mesh:
    """Return devices, however they are given, as a mesh of one axis."""
    every = jax.devices()
    if isinstance(devices, Mesh):
        chosen = list(devices.devices.flat)
    elif devices is None:
        chosen = every
    elif isinstance(devices, int):
        if not 1 <= devices <= len(every):
            raise ValueError(f"`devices` must lie between 1 and {len(every)}, which there are, got {devices}.")
        chosen = every[:devices]
    else:
        chosen = list(devices)
    return Mesh(np.array(chosen), (AXIS,))


def side_by_side(tree: PyTree) -> PyTree:
    """Return what parts tell each other where one device has all of them; on the host."""
    chosen = lambda x: isinstance(x, Exchange)
    return jax.tree.map(lambda x: beside(x) if chosen(x) else x, tree, is_leaf=chosen)


def _count(parts, devices) -> int:
    if parts is None:
        return devices.size
    if devices.size > 1 and parts != devices.size:
        raise ValueError(f"`parts` is for one device, or one part for each of {devices.size}, got {parts}.")
    if parts < 1:
        raise ValueError(f"`parts` must be 1 or more, got {parts}.")
    return parts


def _owners(owners, space, count):
    found = indices("owners", owners, count, mask=False)
    if found.shape != (space.n_nodes,):
        raise ValueError(f"`owners` must have shape ({space.n_nodes},), got {found.shape}.")
    return found


def _check_filled(part_of_cell, count, space):
    empty = np.flatnonzero(np.bincount(part_of_cell, minlength=count) == 0)
    if len(empty):
        raise ValueError(
            f"Part {empty[0]} of {count} has no cells: {counted(space.mesh.n_cells, 'cell')} are too few, or `owners` "
            "leaves it out. Take fewer devices."
        )


def _seen(space, terms, part_of_cell, count):
    """Nodes and matrix blocks that come out of each part's cells."""
    nodes = np.asarray(space.cells)
    wanted = [np.unique(nodes[part_of_cell == part]) for part in range(count)]
    codes = [[] for _ in range(count)]
    for term in terms:
        cells = np.arange(len(nodes)) if term.domain.cells is None else np.asarray(term.domain.cells)
        for part in range(count):
            at = nodes[cells[part_of_cell[cells] == part]].astype(np.int64)
            codes[part].append(np.unique(at[:, :, None] * space.n_nodes + at[:, None, :]))
    return wanted, [np.unique(np.concatenate(own)) for own in codes]


def _pairs(found, items, nodes, blocks, part, count):
    """The place of each block of a term's items among those of a part."""
    whole = nodes.whole(part, 0)
    at = whole[items_of(found, items, part)].astype(np.int64)
    return blocks.local(part, at[:, :, None] * count + at[:, None, :]).astype(np.int32)
