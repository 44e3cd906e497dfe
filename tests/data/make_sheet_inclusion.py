"""Make the data of scenes/sheet_inclusion: a finer mesh that follows the inclusion, quadratic elements, and noise.

python tests/data/make_sheet_inclusion.py scenes/sheet_inclusion        (needs gmsh)
"""

import pathlib
import sys
import tempfile

import jax


jax.config.update("jax_enable_x64", True)

import gmsh  # noqa: E402
import jax.numpy as jnp  # noqa: E402
import numpy as np  # noqa: E402

import simphys as sp  # noqa: E402


CENTRE, RADIUS, RATIO, MODULUS = (58.0, 15.0), 6.0, 3.0, 1.0
PULL, NOISE, FORCE_NOISE, COUNT = 1.0, 0.002, 0.003, 250
GEOMETRY = """
SetFactory("OpenCASCADE");
Rectangle(1) = {{0, 0, 0, 80, 40}};
Disk(2) = {{34, 22, 0, 8}};
BooleanDifference(3) = {{ Surface{{1}}; Delete; }}{{ Surface{{2}}; Delete; }};
Disk(4) = {{{x}, {y}, 0, {r}}};
BooleanFragments{{ Surface{{3}}; Delete; }}{{ Surface{{4}}; Delete; }}
Physical Surface("sheet") = {{Surface{{:}}}};
left() = Curve In BoundingBox {{-0.1, -0.1, -0.1, 0.1, 40.1, 0.1}};
right() = Curve In BoundingBox {{79.9, -0.1, -0.1, 80.1, 40.1, 0.1}};
Physical Curve("left") = {{left()}};
Physical Curve("right") = {{right()}};
Mesh.MeshSizeMin = 1.1;
Mesh.MeshSizeMax = 1.1;
Mesh.ElementOrder = 2;
"""


def mesh(folder):
    """The finer mesh, by gmsh."""
    source, target = pathlib.Path(folder) / "fine.geo", pathlib.Path(folder) / "fine.msh"
    source.write_text(GEOMETRY.format(x=CENTRE[0], y=CENTRE[1], r=RADIUS))
    gmsh.initialize()
    gmsh.option.setNumber("General.Terminal", 0)
    gmsh.open(str(source))
    gmsh.model.mesh.generate(2)
    gmsh.option.setNumber("Mesh.MshFileVersion", 4.1)
    gmsh.write(str(target))
    gmsh.finalize()
    return sp.io.read_mesh(target)


def main(target):
    with tempfile.TemporaryDirectory() as folder:
        fine = mesh(folder)
    space = sp.fem.FunctionSpace(fine, 2, 2)
    corners = np.asarray(fine.points)[np.asarray(fine.cells)[:, :3]].mean(axis=1)
    inside = np.linalg.norm(corners - np.array(CENTRE), axis=1) < RADIUS
    E = sp.fem.CellField(jnp.where(jnp.asarray(inside), RATIO * MODULUS, MODULUS))
    law = sp.materials.PlaneStress(sp.materials.LinearElastic(E=E, nu=0.45))
    grips = [sp.fem.Dirichlet("left", 0.0), sp.fem.Dirichlet("right", (PULL, 0.0))]
    sheet = sp.physics.Solid(space, law, grips, thickness=2.0)
    u = sp.solve(sheet).value
    generator = np.random.default_rng(7)
    places = generator.uniform((1.0, 1.0), (79.0, 39.0), (4 * COUNT, 2))
    places = places[np.linalg.norm(places - np.array([34.0, 22.0]), axis=1) > 8.5][:COUNT].round(3)
    read = np.asarray(space.evaluate(u, places)) + NOISE * generator.standard_normal((COUNT, 2))
    rows = [f"{x:.3f},{y:.3f},{a:.5f},{b:.5f}" for (x, y), (a, b) in zip(places, read)]
    target = pathlib.Path(target)
    (target / "displacement.csv").write_text("\n".join(["X_mm,Y_mm,ux_mm,uy_mm", *rows]) + "\n")
    force = float(sheet.resultant(u, jnp.asarray(space.nodes_on("right")))[0])
    force *= 1 + FORCE_NOISE * generator.standard_normal()
    (target / "force.csv").write_text(f"force_N\n{force:.5f}\n")
    print(f"{fine.n_cells} cells, {int(inside.sum())} of them stiff, force {force:.5g} N")


if __name__ == "__main__":
    main(sys.argv[1])
