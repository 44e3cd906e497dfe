"""A balance law on a finer mesh."""

import jax.numpy as jnp
import numpy as np

from .._typing import Array
from ..fem import FunctionSpace, Interpolation, refinement
from ..physics import AbstractBalance
from ._transfer import Transfer


class Refinement(Transfer):
    """What takes a balance law, and its fields, to the same spaces on a finer mesh; see `Transfer`.

    **Arguments:**

    - `problem`: an `AbstractBalance`.
    - `marks`: numbers of the cells that are bisected, or a boolean for each; None for all; see `Mesh.refined`.

    **Raises:** `ValueError` as `Mesh.refined`, for elements other than Lagrange's up to degree 3, and as `Transfer`.
    """

    same: tuple[Array, ...]
    """For each node of each field the one of the finer space at the same point."""

    def __init__(self, problem: AbstractBalance, marks=None):
        lower = problem.spaces
        mesh, children = refinement(lower[0].mesh, marks)
        spaces = [space_on(mesh, space) for space in lower]
        maps = [Interpolation.onto(few, many, children) for few, many in zip(lower, spaces, strict=True)]
        self.same = tuple(jnp.asarray(up.equals()) for up in maps)
        starts = lower[0].mesh.starts
        parent = np.concatenate([first + own.parent for first, own in zip(starts, children, strict=False)])
        corners = children[0].corners if len(children) == 1 else None
        self._set(problem, spaces, maps, parent=parent, corners=corners, recommend=True)

    def spread(self, field, forces):
        """Nodes of the old mesh are nodes of the new one."""
        return jnp.zeros(self.spaces[field].shape, forces.dtype).at[self.same[field]].set(forces)


def space_on(mesh, space):
    """Return the same space on another mesh."""
    element = space.blocks[0].element
    if element.whole:
        return FunctionSpace(mesh, "real", space.components)
    degree = None if space.quadrature_degree == FunctionSpace.default_degree(space) else space.quadrature_degree
    kind = dict(degree=element.degree, continuous=space.continuous)
    return FunctionSpace(mesh, components=space.components, quadrature_degree=degree, **kind)
