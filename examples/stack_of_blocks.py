"""Five blocks on each other, each a step to the right of the one below: a stack that stands, and one that tips over.

Of blocks of length 1 whose step is s, the middle of the m on top lies s (m + 1)/2 beside that of the block below them: they
stay there up to ½, so that four on the lowest stand for s ≤ 1/5. Here stiff blocks touch with Coulomb's friction, and are
led through time.

    python examples/stack_of_blocks.py [folder]
"""

import argparse
import pathlib

import equinox as eqx
import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np

from simphys import fem, materials, physics
from simphys.stepping import GeneralisedAlpha, march


REACH, GAP, HEIGHT, COUNT = 2e-3, 1.95e-3, 0.4, 5


def stack(step):
    """The blocks, a gap apart; every joint is one of an even and an odd block."""
    block = fem.rectangle((2, 1), (1.0, HEIGHT))
    moved = lambda k: block.points + jnp.array([[k * step, k * (HEIGHT + GAP)]])
    mesh = fem.join({f"b{k}": eqx.tree_at(lambda m: m.points, block, moved(k)) for k in range(COUNT)})
    sides = lambda first: [f"b{k}_{side}" for k in range(first, COUNT, 2) for side in ("bottom", "top")]
    mesh = mesh.with_union("even", sides(0)).with_union("odd", sides(1))
    rubs = dict(friction=0.5, slip=1e-4, slip_speed=1e-2)
    touch = physics.Contact(("even", "odd"), stiffness=300.0, reach=REACH, samples=2, travel=0.8, **rubs)
    law = materials.PlaneStrain(materials.NeoHooke.from_young(E=3e3, nu=0.2))
    loads = [physics.BodyForce((0.0, -1.0)), touch]
    return physics.Solid(fem.FunctionSpace(mesh, 1, 2), law, fem.Dirichlet("b0_bottom", 0.0), loads, density=1.0)


def led(body, end, every):
    """Leave it to its weight; return displacements at the end of each tenth of the time, and the force on the ground."""
    rest, times = jnp.zeros(body.space.shape), jnp.linspace(0.0, end, round(end / every) + 1)
    ground = lambda t, u, now: now.resultant(u, "b0_bottom")[1]
    found = march(GeneralisedAlpha(0), body, (rest, rest), times, save=(len(times) - 1) // 10, observe=ground)
    return np.asarray(found.values), np.asarray(found.observed)


def draw(axis, body, value, title):
    """Draw its blocks."""
    x = np.asarray(body.space.nodes()) + value
    for cell in np.asarray(body.space.mesh.cells):
        axis.fill(*x[cell[[0, 1, 3, 2]]].T, facecolor="0.85", edgecolor="0.3", lw=0.6)
    axis.set_aspect("equal")
    axis.set_xlim(-0.2, 2.9)
    axis.set_ylim(0.0, 2.1)
    axis.set_axis_off()
    axis.set_title(title, fontsize=10)


def main(folder=".", end=3.0, every=0.03, steps=(0.17, 0.23)):
    """Lead stacks through time, print how far the top sinks and how fast, and draw them."""
    jax.config.update("jax_enable_x64", True)
    folder = pathlib.Path(folder)
    figure, axes = plt.subplots(1, len(steps), figsize=(8, 3.0), layout="constrained")
    for axis, step in zip(axes, steps, strict=True):
        body = stack(step)
        values, ground = led(body, end, every)
        fallen = -values[:, :, 1].min(axis=1)
        weight = COUNT * HEIGHT
        print(
            f"s = {step:g}: sunk by {fallen[-1]:.4f}, at {(fallen[-1] - fallen[-2]) / (end / 10):.4f}; "
            f"the ground bears {ground[-1] / weight:.4f} of the weight"
        )
        draw(axis, body, values[-1], f"s = {step:g}, after {end:g} √(L/g)")
    figure.savefig(folder / "stack_of_blocks.png", dpi=110)
    plt.close(figure)
    return [folder / "stack_of_blocks.png"]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", default=".")
    main(parser.parse_args().folder)
