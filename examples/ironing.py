"""A disc is pressed into a block of rubber, and slides along it: ironing, with friction.

The disc is rigid and stays where it is; the foot of the block is moved, up by a part of its height, then along. Where all
of the surface slides the forces are steady: along more than μ times that across, for rubber piles up before the disc.

    python examples/ironing.py [folder]
"""

import argparse
import pathlib

import equinox as eqx
import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np

from simphys import fem, materials, physics, viz
from simphys.stepping import Equilibrium, march


LONG, HIGH, RADIUS, REACH = 4.0, 1.0, 0.5, 0.01
PRESSED, SLID, PRESS_STEPS, SLIP = 0.25, 1.2, 5, 2e-3


class Way(eqx.Module):
    """Where the foot is: up in the first unit of time, along in the second."""

    def __call__(self, body, t):
        up, along = PRESSED * jnp.minimum(t, 1.0), -SLID * jnp.maximum(t - 1.0, 0.0)
        return body.replace("foot", value=jnp.stack([along, up]))


def block(friction, cells=(30, 10)):
    """The block under the disc, that stands at .35 of its length."""
    mesh = fem.rectangle(cells, (LONG, HIGH))
    disc = physics.Sphere((0.35 * LONG, HIGH + REACH + RADIUS), RADIUS)
    iron = physics.Obstacle("top", disc, stiffness=3.0, reach=REACH, friction=friction, slip=SLIP)
    rubber = materials.PlaneStrain(materials.NeoHooke.from_young(E=10.0, nu=0.3))
    foot = {"foot": fem.Dirichlet("bottom", (0.0, 0.0))}
    return physics.Solid(fem.FunctionSpace(mesh, 1, 2), rubber, foot, {"iron": iron})


def times_of(steps):
    """Of the steps down and along."""
    return jnp.concatenate([jnp.linspace(0.0, 1.0, PRESS_STEPS + 1), 1 + jnp.linspace(0.0, 1.0, steps + 1)[1:]])


def ironed(body, steps):
    """Lead the foot along its way; return displacements, and what the disc exerts on the block, along and down."""
    force = lambda t, u, now: now.resultant(u, "bottom")
    found = march(Equilibrium(), body, 0.0, times_of(steps), drive=Way(), observe=force)
    return found.values, found.observed


def steady(forces, steps):
    """Means of the forces along and across while it slides, away from where it begins and from the end of the block."""
    times = times_of(steps)
    slides = ((times > 1.2) & (times < 1.9)).astype(times.dtype)
    return -jnp.vdot(slides, forces[:, 0]) / slides.sum(), jnp.vdot(slides, forces[:, 1]) / slides.sum()


def main(folder=".", n=8, finer=16, steps=16, friction=0.3):
    """Iron on two meshes, print the steady forces and how the one along changes with μ, and draw."""
    jax.config.update("jax_enable_x64", True)
    found = {}
    for rows in (n, finer):
        iron = lambda mu, rows=rows: ironed(block(mu, (4 * rows, rows)), steps)
        if rows == n:
            (values, forces), (_, change) = jax.jvp(iron, (jnp.asarray(friction),), (jnp.ones(()),))
        else:
            values, forces = iron(friction)
        along, across = steady(forces, steps)
        print(
            f"{rows} rows of cells: along {along:.4f}, across {across:.4f}, μ {friction:g} becomes {along / across:.4f}"
        )
        found[rows] = values, forces
    print(f"the force along grows by {steady(change, steps)[0]:.4f} for each unit of μ")
    return [draw(block(friction, (4 * finer, finer)), found, times_of(steps), pathlib.Path(folder) / "ironing.png")]


def draw(body, found, times, path):
    """The block of the finer mesh while it is ironed, and the forces on both."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 3.6), layout="constrained", width_ratios=(1.5, 1))
    shown = int(np.argmin(np.abs(np.asarray(times) - 1.6)))
    viz.deformed(body.space, found[max(found)][0][shown], ax=left, unit="")
    disc = body.loads["iron"].shape
    left.add_patch(plt.Circle(np.asarray(disc.centre), RADIUS, fc="0.85", ec="0.4"))
    left.set_ylim(-0.05, HIGH + 2 * RADIUS + 0.25)
    for rows, style in zip(found, ("o", "-"), strict=True):
        forces = found[rows][1]
        right.plot(times, forces[:, 1], f"C0{style}", ms=3, label=f"across, {rows} rows")
        right.plot(times, -forces[:, 0], f"C1{style}", ms=3, label=f"along, {rows} rows")
    right.set(xlabel="pressed until 1, then slid", ylabel="force")
    right.legend(fontsize=8)
    figure.savefig(path, dpi=110)
    plt.close(figure)
    return path


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", default=".")
    main(parser.parse_args().folder)
