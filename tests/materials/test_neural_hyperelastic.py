"""Polyconvex networks: what must hold for any weights, not only for trained ones."""

import itertools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from _taylor import check_gradient, program
from jax.flatten_util import ravel_pytree

import simphys as sp
import simphys.materials as sm


EYE = jnp.eye(3)


def wild(seed, width=5, depth=1, mu=0.7, kappa=3.0):
    """A law whose weights are drawn anew, large ones of both signs among them."""
    network = sm.ConvexNetwork(2, 1, width=width, depth=depth)
    flat, unravel = ravel_pytree(network)
    draw = np.random.default_rng(seed)
    return sm.NeuralHyperelastic(mu=mu, kappa=kappa, network=unravel(jnp.asarray(2 * draw.standard_normal(flat.size))))


energy = eqx.filter_jit(lambda law, F: law.energy(F))
stress = eqx.filter_jit(lambda law, F: law.first_piola(F))
tangent_of = eqx.filter_jit(lambda law, F: law.tangent(F))
energies_of = eqx.filter_jit(lambda law, F: jax.vmap(law.energy)(F))
tangents_of = eqx.filter_jit(lambda law, F: jax.lax.map(law.tangent, F))
ANY = pytest.mark.parametrize("law", [wild(0), wild(1), wild(2, width=3, depth=2)], ids=["a", "b", "deep"])


def deformations(count, seed=0, size=0.5):
    draw = np.random.default_rng(seed)
    found = []
    while len(found) < count:
        F = np.eye(3) + size * draw.standard_normal((3, 3))
        if np.linalg.det(F) > 0.05:
            found.append(F)
    return jnp.asarray(np.stack(found))


@pytest.mark.slow
@ANY
def test_the_undeformed_state_has_no_energy_and_no_stress(law):
    assert abs(float(energy(law, EYE))) < 1e-14
    np.testing.assert_allclose(stress(law, EYE), 0, atol=1e-13)
    tangent = tangent_of(law, EYE)
    # A shear's modulus is mu, whatever the network is.
    np.testing.assert_allclose(tangent[0, 1, 0, 1], 0.7, rtol=1e-12)
    bulk = float(tangent[0, 0, 1, 1]) + 2 / 3 * 0.7
    np.testing.assert_allclose(bulk, law.bulk_modulus(), rtol=1e-10)
    assert bulk > 3.0


@ANY
def test_energy_is_positive_except_in_rigid_motions(law):
    energies = energies_of(law, deformations(200))
    assert float(jnp.min(energies)) > 0
    Q = jnp.asarray(np.linalg.qr(np.random.default_rng(5).standard_normal((3, 3)))[0])
    Q = Q * jnp.linalg.det(Q)
    assert abs(float(energy(law, Q))) < 1e-13


@ANY
def test_frame_indifference_and_isotropy(law):
    draw = np.random.default_rng(7)
    for F in deformations(5, 1):
        Q = jnp.asarray(np.linalg.qr(draw.standard_normal((3, 3)))[0])
        Q = Q * jnp.linalg.det(Q)
        np.testing.assert_allclose(energy(law, Q @ F), energy(law, F), rtol=1e-12)
        np.testing.assert_allclose(energy(law, F @ Q), energy(law, F), rtol=1e-12)
        np.testing.assert_allclose(stress(law, Q @ F), Q @ stress(law, F), atol=1e-11)
        kirchhoff = stress(law, F) @ F.T
        np.testing.assert_allclose(kirchhoff, kirchhoff.T, atol=1e-11)


@pytest.mark.slow
@ANY
def test_the_network_is_convex_and_does_not_fall(law):
    draw = np.random.default_rng(3)
    x, y = (np.hstack([draw.uniform(0, 8, (20, 2)), draw.uniform(0.3, 2.5, (20, 1))]) for _ in range(2))

    @eqx.filter_jit
    def known(network, z):
        value = lambda z: network(z[:2], z[2:])
        return jax.vmap(lambda z: (value(z), jax.grad(value)(z), jax.hessian(value)(z)))(z)

    (at_x, slopes, hessians), (at_y, *_), (middle, *_) = (known(law.network, z) for z in (x, y, (x + y) / 2))
    assert np.all(middle <= (at_x + at_y) / 2 + 1e-12)
    assert np.all(slopes[:, :2] > 0)
    for hessian in np.asarray(hessians):
        assert np.linalg.eigvalsh(hessian).min() > -1e-10 * np.abs(hessian).max()


@pytest.mark.breadth
@ANY
def test_polyconvexity_along_rank_one_lines(law):
    """W(F + t a⊗b) is convex in t wherever det F > 0: the acoustic tensors of a polyconvex law are not negative."""
    draw = np.random.default_rng(11)
    tangents = tangents_of(law, deformations(40, 2))
    for tangent in np.asarray(tangents):
        for _ in range(20):
            b = draw.standard_normal(3)
            acoustic = np.einsum("iJkL,J,L->ik", tangent, b / np.linalg.norm(b), b / np.linalg.norm(b))
            assert np.linalg.eigvalsh((acoustic + acoustic.T) / 2).min() > 0


