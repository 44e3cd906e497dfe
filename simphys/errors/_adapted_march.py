"""What `adapt_march` ends with."""

import dataclasses

import jax
import numpy as np

from .._typing import Array, PyTree
from ..physics import AbstractBalance
from ..stepping import Trajectory


@dataclasses.dataclass(frozen=True)
class MeshPart:
    """The part of a march that was led on one mesh.

    **Attributes:**

    - `problem`: on that mesh, with the memory that it began with; `trajectory`: of `march`.
    - `times`: of its steps; `cells`, `unknowns`: how many there are.
    - `error`: at its end, the root of the sum of what `indicator` says.
    - `lost`: what the change to this mesh changed of the fields, ‖u_new − u‖/‖u‖; `lost_memory`: of internal variables.
    - `repeated`: whether it was led before on a mesh whose error was above the tolerance.
    - `seconds`: what it took, with the change.
    """

    problem: AbstractBalance
    trajectory: Trajectory
    times: Array
    cells: int
    unknowns: int
    error: float
    lost: float
    lost_memory: float
    repeated: bool
    seconds: float

    def __str__(self):
        lost = f"{self.lost:.1e}" + (f", of its memory {self.lost_memory:.1e}" if self.lost_memory else "")
        return (
            f"to t = {float(self.times[-1]):.4g}: {self.cells} cells, {self.unknowns} unknowns, error "
            f"{self.error:.3g}; changing to this mesh lost {lost}"
        )

    __repr__ = __str__


@dataclasses.dataclass(frozen=True)
class AdaptedMarch:
    """What `adapt_march` ends with.

    **Attributes:**

    - `parts`: a `MeshPart` for each stretch of time; neighbours may have the same mesh.
    - `times`, `observed`: of all steps, (time,), and what `observe` returned then, stacked.
    - `reached`: whether it came to its end with no error above the tolerance; `message`: what kept it from that.
    """

    parts: tuple[MeshPart, ...]
    times: Array
    observed: PyTree
    reached: bool
    message: str

    @staticmethod
    def of(parts: list[MeshPart], tolerance: float, message: str) -> "AdaptedMarch":
        """Return it for parts that follow each other."""
        times = [part.times for part in parts]
        joined = lambda *rows: np.concatenate([rows[0], *(np.asarray(row)[1:] for row in rows[1:])])
        observed = jax.tree.map(joined, *(part.trajectory.observed for part in parts))
        above = [part.error for part in parts if not part.error <= tolerance]
        if above and not message:
            message = (
                f"The error was above the tolerance {tolerance:.3g} at the end of {len(above)} parts of {len(parts)}, at "
                f"most {max(above):.3g}: allow more `levels`, or begin with a finer mesh."
            )
        return AdaptedMarch(tuple(parts), joined(*times), observed, not message, message)

    @property
    def problem(self) -> AbstractBalance:
        """On the last mesh."""
        return self.parts[-1].problem

    @property
    def value(self) -> PyTree:
        """The last state of the fields."""
        return self.parts[-1].trajectory.final.u

    def __str__(self):
        return "\n".join([*(f"  {part}" for part in self.parts), *([self.message] if self.message else [])])

    __repr__ = __str__
