"""How far the top of a bracket bends, to a tolerance: cells cut where its error comes from, or all alike.

The first mesh, bracket.msh, is gmsh's of bracket.geo: quadratic tetrahedra, whose holes are round. With `--gmsh` (and the
extra of that name) meshes are made anew from the geometry as well, for sizes that the error asks for.

    python examples/bracket.py [folder] [--gmsh]
"""

import argparse
import pathlib

import jax
import matplotlib.pyplot as plt
import numpy as np

import simphys as sp
from simphys import errors, fem, io, materials, physics


HERE = pathlib.Path(__file__).parent
GOAL = errors.PointValue((8.0, 20.0, 50.0), component=0)


def bracket(mesh):
    space = fem.FunctionSpace(mesh, 2, components=3)
    steel = materials.LinearElastic(E=210e3, nu=0.3)  # MPa, mm, N
    return physics.Solid(space, steel, [fem.Dirichlet("bolts", 0.0)], [physics.Traction("top", (10.0, 0.0, 0.0))])


def main(folder=".", tolerance=0.006, most=30_000, meshed=False, uniform=2):
    jax.config.update("jax_enable_x64", True)
    folder, first = pathlib.Path(folder), io.read_mesh(HERE / "bracket.msh")
    options = dict(max_unknowns=most, progress=print)
    found = {"cut where the error is": errors.adapt(bracket(first), GOAL, tolerance, **options)}
    if meshed:
        anew = lambda size: io.read_mesh(HERE / "bracket.geo", size=size)
        found["meshed anew"] = errors.adapt(bracket, GOAL, tolerance, mesh=first, remesh=anew, **options)
    rows, mesh = [], first
    for number in range(uniform):
        mesh = mesh.refined() if number else mesh
        rows.append(alike(mesh))
    for name, each in found.items():
        last = each.history[-1]
        print(f"{name}: {last.value:.5f} mm, estimated error {abs(last.error):.5f} mm, {last.unknowns} unknowns")
    print(f"all cells alike: {rows[-1][1]:.5f} mm, {rows[-1][0]} unknowns")
    return [draw(found, rows, folder / "bracket_adapted.png")]


def alike(mesh):
    problem = bracket(mesh)
    return problem.system.reduction.size, float(GOAL.placed(problem)(problem, sp.solve(problem).value))


def draw(found, rows, path):
    figure = plt.figure(figsize=(11, 4.6), layout="constrained")
    left = figure.add_subplot(1, 2, 1)
    best = min((each.history[-1] for each in found.values()), key=lambda r: abs(r.error))
    exact = best.value + best.error
    left.loglog(*np.transpose([(n, abs(v - exact)) for n, v in rows]), "s-", color="0.5", label="all cells alike")
    for name, each in found.items():
        left.loglog([r.unknowns for r in each.history], [abs(r.value - exact) for r in each.history], "o-", label=name)
    left.set(xlabel="unknowns", ylabel="error of the displacement of the top / mm")
    left.legend(frameon=False)
    right = figure.add_subplot(1, 2, 2)
    mesh = next(iter(found.values())).problem.space.mesh
    right.imshow(plt.imread(sp.viz.mesh(mesh, path.with_name("bracket_mesh.png"), view=(-40, 30))))
    right.axis("off")
    figure.savefig(path, dpi=150)
    plt.close(figure)
    return path


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", default=".")
    parser.add_argument("--gmsh", action="store_true")
    arguments = parser.parse_args()
    main(arguments.folder, meshed=arguments.gmsh)
