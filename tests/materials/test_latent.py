"""Latent variables with a learned evolution, against the Maxwell element that they can be."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from _taylor import check_gradient

import simphys as sp
from simphys.inverse import train
from simphys.materials import LatentSpring, LinearElastic, NeoHooke, NeuralViscoelastic, PlaneStrain
from simphys.stepping import Equilibrium, march


DEVIATOR = np.diag([1.0] * 6)
DEVIATOR[:3, :3] -= 1 / 3
E_LASTING, NU, MODULUS, TIME = 1.0, 0.3, 0.5, 0.4


def maxwell(**options):
    """ż = (dev e − z)/τ, a linear rate."""
    rate = eqx.nn.Linear(12, 6, use_bias=False, key=jax.random.PRNGKey(0), dtype=float)
    rate = eqx.tree_at(lambda r: r.weight, rate, jnp.asarray(np.hstack([DEVIATOR, -np.eye(6)])))
    return NeuralViscoelastic(LinearElastic(E=E_LASTING, nu=NU), rate, LatentSpring(MODULUS), time=TIME, **options)


def learner(width=8, seed=0, law=None):
    net = eqx.nn.MLP(12, 6, width, 1, jnp.tanh, key=jax.random.PRNGKey(seed), dtype=float)
    net = eqx.tree_at(lambda m: m.layers[-1].bias, net, jnp.zeros(6))
    law = LinearElastic(E=E_LASTING, nu=NU) if law is None else law
    return NeuralViscoelastic(law, net, LatentSpring(MODULUS), time=TIME, scale=0.05)


@pytest.mark.slow
def test_a_maxwell_element_relaxes_as_its_closed_form():
    """Shear held from t = 0: σ₁₂ = 2 (G + μ e^{−t/τ}) ε₁₂; backward Euler is of first order."""
    strain = jnp.zeros((3, 3)).at[0, 1].set(0.01).at[1, 0].set(0.01)
    shear = E_LASTING / (2 * (1 + NU))
    exact = 2 * (shear + MODULUS * np.exp(-1.0 / TIME)) * 0.01
    errors = []
    for steps in (20, 40):
        law, h = maxwell(), 1.0 / steps
        state, _ = jax.lax.scan(
            lambda z, _: (law.update(strain, z, jnp.asarray(h))[1], None), law.initial(), None, steps
        )
        errors.append(float(law.update(strain, state, jnp.asarray(0.0))[0][0, 1]) - exact)
    assert abs(errors[1]) < 1e-2 * exact
    assert 0.9 < np.log2(errors[0] / errors[1]) < 1.1


@pytest.mark.slow
def test_a_rotation_of_the_body_rotates_the_stress_only():
    law = learner(law=NeoHooke(mu=1.0, lam=2.0))
    generator = np.random.default_rng(0)
    F = jnp.asarray(np.eye(3) + 0.2 * generator.standard_normal((3, 3)))
    Q = jnp.asarray(np.linalg.qr(generator.standard_normal((3, 3)))[0])
    Q = Q * jnp.sign(jnp.linalg.det(Q))
    state, h = 0.1 * jnp.asarray(generator.standard_normal(6)), jnp.asarray(0.3)
    stress, after = law.update(F, state, h)
    turned, same = law.update(Q @ F, state, h)
    np.testing.assert_allclose(turned, Q @ stress, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(same, after, rtol=1e-10, atol=1e-12)
    assert float(jnp.linalg.norm(after - state)) > 1e-3


def history(seed, steps=20):
    """Smooth histories of a strain whose axes turn, (time, 3, 3), and the stress that the law gives for them."""
    t = np.linspace(0.0, 2.0, steps + 1)[1:, None, None]
    generator = np.random.default_rng(seed)
    waves = [0.02 / k * generator.standard_normal((3, 3)) * np.sin(k * t + generator.uniform(0, 6)) for k in (1, 2, 4)]
    return jnp.asarray(sum(w + w.swapaxes(1, 2) for w in waves))


def stresses(law, strains):
    def step(state, strain):
        stress, state = law.update(strain, state, jnp.asarray(0.1))
        return state, stress

    return jax.lax.scan(step, law.initial(), strains)[1]


@pytest.mark.slow
def test_a_network_learns_maxwell_s_relaxation_from_stresses():
    """Trained on eight histories, right within 2 % on two that it never saw; the untrained network is not."""
    every = eqx.filter_jit(jax.vmap(stresses, in_axes=(None, 0)))
    seen, unseen = (jnp.stack([history(seed) for seed in seeds]) for seeds in (range(8), range(8, 10)))
    measured = every(maxwell(), seen)
    size = float(jnp.sqrt(jnp.mean(measured**2)))
    start = learner()
    mask = eqx.tree_at(lambda l: l.rate, jax.tree.map(lambda _: False, start), jax.tree.map(eqx.is_array, start.rate))
    residuals = lambda law, strains: (jax.vmap(lambda s: stresses(law, s))(strains) - measured) / size
    found = train(residuals, start, seen, trainable=mask, max_iterations=25)
    truth = every(maxwell(), unseen)
    error = lambda law: float(jnp.linalg.norm(every(law, unseen) - truth) / jnp.linalg.norm(truth))
    assert found.errors[-1] < found.errors[0] / 40
    assert error(found.model) < 0.02 < 0.1 < error(start)


@pytest.mark.slow
def test_gradient_of_a_march_with_respect_to_the_weights():
    space = sp.fem.FunctionSpace(sp.fem.rectangle((1, 1)), components=2)
    law = PlaneStrain(learner(width=2))
    ends = [sp.fem.Dirichlet("left", 0.0), sp.fem.Dirichlet("top", 0.0, components=1)]
    body = sp.physics.Solid(space, law, ends)
    drive = lambda b, t: eqx.tree_at(lambda b: b.constraints[1].value, b, 0.2 * jnp.sin(t))
    pick = lambda b: b.material.material

    def loss(weights):
        moved = eqx.tree_at(lambda b: (pick(b).rate, pick(b).potential), body, weights)
        watch = lambda t, u, now: jnp.sum(now.stress(u) ** 2)
        found = march(Equilibrium(), moved, 0.0, jnp.linspace(0.0, 1.0, 4), drive=drive, observe=watch)
        return jnp.sum(found.observed)

    assert check_gradient(loss, (pick(body).rate, pick(body).potential)).order > 1.9


def test_what_does_not_fit_is_refused():
    net = eqx.nn.MLP(12, 5, 4, 1, key=jax.random.PRNGKey(0))
    with pytest.raises(ValueError, match=r"`rate` must return \(6,\).*got \(5,\)"):
        NeuralViscoelastic(LinearElastic(E=1.0, nu=0.3), net, LatentSpring(1.0))
    with pytest.raises(ValueError, match="elastic law of dimension 3, got SmallPlaneStrain"):
        NeuralViscoelastic(PlaneStrain(LinearElastic(E=1.0, nu=0.3)), net, LatentSpring(1.0))
    with pytest.raises(ValueError, match="`scale` must be positive, got 0.0"):
        maxwell(scale=0.0)
