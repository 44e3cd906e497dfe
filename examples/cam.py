"""The shape of a cam that lifts a spring with a wanted force: the gradient by an obstacle's shape.

A stiff plate on a soft block, that can only move up and down, lies flat on a cam that turns. The force at the top follows a
wanted curve over the turn if the cam's support function, how far its tangent across the lift is from the axis, is
p(θ) = c + F(θ)/K: that shape is known, and here it is found from the force alone, from a round cam.

    python examples/cam.py [folder]
"""

import argparse
import pathlib

import equinox as eqx
import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np

from simphys import fem, inverse, materials, physics


WIDE, SOFT, STIFF, BELOW, DOWN = 2.0, 1.0, 0.3, 1.6, 0.6
"""Width, heights of the block and of the plate, how far the axis is below it, how far the top is pressed down."""
REACH = 2e-3
SPRING = WIDE / SOFT
"""K, the force for a unit of lift: of a block of modulus 1 that cannot widen."""


def radius(angle, radii):
    """r(φ) = Σ r_k cos kφ."""
    return jnp.sum(radii * jnp.cos(jnp.arange(1.0 * radii.shape[0]) * angle))


def distance(x, cam):
    """(|x| − r)/√(1 + (r′/r)²) about the axis: the distance near the cam, turned by an angle."""
    x = x - jnp.array([WIDE / 2, -BELOW])
    length, angle = jnp.linalg.norm(x), jnp.arctan2(x[0], x[1]) + cam["angle"]
    r, slope = jax.value_and_grad(radius)(angle, cam["radii"])
    return (length - r) / jnp.sqrt(1 + (slope / r) ** 2)


def follower(radii, along=40):
    """The plate and the block on a cam; two rows of cells each."""
    mesh = fem.rectangle((along, 4), (WIDE, 4.0))
    heights = jnp.array([0.0, STIFF / 2, STIFF, STIFF + SOFT / 2, STIFF + SOFT])
    rows = jnp.round(mesh.points[:, 1]).astype(int)
    mesh = eqx.tree_at(lambda m: m.points, mesh, mesh.points.at[:, 1].set(heights[rows]))
    modulus = fem.CellField(jnp.where(jnp.arange(mesh.n_cells) < 2 * along, 1e4, 1.0))
    law = materials.PlaneStrain(materials.LinearElastic(E=modulus, nu=0.0))
    ends = {"top": fem.Dirichlet("top", (0.0, -DOWN))}
    ends |= {side: fem.Dirichlet(side, (0.0, None)) for side in ("left", "right")}
    shape = physics.Distance(distance, {"radii": jnp.asarray(radii), "angle": jnp.asarray(0.0)})
    cam = physics.Obstacle("bottom", shape, stiffness=100.0, reach=REACH, degree=9)
    return physics.Solid(fem.FunctionSpace(mesh, 1, 2), law, ends, {"cam": cam})


def wanted(angle):
    """The force over the turn, symmetric."""
    return 0.6 + 0.35 * jnp.cos(angle) + 0.1 * jnp.cos(2 * angle)


def exact(angle):
    """Points of the cam whose support function is p(θ) = c + F(θ)/K: p e + p′ e′."""
    p, slope = jax.vmap(jax.value_and_grad(lambda a: BELOW - DOWN + wanted(a) / SPRING))(angle)
    out = jnp.stack([jnp.sin(angle), jnp.cos(angle)], axis=1)
    across = jnp.stack([jnp.cos(angle), -jnp.sin(angle)], axis=1)
    return p[:, None] * out + slope[:, None] * across


def led(body, angles):
    """The turns of the cam as an experiment that reads the force at the top, which is to be what is wanted."""
    force = inverse.Resultant(body.space, "top", -np.asarray(wanted(angles)), 1e-3, component=1)
    return inverse.LoadSteps(body, lambda b: b.loads["cam"].shape.parameters["angle"], angles, [force])


def main(folder=".", lobes=5, turns=8, along=40):
    """Find the cam, print how far force and shape are off, and draw them."""
    jax.config.update("jax_enable_x64", True)
    angles = jnp.linspace(0.0, jnp.pi, turns)
    path = led(follower([BELOW - DOWN + 0.3] + [0.0] * lobes, along), angles)
    sought = inverse.Parameter("radii", lambda b: b.loads["cam"].shape.parameters["radii"])
    found = inverse.fit(path, [sought], discretisation="ignore")
    off = 1e-3 * np.abs(np.asarray(found.evaluation.residuals)).max()
    places = np.asarray(exact(jnp.linspace(0.0, jnp.pi, 181)))
    own = jax.vmap(radius, (0, None))(jnp.arctan2(places[:, 0], places[:, 1]), jnp.asarray(found.values))
    inset = np.hypot(*places.T) - np.asarray(own)
    print(
        f"{found.status}: the force is off by {off:.5f} of 1.05, the cam lies {inset.mean():.5f} within the known one"
    )
    print(f"(the gap: its reach is {REACH}), ± {np.abs(inset - inset.mean()).max():.5f} of a lift of 0.35")
    return [draw(found, angles, pathlib.Path(folder) / "cam.png")]


def draw(found, angles, path):
    """The follower on its cam, three times in the turn, and the force over the turn."""
    figure, axes = plt.subplots(1, 4, figsize=(13, 3.6), layout="constrained", width_ratios=(1, 1, 1, 1.3))
    turn = np.linspace(0.0, 2 * np.pi, 200)
    radii = jnp.asarray(found.values)
    r = np.asarray(jax.vmap(radius, (0, None))(jnp.asarray(turn), radii))
    values = found.evaluation.memory[1]
    for axis, step in zip(axes, (0, len(angles) // 2, len(angles) - 1), strict=False):
        x = np.asarray(found.problem.space.nodes() + values[step])
        for k, cell in enumerate(np.asarray(found.problem.space.cells)):
            stiff = k < found.problem.space.mesh.n_cells // 2
            axis.fill(*x[cell[[0, 1, 3, 2]]].T, fc="0.6" if stiff else "C1", ec="white", lw=0.2)
        at = turn - float(angles[step])
        axis.fill(WIDE / 2 + r * np.sin(at), r * np.cos(at) - BELOW, fc="C0", ec="none")
        axis.add_patch(plt.Circle((WIDE / 2, -BELOW), BELOW - DOWN + 0.3, fc="none", ec="k", lw=0.6, ls=":"))
        axis.plot([WIDE / 2], [-BELOW], "k+")
        axis.set(aspect="equal", title=f"turned by {np.degrees(float(angles[step])):.0f}°", ylim=(-3.2, 0.8))
        axis.set_axis_off()
    residuals = np.asarray(found.evaluation.residuals)
    axes[3].plot(np.degrees(turn), np.asarray(wanted(turn)), "-", color="0.6", label="wanted")
    axes[3].plot(np.degrees(angles), np.asarray(wanted(angles)) - 1e-3 * residuals, "o", label="computed")
    axes[3].axhline(0.6, color="C1", lw=1, label="of the round cam it began as")
    axes[3].set(xlabel="turn (°)", ylabel="force", ylim=(0, 1.15))
    axes[3].legend(fontsize=8)
    figure.savefig(path, dpi=110)
    plt.close(figure)
    return path


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", default=".")
    main(parser.parse_args().folder)
