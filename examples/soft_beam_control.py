"""How to push a soft beam so that it stands still, bent, after 0.4 s: an actuation found through the time loop.

The upper side of a rubber cantilever carries a pressure that changes in time. What its values must be at a few times, for
the tip to be at the target and at rest in the end and to stay there, is a least-squares problem whose derivatives go
through every step of the motion.

    python examples/soft_beam_control.py [folder]
"""

import pathlib
import sys

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

import simphys as sp
from simphys.fem import Dirichlet, FunctionSpace, rectangle
from simphys.inverse import train
from simphys.materials import NeoHooke, PlaneStrain
from simphys.physics import Pressure, Solid
from simphys.stepping import Drive, GeneralisedAlpha, Tabulated, march


jax.config.update("jax_enable_x64", True)

LENGTH, HEIGHT = 100.0, 10.0  # mm
ARRIVAL, END = 0.4, 0.56  # s
TARGET = -20.0  # mm


def main(folder=".", cells=(10, 1), steps=56, max_iterations=12):
    space = FunctionSpace(rectangle(cells, (LENGTH, HEIGHT)), 2, components=2)
    # MPa, mm, s: forces in N, masses in tonnes.
    law = PlaneStrain(NeoHooke(mu=0.35, lam=1.4))
    beam = Solid(space, law, [Dirichlet("left", 0.0)], [Pressure("top", 1e-3)], density=1.1e-9)
    tip = int(np.argmax(np.asarray(space.nodes()).sum(axis=1)))
    times = jnp.linspace(0.0, END, steps + 1)
    knots = jnp.linspace(0.0, ARRIVAL, 7)
    height = lambda t, value, beam: value[tip, 1]

    @eqx.filter_jit
    def moved(pressures):
        history = Tabulated(knots, jnp.concatenate([jnp.zeros(1), pressures]))
        drive = Drive((lambda b: b.loads[0].value, history))
        stepper = GeneralisedAlpha(0.8)
        return march(stepper, beam, (0.0, 0.0), times, drive=drive, observe=height, save=4, throw=False)

    late = np.asarray(times) >= ARRIVAL - 1e-9

    def residuals(pressures, target):
        path = moved(pressures)
        missed = jnp.where(path.failed_step < 0, path.observed[late] - target, jnp.nan)
        return jnp.concatenate([missed / target / np.sqrt(late.sum()), 1e-3 * pressures])

    start = jnp.array([0.1] * 6)
    found = train(residuals, start, jnp.asarray(TARGET), max_iterations=max_iterations)
    path, first = moved(found.model), moved(start)
    missed = np.abs(np.asarray(path.observed)[late] - TARGET).max()
    before = np.abs(np.asarray(first.observed)[late] - TARGET).max()
    print(f"after arrival the tip stays within {missed:.3f} mm of the target (at the start {before:.1f} mm)")
    print("pressures:", " ".join(f"{p:.3f}" for p in np.asarray(found.model)), "kPa")
    folder = pathlib.Path(folder)
    Curve, Panel = sp.viz.Curve, sp.viz.Panel
    target = sp.viz.Points(np.asarray(times)[late], np.full(late.sum(), TARGET), None, "target")
    moves = (Curve(times, path.observed, "found"), Curve(times, first.observed, "at the start"))
    pushes = Curve(np.append(knots, END), np.concatenate([[0.0], found.model, found.model[-1:]]), "")
    panels = [
        Panel(target, moves, "time in s", "height of the tip in mm"),
        Panel((), pushes, "time in s", "pressure in kPa"),
    ]
    frames = list(path.values)
    return [
        sp.viz.compare_curves(panels, folder / "soft_beam.png"),
        sp.viz.animation(space, frames, folder / "soft_beam.gif", times=np.asarray(times)[::4], displacements=frames,
                         label="displacement", unit="mm", time_unit="s"),
    ]  # fmt: skip


if __name__ == "__main__":
    main(*sys.argv[1:])
