"""The largest stress of a body, and whether it has one."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from .._check import positive
from .._hidden import on_host
from .._typing import Array, Callable, PyTree
from ..implicit import solve
from ..physics import AbstractBalance, Quantity
from ._recovery import Recoverer
from ._refined import Refinement


SURE = 0.4
"""Share of the tolerance within which a first change is taken for all there is."""
DECAY = 0.8
"""What a step is of the one before, above which a sequence is not one that converges; ½ or less for smooth stresses."""


class Peak(eqx.Module):
    """What `peak` finds.

    **Attributes:**

    - `values`: the largest recovered value on the mesh, on a finer one, and, where these differ, on one finer still.
    - `at`: where it is on the last of these, (dim,).
    - `converged`: whether the last two differ by no more than the tolerance; `grows`: if not, whether the last step was
      hardly smaller than the one before.
    """

    values: tuple[float, ...]
    at: Array
    converged: bool
    grows: bool

    @property
    def value(self) -> float:
        """That of the finest mesh."""
        return self.values[-1]

    def __str__(self):
        where = "(" + ", ".join(f"{x:.4g}" for x in np.round(np.asarray(self.at), 12) + 0.0) + ")"
        told = ", ".join(f"{value:.4g}" for value in self.values)
        if self.grows:
            return f"grows under refinement: no converged value at {where} ({told})"
        return f"{self.value:.4g}{'' if self.converged else ', not converged yet,'} at {where} ({told})"

    __repr__ = __str__


@on_host("A peak")
def peak(
    problem: AbstractBalance,
    value: PyTree,
    quantity: str | Quantity | Callable | None = "von_mises",
    *,
    tolerance: float = 0.05,
) -> Peak:
    """Find the largest value of a recovered quantity, and whether finer meshes agree.

    At a corner that points inwards, at the end of a clamped side or under a point force the stress of an elastic body is
    unbounded: every finer mesh finds a larger one, by the same factor, and none of them means anything. The cells around
    the peak are halved (all cells, where they are no simplices) and the problem is solved again; twice, if it differs.

    **Arguments:**

    - `problem`, `value`: a balance law and its solution.
    - `quantity`: as of a `Recoverer`: a scalar, or a vector, of which the length is taken.
    - `tolerance`: relative change that a converged peak may have.

    **Returns:** a `Peak`; its text says "grows under refinement: no converged value" where it has none.

    **Raises:** `ValueError` for a quantity with entries, and as `Refinement`.
    """
    tolerance = float(positive("tolerance", tolerance))
    found, at = _largest(problem, value, quantity)
    values = [found]
    while True:
        finer = Refinement(problem, _around(problem.spaces[0].mesh, np.asarray(at)))
        problem, guess = finer(problem), finer.prolonged(value)
        value = solve(problem, guess).value
        found, at = _largest(problem, value, quantity)
        values.append(found)
        steps, size = np.abs(np.diff(values)), abs(values[-1])
        if len(values) == 3 or steps[0] <= SURE * tolerance * size:
            close = steps[-1] <= tolerance * size
            return Peak(tuple(values), at, bool(close), bool(not close and steps[-1] > DECAY * steps[0]))


def _around(mesh, x):
    """The cells near a point; None for all, of cells that are not bisected one by one."""
    if mesh.cell_types not in (("triangle",), ("tetrahedron",)):
        return None
    corners = np.asarray(mesh.points)[np.asarray(mesh.cells)[:, : mesh.dim + 1]]
    far = np.linalg.norm(corners - x, axis=2)
    touching = far.min(axis=1) <= far.min() * (1 + 1e-9)
    return np.flatnonzero(far.min(axis=1) <= far[touching].max())


def _largest(problem, value, quantity):
    field = Recoverer(problem, quantity)(problem, value)
    values = field.values
    if values.ndim > 2:
        raise ValueError(f"A peak is that of a scalar or a vector, this field has values of shape {values.shape[1:]}.")
    size = values if values.ndim == 1 else jnp.linalg.norm(values, axis=1)
    most = int(jnp.argmax(size))
    return float(size[most]), field.space.nodes()[most]