def test_the_check_of_ellipticity_would_notice():
    """A law whose network is concave in k is refused by the same test."""

    class Concave(sm.ConvexNetwork):
        def __call__(self, x, s):
            return jnp.sum(jnp.sqrt(1e-3 + x)) * 5 + s[0] ** 2

    law = sm.NeuralHyperelastic(mu=1.0, kappa=0.01, network=Concave(2, 1))
    worst = np.inf
    for tangent in np.asarray(tangents_of(law, deformations(20, 2))):
        for b in np.eye(3):
            acoustic = np.einsum("iJkL,J,L->ik", tangent, b, b)
            worst = min(worst, np.linalg.eigvalsh((acoustic + acoustic.T) / 2).min())
    assert worst < -1e-3


@ANY
def test_energy_grows_without_bound(law):
    for scale in (jnp.cbrt, lambda J: J):  # squeezed in all directions, or in one
        stretch = [float(scale(jnp.asarray(J))) for J in (1e-1, 1e-2, 1e-3, 1e-4)]
        squeezed = [EYE * s if scale is jnp.cbrt else EYE.at[0, 0].set(s) for s in stretch]
        energies = [float(energy(law, F)) for F in squeezed]
        assert all(b > 10 * a for a, b in itertools.pairwise(energies[1:]))
    assert float(energy(law, 100 * EYE)) > 1e6
    assert not np.isfinite(energy(law, -EYE)) and not np.isfinite(energy(law, EYE.at[0, 0].set(0.0)))


@pytest.mark.breadth
@ANY
def test_derivatives_against_differences_and_taylor(law):
    F = deformations(1, 4, 0.3)[0]
    H = jnp.asarray(np.random.default_rng(0).standard_normal((3, 3)))
    h = 1e-5
    slope = (stress(law, F + h * H) - stress(law, F - h * H)) / (2 * h)
    np.testing.assert_allclose(jnp.einsum("ijkl,kl", tangent_of(law, F), H), slope, rtol=1e-6, atol=1e-6)
    tangent = tangent_of(law, F)
    np.testing.assert_allclose(tangent, tangent.transpose(2, 3, 0, 1), atol=1e-10 * float(jnp.abs(tangent).max()))
    assert check_gradient(lambda law: jnp.sum(stress(law, F) ** 2), law, step=1e-3, verbose=False).passed


@pytest.mark.slow
def test_in_a_solve_and_its_gradient():
    """A block is sheared; the gradient with respect to every weight, through the solve."""
    space = sp.fem.FunctionSpace(sp.fem.box((2, 2, 2)), components=3)
    held = [sp.fem.Dirichlet("left", 0.0), sp.fem.Dirichlet("right", (0.1, 0.3, 0.0))]
    law = sm.NeuralHyperelastic(mu=0.4, kappa=2.0, network=sm.ConvexNetwork(2, 1, width=3))

    def force(law):
        solid = sp.physics.Solid(space, law, held)
        return solid.resultant(sp.solve(solid).value, "right")[1]

    assert check_gradient(force, law, step=1e-2, halvings=3, verbose=False).passed
    _, gradient, certificate = program(force)(law)
    assert certificate.failures == 0 and certificate.residual < 1e-8
    assert all(float(jnp.abs(g).max()) > 0 for g in jax.tree.leaves(gradient))


@pytest.mark.slow
def test_plane_and_mixed_forms():
    """The mixed form's stress is the law's own where p = -κ (J - 1/J)/2; plane stress has none across."""
    law = wild(4, width=3)
    split = sm.volumetric_split(law)
    mixed = eqx.filter_jit(lambda F, p: jax.grad(split.energy)(F, p))
    for F in deformations(3, 6, 0.2):
        J = jnp.linalg.det(F)
        p = -law.kappa * (J - 1 / J) / 2
        np.testing.assert_allclose(mixed(F, p), stress(law, F), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(split.shear_modulus(EYE), law.mu, rtol=1e-10)
    F = jnp.array([[1.3, 0.1], [0.0, 0.9]])
    whole, inside = eqx.filter_jit(lambda plane: (plane.complete(F), plane.first_piola(F)))(sm.PlaneStress(law))
    np.testing.assert_allclose(stress(law, whole)[:, 2], 0, atol=1e-10)
    np.testing.assert_allclose(inside, stress(law, whole)[:2, :2], rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize(
    "make, match",
    [
        (lambda: sm.NeuralHyperelastic(mu=-1.0, kappa=1.0), "`mu`"),
        (lambda: sm.NeuralHyperelastic(mu=1.0, kappa=0.0), "`kappa`"),
        (lambda: sm.NeuralHyperelastic(mu=1.0, kappa=1.0, network=3.0), "callable"),
        (lambda: sm.NeuralHyperelastic(mu=1.0, kappa=1.0, network=sm.ConvexNetwork(3, 1)), r"shape \(2,\)"),
        (lambda: sm.NeuralHyperelastic(mu=1.0, kappa=1.0, network=lambda k, J: k), "one number"),
        (lambda: sm.ConvexNetwork(0, 1), "`rising`"),
        (lambda: sm.ConvexNetwork(2, 1, width=2.5), "`width`"),
        (lambda: sm.Perceptron(depth=0), "`depth`"),
        (lambda: sm.NeuralCurve(level=0.0, centre=0.0, span=1.0), "`level`"),
        (lambda: sm.NeuralCurve(level=1.0, centre=0.0, span=-1.0), "`span`"),
    ],
)
def test_misuse(make, match):
    with pytest.raises(ValueError, match=match):
        make()
