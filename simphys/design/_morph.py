"""Shapes: a mesh whose boundary moves, and whose inside follows."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from .._told import Told
from .._typing import Array, Float
from ..assembly import AbstractConstraint
from ..fem import CellField, Dirichlet, FunctionSpace, Mesh, cells_of
from ..implicit import solve
from ..materials import LinearElastic, PlaneStrain
from ..physics import Solid


class Morph(Told):
    r"""A mesh that follows its moving boundary as an elastic body does: x = X + u, smooth in the boundary's motion.

    ∫ σ(u):ε(v) dV = 0,  u = d on the moving nodes,  E ∝ 1/volume of the cell

    Small cells are stiff and keep their shape; the large ones take the strain. `morph(d)` is the mesh with the points x,
    differentiable in d by the adjoint of this solve; put it in a problem by
    `eqx.tree_at(lambda p: p.space.mesh.points, problem, morph(d).points)`. Where a motion turns a cell inside out, solves
    on the mesh fail by name; `simphys.fem.cell_quality(morph(d), morph.mesh)` says how near that is.

    **Arguments:**

    - `mesh`: the mesh to start from, of points X (node, dim), a length.
    - `moving`: name of a facet, point or cell group, or a sequence of names: the nodes that a design moves.
    - `held`: constraints on the other boundaries, a `Dirichlet` of value 0 with the components that may not move. They
      come after the motion: where a moving node lies on a held boundary, it stays on it.
    - `nu`: Poisson's ratio of the body that the mesh is taken for.

    **Raises:** `ValueError` if a group does not exist, or the held boundaries leave the body free to move.

    Reference: A. A. Johnson, T. E. Tezduyar, Mesh update strategies in parallel finite element computations of flow
    problems with moving boundaries and interfaces, Comput. Methods Appl. Mech. Engrg. 119 (1994) 73.
    """

    body: Solid
    nodes: tuple[int, ...] = eqx.field(static=True)

    def __init__(self, mesh: Mesh, moving, held: tuple[AbstractConstraint, ...] = (), *, nu: float = 0.2):
        space = FunctionSpace(mesh, mesh.degree, components=mesh.dim)
        names = (moving,) if isinstance(moving, str) else tuple(moving)
        nodes = np.unique(np.concatenate([space.nodes_on(name) for name in names]))
        self.nodes = tuple(nodes.tolist())
        volume = jnp.sum(cells_of(space).geometry(mesh).measure, axis=1)
        law = LinearElastic(E=CellField(jnp.mean(volume) / volume), nu=nu)
        law = PlaneStrain(law) if mesh.dim == 2 else law
        motion = Dirichlet(nodes, jnp.zeros((len(nodes), mesh.dim), mesh.points.dtype))
        self.body = Solid(space, law, (motion, *held))

    @property
    def mesh(self) -> Mesh:
        """The mesh with nothing moved."""
        return self.body.space.mesh

    @property
    def positions(self) -> Float[Array, "moving dim"]:
        """Where the moving nodes start from, in the order in which their motion is given."""
        return self.mesh.points[jnp.asarray(self.nodes)]

    def __call__(self, motion: Float[Array, "moving dim"]) -> Mesh:
        """Return the mesh with the moving nodes displaced by `motion`, a length."""
        wanted = (len(self.nodes), self.mesh.dim)
        if jnp.shape(motion) != wanted:
            raise ValueError(f"`motion` must have shape {wanted} (moving node, dim), got {jnp.shape(motion)}.")
        body = eqx.tree_at(lambda b: b.constraints[0].value, self.body, jnp.asarray(motion, self.mesh.points.dtype))
        return eqx.tree_at(lambda m: m.points, self.mesh, self.mesh.points + solve(body).value)
