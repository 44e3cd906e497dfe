"""A third medium: a C that closes on itself through it, beside FElupe's numbers; derivatives before and in contact."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest
from _taylor import check_gradient

import simphys as sp
from simphys import fem, materials, physics


G, K, TINY = 5 / 14, 5 / 3, 1e-6


def _c(down):
    """A C, 1 × 0.5, of arms 0.1 thick, its mouth and 0.1 before it filled with the medium; its upper end is pulled down."""
    mesh = fem.rectangle((11, 5), (1.1, 0.5))
    x = np.asarray(mesh.points)[np.asarray(mesh.cells)].mean(axis=1)
    void = ((x[:, 0] > 0.1) & (np.abs(x[:, 1] - 0.25) < 0.15)) | (x[:, 0] > 1.0)
    inside = lambda x: ((x[0] > 0.099) & (np.abs(x[1] - 0.25) < 0.151)) | (x[0] > 0.999)
    mesh = mesh.with_cell_group("medium", inside)
    mesh = mesh.with_point_group("pulled", lambda x: (np.abs(x[0] - 1.0) < 1e-9) & (x[1] > 0.499))
    assert len(np.asarray(mesh.cells_in("medium"))) == void.sum() == 32
    contrast = fem.CellField(jnp.where(jnp.asarray(void), TINY, 1.0))
    law = materials.PlaneStrain(materials.ThirdMedium(materials.IsochoricNeoHooke(mu=G, kappa=K), contrast))
    ends = [fem.Dirichlet("left", 0.0), fem.Dirichlet("pulled", (None, -down))]
    return physics.Solid(fem.FunctionSpace(mesh, 1, 2), law, ends, physics.CurvatureEnergy("medium", TINY * K))


@pytest.fixture(scope="module")
def closing():
    """The C before its arms meet, and after."""
    body, value, found = None, None, []
    for down in (0.4 * 4 / 15, 0.25, 0.31, 0.4 * 13 / 15):
        last, body = body, _c(down)
        value = sp.solve(body).value if last is None else sp.solve(body, value, start=last).value
        found.append((body, value))
    return found[0], found[-1]


@pytest.mark.slow
def test_forces_are_those_of_felupe(closing):
    """FElupe 11.3.0, its example 20 with 60 steps (2 × 2 points, γ = k/(K L²) = 1e-6): nine digits."""
    for (body, value), force in zip(closing, (-7.73042714e-05, -2.94321143e-04), strict=True):
        assert float(body.resultant(value, "pulled")[1]) == pytest.approx(force, rel=2e-8)
    body, value = closing[1]
    tip = body.space.evaluate(value, jnp.array([[1.0, 0.1], [1.0, 0.4]]))
    # The arms, .3 apart, do not go through each other; the lower one bends.
    assert -0.3 < float(tip[1, 1] - tip[0, 1]) < -0.25 and float(tip[0, 1]) < -0.03


@pytest.mark.slow
def test_derivatives(closing):
    """Of the force in contact, by G, γ, k, the pull and nodes."""
    body, known = closing[1]
    middle = jnp.asarray(np.abs(np.asarray(body.space.nodes())[:, 1] - 0.25) < 0.06)

    def force(x):
        where = lambda b: (
            b.material.material.material.mu,
            b.material.material.contrast.values,
            b.loads[0].stiffness,
            b.constraints[1].value,
            b.space.mesh.points,
        )
        mu, contrast, stiffness, pull, points = where(body)
        # γ of the bodies is 1, that of the medium and its k change; nodes in the mouth move.
        contrast = jnp.where(contrast < 0.5, contrast * x[1], contrast)
        points = points + jnp.where(middle[:, None], jnp.stack([0 * x[4], 0.01 * x[4]])[None], 0.0)
        there = (mu * x[0], contrast, stiffness * x[2], pull * x[3], points)
        changed = eqx.tree_at(where, body, there)
        return 1e4 * changed.resultant(sp.solve(changed, known, start=body).value, "pulled")[1]

    assert check_gradient(force, jnp.array([1.0, 1.0, 1.0, 1.0, 0.0])).passed


def test_misuse_is_named():
    space = fem.FunctionSpace(fem.rectangle((2, 2), cell_type="triangle"), 1, 2)
    law = materials.PlaneStrain(materials.IsochoricNeoHooke(mu=G, kappa=K))
    with pytest.raises(ValueError, match="needs second derivatives: simplices of degree 2"):
        physics.Solid(space, law, fem.Dirichlet("left", 0.0), physics.CurvatureEnergy(None, 1.0))
    with pytest.raises(ValueError, match="must be a finite-strain law, got LinearElastic"):
        materials.ThirdMedium(materials.LinearElastic(E=1.0, nu=0.3))
    with pytest.raises(ValueError, match="`contrast` must be positive"):
        materials.ThirdMedium(materials.IsochoricNeoHooke(mu=G, kappa=K), 0.0)


def test_energy_of_second_derivatives():
    """Of u = (x² + y², x y)/2: ½ k (1 + 1 + ½) and, where what is round costs nothing, ½ k ½, on biquadratic cells."""
    space = fem.FunctionSpace(fem.rectangle((2, 3), (2.0, 1.5)), 2, 2)
    x, y = space.nodes().T
    u = jnp.stack([(x**2 + y**2) / 2, x * y / 2], axis=1)
    for bending_only, expected in ((False, 2.5), (True, 0.5)):
        term = physics.CurvatureEnergy(None, 4.0, bending_only=bending_only).integral(space)
        (force,), energy = term.local((space,), (u,))
        assert float(jnp.sum(energy)) == pytest.approx(4.0 / 2 * expected * 3.0, rel=1e-12)
        assert float(jnp.vdot(u[space.cells], force)) == pytest.approx(4.0 * expected * 3.0, rel=1e-12)
