"""Learned proximal iterations against the plain ones, at equal depth, on signals not seen in training."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from simphys.layers import LISTA, ista, soft_threshold


M, N, DEPTH = 20, 40, 8


def signals(key, count):
    """Sparse x (one in ten is not zero, standard normal)."""
    where, size = jax.random.split(key)
    return jnp.where(jax.random.bernoulli(where, 0.1, (count, N)), jax.random.normal(size, (count, N)), 0.0)


def nmse(found, x):
    """Normalised mean square error in dB."""
    return 10 * jnp.log10(jnp.sum((found - x) ** 2) / jnp.sum(x**2))


@pytest.fixture(scope="module")
def dictionary():
    A = jax.random.normal(jax.random.key(0), (M, N))
    return A / jnp.linalg.norm(A, axis=0, keepdims=True)


def test_it_starts_as_ista(dictionary):
    x = signals(jax.random.key(1), 1)[0]
    y = dictionary @ x
    np.testing.assert_allclose(LISTA(dictionary, 0.1, DEPTH)(y), ista(dictionary, y, 0.1, DEPTH), atol=1e-12)


def test_ista_reaches_the_minimiser(dictionary):
    """x = S(x − Aᵀ(A x − y), λ) characterises it, whatever the step."""
    y = dictionary @ signals(jax.random.key(1), 1)[0]
    x = ista(dictionary, y, 0.1, 20_000)
    np.testing.assert_allclose(soft_threshold(x - dictionary.T @ (dictionary @ x - y), 0.1), x, atol=1e-8)


@pytest.mark.slow
def test_it_beats_ista_on_held_out_signals(dictionary):
    """By more than 6 dB, the best λ having been chosen for ISTA on the very signals it is judged by."""
    held_out = signals(jax.random.key(2), 500)
    measured = held_out @ dictionary.T
    plain = min(
        float(nmse(jax.vmap(lambda y: ista(dictionary, y, weight, DEPTH))(measured), held_out))
        for weight in (0.01, 0.02, 0.05, 0.1, 0.2)
    )
    layer = LISTA(dictionary, 0.1, DEPTH)
    free = eqx.tree_at(lambda l: l.dictionary, jax.tree.map(lambda _: True, layer), False)
    trained, fixed = eqx.partition(layer, free)
    optimiser = optax.adam(optax.cosine_decay_schedule(2e-3, 1500))

    def loss(trained, x):
        return jnp.mean((jax.vmap(eqx.combine(trained, fixed))(x @ dictionary.T) - x) ** 2)

    def step(carry, key):
        trained, state = carry
        gradient = jax.grad(loss)(trained, signals(key, 128))
        updates, state = optimiser.update(gradient, state)
        return (optax.apply_updates(trained, updates), state), None

    begin = (trained, optimiser.init(trained))
    keys = jax.random.split(jax.random.key(3), 1500)
    with jax.numpy_dtype_promotion("standard"):  # Optax mixes integers and floats
        (trained, _), _ = jax.jit(lambda c, k: jax.lax.scan(step, c, k))(begin, keys)
    learned = float(nmse(jax.vmap(eqx.combine(trained, fixed))(measured), held_out))
    print(f"ISTA {plain:.1f} dB, LISTA {learned:.1f} dB after {DEPTH} steps")
    assert learned < plain - 6


def test_lista_misuse(dictionary):
    with pytest.raises(ValueError, match="`depth`"):
        LISTA(dictionary, 0.1, 0)
    with pytest.raises(ValueError, match="matrix"):
        LISTA(jnp.ones(3), 0.1, 2)
