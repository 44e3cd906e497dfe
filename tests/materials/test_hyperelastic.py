"""What every finite-strain law owes: stress, symmetry, objectivity, tangents, failures."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import simphys.materials as sm


FIBRES = [[1.0, 1.0, 0.0], [1.0, -1.0, 0.0]]
# Law, initial shear modulus and bulk modulus.
CASES = {
    "svk": (sm.StVenantKirchhoff(E=2.6, nu=0.3), 1.0, 2.6 / 1.2),
    "neo": (sm.NeoHooke(mu=1.5, lam=2.0), 1.5, 3.0),
    "neo-simo": (sm.NeoHooke(mu=1.5, lam=2.0, volumetric=sm.SimoTaylor()), 1.5, 3.0),
    "neo-young": (sm.NeoHooke.from_young(E=2.6, nu=0.3), 1.0, 2.6 / 1.2),
    "neo-isochoric": (sm.IsochoricNeoHooke.from_young(E=2.6, nu=0.3), 1.0, 2.6 / 1.2),
    "mooney": (sm.MooneyRivlin(c10=0.4, c01=0.1, kappa=3.0), 1.0, 3.0),
    "yeoh": (sm.Yeoh(c10=0.5, c20=-0.01, c30=0.001, kappa=3.0), 1.0, 3.0),
    "gent": (sm.Gent(mu=1.2, limit=30.0, kappa=3.0), 1.2, 3.0),
    "ogden": (sm.Ogden(mu=[0.63, 0.0012, -0.01], alpha=[1.3, 5.0, -2.0], kappa=3.0), 0.4225, 3.0),
    "arruda": (
        sm.ArrudaBoyce(mu=1.0, locking_stretch=3.0, kappa=3.0),
        1 + 3 / 45 + 99 / (175 * 81) + 513 / (875 * 729) + 42039 / (67375 * 6561),
        3.0,
    ),
    "hgo": (
        sm.HolzapfelGasserOgden(mu=0.7, k1=2.0, k2=1.5, dispersion=0.1, kappa=3.0, fibres=FIBRES),
        0.7,
        3.0,
    ),
}
ALL = pytest.mark.parametrize("law, mu, kappa", CASES.values(), ids=CASES)
RNG = np.random.default_rng(3)
F = jnp.asarray(np.eye(3) + 0.15 * RNG.standard_normal((3, 3)))
Q = jnp.asarray(np.linalg.qr(RNG.standard_normal((3, 3)))[0])
Q = Q * jnp.linalg.det(Q)
EYE = jnp.eye(3)


energy = jax.jit(lambda law, F: law.energy(F))
first_piola = jax.jit(lambda law, F: law.first_piola(F))
tangent = jax.jit(lambda law, F: law.tangent(F))
third = jax.jit(lambda law, F: jax.jacfwd(law.tangent)(F))
slope_along = jax.jit(lambda law, d: jax.jvp(lambda law: law.first_piola(F), (law,), (d,)))


@pytest.mark.slow
@ALL
def test_undeformed_body(law, mu, kappa):
    np.testing.assert_allclose(energy(law, EYE), 0, atol=1e-15)
    np.testing.assert_allclose(first_piola(law, EYE), 0, atol=1e-15)
    found = np.asarray(tangent(law, EYE))
    d = np.eye(3)
    lam = kappa - 2 * mu / 3
    hooke = lam * np.einsum("ij,kl->ijkl", d, d) + mu * (
        np.einsum("ik,jl->ijkl", d, d) + np.einsum("il,jk->ijkl", d, d)
    )
    np.testing.assert_allclose(found, hooke, atol=2e-14)
    assert np.all(np.isfinite(third(law, EYE)))


@pytest.mark.breadth
@ALL
def test_objectivity_and_material_symmetry(law, mu, kappa):
    np.testing.assert_allclose(energy(law, Q @ F), energy(law, F), rtol=1e-13)
    np.testing.assert_allclose(first_piola(law, Q @ F), Q @ first_piola(law, F), atol=1e-13)
    # The fibre law keeps the reflections that swap its two families.
    group = jnp.diag(jnp.array([1.0, -1.0, -1.0])) if isinstance(law, sm.HolzapfelGasserOgden) else Q
    np.testing.assert_allclose(energy(law, F @ group), energy(law, F), rtol=1e-13)


@pytest.mark.breadth
@ALL
def test_derivatives_against_differences(law, mu, kappa):
    H = jnp.asarray(RNG.standard_normal((3, 3)))
    h = 1e-5
    slope = (energy(law, F + h * H) - energy(law, F - h * H)) / (2 * h)
    np.testing.assert_allclose(jnp.sum(first_piola(law, F) * H), slope, rtol=1e-8)
    stress = (first_piola(law, F + h * H) - first_piola(law, F - h * H)) / (2 * h)
    found = np.asarray(tangent(law, F))
    np.testing.assert_allclose(np.einsum("ijkl,kl", found, H), stress, rtol=1e-7, atol=1e-8)
    np.testing.assert_allclose(found, found.transpose(2, 3, 0, 1), atol=1e-13)
    curvature = np.einsum("ijklmn,mn", third(law, F), H)
    difference = (tangent(law, F + h * H) - tangent(law, F - h * H)) / (2 * h)
    np.testing.assert_allclose(curvature, difference, rtol=1e-6, atol=1e-6)


@pytest.mark.breadth
@ALL
def test_parameter_derivatives_converge_at_second_order(law, mu, kappa):
    """Taylor test of the stress along a random direction of all parameters: remainder O(h²)."""
    leaves, tree = jax.tree.flatten(law)
    for number in range(len(leaves)):
        direction = [jnp.zeros_like(leaf) for leaf in leaves]
        direction[number] = leaves[number] * jnp.asarray(RNG.uniform(0.5, 1.5, leaves[number].shape))

        stress = lambda h: first_piola(jax.tree.unflatten(tree, [a + h * d for a, d in zip(leaves, direction)]), F)
        value, slope = slope_along(law, jax.tree.unflatten(tree, direction))
        assert np.all(np.isfinite(slope))
        remainders = [jnp.linalg.norm(stress(h) - value - h * slope) for h in (1e-2, 5e-3)]
        assert remainders[1] < 1e-13 or remainders[0] / remainders[1] > 3.7


@pytest.mark.breadth
@ALL
def test_inverted_points_have_no_energy_and_no_stress(law, mu, kappa):
    for bad in (jnp.diag(jnp.array([1.0, 1.0, -1.0])), jnp.diag(jnp.array([1.0, 1.0, 0.0])), -EYE, 0 * EYE):
        assert not np.isfinite(energy(law, bad))
        assert not np.all(np.isfinite(first_piola(law, bad)))


@pytest.mark.breadth
@ALL
def test_float32(law, mu, kappa):
    small = jax.tree.map(lambda leaf: leaf.astype(jnp.float32), law)
    stress = first_piola(small, F.astype(jnp.float32))
    assert stress.dtype == jnp.float32
    np.testing.assert_allclose(stress, first_piola(law, F), rtol=2e-5, atol=2e-5)


@pytest.mark.slow
def test_simple_shear_and_uniaxial_closed_forms():
    g, stretch = 0.4, 1.7
    shear = EYE.at[0, 1].set(g)
    for name, modulus in {"neo": 1.5, "mooney": 1.0, "gent": 1.2 / (1 - g**2 / 30.0)}.items():
        law = CASES[name][0]
        kirchhoff = law.first_piola(shear) @ shear.T
        np.testing.assert_allclose(kirchhoff[0, 1], modulus * g, rtol=1e-13)
    pull = jnp.diag(jnp.array([stretch, stretch**-0.5, stretch**-0.5]))
    law = sm.StVenantKirchhoff(E=2.6, nu=0.3)
    e = [(stretch**2 - 1) / 2, (1 / stretch - 1) / 2]
    expected = stretch * (1.5 * (e[0] + 2 * e[1]) + 2 * e[0])
    np.testing.assert_allclose(law.first_piola(pull)[0, 0], expected, rtol=1e-13)


def test_fibres_carry_tension_only():
    law = sm.HolzapfelGasserOgden(mu=1.0, k1=5.0, k2=2.0, dispersion=0.0, kappa=3.0, fibres=[[1.0, 0.0, 0.0]])
    matrix = sm.IsochoricNeoHooke(mu=1.0, kappa=3.0)
    for stretch in (0.8, 1.25):
        bar = jnp.diag(jnp.array([stretch, stretch**-0.5, stretch**-0.5]))
        extra = law.energy(bar) - matrix.energy(bar)
        e = max(stretch**2 - 1, 0.0)
        np.testing.assert_allclose(extra, 5 / 4 * np.expm1(2 * e**2), rtol=1e-12, atol=1e-15)


def test_gent_locks():
    law = sm.Gent(mu=1.0, limit=1.0, kappa=3.0)
    assert not np.isfinite(law.energy(jnp.diag(jnp.array([2.0, 2**-0.5, 2**-0.5]))))


@pytest.mark.parametrize(
    "make, match",
    [
        (lambda: sm.StVenantKirchhoff(E=-1.0, nu=0.3), "`E`"),
        (lambda: sm.StVenantKirchhoff(E=1.0, nu=0.5), "`nu`"),
        (lambda: sm.NeoHooke(mu=float("nan"), lam=1.0), "`mu`"),
        (lambda: sm.NeoHooke(mu=1.0, lam=-0.7), "`lam`"),
        (lambda: sm.NeoHooke(mu=1.0, lam=1.0, volumetric="SimoTaylor"), "`volumetric`"),
        (lambda: sm.IsochoricNeoHooke(mu=0.0, kappa=1.0), "`mu`"),
        (lambda: sm.MooneyRivlin(c10=0.1, c01=-0.2, kappa=1.0), "c10"),
        (lambda: sm.Yeoh(c10=1.0, c20=np.inf, c30=0.0, kappa=1.0), "`c20`"),
        (lambda: sm.Gent(mu=1.0, limit=-1.0, kappa=1.0), "`limit`"),
        (lambda: sm.Ogden(mu=[1.0, 2.0], alpha=[2.0], kappa=1.0), "one shape"),
        (lambda: sm.Ogden(mu=[1.0], alpha=[0.0], kappa=1.0), "`alpha`"),
        (lambda: sm.Ogden(mu=[1.0], alpha=[-2.0], kappa=1.0), "shear modulus"),
        (lambda: sm.ArrudaBoyce(mu=1.0, locking_stretch=0.9, kappa=1.0), "`locking_stretch`"),
        (
            lambda: sm.HolzapfelGasserOgden(mu=1, k1=1, k2=1, dispersion=0.4, kappa=1, fibres=FIBRES),
            "dispersion",
        ),
        (
            lambda: sm.HolzapfelGasserOgden(mu=1, k1=1, k2=1, dispersion=0, kappa=1, fibres=[1.0, 0, 0]),
            "fibres",
        ),
    ],
)
def test_bad_parameters_raise(make, match):
    with pytest.raises(ValueError, match=match):
        make()


def test_parameters_may_be_traced_and_laws_are_registered():
    value = jax.jit(jax.grad(lambda E: sm.NeoHooke.from_young(E=E, nu=0.3).energy(F)))(2.0)
    np.testing.assert_allclose(value, sm.NeoHooke.from_young(E=1.0, nu=0.3).energy(F), rtol=1e-13)
    assert sm.LAWS["MooneyRivlin"] is sm.MooneyRivlin and len(sm.LAWS) == 18
    assert sm.VOLUMETRIC["SimoTaylor"] is sm.SimoTaylor
