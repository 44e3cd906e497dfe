"""A balance law on other spaces: richer ones of the same mesh, or those of a finer mesh."""

import abc
import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from .._arrays import int32
from .._told import Told
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
    tabulate,
)
from ..physics import AbstractBalance, Balance, NodalForces, build


IMPOSSIBLE = ValueError, TypeError, AttributeError, NotImplementedError, RuntimeError
"""What may be raised where a problem (of a user's class, say) is not to be had on other spaces, or memory ends there."""


class Transfer(Told):
    """What takes a balance law, and its fields, to other spaces.

    Laws, loads and constraints stay what they are; prescribed values and parameters at nodes are interpolated, a memory is
    that of the nearest quadrature point. The layout of matrices is made once: any problem of the same structure is carried
    over at no cost, under `jit` as well.

    **Arguments:**

    - `problem`: an `AbstractBalance`.
    - `spaces`: those that it is to be on; `maps`: how fields of its own spaces are fields of these.
    - `parent`: of a finer mesh the cell that each cell lies in, `corners`: and its vertices there; None of the same mesh.
    - `recommend`: look for a preconditioner where matrices are too large to be factorised.

    **Raises:** `ValueError` for what is stated node by node and has no meaning elsewhere (`MultiPoint`).
    """

    spaces: tuple[FunctionSpace, ...]
    maps: tuple[Interpolation, ...]
    held: tuple[tuple[tuple[int, ...] | None, Interpolation | None], ...]
    """For each constraint the numbers of its nodes in the new space, where it has no name, and how values go there."""
    parent: Array | None
    nearest: tuple[tuple[int, Array], ...]
    """For numbers of quadrature points of a cell: which is nearest to each of those in a new cell."""
    gathered: tuple
    """For each of a user's own terms the nodes that it gathers, and the largest; None for forms."""
    domains: tuple
    """Of a user's own terms, that of what is stored last."""
    system: System
    lower: tuple[FunctionSpace, ...]

    def _set(self, problem: AbstractBalance, spaces, maps, *, parent=None, corners=None, recommend=False, matrix=True):
        """Work out all of it; for the subclasses' `__init__`."""
        self.lower, self.spaces, self.maps = problem.spaces, tuple(spaces), tuple(maps)
        self.held = tuple(self._held(c) for c in problem.constraints)
        self.gathered, self.domains = (), ()
        if isinstance(problem, Balance):
            self.gathered = tuple(map(self._moved, problem.forms))
            finest = max(self.spaces, key=lambda space: space.mass_degree)
            forms = (*problem.forms, problem.stored)
            self.domains = tuple(f.domain(finest) if isinstance(f, AbstractForm) else None for f in forms)
        self.parent = None if parent is None else jnp.asarray(parent)
        self.nearest = _nearest(problem.spaces, self.spaces, corners)
        bare = self._carried(problem, None)
        _, self.system = build(self.spaces, bare.constraints, bare.terms(), recommend=recommend, matrix=matrix)

    def __call__(self, problem: AbstractBalance) -> AbstractBalance:
        """Return the problem on the new spaces."""
        return self._carried(problem, self.system)

    def prolonged(self, value: PyTree) -> PyTree:
        """Return the value of a solution as one of the new problem."""
        if not isinstance(value, tuple):
            return self.maps[0](value)
        return tuple(up(field) for up, field in zip(self.maps, value, strict=True))

    @abc.abstractmethod
    def spread(self, field: int, forces: Array) -> Array:
        """Return forces on the nodes of a field as forces on those of the new space at the same points."""

    def moved(self, mesh):
        """Return the mesh of the new spaces where that of the problem is this one."""
        return self.spaces[0].mesh

    def _carried(self, problem, system):
        mesh = self.moved(problem.spaces[0].mesh)
        spaces = tuple(altered(space, mesh=mesh) for space in self.spaces)
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
            given["rest"] = tuple(self._rest(f, forces) for f, forces in enumerate(problem.rest))
        if isinstance(problem, Balance):
            given |= self._placed(problem)
        return altered(problem, **given)

    def _held(self, constraint):
        if isinstance(constraint, MultiPoint):
            raise ValueError("A `MultiPoint` condition names nodes, and means nothing on another space.")
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
        """Forces on nodes are forces on the same points, whether nodes of the new space lie there or not."""
        lower, higher = self.lower[field], self.spaces[field]
        if not (lower.nodal and higher.nodal):
            raise ValueError("Forces on degrees of freedom that are no values at points mean nothing on another space.")
        return self.spread(field, forces)

    def _rest(self, field, forces):
        higher = self.spaces[field]
        return self._forces(field, forces) if higher.nodal else jnp.zeros(higher.shape, forces.dtype)

    def _placed(self, problem):
        """A user's own terms, each where it stands in the new space."""
        moved = lambda term, nodes: term if nodes is None else altered(term, nodes=nodes[0], largest=nodes[1])
        forms = tuple(moved(self._parameters(t), n) for t, n in zip(problem.forms, self.gathered, strict=True))
        return {"forms": forms, "domains": self.domains[:-1], "stored_domain": self.domains[-1]}

    def _moved(self, term):
        """Nodes that an own term gathers in the new space, and the largest of each; None for forms."""
        if isinstance(term, AbstractForm):
            return None
        if not isinstance(term, Gathered):
            raise ValueError(f"A `{type(term).__name__}` is stated node by node: it cannot be taken to another space.")
        moved = []
        for field, nodes in zip(term.fields, term.nodes, strict=True):
            same = self.maps[field].equals()[np.asarray(nodes)]
            if np.any(same < 0):
                raise ValueError(f"`{term.name}` gathers nodes that the other space does not have.")
            moved.append(same)
        return tuple(map(int32, moved)), tuple(int(np.max(n, initial=-1)) for n in moved)

    def _parameters(self, tree):
        return jax.tree.map(
            self._field, tree, is_leaf=lambda x: isinstance(x, NodalField | QuadratureField | CellField)
        )

    def _field(self, leaf):
        if isinstance(leaf, CellField) and self.parent is not None:
            return CellField(leaf.values[self.parent])
        if isinstance(leaf, NodalField):
            for space, up in zip(self.lower, self.maps, strict=True):
                if space.nodal and leaf.values.shape[0] == space.n_nodes:
                    return NodalField(up(leaf.values))
        if isinstance(leaf, QuadratureField):
            for count, which in self.nearest:
                if leaf.values.shape[1] == count:
                    rows = leaf.values if self.parent is None else leaf.values[self.parent]
                    return QuadratureField(
                        rows[jnp.arange(len(which))[:, None], which] if which.ndim == 2 else rows[:, which]
                    )
            raise ValueError(
                f"A `QuadratureField` of {leaf.values.shape[1]} points a cell is none of a term over cells."
            )
        return leaf


def _nearest(lower, higher, corners=None):
    """For each rule of the lower spaces which of its points is nearest to each of the rule that stands for it.

    **Arguments:**

    - `corners`: of cells of a finer mesh, (cell, vertex, dim) in the reference cell of that they lie in.
    """
    kind, mesh = lower[0].mesh.cell_types[0], lower[0].mesh
    if len(mesh.blocks) > 1:
        return ()
    found = {}
    for rule in ("mass_degree", "quadrature_degree"):
        for few, many in zip(lower, higher, strict=True):
            old, new = (quadrature(kind, cells_of(s, degree=getattr(s, rule)).degree)[0] for s in (few, many))
            if corners is not None:
                new = np.einsum("qa,cad->cqd", tabulate(kind, 1, new, 0)[0], corners)
            apart = np.linalg.norm(new[..., None, :] - old, axis=-1)
            found[len(old)] = jnp.asarray(np.argmin(apart, axis=-1))
    return tuple(found.items())
