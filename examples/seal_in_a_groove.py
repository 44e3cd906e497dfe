"""The profile of a rubber seal in a groove, for the pressure at which it leaks.

A seal keeps a fluid back up to the highest pressure with which it is pressed on along the way of the fluid: here that of
its section on the lid. A round section of nearly incompressible rubber is squeezed by a fifth, until the groove is filled
by 85 %; three numbers change its profile, so that the pressure grows while its area (the rubber that it takes) and the
force that closes the lid stay. Without friction, as seals are greased.

    python examples/seal_in_a_groove.py [folder]
"""

import argparse
import pathlib

import equinox as eqx
import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.collections import PolyCollection
from scipy.optimize import linprog

import simphys as sp
from simphys import fem, materials, physics


HIGH, WIDE, REACH, RULE = 0.8, 1.15, 4e-3, 6
"""Half the height and the width of the groove (mm), the degree of the contact's rule."""
SHEAR, POWER, BOUND = 2.0, 8, 0.04
"""Shear modulus (MPa); power of the mean that takes the place of the highest pressure; bound of a_k."""


def quarter(n):
    """A quarter of a disc of radius 1: a square of n × n quadratic cells, and n rows round it on two sides."""
    s = np.linspace(0.0, 1.0, 2 * n + 1)
    at = np.stack(np.meshgrid(s, s, indexing="ij"), axis=-1)
    square = 0.5 * at * (1 - 0.2 * at[..., ::-1] ** 2)
    ends = np.stack([np.cos(np.pi / 4 * s), np.sin(np.pi / 4 * s)], axis=-1)
    side = square[-1] + s[:, None, None] * (ends - square[-1])
    points, cells, order = [], [], np.rint(2 * fem.reference_nodes("quadrilateral", 2)).astype(int)
    # The upper part is the mirror image of that on the right, its axes exchanged so that no cell is turned over.
    for first, part in enumerate((square, side, np.swapaxes(side[..., ::-1], 0, 1))):
        number = first * s.size**2 + np.arange(s.size**2).reshape(s.size, s.size)
        cells.append(
            np.stack([number[i : i + 2 * n - 1 : 2, j : j + 2 * n - 1 : 2].ravel() for i, j in order], axis=-1)
        )
        points.append(part.reshape(-1, 2))
    points, cells = np.concatenate(points), np.concatenate(cells)
    _, kept, same = np.unique(np.round(points * 1e9), axis=0, return_index=True, return_inverse=True)
    mesh = fem.Mesh(points[kept], same.ravel()[cells], "quadrilateral", 2)
    mesh = mesh.with_facet_group("across", lambda x: x[0] < 1e-9).with_facet_group("along", lambda x: x[1] < 1e-9)
    return mesh.with_facet_group("skin", lambda x: jnp.linalg.norm(x) > 1 - 1e-9)


def profiled(points, harmonics):
    """Points X r(θ), r = c exp(Σ a_k cos 2kθ) c such that the area stays; inside by less."""
    k = 2 * jnp.arange(1.0, 1 + harmonics.shape[0])
    swell = lambda at: jnp.exp(jnp.cos(jnp.outer(at, k)) @ harmonics)
    even = (jnp.arange(100.0) + 0.5) * jnp.pi / 200
    deep = jnp.sum(points**2, axis=1)
    r = swell(jnp.arctan2(points[:, 1], points[:, 0] + 1e-30)) / jnp.sqrt(jnp.mean(swell(even) ** 2))
    return points * (1 + (r - 1) * deep)[:, None]


def seal(n):
    """A quarter of the round section, free, the lid and the wall where they end."""
    spaces = fem.taylor_hood(quarter(n))
    law = materials.PlaneStrain(materials.IsochoricNeoHooke(mu=SHEAR, kappa=1000 * SHEAR))
    held = [fem.Dirichlet("across", (0.0, None)), fem.Dirichlet("along", (None, 0.0))]
    lid, wall = physics.HalfSpace((0.0, HIGH), (0.0, -1.0)), physics.HalfSpace((WIDE, 0.0), (-1.0, 0.0))
    touch = lambda shape: physics.Obstacle("skin", shape, stiffness=SHEAR, reach=REACH, degree=RULE)
    return physics.MixedSolid(spaces, law, held, {"lid": touch(lid), "wall": touch(wall)})


def closed(body, harmonics):
    """Give it the profile, press the lid down (it and the wall begin where nothing touches); return body and solution."""
    body = eqx.tree_at(lambda b: b.space[0].mesh.points, body, profiled(body.space[0].mesh.points, harmonics))
    body = eqx.tree_at(lambda b: b.space[1].mesh.points, body, body.space[0].mesh.points)
    widest, highest = jax.lax.stop_gradient(jnp.max(body.space[0].mesh.points, axis=0) + REACH)
    places = lambda b: (b.loads["lid"].shape.point, b.loads["wall"].shape.point)
    away = jnp.stack([0 * highest, highest]), jnp.stack([jnp.maximum(widest, WIDE), 0 * widest])
    rest = jax.tree.map(lambda s: jnp.zeros(s.shape), body.space, is_leaf=lambda s: isinstance(s, fem.FunctionSpace))
    return body, sp.solve(body, rest, start=eqx.tree_at(places, body, away), throw=False)


def _stretch(fields, point, parameters):
    """λ = |F t| along the skin."""
    along = jnp.stack([-point.normal[1], point.normal[0]])
    return jnp.linalg.norm(along + fields[0].gradient @ along)


