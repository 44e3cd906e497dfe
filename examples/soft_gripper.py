"""A soft gripper that holds a weight by friction, squeezed no more than that takes.

Two fingers of rubber hang from a hand that moves their roots inwards by s; their pads press on a body from both sides with
the force N. A weight W hung on it is held as long as W/2 < μ N, with N as it is then: s is found for μ N = 1.1 W/2 by
Newton's method, with the derivative through both steps, gripping and hanging, and their contact. The same derivative says
with how much less the body slips; tried there, it does. One half is computed, for symmetry.

    python examples/soft_gripper.py [folder]
"""

import argparse
import pathlib

import equinox as eqx
import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.collections import PolyCollection

import simphys as sp
from simphys import fem, materials, physics


FRICTION, SLIP, REACH, WEIGHT, MARGIN = 0.5, 1e-3, 5e-3, 0.014, 1.1
"""μ, ε, the reach of the contact, W, and μ N over W/2."""


def gripper(rows):
    """Half of the body, 1 × 1, and a finger 2.2 long whose pad is round, so that it rolls on the body as it bends."""
    block, finger = fem.rectangle((rows // 2, rows), (0.5, 1.0), degree=2), fem.rectangle((3, 3 * rows), degree=2)
    x, t = finger.points.T
    y = 2.2 * (0.6 * t + 0.4 * t**3)
    away = jnp.where(y < 1.2, 0.5 * (y - 0.3) ** 2, 0.405 + 0.9 * (y - 1.2) * (2.2 - y))
    points = jnp.stack([0.5 + 0.6 * REACH + away + x * (1.1 - away), y], axis=1)
    finger = eqx.tree_at(lambda m: m.points, finger, points)
    mesh = fem.join({"block": block, "finger": finger})
    modulus = fem.CellField(jnp.where(jnp.arange(mesh.n_cells) < block.n_cells, 1e3, 10.0))
    law = materials.PlaneStrain(materials.NeoHooke.from_young(E=modulus, nu=0.4))
    ends = {"middle": fem.Dirichlet("block_left", (0.0, None)), "root": fem.Dirichlet("finger_top", (0.0, 0.0))}
    rubs = dict(friction=FRICTION, slip=SLIP)
    touch = physics.Contact(("block_right", "finger_left"), stiffness=3.0, reach=REACH, travel=0.6, **rubs)
    loads = {"pads": touch, "weight": physics.Traction("block_bottom", (0.0, 0.0))}
    return physics.Solid(fem.FunctionSpace(mesh, 2, 2), law, ends, loads)


def hung(body, squeeze):
    """Move the roots in, then hang the weight on what is gripped; return N and the solutions of both steps."""
    gripping = body.replace("root", value=jnp.stack([-squeeze, 0 * squeeze]))
    # (Where the weight slips there is no derivative, neither through the first step: the second one's result says so.)
    gripped = sp.solve(gripping, jnp.zeros(body.space.shape), start=body, throw=False)
    pull = jnp.array([0.0, -WEIGHT])  # W/2 over a bottom of ½
    hanging = physics.stepped(gripping, gripped.value).replace("weight", value=pull)
    solution = sp.solve(hanging, gripped.value, start=gripping, throw=False)
    return -physics.contact(hanging, solution.value, "pads").force[0], (gripped, solution)


with_slope = eqx.filter_jit(sp.value_and_grad(lambda s, body: hung(body, s), has_aux=True))
"""N, both solutions, dN/ds and its certificate."""


def squeezed(body, guess=0.29, steps=6):
    """Return the s for which μ N = 1.1 W/2 with the weight hung, by Newton's method, and N, dN/ds, the solutions there."""
    squeeze, wanted = jnp.asarray(guess, float), MARGIN * WEIGHT / (2 * FRICTION)
    for _ in range(steps):
        (force, solutions), slope, _ = with_slope(squeeze, body)
        if abs(force - wanted) < 1e-6 * wanted:
            break
        squeeze = squeeze + (wanted - force) / slope
    return squeeze, force, slope, solutions


def _named(result):
    return "held" if result == sp.RESULTS.successful else "slips" if result == sp.RESULTS.load_limit else "unknown"


def main(folder=".", meshes=(6, 10), apart=0.02):
    """Find the squeeze on each mesh, try it a little below and above where the weight is to slip, and draw what holds."""
    jax.config.update("jax_enable_x64", True)
    for rows in meshes:
        body = gripper(rows)
        squeeze, force, slope, (gripped, solution) = squeezed(body)
        least = squeeze - (force - WEIGHT / (2 * FRICTION)) / slope
        tried = [with_slope(k * least, body)[0][1][1] for k in (1 - apart, 1 + apart)]
        told = [f"{float(end.certificate.load_factor):.3f} W ({_named(end.result)})" for end in tried]
        fall = jnp.mean((gripped.value - solution.value)[body.space.nodes_on("block_bottom"), 1])
        print(
            f"{rows} rows: squeezed by {squeeze:.5f} it holds {2 * FRICTION * force / WEIGHT:.5f} W, lower by {fall:.6f}; "
            f"N grows by {slope:.6f} s, so {least:.5f} is least: with {(1 - apart) * least:.5f} it holds {told[0]}, "
            f"with {(1 + apart) * least:.5f} {told[1]}"
        )
    return [draw(body, np.asarray(solution.value), pathlib.Path(folder) / "soft_gripper.png")]


def draw(body, value, path):
    """Before and after."""
    figure, axes = plt.subplots(1, 2, figsize=(8, 3.2), layout="constrained")
    cells = np.asarray(body.space.mesh.cells)[:, [0, 1, 3, 2]]
    block = np.isin(np.arange(len(cells)), np.asarray(body.space.mesh.cell_groups["block"]))
    for axis, moved, title in zip(axes, (0 * value, value), ("open", "squeezed, and a weight hung"), strict=True):
        x = np.asarray(body.space.nodes()) + moved
        for flip in ((1, 1), (-1, 1)):
            axis.add_collection(PolyCollection(x[cells[block]] * flip, fc="0.8", ec="0.6", lw=0.4, snap=False))
            axis.add_collection(PolyCollection(x[cells[~block]] * flip, fc="C1", ec="white", lw=0.4, snap=False))
        axis.set(aspect="equal", xlim=(-1.8, 1.8), ylim=(-0.5, 2.3), title=title)
        axis.set_axis_off()
    axes[1].annotate("W", (0, -0.5), (0, 0), ha="center", arrowprops=dict(arrowstyle="->"), va="bottom")
    figure.savefig(path, dpi=90)
    plt.close(figure)
    return path


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", default=".")
    main(parser.parse_args().folder)
