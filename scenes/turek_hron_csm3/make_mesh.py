"""The flag of Turek and Hron, 0.35 × 0.02 m behind a cylinder of radius 0.05 m, cut into biquadratic cells.

    python make_mesh.py [cells along] [cells across]

Its left end is an arc of the cylinder, its right end a straight line at x = 0.6 m. Reference: S. Turek, J. Hron, in:
Fluid-Structure Interaction, Lecture Notes in Computational Science and Engineering 53 (2006) 371, section 3.
"""

import pathlib
import sys

import meshio
import numpy as np


CENTRE, RADIUS, END, HEIGHT = (0.2, 0.2), 0.05, 0.6, 0.02


def flag(along: int, across: int) -> meshio.Mesh:
    """Return the mesh; node columns from left to right, rows from below."""
    s, t = np.meshgrid(np.linspace(0, 1, 2 * along + 1), np.linspace(-1, 1, 2 * across + 1), indexing="ij")
    y = t * HEIGHT / 2
    left = CENTRE[0] + np.sqrt(RADIUS**2 - y**2)
    points = np.stack([left + s * (END - left), CENTRE[1] + y], axis=-1).reshape(-1, 2)
    number = np.arange(len(points)).reshape(s.shape)
    # Corners, middles of the edges, centre, each counter-clockwise from the lower left.
    order = [(0, 0), (2, 0), (2, 2), (0, 2), (1, 0), (2, 1), (1, 2), (0, 1), (1, 1)]
    cells = [number[i : 2 * along - 1 + i : 2, j : 2 * across - 1 + j : 2].ravel() for i, j in order]
    return meshio.Mesh(points, [("quad9", np.stack(cells, axis=-1))])


if __name__ == "__main__":
    along, across = map(int, sys.argv[1:] or (80, 4))
    flag(along, across).write(pathlib.Path(__file__).with_name("flag.msh"), file_format="gmsh", binary=False)
