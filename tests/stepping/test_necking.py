"""A round bar that necks: Simo's benchmark, on the meridian plane."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest

from simphys.fem import Dirichlet, FunctionSpace, Mesh, rectangle
from simphys.materials import Axisymmetric, FinitePlasticity
from simphys.physics import Solid
from simphys.stepping import Equilibrium, march


RADIUS, HALF = 6.413, 53.334 / 2
BULK, SHEAR = 164.206e3, 80.1938e3
STEEL = FinitePlasticity(
    E=9 * BULK * SHEAR / (3 * BULK + SHEAR),
    nu=(3 * BULK - 2 * SHEAR) / (2 * (3 * BULK + SHEAR)),
    yield_stress=450.0,
    hardening=129.24,
    saturation=265.0,
    rate=16.93,
)


def bar(cells, law=STEEL):
    """Half of the bar, 1.8 % thinner in its middle, with finer cells there."""
    mesh = rectangle(cells)
    x, y = np.asarray(mesh.points).T
    z = HALF * y**1.6
    points = np.stack([RADIUS * x * (0.982 + 0.018 * z / HALF), z], axis=1)
    mesh = Mesh(points, mesh.cells, mesh.cell_type, mesh.degree, facet_groups=mesh.facet_groups)
    held = [
        Dirichlet("left", 0.0, components=0),
        Dirichlet("bottom", 0.0, components=1),
        Dirichlet("top", 0.0, components=1),
    ]
    return Solid(FunctionSpace(mesh, 2, 2), Axisymmetric(law), held)


def neck(body, elongations):
    """Force and radius of the neck at elongations of the whole bar."""
    nodes = np.asarray(body.space.nodes())
    top = body.space.nodes_on("top")
    rim = int(np.argmin(np.abs(nodes - np.array([0.982 * RADIUS, 0.0])).sum(axis=1)))
    drive = lambda b, t: eqx.tree_at(lambda b: b.constraints[2].value, b, t / 2)
    observe = lambda t, u, now: jnp.stack([now.resultant(u, top)[1], nodes[rim, 0] + u[rim, 0]])
    found = march(Equilibrium(), body, 0.0, elongations, drive=drive, observe=observe, save=None)
    assert int(found.newton_steps.max()) < 12
    return np.asarray(found.observed).T


def considere(area):
    """Largest force of a bar of this section in uniform tension: A σ e^{−ε} where σ' = σ."""
    p = np.linspace(0.0, 0.5, 100_001)
    return float(np.max(area * np.asarray(STEEL.small.flow_stress(p)) * np.exp(-p)))


@pytest.mark.slow
def test_necking_of_a_bar():
    """Peak force, its fall, and the radius of the neck, over 14 mm, on two meshes.

    Considère's forces of the thinnest and the thickest section, 76.8 and 79.7 kN, bound the peak from below and from
    above.

    Reference: J. C. Simo, F. Armero, Int. J. Numer. Methods Eng. 33 (1992) 1413; J. C. Simo, T. J. R. Hughes,
    Computational Inelasticity, Springer 1998, section 9.4.
    """
    elongations = jnp.linspace(0.0, 14.0, 71)
    coarse, fine = (neck(bar(cells), elongations) for cells in ((4, 10), (6, 16)))
    for force, radius in (coarse, fine):
        peak = int(np.argmax(force))
        print(f"peak {force[peak] / 1e3:.2f} kN at {elongations[peak]:.1f} mm, end {force[-1] / 1e3:.2f} kN")
        print(f"neck {radius[-1]:.3f} mm, ratio {radius[-1] / RADIUS:.3f}")
    thin, thick = considere(np.pi * (0.982 * RADIUS) ** 2), considere(np.pi * RADIUS**2)
    assert thin < fine[0].max() < 0.5 * (thin + thick)
    assert abs(coarse[0].max() / fine[0].max() - 1) < 1e-3
    assert np.abs(coarse[0] - fine[0])[:51].max() < 0.02 * fine[0].max()
    assert np.abs(coarse[1] - fine[1])[:51].max() < 0.02 * RADIUS
    assert abs(float(elongations[int(np.argmax(fine[0]))]) - 5.6) < 0.5
    assert 0.3 < fine[1][-1] / RADIUS < 0.45
    assert fine[0][-1] < 0.45 * fine[0].max()
