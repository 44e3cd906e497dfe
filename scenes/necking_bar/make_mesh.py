"""Half of a round bar that is thinner in its middle, on its meridian plane, with finer cells there.

    python make_mesh.py [cells across] [cells along]

It is 53.334 mm long, its radius 6.413 mm, 0.982 of it in the middle. Reference: J. C. Simo, F. Armero, Int. J. Numer.
Methods Eng. 33 (1992) 1413.
"""

import pathlib
import sys

import meshio
import numpy as np


RADIUS, HALF, THINNER, GRADING = 6.413, 53.334 / 2, 0.982, 1.6


def half(across: int, along: int) -> meshio.Mesh:
    """Return the mesh; x is the radius, y the distance from the middle."""
    r, s = np.meshgrid(np.linspace(0, 1, across + 1), np.linspace(0, 1, along + 1), indexing="ij")
    y = HALF * s**GRADING
    x = RADIUS * r * (THINNER + (1 - THINNER) * y / HALF)
    number = np.arange(x.size).reshape(x.shape)
    cells = [number[i : across + i, j : along + j].ravel() for i, j in ((0, 0), (1, 0), (1, 1), (0, 1))]
    return meshio.Mesh(np.stack([x, y], axis=-1).reshape(-1, 2), [("quad", np.stack(cells, axis=-1))])


if __name__ == "__main__":
    across, along = map(int, sys.argv[1:] or (6, 16))
    half(across, along).write(pathlib.Path(__file__).with_name("bar.msh"), file_format="gmsh", binary=False)
