"""Who owns what of a mesh: made once, on the host."""

import dataclasses
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh

from .._check import indices
from .._told import Told, counted
from .._typing import Array, Int
from ..fem import multigrid_makings
from ..linalg import hierarchy
from ..physics import AbstractBalance, NodalForces
from ._agreement import agree
from ._bisection import bisect, owners_of_cells
from ._divided import Divided, Parameters, with_changes
from ._exchange import AXIS, Exchange, beside
from ._memory import check_memory
from ._multigrid import DividedMultigrid, divided_multigrid
from ._restriction import Restriction, check_terms, items_of, restriction
from ._sharded import held_by_all, held_by_part, placed_by_part


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
    place: Int[Array, " node"]
    """Where each node of the whole stands among those of all parts."""
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
        self.devices = _mesh_of(devices)
        count = _count(parts, self.devices)
        space, terms = _checked(problem)
        check_terms(terms, space)
        agree(problem, self.devices)
        owner = bisect(np.asarray(space.nodes(), float), count) if owners is None else _owners(owners, space, count)
        part_of_cell = owners_of_cells(np.asarray(space.cells), owner)
        _check_filled(part_of_cell, count, space)
        made = hierarchy(
            problem.system.pattern, *multigrid_makings(space, problem.system, problem.constraints), coarsest=coarsest
        )
        moving = [not term.constant for term in problem.terms().flow]
        wanted, codes = _seen(space, [t for t, m in zip(terms, moving, strict=False) if m], part_of_cell, count)
        kept = ~problem.system.reduction.fixed().reshape(space.n_nodes, -1)
        options = dict(degree=degree, single=single)
        multigrid, nodes, blocks = divided_multigrid(made, owner, wanted, codes, kept, **options)
        found = restriction(space, terms, nodes, part_of_cell)
        numbers = []
        for items, moves in zip(found.items, moving, strict=False):
            if moves:
                numbers.append(np.stack([_pairs(found, items, nodes, blocks, p, space.n_nodes) for p in range(count)]))
        own = np.stack([nodes.whole(part, space.n_nodes)[: nodes.places] for part in range(count)])
        place = np.zeros(space.n_nodes + 1, np.int32)
        place[own.ravel()] = np.arange(own.size)
        item = np.asarray(space.mesh.points[:1]).itemsize
        check_memory((found, multigrid, numbers), multigrid, count, self.devices, item)
        if count != self.devices.size:
            multigrid = _beside(multigrid)
        self.restriction, self.multigrid = placed_by_part((found, multigrid), self.devices)
        self.pairs = placed_by_part(tuple(numbers), self.devices)
        self.nodes = placed_by_part(own.astype(np.int32), self.devices)
        self.place = jnp.asarray(place[:-1])
        self.blocks, self.scalar = blocks.places + blocks.others, space.components is None

    def __repr__(self):
        sizes = " > ".join(map(str, self.multigrid.sizes))
        return f"Parts({counted(self.nodes.shape[0], 'part')}, {self.place.shape[0]:,} nodes, levels {sizes})"

    def divide(self, problem: AbstractBalance) -> Divided:
        """Return the problem on the devices; differentiable in all of its arrays.

        **Arguments:**

        - `problem`: the one that the parts were made for, or one of the same mesh, terms and constraints with other
          numbers.
        """
        return self._made(problem)[0]

    def between(self, start: AbstractBalance, problem: AbstractBalance) -> tuple[Divided, Divided]:
        """Return both on the devices, for a path from one to the other; what is the same in both is so there."""
        divided, moving = self._made(problem)
        differs = self._differing(start, moving, divided.parameters)
        return dataclasses.replace(divided, parameters=with_changes(differs, divided.parameters)), divided

    def _made(self, problem):
        space, terms = _checked(problem)
        if len(terms) != len(self.restriction.items) or space.n_nodes != self.place.shape[0]:
            raise ValueError("The parts were made for a problem of another mesh or of other terms: make them anew.")
        moving = _parameters(problem)
        made = _divided(self.restriction, self.nodes, moving, self.devices)
        rest = jax.tree.map(lambda leaf: None, eqx.filter(made, eqx.is_array))
        if not problem.linear:
            rest = self._differing(problem.unloaded(), moving, made)
        return Divided(made, rest, self.multigrid, self.pairs, self.nodes, self.blocks, self.devices), moving

    def whole(self, value: Array) -> Array:
        """Return a divided field (part, node, component) as that of the whole mesh, on every device; differentiable."""
        flat = held_by_all(value, self.devices).reshape(-1, value.shape[-1])
        found = flat[self.place]
        return found[:, 0] if self.scalar else found

    def _differing(self, other, moving, made):
        """What differs in another problem, None elsewhere."""
        still = _parameters(other)
        at_rest = _divided(self.restriction, self.nodes, still, self.devices)
        changed = jax.tree.map(lambda a, b: a is not b, still, moving)
        pick = lambda differs, a: a if differs and eqx.is_inexact_array(a) else None
        nothing = jax.tree.map(lambda leaf: None, made)

        def terms(name):
            beside = zip(getattr(nothing, name), getattr(changed, name), getattr(at_rest, name), strict=True)
            picked = lambda flags, term: jax.tree.map(pick, flags.parameters, term.parameters[1])
            parts = lambda none, flags, term: (none.parameters[0], picked(flags, term))
            return tuple(dataclasses.replace(none, parameters=parts(none, flags, term)) for none, flags, term in beside)

        given, forces = pick(changed.given, at_rest.given), pick(changed.forces, at_rest.forces)
        return Parameters(nothing.space, terms("flow"), terms("gauges"), given, forces)


def _parameters(problem) -> Parameters:
    """What of a problem is divided, as it is in the whole."""
    terms = problem.terms()
    space, reduction = problem.spaces[0], problem.system.reduction
    dtype = space.mesh.points.dtype
    given = reduction.prescribed((space,), problem.constraints, dtype)
    forces = jnp.zeros(space.shape, dtype)
    for force in (*problem.holding(), *(load.values for load in problem.loads if isinstance(load, NodalForces))):
        forces = forces + force.astype(dtype)
    by_node = lambda field: field.reshape(space.n_nodes, -1)
    return Parameters(space, terms.flow, terms.gauges, by_node(given), by_node(forces))


@eqx.filter_jit
def _divided(restriction, nodes, whole: Parameters, devices) -> Parameters:
    """The same by parts."""
    terms = [restriction.term(t, i) for t, i in zip((*whole.flow, *whole.gauges), restriction.items, strict=True)]
    flow, gauges = tuple(terms[: len(whole.flow)]), tuple(terms[len(whole.flow) :])
    own = lambda field: field.at[nodes].get(mode="fill", fill_value=0)
    made = Parameters(restriction.space(whole.space), flow, gauges, own(whole.given), own(whole.forces))
    return held_by_part(made, devices)


def _checked(problem):
    """The space and the terms of a problem; `ValueError` for one that is not divided."""
    if not isinstance(problem, AbstractBalance):
        raise ValueError(f"A balance law on a mesh is divided (`simphys.physics`), got a `{type(problem).__name__}`.")
    if len(problem.spaces) > 1:
        raise ValueError(f"A problem to be divided must have one field, this `{type(problem).__name__}` has several.")
    for constraint in problem.constraints:
        if not constraint.prescribes:
            raise ValueError(f"Constraint: {constraint.title}. Only prescribed values (`Dirichlet`) are divided.")
    terms = problem.terms()
    return problem.spaces[0], (*terms.flow, *terms.gauges)


def _mesh_of(devices) -> Mesh:
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


def _beside(tree):
    """All parts on one device."""
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
