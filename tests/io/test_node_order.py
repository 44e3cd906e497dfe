"""Permutations between file and Basix node orders, against reference positions kept by others."""

import numpy as np
import pytest

from simphys.fem._mesh_checks import reference_nodes
from simphys.io._node_order import KINDS, SERENDIPITY, file_nodes, from_basix, mirror, to_basix
from simphys.io._serendipity import complete


FULL = [kind for kind in KINDS if kind not in SERENDIPITY]

GMSH_CODES = {
    "line": 1, "triangle": 2, "quad": 3, "tetra": 4, "hexahedron": 5, "line3": 8, "triangle6": 9, "quad9": 10,
    "tetra10": 11, "hexahedron27": 12, "quad8": 16, "hexahedron20": 17,
    "wedge": 6, "pyramid": 7, "wedge18": 13, "pyramid14": 14, "wedge15": 18, "pyramid13": 19,
}  # fmt: skip

# VTK's own parametric coordinates (vtkTriQuadraticHexahedron and its kin), in halves.
VTK = {
    "line3": "0 2 1",
    "triangle6": "00 20 02 10 11 01",
    "quad9": "00 20 22 02 10 21 12 01 11",
    "tetra10": "000 200 020 002 100 110 010 001 101 011",
    "hexahedron27": "000 200 220 020 002 202 222 022 100 210 120 010 102 212 122 012 001 201 221 021 "
    "011 211 101 121 110 112 111",
}


@pytest.mark.parametrize("kind", [kind for kind in KINDS if not kind.startswith("lagrange_")])
def test_gmsh_order_against_gmsh(kind):
    gmsh = pytest.importorskip("gmsh")
    gmsh.initialize(interruptible=False)
    try:
        properties = gmsh.model.mesh.getElementProperties(GMSH_CODES[kind])
    finally:
        gmsh.finalize()
    theirs = np.reshape(properties[4], (properties[3], properties[1]))
    if KINDS[kind][0] in ("interval", "quadrilateral", "hexahedron"):
        theirs = (theirs + 1) / 2
    if KINDS[kind][0] == "prism":
        theirs[:, 2] = (theirs[:, 2] + 1) / 2
    if KINDS[kind][0] == "pyramid":
        theirs[:, :2] = (theirs[:, :2] + 1 - theirs[:, 2:]) / 2
    assert np.allclose(file_nodes(kind, "gmsh"), theirs, atol=1e-12)


@pytest.mark.parametrize("kind", VTK)
def test_vtk_order_against_vtk(kind):
    theirs = np.array([[int(digit) for digit in node] for node in VTK[kind].split()]) / 2
    assert np.array_equal(file_nodes(kind, "vtk"), theirs)


@pytest.mark.parametrize("order", ["vtk", "gmsh"])
@pytest.mark.parametrize("kind", FULL)
def test_permutation_maps_positions_to_basix(kind, order):
    assert np.allclose(file_nodes(kind, order)[to_basix(kind, order)], reference_nodes(*KINDS[kind]), atol=1e-12)
    assert np.array_equal(to_basix(kind, order)[from_basix(kind, order)], np.arange(len(to_basix(kind, order))))


@pytest.mark.parametrize("kind", FULL)
def test_mirror_reverses_orientation_twice(kind):
    cell_type, degree = KINDS[kind]
    swap = mirror(cell_type, degree)
    assert np.array_equal(swap[swap], np.arange(len(swap))) and not np.array_equal(swap, np.arange(len(swap)))


@pytest.mark.parametrize("kind", SERENDIPITY)
def test_completed_serendipity_cell(kind):
    """Its new nodes are where a map from the serendipity space takes the centres."""
    full = file_nodes(SERENDIPITY[kind], "vtk")
    n = len(file_nodes(kind, "vtk"))

    def map_(x):
        if kind == "wedge15":
            return x + 0.1 * np.stack([np.prod(x, axis=1), x[:, 0] * x[:, 1], x[:, 1] * x[:, 2] ** 2], axis=1)
        bubble = np.prod(x, axis=-1) * x[..., 0]
        return x + 0.1 * np.stack([bubble, *([x[:, 0] * x[:, 1] ** 2] * (x.shape[1] - 1))], axis=-1)

    points, (cells,) = complete(map_(full[:n]), [np.arange(n)[None]], [kind])
    assert cells.shape == (1, len(full))
    assert np.allclose(points[cells[0]], map_(full), atol=1e-13)
