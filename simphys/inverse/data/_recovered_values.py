"""Stresses, strains and fluxes that were measured at points: strain gauges, photoelasticity, heat-flux sensors."""

import equinox as eqx
import numpy as np

from ..._hidden import on_host
from ..._typing import Array, Callable
from ...errors import Recoverer
from ...fem import Sensors
from ...physics import AbstractBalance, Quantity
from ._observations import AbstractObservation, checked_data


class RecoveredValues(AbstractObservation):
    """Values at points of what is recovered at nodes.

    **Arguments:**

    - `problem`: an `AbstractBalance` of the structure that is fitted.
    - `quantity`: as of a `simphys.errors.Recoverer`, such as "strain_xx".
    - `positions`: (point, dim).
    - `measured`: (step, point, …), of the shape of the quantity at a point; without the step axis for one step.
    - `noise`: as of `PointValues`.
    - `name`: for reports.

    **Raises:** `ValueError` for measurements of another number of points, and as a `Recoverer`.
    """

    recover: Recoverer
    sensors: Sensors
    measured: Array
    noise: Array | None
    name: str = eqx.field(static=True)

    @on_host("A measurement")
    def __init__(
        self,
        problem: AbstractBalance,
        quantity: str | Quantity | Callable,
        positions,
        measured,
        noise,
        *,
        name: str | None = None,
    ):
        self.recover = Recoverer(problem, quantity)
        self.sensors = problem.spaces[0].locate(np.asarray(positions, float))
        shape = eqx.filter_eval_shape(lambda p: self.recover(p, _nothing(p)).at(self.sensors), problem).shape
        measured = np.asarray(measured, float)
        measured = measured[None] if measured.ndim == len(shape) else measured
        if measured.shape[1:] != shape:
            raise ValueError(f"`measured` of a step must have shape {shape}, got {measured.shape[1:]}.")
        self.name = self.recover.quantity.name if name is None else name
        self.measured, self.noise = checked_data(self.name, measured, noise)

    def setting(self, step):
        """Nothing."""
        return None

    def predict(self, problem, value, setting):
        """Recover, and read."""
        return self.recover(problem, value).at(self.sensors)


def _nothing(problem):
    fields = tuple(space.zeros() for space in problem.spaces)
    return fields if isinstance(problem.space, tuple) else fields[0]
