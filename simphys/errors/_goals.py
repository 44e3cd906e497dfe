"""Goals that find their place on any mesh."""

import equinox as eqx
import numpy as np

from .._check import finite
from ..fem import Sensors
from ..physics import AbstractBalance


class PointValue(eqx.Module):
    """The value of a field at a point, J(u) = u_c(x).

    **Arguments:**

    - `at`: x, (dim,).
    - `component`: c, of a vector field.
    - `field`: which field of a problem of several.
    """

    at: tuple[float, ...] = eqx.field(static=True)
    component: int | None = eqx.field(static=True)
    field: int = eqx.field(static=True)
    sensors: Sensors | None

    def __init__(self, at, component=None, *, field=0, sensors=None):
        self.at = tuple(float(x) for x in np.atleast_1d(finite("at", np.asarray(at, float))))
        self.component, self.field, self.sensors = component, field, sensors

    def placed(self, problem: AbstractBalance) -> "PointValue":
        """Return it with the point found in the problem's mesh."""
        sensors = problem.spaces[self.field].locate(np.array([self.at]))
        return PointValue(self.at, self.component, field=self.field, sensors=sensors)

    def __call__(self, problem, value):
        """Evaluate."""
        value = value[self.field] if isinstance(value, tuple) else value
        found = problem.spaces[self.field].evaluate(value, self.sensors)[0]
        if (self.component is None) != (found.ndim == 0):
            raise ValueError(
                f"`component` must be {'None' if found.ndim == 0 else 'one of the field'}, got {self.component}."
            )
        return found if self.component is None else found[self.component]


class ResultantValue(eqx.Module):
    """The force (heat flow) that enters the body through a group of constrained nodes.

    **Arguments:**

    - `where`: name of the group.
    - `component`, `field`: as of `PointValue`.
    """

    where: str = eqx.field(static=True)
    component: int | None = eqx.field(static=True, default=None)
    field: int = eqx.field(static=True, default=0)

    def __call__(self, problem, value):
        """Sum the reactions."""
        total = problem.resultant(value, self.where, self.field)
        return total if self.component is None else total[self.component]


def placed(goal, problem):
    """Return a goal that has found its place on the mesh of a problem."""
    return goal.placed(problem) if hasattr(goal, "placed") else goal
