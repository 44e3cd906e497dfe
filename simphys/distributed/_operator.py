"""A matrix whose rows are divided among devices."""

import equinox as eqx
import jax
import jax.numpy as jnp
import lineax as lx
from jax.sharding import Mesh

from .._told import shown
from .._typing import Array, Float
from ..linalg import AbstractSolvable, register_tagged
from ._multigrid import DividedMultigrid
from ._sharded import on_parts


class DividedMatrix(AbstractSolvable):
    """A square matrix A on vectors (part, node, component); every part has the rows of the nodes that it owns.

    **Arguments:**

    - `multigrid`: layout of rows, and what preconditions.
    - `blocks`: those of each part's rows, complete, (part, pair, b, b).
    - `devices`: on which the parts are.
    - `tags`: Lineax tags that are true of A.
    """

    multigrid: DividedMultigrid
    blocks: Float[Array, "part pair b b"]
    devices: Mesh = eqx.field(static=True)
    tags: frozenset[object] = eqx.field(static=True)

    def __repr__(self):
        return shown(self)

    def solver(self, rtol):
        """Return conjugate gradients with multigrid."""
        from ._cg import DividedConjugateGradients

        return DividedConjugateGradients(rtol=rtol)

    def mv(self, vector):
        """Return A x, with 0 where there is no unknown."""

        def product(level, blocks, x):
            here = level.free[: level.diagonal.shape[0]]
            x = level.rows.turned(jnp.where(here, x, 0).T)
            return jnp.where(here, level.rows.turned(level.product(level.rows.lay_out(blocks), x)).T, 0)

        return on_parts(self.devices, product, self.multigrid.levels[0], self.blocks, vector)

    def transpose(self):
        """Return Aᵀ: A, which is symmetric."""
        return self

    def as_matrix(self):
        """A dense array of it is refused: no device holds all of it."""
        raise ValueError(
            "A matrix that is divided among devices is solved by `DividedConjugateGradients` (`Auto` takes it by itself); "
            "no device holds all of it, as a direct or dense solver would need."
        )

    def in_structure(self):
        """Structure of x."""
        level = self.multigrid.levels[0]
        shape = (*level.diagonal.shape, self.blocks.shape[-1])
        return jax.ShapeDtypeStruct(shape, self.blocks.dtype)

    def out_structure(self):
        """Structure of A x."""
        return self.in_structure()


register_tagged(DividedMatrix)


@lx.diagonal.register(DividedMatrix)
def _(operator):
    own = lambda level, blocks: jnp.diagonal(blocks[level.diagonal], axis1=1, axis2=2)
    return on_parts(operator.devices, own, operator.multigrid.levels[0], operator.blocks).ravel()


@lx.tridiagonal.register(DividedMatrix)
def _(operator):
    raise NotImplementedError("The tridiagonal of a `DividedMatrix` is not offered.")
