"""The projection as a preconditioner of flow."""

from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree

from .._typing import Scalar
from ..linalg import GENERAL, AbstractPreconditioner
from ._conditions import Dirichlet, Neumann
from ._face_space import FaceSpace
from ._lines import cells_along
from ._separable import Separable


class Projection(AbstractPreconditioner):
    r"""What a projection step does, as the symmetric inverse of [[H, −Bᵀ], [−B, 0]] with H = c W + ν K.

    u* = H⁻¹ r,   p = −(c L⁻¹ + ν V⁻¹)(B u* + s),   u = u* + H⁻¹ Bᵀ p,   L = B W⁻¹ Bᵀ

    Exact where H and the divergence commute (periodic axes); with walls a few iterations more, whatever the steps, for
    steady flow (c = 0) as well. All of it by fast diagonalisation.

    **Arguments:**

    - `space`: where velocities stand.
    - `momentum`: for each component the `Separable` part of its free points; `poisson` that of L.
    - `factor`, `viscosity`: c and ν.
    - `enclosed`: whether the pressure is determined but for a constant.

    Reference: B. E. Griffith, J. Comput. Phys. 228 (2009) 7565; J. Cahouet, J.-P. Chabard, Int. J. Numer. Methods Fluids
    8 (1988) 869.
    """

    space: FaceSpace
    momentum: tuple[Separable, ...]
    poisson: Separable
    factor: Scalar
    viscosity: Scalar
    enclosed: bool = eqx.field(static=True)
    made_for: ClassVar[str] = GENERAL

    def prepare(self, operator):
        """Return the zero vector that shows the structure of unknowns."""
        return jax.tree.map(lambda s: jnp.zeros(s.shape, s.dtype), operator.in_structure())

    def apply(self, prepared, residual):
        """Return (u, p)."""
        _, unravel = ravel_pytree(prepared)
        r, s = unravel(residual)
        first = self._helmholtz(r)
        p = -self._schur(self._outflow(first) + s)
        push = tuple(self.space.free(c, self.space.push(c, p)) for c in range(len(r)))
        u = jax.tree.map(jnp.add, first, self._helmholtz(push))
        return ravel_pytree((u, p))[0]

    def _helmholtz(self, r):
        solve = lambda part, b: part.solve(b, self.factor, self.viscosity)
        return tuple(solve(part, b) for part, b in zip(self.momentum, r, strict=True))

    def _outflow(self, free):
        full = [self.space.filled(c, v, homogeneous=True) for c, v in enumerate(free)]
        return self.space.outflow(self.space.fluxes(full))

    def _schur(self, b):
        volumes = self.space.grid.volumes
        one = jnp.ones((), b.dtype)
        level = extent(self.space) ** -2 if self.enclosed else None
        return self.factor * self.poisson.solve(b, 0 * one, one, level) + self.viscosity * b / volumes

    def describe(self):
        """Projection."""
        return "projection by fast diagonalisation"


def extent(space: FaceSpace) -> Scalar:
    """Return a length of the box: |V|^(1/dim)."""
    return jnp.sum(space.grid.volumes) ** (1 / space.grid.dimension)


def separable_parts(space: FaceSpace) -> tuple[tuple[Separable, ...], Separable]:
    """Return for each component the separable part of its momentum, and that of the pressure's Laplacian."""
    axes, grid = range(space.grid.dimension), space.grid
    lines = lambda c: [space.line(c, a) for a in axes]
    momentum = tuple(Separable(lines(c), space.sides[c].pairs) for c in axes)
    cells = [cells_along(grid.spacings[a], space.periodic(a)) for a in axes]
    # The pressure has a value where the normal velocity has none.
    nothing = jnp.zeros((), grid.dtype)
    beyond = lambda side: Neumann(nothing) if side.prescribes else Dirichlet(nothing)
    pairs = [tuple(beyond(side) for side in space.sides[a].pairs[a]) for a in axes]
    return momentum, Separable(cells, pairs)
