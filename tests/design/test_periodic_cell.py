"""Effective stiffness of periodic materials, against closed forms."""

import jax.numpy as jnp
import numpy as np
import pytest
from _taylor import check_gradient, program

from simphys.design import PeriodicCell, engineering_constants
from simphys.fem import CellField, FunctionSpace, box, rectangle
from simphys.materials import LinearElastic, NeoHooke, PlaneStrain, PlaneStress


def _isotropic(E, nu):
    lam, mu = E * nu / (1 + nu) / (1 - 2 * nu), E / 2 / (1 + nu)
    return np.array([[lam + 2 * mu, lam, 0], [lam, lam + 2 * mu, 0], [0, 0, mu]])


def _laminate():
    """Layers normal to z, of unlike stiffness and thickness: the classical averages."""
    E, share, nu = np.array([1.0, 20.0]), np.array([0.25, 0.75]), 0.3
    lam, mu = E * nu / (1 + nu) / (1 - 2 * nu), E / 2 / (1 + nu)
    mean = lambda value: np.sum(share * value)
    normal = 1 / mean(1 / (lam + 2 * mu))
    cross = normal * mean(lam / (lam + 2 * mu))
    plane = lambda own: mean(own - lam**2 / (lam + 2 * mu)) + normal * mean(lam / (lam + 2 * mu)) ** 2
    along, across, shear = plane(lam + 2 * mu), plane(lam), 1 / mean(1 / mu)
    stiffness = np.zeros((6, 6))
    stiffness[:3, :3] = [[along, across, cross], [across, along, cross], [cross, cross, normal]]
    stiffness[3:, 3:] = np.diag([shear, shear, mean(mu)])
    return stiffness


@pytest.mark.slow
def test_laminates():
    mesh = box((2, 2, 4), (0.5, 1.0, 2.0))
    height = jnp.mean(mesh.points[mesh.cells], axis=1)[:, -1]
    law = LinearElastic(E=CellField(jnp.where(height < 0.5, 1.0, 20.0)), nu=0.3)
    cell = PeriodicCell(FunctionSpace(mesh, 1, components=3), law)
    np.testing.assert_allclose(cell.stiffness(), _laminate(), atol=1e-9)


@pytest.mark.slow
def test_a_uniform_cell_has_the_stiffness_of_its_material():
    cell = PeriodicCell(FunctionSpace(rectangle((3, 2)), 2, components=2), PlaneStress(LinearElastic(E=5.0, nu=0.25)))
    constants = engineering_constants(cell.stiffness())
    for name, wanted in dict(E1=5.0, E2=5.0, nu12=0.25, nu21=0.25, G12=2.0).items():
        np.testing.assert_allclose(constants[name], wanted, rtol=1e-10)


@pytest.mark.slow
def test_a_stiff_inclusion_lies_within_the_bounds_of_voigt_and_reuss():
    mesh = rectangle((8, 8))
    centre = jnp.mean(mesh.points[mesh.cells], axis=1)
    stiff = jnp.max(jnp.abs(centre - 0.5), axis=1) < 0.25
    law = PlaneStrain(LinearElastic(E=CellField(jnp.where(stiff, 10.0, 1.0)), nu=0.3))
    C = np.asarray(PeriodicCell(FunctionSpace(mesh, 1, components=2), law).stiffness())
    part = [_isotropic(E, 0.3) for E in (1.0, 10.0)]
    voigt = 0.75 * part[0] + 0.25 * part[1]
    reuss = np.linalg.inv(0.75 * np.linalg.inv(part[0]) + 0.25 * np.linalg.inv(part[1]))
    assert np.linalg.eigvalsh(voigt - C).min() > 1e-3
    assert np.linalg.eigvalsh(C - reuss).min() > 1e-3
    np.testing.assert_allclose(C, C.T, atol=1e-10)
    np.testing.assert_allclose(C[0, 0], C[1, 1], rtol=1e-10)


@pytest.mark.slow
def test_gradient_of_the_stiffness():
    mesh = rectangle((3, 3))
    space = FunctionSpace(mesh, 1, components=2)

    def loss(E):
        C = PeriodicCell(space, PlaneStrain(LinearElastic(E=CellField(E), nu=0.3))).stiffness()
        return C[0, 1] - 0.3 * C[0, 0] + C[2, 2]

    E = 1 + jnp.asarray(np.random.default_rng(0).random(9))
    assert check_gradient(loss, E).passed
    way, both = jnp.asarray(np.random.default_rng(1).standard_normal(9)), program(loss)
    difference = (both(E + 1e-5 * way)[0] - both(E - 1e-5 * way)[0]) / 2e-5
    np.testing.assert_allclose(difference, jnp.vdot(both(E)[1], way), rtol=1e-7)


def test_what_has_no_stiffness_is_refused():
    with pytest.raises(ValueError, match="linear small-strain law, got NeoHooke"):
        PeriodicCell(FunctionSpace(rectangle((2, 2)), 1, components=2), NeoHooke(mu=1.0, lam=1.0))
