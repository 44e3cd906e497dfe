"""A front that runs through a strip, on a mesh that is fine where the front is, beside a mesh that is fine everywhere.

∂c/∂t = κ ∇²c − W c (1 − c) (a − c): a front between c = 1 and c = 0 keeps its shape and runs with the velocity
√(κW/2) (1 − 2a). Its width is √(2κ/W), here a two-hundredth of the strip: that is what cells must resolve, and only there.

    python examples/moving_front.py [folder]
"""

import argparse
import pathlib

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np

from simphys import errors, fem, materials, physics
from simphys.stepping import SDIRK2, march


KAPPA, BARRIER, A = 0.02, 100.0, 0.25
WIDTH, VELOCITY = np.sqrt(2 * KAPPA / BARRIER), np.sqrt(KAPPA * BARRIER / 2) * (1 - 2 * A)
LENGTH, HEIGHT, START = 4.0, 0.25, 0.4
LINE = np.stack([np.linspace(0, LENGTH, 4001), np.full(4001, 0.4 * HEIGHT)], axis=1)


def strip(mesh):
    law = materials.FreeEnergy(lambda c: BARRIER * (c**4 / 4 - (1 + A) * c**3 / 3 + A * c**2 / 2))
    return physics.AllenCahn(fem.FunctionSpace(mesh), law, gradient_energy=KAPPA)


def front(problem):
    return problem.space.interpolate(lambda x: 1 / (1 + jnp.exp((x[0] - START) / WIDTH)))


def position(problem, value):
    """Where the front is, by the content of a line along the strip."""
    return float(np.trapezoid(np.asarray(problem.space.evaluate(value, LINE)), LINE[:, 0]))


def main(folder=".", end=2.0, every=10, tolerance=0.15, reach=None):
    jax.config.update("jax_enable_x64", True)
    folder, times = pathlib.Path(folder), np.linspace(0, end, round(end / 0.02) + 1)
    coarse = fem.rectangle((16, 1), (LENGTH, HEIGHT), cell_type="triangle")
    options = dict(tolerance=tolerance, every=every, reach=reach, progress=print)
    found = errors.adapt_march(SDIRK2(), strip(coarse), front, times, **options)
    uniform = strip(coarse)
    while np.sqrt(errors.slope_errors(uniform, front(uniform)).sum()) > tolerance:
        uniform = strip(uniform.space.mesh.refined())
    alike = march(SDIRK2(), uniform, front(uniform), times, save=None)
    exact = START + VELOCITY * end
    rows = position(found.problem, found.value), position(uniform, alike.final.u)
    most = max(part.unknowns for part in found.parts)
    print(f"the front is at {exact:.5f}; on meshes that follow it {rows[0]:.5f}, on a fine one {rows[1]:.5f}")
    print(f"unknowns: at most {most}, on the fine mesh {uniform.system.reduction.size}")
    return [draw(found, folder / "moving_front.png")]


def draw(found, path):
    shown = [found.parts[k] for k in np.unique(np.linspace(0, len(found.parts) - 1, 3).astype(int))]
    figure, axes = plt.subplots(len(shown), 1, figsize=(10, 1.3 * len(shown)), layout="constrained", squeeze=False)
    for axis, part in zip(axes[:, 0], shown, strict=True):
        mesh, value = part.problem.space.mesh, part.trajectory.final.u
        x, y = np.asarray(mesh.points).T
        picture = axis.tripcolor(x, y, np.asarray(mesh.cells), np.asarray(value), cmap="Blues", vmin=0, vmax=1.4)
        picture.set_edgecolor("none")
        axis.triplot(x, y, np.asarray(mesh.cells), linewidth=0.25, color="0.2")
        axis.axvline(START + VELOCITY * part.times[-1], color="C3", linewidth=1, linestyle="--")
        axis.set_title(f"t = {part.times[-1]:.2g}: {part.cells} cells, the exact front dashed", fontsize=9)
        axis.set_aspect("equal")
        axis.axis("off")
    figure.savefig(path, dpi=150)
    plt.close(figure)
    return path


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", default=".")
    main(parser.parse_args().folder)
