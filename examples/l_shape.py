"""The temperature at a point of an L-shaped plate, to six digits: meshes refined alike and by the goal's error.

−∇²T = 1, T = 0 on the boundary. At the inner corner the gradient of T is unbounded, which spoils the convergence
of meshes that are refined alike: h^(4/3) whatever the degree. Where the cells are cut that a point value owes its error to,
it converges as N^−p again.

    python examples/l_shape.py [folder]
"""

import argparse
import pathlib

import jax
import matplotlib.pyplot as plt
import numpy as np

import simphys as sp
from simphys import errors, fem, materials, physics


POINT = (0.61, 0.62)
EXACT = 0.10811556
"""By quartic elements on an adapted mesh."""


def plate(mesh, degree=2):
    space = fem.FunctionSpace(mesh, degree)
    return physics.Heat(space, materials.IsotropicConduction(k=1.0), [fem.Dirichlet("all", 0.0)], [physics.Source(1.0)])


def l_shaped(n):
    """2 × 2 without its lower right quarter, n squares a unit, each of two triangles."""
    whole = fem.rectangle((2 * n, 2 * n), (2.0, 2.0), cell_type="triangle")
    points, cells = np.asarray(whole.points), np.asarray(whole.cells)
    middle = points[cells].mean(axis=1)
    used, cells = np.unique(cells[(middle[:, 0] < 1) | (middle[:, 1] > 1)], return_inverse=True)
    return fem.Mesh(points[used], cells.reshape(-1, 3), "triangle")


def main(folder=".", tolerance=1e-6, uniform=5):
    jax.config.update("jax_enable_x64", True)
    folder = pathlib.Path(folder)
    goal = errors.PointValue(POINT)
    found = errors.adapt(plate(l_shaped(2)), goal, tolerance, progress=print)
    rows, mesh = [], l_shaped(2)
    for _ in range(uniform):
        problem = plate(mesh)
        value = float(goal.placed(problem)(problem, sp.solve(problem).value))
        rows.append((problem.system.reduction.size, abs(value - EXACT)))
        mesh = mesh.refined()
    last = found.history[-1]
    micro = lambda error: f"{1e6 * abs(error):.2f} millionths"
    print(f"adapted: {last.unknowns} unknowns, error {micro(last.value - EXACT)}, estimated {micro(last.error)}")
    print(f"all cells alike: {rows[-1][0]} unknowns, error {micro(rows[-1][1])}")
    return [draw(found, rows, folder / "l_shape.png")]


def draw(found, rows, path):
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.6), layout="constrained")
    n = np.array([r.unknowns for r in found.history])
    left.loglog(*np.transpose(rows), "s-", color="0.5", label="all cells alike: true error")
    left.loglog(n, [abs(r.value - EXACT) for r in found.history], "o-", label="adapted: true error")
    left.loglog(n, [abs(r.error) for r in found.history], "x--", color="C1", label="adapted: estimate")
    left.loglog(n, 0.3 * abs(found.history[0].error) * (n / n[0]) ** -2.0, ":", color="0.3", label="$N^{-2}$")
    left.set(xlabel="unknowns", ylabel="error of the temperature at a point")
    left.legend(frameon=False)
    mesh = found.problem.space.mesh
    right.triplot(*np.asarray(mesh.points).T, np.asarray(mesh.cells), linewidth=0.4, color="0.3")
    right.plot(*POINT, "o", color="C3")
    right.set_aspect("equal")
    right.set_title(f"{mesh.n_cells} cells", fontsize=10)
    right.axis("off")
    figure.savefig(path, dpi=150)
    plt.close(figure)
    return path


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", default=".")
    main(parser.parse_args().folder)
