"""Measurements that a function of the solution predicts."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from ..._hidden import on_host
from ..._keyed import keyed
from ..._typing import Array, Callable
from ._observations import AbstractObservation, checked_data
from ._tables import numbers_in


class Reading(AbstractObservation):
    """What a function reads off a solution, one set of measurements for each load step: a drag, values on a grid.

    **Arguments:**

    - `read`: (problem, value) → array of the shape of one step's measurements.
    - `measured`: (step, …), or a number for one step.
    - `noise`: standard deviation, a number or an array of `measured`'s shape; None if unknown.
    - `name`: for reports.
    """

    read: Callable
    measured: Array
    noise: Array | None
    name: str = eqx.field(static=True)

    @on_host("A measurement")
    def __init__(self, read, measured, noise, *, name="reading"):
        if not callable(read):
            raise ValueError(f"`read` must be a function of problem and value, got {read!r}.")
        self.read, self.name = keyed(read), name
        measured = np.atleast_1d(numbers_in("measured", measured))
        self.measured, self.noise = checked_data(name, measured, None if noise is None else numbers_in("noise", noise))

    def setting(self, step):
        """Nothing."""
        return None

    def predict(self, problem, value, setting):
        """Read it; `ValueError` for another shape than that of the measurements."""
        found = jnp.asarray(self.read(problem, value))
        if found.shape != self.measured.shape[1:]:
            raise ValueError(
                f"`read` of {self.name!r} must return shape {self.measured.shape[1:]}, one step's measurements, got "
                f"{found.shape}."
            )
        return found
