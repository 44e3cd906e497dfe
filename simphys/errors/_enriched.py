"""A balance law on richer spaces of the same mesh."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from .._arrays import int32
from .._typing import Array, PyTree
from ..assembly import Gathered, System
from ..fem import (
    AbstractForm,
    CellField,
    Dirichlet,
    FunctionSpace,
    Interpolation,
    MultiPoint,
    NodalField,
    QuadratureField,
    altered,
    cells_of,
    quadrature,
    richer,
)
from ..physics import AbstractBalance, Balance, NodalForces, build


class Enrichment(eqx.Module):
    """What takes a balance law, and its fields, to spaces of one degree more on the same mesh.

    Laws, loads and constraints stay what they are; prescribed values and parameters at nodes are interpolated, a memory is
    that of the nearest quadrature point. The layout of matrices is made once: any problem of the same structure is carried
    over at no cost, under `jit` as well.

    **Arguments:**

    - `problem`: an `AbstractBalance`.

    **Raises:** `ValueError` for elements that none of a higher degree holds, and for what is stated node by node and has no
    meaning elsewhere (`MultiPoint`).
    """

    spaces: tuple[FunctionSpace, ...]
    maps: tuple[Interpolation, ...]
    downs: tuple[Interpolation, ...]
    held: tuple[tuple[tuple[int, ...] | None, Interpolation | None], ...]
    """For each constraint the numbers of its nodes in the richer space, where it has no name, and how values go there."""
    nearest: tuple[tuple[int, Array], ...]
    """For numbers of quadrature points of a cell: which is nearest to each of those of the richer space."""
    gathered: tuple
    """For each of a user's own terms the nodes that it gathers, and the largest; None for forms."""
    domains: tuple
    """Of a user's own terms, that of what is stored last."""
    system: System
    lower: tuple[FunctionSpace, ...]

    def __init__(self, problem: AbstractBalance):
        self.lower = problem.spaces
        self.spaces = tuple(richer(space) for space in problem.spaces)
        if all(a is b for a, b in zip(self.lower, self.spaces, strict=True)):
            raise ValueError("Constants of the whole mesh have no richer space.")
        self.maps = tuple(map(Interpolation.between, problem.spaces, self.spaces))
        self.downs = tuple(map(Interpolation.between, self.spaces, problem.spaces))
        self.held = tuple(self._held(c) for c in problem.constraints)
        self.gathered, self.domains = (), ()
        if isinstance(problem, Balance):
            self.gathered = tuple(map(self._moved, problem.forms))
            finest = max(self.spaces, key=lambda space: space.mass_degree)
            forms = (*problem.forms, problem.stored)
            self.domains = tuple(f.domain(finest) if isinstance(f, AbstractForm) else None for f in forms)
        self.nearest = _nearest(problem.spaces, self.spaces)
        bare = self._carried(problem, None)
        constraints, self.system = build(self.spaces, bare.constraints, bare.terms(), recommend=False)

    def __call__(self, problem: AbstractBalance) -> AbstractBalance:
        """Return the problem on the richer spaces."""
        return self._carried(problem, self.system)

    @property
    def degree(self) -> int:
        """The highest of the richer spaces."""
        return max(space.degree for space in self.spaces)

    def prolonged(self, value: PyTree) -> PyTree:
        """Return the value of a solution as one of the richer problem."""
        if not isinstance(value, tuple):
            return self.maps[0](value)
        return tuple(up(field) for up, field in zip(self.maps, value, strict=True))

    def lowered(self, value: PyTree) -> PyTree:
        """Return a value of the richer problem, interpolated, as one of the problem."""
        if not isinstance(value, tuple):
            return self.downs[0](value)
        return tuple(down(field) for down, field in zip(self.downs, value, strict=True))

    def up(self, problem, rich, y: PyTree) -> PyTree:
        """Return a change of the problem's unknowns as one of the richer problem's."""
        return _free(rich, tuple(up(u) for up, u in zip(self.maps, _changed(problem, y), strict=True)))

    def down(self, problem, rich, y: PyTree) -> PyTree:
        """Return a change of the richer problem's unknowns, interpolated, as one of the problem's."""
        return _free(problem, tuple(down(u) for down, u in zip(self.downs, _changed(rich, y), strict=True)))

    @staticmethod
    def changes(problem, y: PyTree) -> tuple[Array, ...]:
        """Return what each field changes by with the unknowns."""
        return _changed(problem, y)

    def by_cell(self, shares) -> Array:
        """Return shares of the degrees of freedom of each richer field by cells: each goes to those that know of it."""
        total = 0
        for space, each in zip(self.spaces, shares, strict=True):
            each = jnp.sum(each.reshape(space.n_nodes, -1), axis=1)
            count = sum(jnp.zeros(space.n_nodes, each.dtype).at[block.cells].add(1) for block in space.blocks)
            total = total + jnp.concatenate([jnp.sum((each / count)[b.cells], axis=1) for b in space.blocks])
        return total

    def _carried(self, problem, system):
        # The mesh may have moved since.
        spaces = tuple(altered(space, mesh=problem.spaces[0].mesh) for space in self.spaces)
        given = {
            "space": spaces if isinstance(problem.space, tuple) else spaces[0],
            "constraints": tuple(self._constraint(c, k) for k, c in enumerate(problem.constraints)),
            "loads": tuple(self._load(load) for load in problem.loads),
            "system": system,
            "blocks": None,
        }
        for field in dataclasses.fields(problem):
            if field.name not in given and field.name != "mesh":
                given[field.name] = self._parameters(getattr(problem, field.name))
        if getattr(problem, "rest", None) is not None:
            given["rest"] = tuple(self._forces(f, forces) for f, forces in enumerate(problem.rest))
        if isinstance(problem, Balance):
            given |= self._placed(problem)
        return altered(problem, **given)

    def _held(self, constraint):
        if isinstance(constraint, MultiPoint):
            raise ValueError("A `MultiPoint` condition names nodes, and means nothing on a richer space.")
        if not isinstance(constraint, Dirichlet):
            return None, None
        lower, higher = self.lower[constraint.field], self.spaces[constraint.field]
        there, up = np.asarray(constraint.nodes(lower)), self.maps[constraint.field]
        named = isinstance(constraint.where, str)
        here = np.asarray(higher.nodes_on(constraint.where)) if named else up.decided_by(there)
        each = constraint.value.ndim == 2
        return None if named else tuple(here.tolist()), up.among(here, there) if each else None

    def _constraint(self, constraint, number):
        nodes, up = self.held[number]
        if isinstance(constraint, Dirichlet) and up is not None:
            constraint = eqx.tree_at(lambda c: c.value, constraint, up(constraint.value))
        return constraint if nodes is None else altered(constraint, where=nodes)

    def _load(self, load):
        if isinstance(load, NodalForces):
            return eqx.tree_at(lambda l: l.values, load, self._forces(load.field, load.values))
        return self._parameters(load)

    def _forces(self, field, forces):
        """Forces on nodes are forces on the same points, whether nodes of the richer space lie there or not."""
        lower, higher = self.lower[field], self.spaces[field]
        if not (lower.nodal and higher.nodal):
            raise ValueError(
                "Forces on degrees of freedom that are no values at points mean nothing on a richer space."
            )
        return self.downs[field].back(forces)

    def _placed(self, problem):
        """A user's own terms, each where it stands in the richer space."""
        moved = lambda term, nodes: term if nodes is None else altered(term, nodes=nodes[0], largest=nodes[1])
        forms = tuple(moved(self._parameters(t), n) for t, n in zip(problem.forms, self.gathered, strict=True))
        return {"forms": forms, "domains": self.domains[:-1], "stored_domain": self.domains[-1]}

    def _moved(self, term):
        """Nodes that an own term gathers in the richer space, and the largest of each; None for forms."""
        if isinstance(term, AbstractForm):
            return None
        if not isinstance(term, Gathered):
            raise ValueError(f"A `{type(term).__name__}` is stated node by node: there is no richer space for it.")
        moved = []
        for field, nodes in zip(term.fields, term.nodes, strict=True):
            same = self.maps[field].equals()[np.asarray(nodes)]
            if np.any(same < 0):
                raise ValueError(f"`{term.name}` gathers nodes that the richer space does not have.")
            moved.append(same)
        return tuple(map(int32, moved)), tuple(int(np.max(n, initial=-1)) for n in moved)

    def _parameters(self, tree):
        return jax.tree.map(
            self._field, tree, is_leaf=lambda x: isinstance(x, NodalField | QuadratureField | CellField)
        )

    def _field(self, leaf):
        if isinstance(leaf, NodalField):
            for space, up in zip(self.lower, self.maps, strict=True):
                if space.nodal and leaf.values.shape[0] == space.n_nodes:
                    return NodalField(up(leaf.values))
        if isinstance(leaf, QuadratureField):
            for count, which in self.nearest:
                if leaf.values.shape[1] == count:
                    return QuadratureField(leaf.values[:, which])
            raise ValueError(
                f"A `QuadratureField` of {leaf.values.shape[1]} points a cell is none of a term over cells."
            )
        return leaf


def _changed(problem, y):
    """What the fields change by with the unknowns."""
    fields = lambda y: y if isinstance(y := problem.value(y), tuple) else (y,)
    return jax.tree.map(jnp.subtract, fields(y), fields(jax.tree.map(jnp.zeros_like, y)))


def _free(problem, changes):
    """What unknowns change by with the fields."""
    flat = jnp.concatenate([change.ravel() for change in changes])[problem.system.reduction.representative]
    return problem.split(flat)


def _nearest(lower, higher):
    """For each rule of the lower spaces which of its points is nearest to each of the rule that stands for it."""
    mesh = lower[0].mesh
    if len(mesh.blocks) > 1:
        return ()
    found = {}
    for rule in ("mass_degree", "quadrature_degree"):
        for few, many in zip(lower, higher, strict=True):
            old, new = (quadrature(mesh.cell_type, cells_of(s, degree=getattr(s, rule)).degree)[0] for s in (few, many))
            apart = np.linalg.norm(new[:, None] - old[None], axis=2)
            found[len(old)] = jnp.asarray(np.argmin(apart, axis=1))
    return tuple(found.items())
