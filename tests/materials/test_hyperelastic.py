"""What every finite-strain law owes: stress, symmetry, objectivity, tangents, failures."""

import functools

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
RNG = np.random.default_rng(3)
F = jnp.asarray(np.eye(3) + 0.15 * RNG.standard_normal((3, 3)))
Q = jnp.asarray(np.linalg.qr(RNG.standard_normal((3, 3)))[0])
Q = Q * jnp.linalg.det(Q)
EYE = jnp.eye(3)


SHEAR, STRETCH = 0.4, 1.7
HALF_TURN = jnp.diag(jnp.array([1.0, -1.0, -1.0]))
STEP, WAY = 1e-5, F - 1.5 * EYE
POINTS = {
    "undeformed": EYE,
    "any": F,
    "turned": Q @ F,
    "of a turned body": F @ Q,
    "of a body turned by a half": F @ HALF_TURN,
    "ahead": F + STEP * WAY,
    "behind": F - STEP * WAY,
    "sheared": EYE.at[0, 1].set(SHEAR),
    "pulled": jnp.diag(jnp.array([STRETCH, STRETCH**-0.5, STRETCH**-0.5])),
    "mirrored": jnp.diag(jnp.array([1.0, 1.0, -1.0])),
    "flat": jnp.diag(jnp.array([1.0, 1.0, 0.0])),
    "inside out": -EYE,
    "a point": 0 * EYE,
}
INVERTED = tuple(POINTS)[-4:]


@jax.jit
def derivatives(law, F):
    """Energy, stress and tangent at many points: one program for all that is asked of a law."""
    return jax.vmap(lambda F: (law.energy(F), law.first_piola(F), law.tangent(F)))(F)


@functools.cache
def answers(name):
    """Energy, stress and tangent by the names of points."""
    found = map(np.asarray, derivatives(CASES[name][0], jnp.stack(list(POINTS.values()))))
    return [dict(zip(POINTS, each)) for each in found]


third = jax.jit(lambda law, F: jax.vmap(jax.jacfwd(law.tangent))(F))
slope_along = jax.jit(lambda law, d: jax.jvp(lambda law: law.first_piola(F), (law,), (d,)))


@pytest.mark.breadth
@pytest.mark.parametrize("name", CASES)
def test_energy_stress_and_tangent(name):
    """Undeformed, the law is Hooke's; it sees no rotation; stress and tangent are slopes; inverted points have none."""
    law, mu, kappa = CASES[name]
    energy, stress, tangent = answers(name)
    np.testing.assert_allclose(energy["undeformed"], 0, atol=1e-15)
    np.testing.assert_allclose(stress["undeformed"], 0, atol=1e-15)
    d, lam = np.eye(3), kappa - 2 * mu / 3
    pairs = [np.einsum(f"{a},{b}->ijkl", d, d) for a, b in (("ij", "kl"), ("ik", "jl"), ("il", "jk"))]
    np.testing.assert_allclose(tangent["undeformed"], lam * pairs[0] + mu * (pairs[1] + pairs[2]), atol=2e-14)
    np.testing.assert_allclose(energy["turned"], energy["any"], rtol=1e-13)
    np.testing.assert_allclose(stress["turned"], Q @ stress["any"], atol=1e-13)
    # The fibre law keeps the reflections that swap its two families.
    same = "of a body turned by a half" if name == "hgo" else "of a turned body"
    np.testing.assert_allclose(energy[same], energy["any"], rtol=1e-13)
    slope = lambda of: (of["ahead"] - of["behind"]) / (2 * STEP)
    np.testing.assert_allclose(np.sum(stress["any"] * WAY), slope(energy), rtol=1e-8)
    np.testing.assert_allclose(np.einsum("ijkl,kl", tangent["any"], WAY), slope(stress), rtol=1e-7, atol=1e-8)
    np.testing.assert_allclose(tangent["any"], tangent["any"].transpose(2, 3, 0, 1), atol=1e-13)
    for bad in INVERTED:
        assert not np.isfinite(energy[bad]) and not np.all(np.isfinite(stress[bad]))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mooney", "hgo"])
def test_tangents_have_derivatives(name):
    """(Ogden's: see `test_ogden`.)"""
    at_rest, found = np.asarray(third(CASES[name][0], jnp.stack([EYE, F])))
    assert np.all(np.isfinite(at_rest))
    tangent = answers(name)[2]
    difference = (tangent["ahead"] - tangent["behind"]) / (2 * STEP)
    np.testing.assert_allclose(np.einsum("ijklmn,mn", found, WAY), difference, rtol=1e-6, atol=1e-6)


@pytest.mark.breadth
@pytest.mark.parametrize("name", ["arruda", "hgo", "ogden"])
def test_parameter_derivatives_converge_at_second_order(name):
    """Taylor test of the stress along a random direction of each parameter: remainder O(h²)."""
    leaves, tree = jax.tree.flatten(CASES[name][0])
    for number in range(len(leaves)):
        direction = [jnp.zeros_like(leaf) for leaf in leaves]
        direction[number] = leaves[number] * jnp.asarray(RNG.uniform(0.5, 1.5, leaves[number].shape))
        way = jax.tree.unflatten(tree, direction)
        both = lambda h: slope_along(jax.tree.unflatten(tree, [a + h * d for a, d in zip(leaves, direction)]), way)
        value, slope = both(0.0)
        assert np.all(np.isfinite(slope))
        remainders = [jnp.linalg.norm(both(h)[0] - value - h * slope) for h in (1e-2, 5e-3)]
        assert remainders[1] < 1e-13 or remainders[0] / remainders[1] > 3.7


@pytest.mark.slow
def test_simple_shear_and_uniaxial_closed_forms():
    for name, modulus in {"neo": 1.5, "mooney": 1.0, "gent": 1.2 / (1 - SHEAR**2 / 30.0)}.items():
        kirchhoff = answers(name)[1]["sheared"] @ np.asarray(POINTS["sheared"]).T
        np.testing.assert_allclose(kirchhoff[0, 1], modulus * SHEAR, rtol=1e-13)
    e = [(STRETCH**2 - 1) / 2, (1 / STRETCH - 1) / 2]
    expected = STRETCH * (1.5 * (e[0] + 2 * e[1]) + 2 * e[0])
    np.testing.assert_allclose(answers("svk")[1]["pulled"][0, 0], expected, rtol=1e-13)


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
