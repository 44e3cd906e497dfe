"""`[kinetics]` as a system of ordinary differential equations."""

import dataclasses

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from .. import implicit, stepping
from .._typing import Array, Scalar
from ..stepping import AbstractStepper, Trajectory
from ._blame import blame
from ._kinetics_section import sides
from ._load import Scene
from ._statistics import check_statistics


class MassAction(eqx.Module):
    """ẏ = N v(y), v_r = k_r Π y_s^{n_rs}: a rate for each species, in the order of the scene.

    **Attributes:**

    - `powers`: n, what each reaction uses up, (reaction, species); `change`: N, (species, reaction).
    """

    powers: tuple[tuple[int, ...], ...] = eqx.field(static=True)
    change: tuple[tuple[int, ...], ...] = eqx.field(static=True)

    def __call__(self, t: Scalar, y: tuple[Scalar, ...], rates: Array) -> tuple[Scalar, ...]:
        """Return ẏ; each sum holds its own terms alone, for concentrations may differ by decades."""
        speeds = []
        for rate, powers in zip(rates, self.powers, strict=True):
            for concentration, power in zip(y, powers, strict=True):
                for _ in range(power):
                    rate = rate * concentration
            speeds.append(rate)
        zero = jnp.zeros_like(speeds[0])
        return tuple(sum((n * v for n, v in zip(row, speeds, strict=True) if n), zero) for row in self.change)


@dataclasses.dataclass(frozen=True)
class KineticsModel:
    """A vessel: a scene's `[kinetics]`.

    **Attributes:**

    - `species`: names; `ode`: the system, whose `args` are the rates; `start`: concentrations at first.
    """

    scene: Scene
    species: tuple[str, ...]
    ode: stepping.ODE
    start: tuple[Array, ...]
    stepper: AbstractStepper

    @classmethod
    def build(cls, scene: Scene) -> "KineticsModel":
        """Read the equations."""
        section, time = scene.data.kinetics, scene.data.time
        species = tuple(section.species)
        powers, change = [], []
        for reaction in section.reactions.values():
            left, right = sides(reaction.equation)
            powers.append(tuple(left.get(s, 0) for s in species))
            change.append(tuple(right.get(s, 0) - left.get(s, 0) for s in species))
        law = MassAction(tuple(powers), tuple(zip(*change, strict=True)))
        rates = jnp.asarray([reaction.rate for reaction in section.reactions.values()], dtype=float)
        ode = stepping.ODE(law, rates)
        with blame(scene.file, "time.stepper"):
            stepper = getattr(stepping, time.stepper or "SDIRK3")(**time.options)
            stepping.check_fits(stepper, ode)
        check_statistics(scene, species, np.asarray(time.given or time.span), "no species {}")
        return cls(scene, species, ode, tuple(jnp.asarray(v, float) for v in section.species.values()), stepper)

    def march(self) -> Trajectory:
        """Solve; a failed step is in the trajectory."""
        time = self.scene.data.time
        if time.rtol is None:
            return stepping.march(self.stepper, self.ode, self.start, time.given, method=self.method, throw=False)
        span, limits = (time.start, time.end), dict(rtol=time.rtol, atol=time.atol, max_steps=time.max_steps)
        return stepping.march_adaptively(
            self.stepper,
            self.ode,
            self.start,
            span,
            **limits,
            first_step=time.first_step,
            method=self.method,
            throw=False,
        )

    @property
    def method(self) -> implicit.Newton:
        """Newton's method without line search; `[solver] rtol`."""
        return implicit.Newton(rtol=self.scene.data.solver.rtol, damped=False, least_steps=3, max_steps=24)
