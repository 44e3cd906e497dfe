"""Quadrature rules: what of them is needed, over all cells and degrees."""

import itertools
import math

import numpy as np
import pytest
import scipy.linalg
from _manufactured import CELLS, grid, irregular

from simphys.fem import Dirichlet, FunctionSpace
from simphys.fem._mass import element_masses
from simphys.fem._quadrature import facet_quadrature, quadrature
from simphys.materials import IsotropicConduction
from simphys.physics import Heat


SIMPLICES = "triangle", "tetrahedron"


def exact(cell_type, powers):
    """∫ Π xᵢ^pᵢ over the reference cell."""
    if cell_type in SIMPLICES:
        return math.prod(map(math.factorial, powers)) / math.factorial(sum(powers) + len(powers))
    return math.prod(1 / (p + 1) for p in powers)


@pytest.mark.parametrize("cell_type", CELLS)
def test_weights_are_positive_and_rules_exact(cell_type):
    """w > 0, points inside, Σ w = volume at degrees 0 to 30; every monomial of the rule's degree up to 8."""
    for degree in range(31):
        points, weights = quadrature(cell_type, degree)
        dim = points.shape[1]
        assert weights.min() > 0 and points.min() >= 0
        assert (points.sum(axis=1) if cell_type in SIMPLICES else points).max() <= 1
        assert weights.sum() == pytest.approx(exact(cell_type, dim * (0,)), rel=1e-13)
        for powers in itertools.product(range(degree + 1), repeat=dim) if degree <= 8 else ():
            if cell_type not in SIMPLICES or sum(powers) <= degree:
                found = np.sum(weights * np.prod(points**powers, axis=1))
                assert found == pytest.approx(exact(cell_type, powers), rel=1e-11)


@pytest.mark.parametrize("cell_type", CELLS[1:])
def test_facets_have_positive_weights(cell_type):
    assert all(facet_quadrature(cell_type, degree)[1].min() > 0 for degree in range(1, 16))


@pytest.mark.breadth
@pytest.mark.parametrize(
    ("cell_type", "degree", "asked"),
    [
        ("triangle", 2, None),
        ("interval", 3, 1),
        ("quadrilateral", 2, 1),
        ("tetrahedron", 3, None),
        ("tetrahedron", 1, 1),
        ("hexahedron", 3, 1),
    ],
)
def test_what_is_stored_has_a_definite_mass_matrix(cell_type, degree, asked):
    """λ_min((diag M)⁻¹ M) > 0.04 on curved cells, whatever quadrature was asked for in the stiffness."""
    space = FunctionSpace(irregular(grid(cell_type, 2, 2), 0.02), degree, quadrature_degree=asked)
    heat = Heat(space, IsotropicConduction(k=1.0), capacity=2.0)
    domain = heat.terms().stored.domain
    masses = np.asarray(element_masses(space, domain, domain.geometry(space.mesh).measure))
    scale = np.sqrt(np.diagonal(masses, axis1=1, axis2=2))
    assert np.linalg.eigvalsh(masses / (scale[:, :, None] * scale[:, None, :])).min() > 0.04


def first_rate(cell_type, degree, cells):
    """λ₁ of −Δu = λ u, u = 0 on the whole boundary, from the terms of a `Heat`."""
    space = FunctionSpace(grid(cell_type, cells), degree)
    heat = Heat(space, IsotropicConduction(k=1.0), [Dirichlet("all", 0.0)], capacity=1.0)
    conducted, stored = heat.integrals()[0].domain, heat.terms().stored.domain
    geometry = conducted.geometry(space.mesh)
    slopes = np.asarray(conducted.basis(space, geometry, "gradient"))
    K = np.einsum("eq,eqad,eqbd->eab", np.asarray(geometry.measure), slopes, slopes)
    M = np.asarray(element_masses(space, stored, stored.geometry(space.mesh).measure))
    dofs, free = np.asarray(space.cells), np.setdiff1d(np.arange(space.n_nodes), space.nodes_on("all"))
    whole = np.zeros((2, space.n_nodes, space.n_nodes))
    for total, parts in zip(whole, (K, M), strict=True):
        np.add.at(total, (dofs[:, :, None], dofs[:, None, :]), parts)
    K, M = whole[:, free][:, :, free]
    return scipy.linalg.eigh(K, M, eigvals_only=True, subset_by_index=[0, 0])[0]


@pytest.mark.breadth
@pytest.mark.parametrize(
    ("cell_type", "degree"),
    [("interval", 2), ("triangle", 3), ("quadrilateral", 2), ("tetrahedron", 1), ("hexahedron", 1)],
)
def test_the_first_mode_decays_at_its_rate(cell_type, degree):
    """λ₁ → d π² from above (Ritz), at order 2·degree: stiffness and mass are both integrated well enough."""
    dim = {"interval": 1, "triangle": 2, "quadrilateral": 2}.get(cell_type, 3)
    few, many = {1: (4, 6), 2: (3, 4), 3: (2, 3)}[degree]
    coarse, fine = (first_rate(cell_type, degree, n) / (dim * np.pi**2) - 1 for n in (few, many))
    assert fine > 0
    assert np.log(coarse / fine) / np.log(many / few) > 2 * degree - 0.6


def test_a_degree_that_is_none_is_refused():
    for wrong in (0, -1, 2.5, "3"):
        with pytest.raises(ValueError, match="quadrature_degree"):
            FunctionSpace(grid("triangle", 1), 1, quadrature_degree=wrong)
