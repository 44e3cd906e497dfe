"""Two punches of unlike stiffness and unlike meshes, pressed on each other.

The upper one has a crowned end of which the middle is flat, y = c x⁴: the pressure is highest away from the middle.
Nothing is known in closed form, so that finer meshes tell: force and pressure converge while the gap between the
surfaces, a part of the contact's reach, is the same on all of them. Halves, for symmetry; no friction.

    python examples/two_punches.py [folder]
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


WIDE, CROWN, REACH, DOWN = 0.6, 0.5, 2e-3, 0.06
"""Half the width of the upper punch, c of its end, the reach of the contact, how far its top goes down."""


def punches(rows):
    """Quadratic cells, so many rows in the lower and three quarters of that in the upper, smaller where they touch."""
    upper_rows = 3 * rows // 4
    lower, upper = fem.rectangle((2 * rows, rows), degree=2), fem.rectangle((upper_rows + 1, upper_rows), degree=2)
    x, y = lower.points.T
    lower = eqx.tree_at(lambda m: m.points, lower, jnp.stack([x + 0.2 * x**3, -((1 - y) ** 1.5)], axis=1))
    x, y = upper.points.T[0] * WIDE, upper.points.T[1] ** 1.5
    end = CROWN * x**4 + 0.9 * REACH
    upper = eqx.tree_at(lambda m: m.points, upper, jnp.stack([x, end + y * (1 - end)], axis=1))
    mesh = fem.join({"lower": lower, "upper": upper})
    modulus = fem.CellField(jnp.where(jnp.arange(mesh.n_cells) < lower.n_cells, 10.0, 30.0))
    law = materials.PlaneStrain(materials.NeoHooke.from_young(E=modulus, nu=0.3))
    ends = [
        fem.Dirichlet("lower_bottom", 0.0),
        fem.Dirichlet("lower_left", (0.0, None)),
        fem.Dirichlet("upper_left", (0.0, None)),
        fem.Dirichlet("upper_top", (0.0, -DOWN)),
    ]
    touch = physics.Contact(("lower_top", "upper_bottom"), stiffness=2.0, reach=REACH, travel=0.4)
    return physics.Solid(fem.FunctionSpace(mesh, 2, 2), law, ends, touch)


def pressed(rows):
    """Return body, displacement, places, pressures and their weights at the samples of both surfaces, and the force."""
    body = punches(rows)
    value = sp.solve(body).value
    found = physics.contact(body, value)
    weights = body.loads[0].integral(body.space).areas((body.space,))[0] / 2
    samples = (np.asarray(found.position)[:, 0], np.asarray(found.pressure), np.asarray(weights))
    return body, value, samples, -2 * float(found.force[1])


def fitted(samples):
    """The p(x) = √(1 − x²/a²) (c₀ + c₁ x²) nearest to samples, which alternate: so do smooth bodies press each other."""
    x, pressure, weight = samples
    root = np.sqrt(weight)

    def at(a):
        inside = np.sqrt(np.maximum(1 - x**2 / a**2, 0.0))
        terms = np.stack([inside, inside * x**2], axis=1)
        c = np.linalg.lstsq(root[:, None] * terms, root * pressure, rcond=None)[0]
        return np.sum(weight * (terms @ c - pressure) ** 2), a, c

    _, a, c = min((at(a) for a in np.linspace(0.6, 1.1, 501) * np.max(x[pressure > 0])), key=lambda found: found[0])
    place = np.linspace(0.0, a, 401)
    return place, np.sqrt(1 - place**2 / a**2) * (c[0] + c[1] * place**2)


def main(folder=".", meshes=(8, 12, 24)):
    """Press them on all meshes; print force, half-width and highest pressure, and draw those of the finest."""
    jax.config.update("jax_enable_x64", True)
    for rows in meshes:
        found = pressed(rows)
        place, pressure = fitted(found[2])
        top = int(np.argmax(pressure))
        print(
            f"{rows} rows: force {found[3]:.5f}, half-width {place[-1]:.4f}, "
            f"highest pressure {pressure[top]:.4f} at {place[top]:.3f}, in the middle {pressure[0]:.4f}"
        )
    return [draw(*found[:3], (place, pressure), pathlib.Path(folder) / "two_punches.png")]


def draw(body, value, samples, curve, path):
    """Both punches, and what they press each other with."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
    x = np.asarray(body.space.nodes() + value)
    cells = np.asarray(body.space.mesh.cells)[:, [0, 1, 3, 2]]
    upper = np.isin(np.arange(len(cells)), np.asarray(body.space.mesh.cell_groups["upper"]))
    for flip in ((1, 1), (-1, 1)):
        for which, colour in ((upper, "C1"), (~upper, "C0")):
            left.add_collection(PolyCollection(x[cells[which]] * flip, fc=colour, ec="white", lw=0.3))
    left.set(aspect="equal", xlim=(-1.25, 1.25), ylim=(-1.05, 1.0))
    left.set_axis_off()
    # Samples of one facet lie close: each is drawn as a dot, and the curve through all.
    near = samples[1] > 0
    right.plot(samples[0][near], samples[1][near], ".", color="0.7", ms=3, label="at samples of both surfaces")
    right.plot(*curve, "C3", label="nearest curve")
    right.set(xlabel="place", ylabel="pressure", ylim=(0, None))
    right.legend(fontsize=8)
    figure.savefig(path, dpi=90)
    plt.close(figure)
    return path


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", default=".")
    main(parser.parse_args().folder)
