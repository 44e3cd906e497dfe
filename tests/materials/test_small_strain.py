"""Small-strain laws and the plane wrappers."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import simphys as sp
import simphys.materials as sm


LAMINA = dict(E1=140.0, E2=10.0, E3=9.0, nu12=0.3, nu13=0.28, nu23=0.45, G12=5.0, G13=4.0, G23=3.5)
RNG = np.random.default_rng(0)
STRAIN = jnp.asarray((lambda a: (a + a.T) * 1e-3)(RNG.standard_normal((3, 3))))
Q = jnp.asarray(np.linalg.qr(RNG.standard_normal((3, 3)))[0])


def test_hooke():
    lam, mu = 2.6 * 0.3 / (1.3 * 0.4), 1.0
    stress = sm.LinearElastic(E=2.6, nu=0.3).stress(STRAIN)
    np.testing.assert_allclose(stress, lam * jnp.trace(STRAIN) * jnp.eye(3) + 2 * mu * STRAIN, rtol=1e-13)


def test_orthotropic_compliance():
    law = sm.OrthotropicElastic(**LAMINA)
    strain = jnp.diag(jnp.array([1.0, -0.3, -0.28]) / 140.0)
    np.testing.assert_allclose(law.stress(strain), np.diag([1.0, 0, 0]), atol=1e-13)
    strain = jnp.diag(jnp.array([-0.3 / 140.0, 1 / 10.0, -0.45 / 10.0]))
    np.testing.assert_allclose(law.stress(strain), np.diag([0, 1.0, 0]), atol=1e-13)
    for (i, j), G in {(0, 1): 5.0, (0, 2): 4.0, (1, 2): 3.5}.items():
        shear = jnp.zeros((3, 3)).at[i, j].set(0.5).at[j, i].set(0.5)
        np.testing.assert_allclose(law.stress(shear)[i, j], G, rtol=1e-13)


def test_orthotropic_axes_and_isotropic_limit():
    turned = sm.OrthotropicElastic(**LAMINA, axes=Q)
    plain = sm.OrthotropicElastic(**LAMINA)
    np.testing.assert_allclose(turned.stress(STRAIN), Q.T @ plain.stress(Q @ STRAIN @ Q.T) @ Q, atol=1e-14)
    G = 2.6 / 2.6
    same = dict.fromkeys(("E1", "E2", "E3"), 2.6) | dict.fromkeys(("G12", "G13", "G23"), G)
    law = sm.OrthotropicElastic(**same, nu12=0.3, nu13=0.3, nu23=0.3, axes=Q)
    np.testing.assert_allclose(law.stress(STRAIN), sm.LinearElastic(E=2.6, nu=0.3).stress(STRAIN), atol=1e-16)


@pytest.mark.parametrize(
    "change, match",
    [
        ({"E1": -1.0}, "`E1`"),
        ({"nu12": 4.0}, "positive definite"),
        ({"axes": np.ones((3, 3))}, "orthonormal"),
    ],
)
def test_orthotropic_misuse(change, match):
    with pytest.raises(ValueError, match=match):
        sm.OrthotropicElastic(**(LAMINA | change))


def test_plane_strain_is_the_block_of_three_dimensions():
    law = sm.LinearElastic(E=2.6, nu=0.3)
    plane = STRAIN[:2, :2]
    full = jnp.zeros((3, 3)).at[:2, :2].set(plane)
    np.testing.assert_allclose(sm.PlaneStrain(law).stress(plane), law.stress(full)[:2, :2], rtol=1e-13)
    rubber = sm.NeoHooke(mu=1.0, lam=2.0)
    F = jnp.eye(3).at[:2, :2].add(100 * plane)
    found = sm.PlaneStrain(rubber)
    assert found.dimension == 2 and isinstance(found, sm.AbstractFiniteStrain)
    np.testing.assert_allclose(found.first_piola(F[:2, :2]), rubber.first_piola(F)[:2, :2], rtol=1e-13)


@pytest.mark.slow
def test_linear_plane_stress_closed_form():
    E, nu = 2.6, 0.3
    e = STRAIN[:2, :2]
    expected = E / (1 - nu**2) * ((1 - nu) * e + nu * jnp.trace(e) * jnp.eye(2))
    law = sm.PlaneStress(sm.LinearElastic(E=E, nu=nu))
    stress_of = jax.jit(lambda law, e: law.stress(e))
    np.testing.assert_allclose(stress_of(law, e), expected, rtol=1e-12)
    np.testing.assert_allclose(law.energy(e), jnp.sum(e * expected) / 2, rtol=1e-12)
    np.testing.assert_array_equal(stress_of(law, 0 * e), 0)
    # A lamina turned out of the sheet has no symmetry plane in it: reduce its stiffness by hand.
    skew = sm.OrthotropicElastic(**LAMINA, axes=Q)
    tangent = np.asarray(skew.tangent(jnp.zeros((3, 3))))
    pairs = [(0, 0), (1, 1), (0, 1), (2, 2), (0, 2), (1, 2)]
    K = np.array([[tangent[i, j, k, m] * (1 if k == m else 2) for k, m in pairs] for i, j in pairs])
    reduced = K[:3, :3] - K[:3, 3:] @ np.linalg.solve(K[3:, 3:], K[3:, :3])
    stress = reduced @ np.array([e[0, 0], e[1, 1], e[0, 1]])
    found = stress_of(sm.PlaneStress(skew), e)
    np.testing.assert_allclose([found[0, 0], found[1, 1], found[0, 1]], stress, rtol=1e-11)


@pytest.mark.slow
@pytest.mark.parametrize(
    "law",
    [
        sm.MooneyRivlin(c10=0.4, c01=0.1, kappa=500.0),
        sm.HolzapfelGasserOgden(mu=1.0, k1=1.0, k2=0.5, dispersion=0.1, kappa=5.0, fibres=[[1.0, 0.3, 0.8]]),
    ],
    ids=["nearly incompressible", "oblique fibre"],
)
def test_finite_plane_stress(law):
    sheet = sm.PlaneStress(law)

    @jax.jit
    def known(F):
        full = sheet.complete(F)
        return full, law.first_piola(full), sheet.first_piola(F), sheet.tangent(F)

    F, h, H = jnp.array([[1.3, 0.2], [-0.1, 0.9]]), 1e-5, jnp.array([[0.3, -0.2], [0.5, 0.7]])
    full, stress, found, tangent = known(F)
    np.testing.assert_allclose(stress[:, 2], 0, atol=1e-10)
    np.testing.assert_allclose(found, stress[:2, :2], atol=1e-10)
    difference = (known(F + h * H)[2] - known(F - h * H)[2]) / (2 * h)
    np.testing.assert_allclose(jnp.einsum("ijkl,kl", tangent, H), difference, rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(tangent, tangent.transpose(2, 3, 0, 1), atol=1e-9)


@pytest.mark.slow
def test_plane_stress_parameter_derivative_and_failure():
    F = jnp.array([[1.3, 0.2], [-0.1, 0.9]])
    stress = lambda mu: sm.PlaneStress(sm.NeoHooke(mu=mu, lam=2.0)).first_piola(F)
    compiled = jax.jit(stress)
    difference = (compiled(1.0 + 1e-5) - compiled(1.0 - 1e-5)) / 2e-5
    np.testing.assert_allclose(jax.jit(jax.jacrev(stress))(1.0), difference, rtol=1e-7, atol=1e-9)
    sheet = sm.PlaneStress(sm.NeoHooke(mu=1.0, lam=2.0))
    inverted = jnp.diag(jnp.array([1.0, -1.0]))
    energy, stress = jax.jit(jax.value_and_grad(lambda F: sheet.energy(F)))(inverted)
    assert np.isnan(energy) and np.all(np.isnan(stress))


def test_wrappers_refuse_other_things():
    for wrapper in (sm.PlaneStrain, sm.PlaneStress):
        with pytest.raises(ValueError, match="dimension 3"):
            wrapper(sm.PlaneStrain(sm.LinearElastic(E=1.0, nu=0.3)))
        with pytest.raises(ValueError, match="dimension 3"):
            wrapper(sm.IsotropicConduction(k=1.0))


def test_a_sheet_may_keep_its_volume_and_nothing_else():
    """ν = ½ under plane stress: ε₃₃ = −tr ε. In plane strain, in space and in bodies of revolution it is refused."""
    e, rubber = STRAIN[:2, :2], sm.LinearElastic(E=3.0, nu=0.5)
    law = sm.PlaneStress(rubber)
    expected = 4.0 * (0.5 * e + 0.5 * jnp.trace(e) * jnp.eye(2))
    np.testing.assert_allclose(law.stress(e), expected, rtol=1e-13)
    np.testing.assert_allclose(jnp.trace(law.complete(e)), 0.0, atol=1e-16)
    sp.physics.Solid(sp.fem.FunctionSpace(sp.fem.rectangle((1, 1)), components=2), law, sp.fem.Dirichlet("left", 0.0))
    flat, box = sp.fem.rectangle((1, 1)), sp.fem.box((1, 1, 1))
    for mesh, other in ((box, rubber), (flat, sm.PlaneStrain(rubber)), (flat, sm.Axisymmetric(rubber))):
        space = sp.fem.FunctionSpace(mesh, components=mesh.dim)
        with pytest.raises(ValueError, match="`nu` must lie between -1 and 0.5, got 0.5"):
            sp.physics.Solid(space, other, [sp.fem.Dirichlet("left", 0.0)])
    pair = sp.fem.FunctionSpace(box, 2, components=3), sp.fem.FunctionSpace(box)
    warm = sm.Thermoelastic(rubber, expansion=1e-5, capacity=1.0, reference=300.0)
    with pytest.raises(ValueError, match="`nu` must lie between -1 and 0.5, got 0.5"):
        sp.physics.ThermoSolid(pair, warm, sm.IsotropicConduction(k=1.0), sp.fem.Dirichlet("left", 0.0))
    with pytest.raises(ValueError, match="`nu`"):
        sm.LinearElastic(E=3.0, nu=0.51)
