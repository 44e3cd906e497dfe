"""A ring of rubber, pinched between two plates, is rolled out by friction as the upper one moves.

Where it rolls its axis moves by half of what the plate does. It turns as a disc does on whose rim the squeezed surface
lies: by D/2 over R λ, with λ the stretch of the surface where it lies on the plate: flattened, the outside of the ring gets
shorter. Nothing takes work then: the force along is none.

    python examples/rolled_ring.py [folder]
"""

import argparse
import pathlib

import equinox as eqx
import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.collections import PolyCollection

from simphys import fem, materials, physics
from simphys.stepping import Equilibrium, march


INNER, REACH, GAP, SLIP = 0.7, 0.01, 0.006, 1e-3
SQUEEZED, ROLLED, PRESS_STEPS = 0.15, 1.6, 3
"""How far the upper plate comes down, and moves on, by the outer radius; steps of the first."""


class Way(eqx.Module):
    """Where the upper plate is: down in the first unit of time, along in the second."""

    def __call__(self, body, t):
        down, along = -SQUEEZED * jnp.minimum(t, 1.0), ROLLED * jnp.maximum(t - 1.0, 0.0)
        return body.replace("moved", value=jnp.stack([along, down]))


def ring(around):
    """Quadratic cells between the radii, as a strip whose ends are made one."""
    strip = fem.rectangle((around, 2), (1.0, 1.0), degree=2)
    s, r = np.asarray(strip.points).T
    angle, radius = -2 * np.pi * s + np.pi / 2, INNER + (1 - INNER) * r
    points = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
    _, kept, same = np.unique(np.round(points * 1e9), axis=0, return_index=True, return_inverse=True)
    mesh = fem.Mesh(points[kept], same.ravel()[np.asarray(strip.cells)], "quadrilateral", 2)
    return mesh.with_facet_group("outside", lambda x: np.hypot(*x) > 1 - 1e-9)


def plate(cells, low, left):
    """A plate, that is not to deform."""
    mesh = fem.rectangle((cells, 1), (3.0, 0.1), degree=2)
    return eqx.tree_at(lambda m: m.points, mesh, mesh.points + jnp.array([[left, low]]))


def pinched(around, friction=0.5):
    """The ring between its plates."""
    parts = {"ring": ring(around)}
    parts |= {"lower": plate(around, -1.1 - GAP, -1.1), "upper": plate(around, 1 + GAP, -1.9)}
    mesh = fem.join(parts).with_union("plates", ["lower_top", "upper_bottom"])
    rubs = dict(friction=friction, slip=SLIP)
    touch = physics.Contact(("ring_outside", "plates"), stiffness=3.0, reach=REACH, travel=3.0, **rubs)
    law = materials.PlaneStrain(materials.NeoHooke.from_young(E=10.0, nu=0.3))
    ends = {"held": fem.Dirichlet("lower", (0.0, 0.0)), "moved": fem.Dirichlet("upper", (0.0, 0.0))}
    return physics.Solid(fem.FunctionSpace(mesh, 2, 2), law, ends, {"touch": touch})


def rolled(body, steps):
    """Squeeze and roll it; return displacements and the force on the upper plate."""
    times = jnp.concatenate([jnp.linspace(0.0, 1.0, PRESS_STEPS + 1), 1 + jnp.linspace(0.0, 1.0, steps + 1)[1:]])
    force = lambda t, u, now: now.resultant(u, "upper")
    found = march(Equilibrium(), body, 0.0, times, drive=Way(), observe=force)
    return found.values, found.observed


def motion(body, values):
    """Return where its axis is along x, and how far it has turned (clockwise), the best fit of a rigid motion."""
    own = np.unique(np.asarray(body.space.cells)[np.asarray(body.space.mesh.cell_groups["ring"])])
    rest = np.asarray(body.space.nodes())[own]
    now = rest + np.asarray(values)[:, own]
    axis = now.mean(axis=1)
    off = now - axis[:, None]
    cross = rest[:, 1] * off[:, :, 0] - rest[:, 0] * off[:, :, 1]
    return axis[:, 0], np.arctan2(cross.sum(axis=1), (rest * off).sum(axis=(1, 2)))


def flattened(body, value, wide=0.17):
    """λ, the stretch of the outside where it lies on the upper plate: from the nodes within a width about the axis."""
    nodes = np.asarray(body.space.nodes_on("ring_outside"))
    rest, now = np.asarray(body.space.nodes())[nodes], np.asarray(body.space.nodes() + value)[nodes]
    axis = now.mean(axis=0)
    near = np.flatnonzero((now[:, 1] > axis[1]) & (np.abs(now[:, 0] - axis[0]) < wide))
    first, last = near[np.argsort(now[near, 0])][[0, -1]]
    turned = np.arccos(rest[first] @ rest[last])
    return np.linalg.norm(now[last] - now[first]) / turned


def main(folder=".", around=32, finer=48, steps=16, friction=0.5):
    """Roll the ring on two meshes; print how far its axis goes, how far it turns, and with what force; draw it."""
    jax.config.update("jax_enable_x64", True)
    seen = {}
    for n in dict.fromkeys((around, finer)):
        body = pinched(n, friction)
        values, forces = (np.asarray(each) for each in rolled(body, steps))
        axis, turned = motion(body, values)
        part = lambda way, of: (way[-1] - way[PRESS_STEPS]) / of
        pull = np.abs(forces[PRESS_STEPS:, 0] / forces[PRESS_STEPS:, 1]).max()
        print(
            f"{n} cells around: the axis goes {part(axis, ROLLED):.6f} of the plate's way, "
            f"the turn is {part(turned, ROLLED / 2):.5f} of ½ D/R; "
            f"stretches where squeezed give {1 / flattened(body, values[PRESS_STEPS]):.5f}, "
            f"where rolled {1 / flattened(body, values[-1]):.5f}; "
            f"force across {-forces[-1, 1]:.5f}, along at most {pull:.4f} of it"
        )
        seen[n] = body, values, turned
    return [draw(*seen[finer], pathlib.Path(folder) / "rolled_ring.png")]


def draw(body, values, turned, path):
    """The ring squeezed, half-way and at the end, with a mark on it."""
    figure, axes = plt.subplots(1, 3, figsize=(12, 3.2), layout="constrained")
    top = np.asarray(body.space.nodes_on("ring_outside"))
    spoke = top[np.argmax(np.asarray(body.space.nodes())[top, 1])]
    cells = np.asarray(body.space.mesh.cells)[:, [0, 1, 3, 2]]
    ring = np.asarray(body.space.mesh.cell_groups["ring"])
    for axis, step in zip(axes, (PRESS_STEPS, (PRESS_STEPS + len(values)) // 2, len(values) - 1), strict=True):
        x = np.asarray(body.space.nodes()) + values[step]
        inside = np.isin(np.arange(len(cells)), ring)
        axis.add_collection(PolyCollection(x[cells[inside]], fc="C1", ec="white", lw=0.4))
        axis.add_collection(PolyCollection(x[cells[~inside]], fc="0.8", ec="0.6", lw=0.3))
        axis.plot(*x[spoke], "ko", ms=5)
        axis.set(aspect="equal", xlim=(-2, 3), ylim=(-1.25, 1.15))
        axis.set_title(f"turned by {abs(np.degrees(turned[step])):.1f}°")
        axis.set_axis_off()
    figure.savefig(path, dpi=90)
    plt.close(figure)
    return path


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", default=".")
    main(parser.parse_args().folder)
