"""`[kinetics]` as a system of ordinary differential equations."""

import dataclasses

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from .. import implicit, inverse, io, stepping
from .._typing import Array, Scalar
from ._blame import blame
from ._build_conditions import as_array
from ._error import SceneError, listing, nearest
from ._fit_section import Concentration
from ._interface import AbstractModel
from ._kinetics_section import sides
from ._load import Scene
from ._measurements import noise_of
from ._observe import Observer
from ._replace import below
from ._task_section import Observed
from ._time_model import March


class MassAction(eqx.Module):
    """ẏ = N v(y), v_r = k_r Π y_s^{n_rs}: a rate for each species, in the order of the scene.

    **Attributes:**

    - `powers`: n, what each reaction uses up, (reaction, species); `change`: N, (species, reaction).
    """

    powers: tuple[tuple[int, ...], ...] = eqx.field(static=True)
    change: tuple[tuple[int, ...], ...] = eqx.field(static=True)

    def __call__(self, t: Scalar, y: tuple[Scalar, ...], given) -> tuple[Scalar, ...]:
        """Return ẏ; each sum holds its own terms alone, for concentrations may differ by decades."""
        speeds, (rates, _) = [], given
        for rate, powers in zip(rates, self.powers, strict=True):
            for concentration, power in zip(y, powers, strict=True):
                for _ in range(power):
                    rate = rate * concentration
            speeds.append(rate)
        zero = jnp.zeros_like(speeds[0])
        return tuple(sum((n * v for n, v in zip(row, speeds, strict=True) if n), zero) for row in self.change)


class Concentrations(inverse.AbstractObservation):
    """What was measured of some species."""

    species: tuple[int, ...] = eqx.field(static=True)
    measured: Array
    noise: Array | None
    name: str = eqx.field(static=True)

    def setting(self, step):
        """Nothing."""
        return None

    def predict(self, problem, value, setting):
        """Pick them."""
        return jnp.stack([value[i] for i in self.species])


@dataclasses.dataclass(frozen=True, eq=False)
class KineticsModel(AbstractModel):
    """A vessel: a scene's `[kinetics]`.

    **Attributes:**

    - `base`: the `ODE`, whose `args` are rates and concentrations at first.
    """

    scene: Scene
    base: stepping.ODE
    space = None
    stepper = "SDIRK3"
    lacking = "no species {}"

    @classmethod
    def build(cls, scene: Scene) -> "KineticsModel":
        """Read the equations."""
        section = scene.data.kinetics
        powers, change = [], []
        for reaction in section.reactions.values():
            left, right = sides(reaction.equation)
            powers.append(tuple(left.get(s, 0) for s in section.species))
            change.append(tuple(right.get(s, 0) - left.get(s, 0) for s in section.species))
        law = MassAction(tuple(powers), tuple(zip(*change, strict=True)))
        model = cls(scene, stepping.ODE(law, _numbers(section)))
        March.build(model)
        return model

    def made(self, values, base, factor=None) -> stepping.ODE:
        """Return the system with new values for rates and first concentrations."""
        return eqx.tree_at(lambda ode: ode.args, base, _numbers(below(self.scene.data, values)))

    @property
    def way(self) -> March:
        """Through time."""
        return March.build(self)

    @property
    def observers(self) -> tuple[Observer, ...]:
        """Every species is observed."""
        pick = lambda i: lambda problem, y: y[i]
        return tuple(Observer(name, pick(i), Observed()) for i, name in enumerate(self.scene.data.kinetics.species))

    def begin(self, problem, drive, t) -> tuple[Array, ...]:
        """Return the concentrations at first."""
        return problem.args[1]

    def samples(self) -> tuple[inverse.Sampled, ...]:
        """Return what was measured, from `[fit.data]`."""
        found, species = [], list(self.scene.data.kinetics.species)
        for name, entry in self.scene.data.fit.data.items():
            with blame(self.scene.file, f"fit.data.{name}"):
                if not isinstance(entry, Concentration):
                    raise SceneError(f'in [kinetics] data are of type "concentration", got {entry.type!r}.')
                table, wanted = io.read_table(self.scene.path_of(entry.file)), entry.species or entry.values
                for one in wanted:
                    if one not in species:
                        raise SceneError(f"no species {one!r}.{nearest(one, species)} There are: {listing(species)}.")
                if len(wanted) != len(entry.values):
                    raise SceneError(f"`species` needs one for each of {len(entry.values)} columns, got {len(wanted)}.")
                measured = np.stack([table[column] for column in entry.values], axis=1)
                noise = noise_of(entry, measured)
                numbers = tuple(map(species.index, wanted))
                noise = None if noise is None else jnp.asarray(noise)
                seen = Concentrations(species=numbers, measured=jnp.asarray(measured), noise=noise, name=name)
                found.append(inverse.Sampled(seen, table[entry.time]))
        return tuple(found)

    @property
    def method(self) -> implicit.Newton:
        """Newton's method without line search; `[solver] rtol`."""
        return implicit.Newton(rtol=self.scene.data.solver.rtol, damped=False, least_steps=3, max_steps=24)


def _numbers(section):
    rates = jnp.stack([as_array(reaction.rate) for reaction in section.reactions.values()])
    return rates, tuple(as_array(start) for start in section.species.values())