def pressed(body, value):
    """Places, pressures per deformed length, and deformed lengths at the points of the skin on the lid."""
    found, space = physics.contact(body, value, "lid"), body.space[0]
    term = fem.Integral(fem.facets_of(space, "skin", RULE), _stretch, None, _stretch, slots=("gradient",))
    stretch, length = fem.density_at_points(term, (space,), (value[0],))
    return found.position, found.pressure / stretch, length * stretch


def judged(body, harmonics):
    """Return the pressure that is held, ∫ p^(q+1) ds / ∫ p^q ds, at most the highest, and the force on the lid; and all."""
    body, solution = closed(body, harmonics)
    places, pressure, length = pressed(body, solution.value)
    high = jnp.sum(length * pressure ** (POWER + 1)) / jnp.sum(length * pressure**POWER)
    found = jnp.stack([high, -2 * physics.contact(body, solution.value, "lid").force[1]])
    return found, (found, (body, solution.value, places, pressure))


@eqx.filter_jit
def with_slopes(body, harmonics):
    """Return what is judged, (2,), its derivatives by the profile, (2, harmonics), by two adjoint solves, and all."""
    slopes, (found, seen) = jax.jacrev(lambda a: judged(body, a), has_aux=True)(harmonics)
    return found, slopes, seen


def designed(body, harmonics=3, iterations=10, move=0.02):
    """The profile whose pressure is highest while the force does not grow: linear programs within short moves."""

    at = lambda a: [np.asarray(each) for each in with_slopes(body, jnp.asarray(a))[:2]]
    best = np.zeros(harmonics)
    now = at(best)
    most = now[0][1]
    for _ in range(iterations):
        (_, force), (rise, grows) = now
        room = np.clip([best - move, best + move], -BOUND, BOUND) - best
        step = linprog(-rise, grows[None], [most - force], bounds=room.T).x
        if step is None or np.abs(step).max() < 1e-5:
            break
        # What the force exceeds is charged at twice the best price of a shape: the least that no step can profit from.
        price = 2 * np.abs(rise).max() / np.abs(grows).max()
        worth = lambda found, price=price: found[0] - price * max(found[1] - most, 0.0)
        tried = at(best + step)
        if worth(tried[0]) > worth(now[0]):
            best, now = best + step, tried
        else:
            move /= 2
    return best


def main(folder=".", n=6, finer=10):
    """Design the profile on one mesh, print what it holds on that and on a finer one, and draw both profiles."""
    jax.config.update("jax_enable_x64", True)
    coarse = seal(n)
    profile = designed(coarse)
    print("a = " + ", ".join(f"{a:.4f}" for a in profile))
    for rows, body in ((n, coarse), (finer, seal(finer))):
        seen = []
        for harmonics in (np.zeros_like(profile), profile):
            (high, force), _, all_of_it = with_slopes(body, jnp.asarray(harmonics))
            seen.append(all_of_it)
            print(f"{rows} rows: holds {high:.4f} MPa (highest {all_of_it[-1].max():.4f}), force {force:.4f} N/mm")
    return [draw(seen, pathlib.Path(folder) / "seal_in_a_groove.png")]


def draw(seen, path):
    """Both sections in the closed groove, coloured by the pressure inside, and what they press the lid with."""
    figure, axes = plt.subplots(1, 3, figsize=(12, 3.4), layout="constrained", width_ratios=(1, 1, 1.1))
    for axis, (body, (u, p), places, pressure), name in zip(axes, seen, ("round", "designed"), strict=False):
        x, pairs = np.asarray(body.space[0].nodes() + u), np.asarray(body.space[1].cells)
        corners = np.asarray(body.space[0].mesh.cells)[:, [0, 1, 3, 2]]
        level = np.asarray(p)[pairs].reshape(len(pairs), -1).mean(axis=1)
        for flip in ((1, 1), (-1, 1), (1, -1), (-1, -1)):
            drawn = PolyCollection(x[corners] * flip, array=level, cmap="viridis", ec="face", lw=0.3)
            drawn.set_clim(0.0, 4.0)
            axis.add_collection(drawn)
        rest = np.asarray(body.space[0].nodes())
        rim = rest[np.asarray(body.space[0].nodes_on("skin"))]
        rim = rim[np.argsort(np.arctan2(rim[:, 1], rim[:, 0]))]
        ring = np.concatenate([rim, rim[::-1] * (-1, 1), -rim, rim[::-1] * (1, -1), rim[:1]])
        axis.plot(*ring.T, "k:", lw=0.8)
        axis.plot(WIDE * np.array([-1, -1, 1, 1, -1]), HIGH * np.array([-1, 1, 1, -1, -1]), "0.4", lw=1.5)
        axis.set(aspect="equal", title=f"{name}: dotted before, pressure inside", xlim=(-1.3, 1.3), ylim=(-1.2, 1.2))
        axis.set_axis_off()
        across, height = np.asarray(places).reshape(-1, 2)[:, 0], np.asarray(pressure).ravel()
        order = np.argsort(across)
        both = (
            np.concatenate([-across[order][::-1], across[order]]),
            np.concatenate([height[order][::-1], height[order]]),
        )
        axes[2].plot(*both, ".-", ms=2, label=f"{name}: {height.max():.2f} MPa")
    figure.colorbar(drawn, ax=axes[1], label="MPa", shrink=0.8)
    axes[2].set(xlabel="place on the lid (mm)", ylabel="pressure on the lid (MPa)", xlim=(-0.8, 0.8))
    axes[2].legend(fontsize=8)
    figure.savefig(path, dpi=90)
    plt.close(figure)
    return path


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", default=".")
    main(parser.parse_args().folder)
