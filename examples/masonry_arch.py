"""A semicircular arch of stones without mortar: it stands if it is thick enough, and hinges and falls if it is not.

Stones that neither crush nor slide stand under their own weight if a line of thrust fits into the arch; that of a
semicircle needs t/R ≥ .1075 (V. Milankovitch 1907; J. Heyman, The Stone Skeleton, 1995). Here thirteen stiff stones touch
with Coulomb's friction, and are led through time: what stands creeps by less than the `slip_speed` of its friction, what
does not hinges at the crown, haunches and springings, and falls. Joints yield by a part of their reach of .002 R: near
the limit (.12) they sink until no line of thrust fits.

    python examples/masonry_arch.py [folder]
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


REACH, GAP, SLIP_SPEED = 2e-3, 1.9e-3, 1e-2


def stone(low, high, thickness):
    """A stone between two angles, half a gap smaller at each joint."""
    mesh = fem.rectangle((1, 2))
    x, y = np.asarray(mesh.points).T[:, :, None]
    radius = 1 - thickness / 2 + thickness * y
    at = lambda angle, aside: (
        radius * [np.cos(angle), np.sin(angle)] + aside * np.array([-np.sin(angle), np.cos(angle)])
    )
    right, left = at(low, GAP / 2), at(high, -GAP / 2)
    return eqx.tree_at(lambda m: m.points, mesh, jnp.asarray(left + (right - left) * x))


def support(side, thickness):
    """What a springing stands on."""
    mesh = fem.rectangle((1, 1))
    x, y = np.asarray(mesh.points).T
    points = np.stack([side + thickness * (2 * x - 1), 0.1 * (y - 1) - GAP / 2 * y], axis=1)
    return eqx.tree_at(lambda m: m.points, mesh, jnp.asarray(points))


def arch(thickness, stones=13):
    """The arch of radius 1 on two supports, its weight 1 a volume; every joint is one of an even and an odd stone."""
    angles = np.linspace(0, np.pi, stones + 1)
    parts = {f"s{k}": stone(angles[k], angles[k + 1], thickness) for k in range(stones)}
    mesh = fem.join(parts | {"right": support(1, thickness), "left": support(-1, thickness)})
    joints = lambda first: [f"s{k}_{side}" for k in range(first, stones, 2) for side in ("left", "right")]
    mesh = mesh.with_union("even", joints(0)).with_union("odd", [*joints(1), "right_top", "left_top"])
    rubs = dict(friction=0.7, slip=1e-4, slip_speed=SLIP_SPEED)
    touch = physics.Contact(("even", "odd"), stiffness=300.0, reach=REACH, samples=3, travel=0.4, **rubs)
    law = materials.PlaneStrain(materials.NeoHooke.from_young(E=3e3, nu=0.2))
    held = [fem.Dirichlet(f"{side}_bottom", 0.0) for side in ("right", "left")]
    loads = [physics.BodyForce((0.0, -1.0)), touch]
    return physics.Solid(fem.FunctionSpace(mesh, 1, 2), law, held, loads, density=1.0)


def led(body, end, every=5e-3):
    """Leave it to its weight; return displacements every tenth of the time."""
    rest, times = jnp.zeros(body.space.shape), jnp.linspace(0.0, end, round(end / every) + 1)
    found = march(GeneralisedAlpha(0), body, (rest, rest), times, save=(len(times) - 1) // 10)
    return np.asarray(found.values)


def draw(axis, body, value, title):
    """Draw its stones."""
    x = np.asarray(body.space.nodes()) + value
    for cell in np.asarray(body.space.mesh.cells):
        axis.fill(*x[cell[[0, 1, 3, 2]]].T, facecolor="0.85", edgecolor="0.3", lw=0.6)
    axis.set_aspect("equal")
    axis.set_xlim(-1.3, 1.3)
    axis.set_ylim(-0.15, 1.15)
    axis.set_axis_off()
    axis.set_title(title, fontsize=10)


def main(folder=".", end=1.4, thicknesses=(0.14, 0.08), stones=13, every=5e-3):
    """Lead arches through time, print how far and how fast their crowns fall, and draw them."""
    jax.config.update("jax_enable_x64", True)
    folder = pathlib.Path(folder)
    figure, axes = plt.subplots(1, len(thicknesses), figsize=(9, 2.8), layout="constrained")
    for axis, thickness in zip(axes, thicknesses, strict=True):
        body = arch(thickness, stones)
        values = led(body, end, every)
        fallen = -values[:, :, 1].min(axis=1)
        speed = (fallen[-1] - fallen[-2]) / (end / 10)
        print(f"t/R = {thickness:g}: the lowest point has sunk by {fallen[-1]:.4f}, at {speed:.4f}")
        draw(axis, body, values[-1], f"t/R = {thickness:g}, after {end:g} √(R/g)")
    figure.savefig(folder / "masonry_arch.png", dpi=110)
    plt.close(figure)
    return [folder / "masonry_arch.png"]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", default=".")
    main(parser.parse_args().folder)
