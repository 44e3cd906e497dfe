"""A clip that closes on itself, and a block that sticks on a slope: self-contact and friction.

The upper arm of a C of rubber is pulled down by more than the gap between the arms; from there on both bend. The block's
friction is smoothed over a slip ε in a step: it creeps by ε (1 − √(1 − tan θ/μ)), and slides away where tan θ ≥ μ.

    python examples/closing_clip.py [folder]
"""

import argparse
import pathlib

import equinox as eqx
import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np

import simphys as sp
from simphys import fem, materials, physics, viz


SLIP, FRICTION = 1e-3, 0.5


def clip(n=22, reach=0.01):
    """A C that is open to the right, 1.1 × 0.5, of arms 0.1 thick; the upper one is to be pulled."""
    whole = fem.rectangle((n, 10), (1.1, 0.5))
    points, cells = np.asarray(whole.points), np.asarray(whole.cells)
    middle = points[cells].mean(axis=1)
    kept = ~((middle[:, 0] > 0.1) & (np.abs(middle[:, 1] - 0.25) < 0.15))
    used, cells = np.unique(cells[kept], return_inverse=True)
    mesh = fem.Mesh(points[used], cells.reshape(-1, 4), "quadrilateral")
    mesh = mesh.with_facet_group("left", lambda x: x[0] < 1e-9)
    mesh = mesh.with_point_group("pulled", lambda x: (np.abs(x[0] - 1.0) < 1e-9) & (x[1] > 0.5 - 1e-9))
    rubber = materials.PlaneStrain(materials.NeoHooke.from_young(E=10.0, nu=0.3))
    ends = {"held": fem.Dirichlet("left", 0.0), "pull": fem.Dirichlet("pulled", (None, 0.0))}
    touch = physics.Contact("all", stiffness=1.0, reach=reach)
    return physics.Solid(fem.FunctionSpace(mesh, 1, 2), rubber, ends, touch)


def closed(body, pulls):
    """Lead the arm down; return displacements, forces and the smallest gaps."""
    values, forces, gaps = [], [], []
    start, value = body, jnp.zeros(body.space.shape)
    for pull in pulls:
        load = body.replace("pull", value=-pull)
        solution = sp.solve(load, value, start=start)
        start, value = load, solution.value
        values.append(value)
        forces.append(-float(body.resultant(value, "pulled")[1]))
        gaps.append(float(solution.certificate.touching.smallest))
    return values, np.array(forces), np.array(gaps)


def on_a_slope():
    """A block that nothing but its friction holds; its loads are in the axes of the slope."""
    space = fem.FunctionSpace(fem.rectangle((3, 2), (1.0, 0.5)), 1, 2)
    flat = physics.HalfSpace((0.0, -0.005), (0.0, 1.0))
    ground = physics.Obstacle("bottom", flat, stiffness=10.0, reach=0.01, friction=FRICTION, slip=SLIP)
    stiff = materials.PlaneStrain(materials.LinearElastic(E=1e4, nu=0.3))
    return physics.Solid(space, stiff, (), [physics.BodyForce((0.0, -2.0)), ground])


def creeps(slopes):
    """How far the block creeps, over ε; NaN where it slides away."""
    block = on_a_slope()
    bottom = block.space.nodes_on("bottom")

    @jax.jit
    @jax.vmap
    def creep(slope):
        pull = 2 / jnp.sqrt(1 + slope**2)
        tilted = eqx.tree_at(lambda b: b.loads[0].value, block, jnp.stack([pull * slope, -pull]))
        return jnp.mean(sp.solve(tilted, throw=False).value[bottom, 0]) / SLIP

    return np.asarray(creep(jnp.asarray(slopes)))


def main(folder=".", steps=8, slopes=9):
    jax.config.update("jax_enable_x64", True)
    folder, body = pathlib.Path(folder), clip()
    pulls = 0.4 * np.arange(1, steps + 1) / steps
    values, forces, gaps = closed(body, pulls)
    touched = pulls[np.isfinite(gaps)]
    print(f"force {forces[-1]:.5f} at {pulls[-1]:.2f}; touches at {touched[0]:.2f}, smallest gap {gaps[-1]:.5f}")
    inclines = FRICTION * np.linspace(0.1, 1.1, slopes)
    found = creeps(inclines)
    sticks = np.isfinite(found)
    print(f"sticks up to {inclines[sticks][-1] / FRICTION:.3f} of μ, slides at {inclines[~sticks][0] / FRICTION:.3f}")
    exact = 1 - np.sqrt(1 - inclines[sticks] / FRICTION)
    print(f"creep is off by {np.abs(found[sticks] - exact).max():.4f} of ε")
    return [draw(body, values, (pulls, forces), (inclines, found), folder / "closing_clip.png")]


def draw(body, values, curve, slope, path):
    figure, axes = plt.subplots(1, 3, figsize=(13, 4.2), layout="constrained")
    viz.deformed(body.space, values[-1], ax=axes[0], unit="")
    axes[1].plot(*curve, "o-")
    axes[1].set(xlabel="pull", ylabel="force", title="the arms touch, and both bend")
    tan = np.linspace(0, 1, 200)
    axes[2].plot(tan, 1 - np.sqrt(1 - tan), "-", color="0.6", label="1 − √(1 − tan θ/μ)")
    axes[2].plot(slope[0] / FRICTION, slope[1], "o", label="found")
    axes[2].axvline(1.0, color="0.8", linewidth=1)
    axes[2].set(xlabel="tan θ / μ", ylabel="creep in a step / ε", title="a block on a slope")
    axes[2].legend()
    figure.savefig(path, dpi=110)
    plt.close(figure)
    return path


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", default=".")
    main(parser.parse_args().folder)
