"""Deep-equilibrium networks: their cells, their equilibria and gradients, and what they cost."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from simphys import RESULTS, Implicit, Unrolled, value_and_grad
from simphys.layers import (
    Anderson,
    ConvCell,
    Damped,
    DeepEquilibrium,
    DenseCell,
    FixedPoint,
    MultiscaleCell,
    brief,
    jacobian_penalty,
    newton_krylov,
    spectral_radius,
    summarise,
)


KEY = jax.random.key(0)
IMAGES = jax.random.normal(jax.random.key(1), (2, 1, 4, 4))
CELLS = {
    "dense": (DenseCell(5, 7, key=KEY), jax.random.normal(jax.random.key(1), (2, 5))),
    "conv": (ConvCell(1, 2, groups=1, key=KEY), IMAGES),
    "multiscale": (MultiscaleCell(1, (2, 2, 4), groups=2, key=KEY), IMAGES),
}
TIGHT = Anderson(rtol=1e-11)


@pytest.mark.breadth
@pytest.mark.parametrize("name", ["dense", "multiscale"])
def test_equilibrium_of_every_sample(name):
    """What is returned is mapped onto itself, sample by sample; and the cell contracts there, as made."""
    cell, x = CELLS[name]
    solution = eqx.filter_jit(DeepEquilibrium(cell, TIGHT))(x)
    for i in range(2):
        z = jax.tree.map(lambda leaf: leaf[i], solution.value)
        again = cell(z, cell.inject(x[i]))
        for a, b in zip(jax.tree.leaves(z), jax.tree.leaves(again)):
            np.testing.assert_allclose(a, b, atol=1e-8)
            assert jnp.std(a) > 0.1
        assert 0.01 < spectral_radius(cell, z, cell.inject(x[i])) < 0.95
    alone = eqx.filter_jit(DeepEquilibrium(cell, TIGHT))(x[::-1])
    for a, b in zip(jax.tree.leaves(alone.value), jax.tree.leaves(solution.value)):
        np.testing.assert_allclose(a[0], b[1], atol=1e-8)


@pytest.mark.breadth
@pytest.mark.parametrize("name", ["conv", "multiscale"])
def test_convolutions_contract_whatever_their_weights(name):
    """By 0.95 in the Euclidean norm, also with weights a hundred times too large: no training can lose the equilibrium."""
    cell, x = CELLS[name]
    # Weights that a bound must hold back: positive, so that every entry adds to the norm.
    large = lambda leaf: 100 * jnp.abs(leaf) if eqx.is_inexact_array(leaf) else leaf
    cell = jax.tree.map(large, cell)
    u = cell.inject(x[0])
    size = lambda tree: jnp.sqrt(sum(jnp.sum(leaf**2) for leaf in jax.tree.leaves(tree)))
    for number in range(20):
        draw = lambda leaf, key: 10.0 ** (number % 4 - 1) * jnp.abs(jax.random.normal(jax.random.key(key), leaf.shape))
        z = jax.tree.map(lambda leaf: draw(leaf, number), u)
        step = jax.tree.map(lambda leaf: 1e-3 * draw(leaf, 100 + number), u)
        moved = cell(jax.tree.map(jnp.add, z, step), u)
        assert size(jax.tree.map(jnp.subtract, moved, cell(z, u))) <= 0.95 * size(step)
    solution = eqx.filter_jit(DeepEquilibrium(cell, Damped(rtol=1e-8), throw=False))(x)
    assert solution.result == RESULTS.successful


@pytest.mark.slow
@pytest.mark.parametrize("name", ["dense", "multiscale"])
def test_gradient_of_every_weight_agrees_with_finite_differences(name):
    cell, x = CELLS[name]
    weights, static = eqx.partition(cell, eqx.is_inexact_array)

    def loss(weights):
        z = DeepEquilibrium(eqx.combine(weights, static), TIGHT)(x).value
        return sum(
            jnp.sum(jnp.cos(leaf) * jnp.linspace(0.0, 1.0, leaf.size).reshape(leaf.shape))
            for leaf in jax.tree.leaves(z)
        )

    leaves, tree = jax.tree.flatten(weights)
    draws = [jax.random.normal(jax.random.key(i), leaf.shape) for i, leaf in enumerate(leaves)]
    way = jax.tree.unflatten(tree, draws)
    run = jax.jit(jax.value_and_grad(loss))
    _, gradient = run(weights)
    # A bias before a normalisation moves nothing.
    named = jax.tree_util.tree_leaves_with_path(gradient)
    assert all(jnp.linalg.norm(g) > 1e-6 for path, g in named if not jax.tree_util.keystr(path).endswith("bias"))
    slope = sum(jnp.vdot(g, d) for g, d in zip(jax.tree.leaves(gradient), draws))
    ends = [run(jax.tree.map(lambda a, d: a + h * d, weights, way))[0] for h in (-1e-5, 1e-5)]
    np.testing.assert_allclose(slope, (ends[1] - ends[0]) / 2e-5, rtol=1e-5)


@pytest.mark.slow
def test_three_resolutions_in_one_equilibrium():
    cell, x = CELLS["multiscale"]
    network = eqx.filter_jit(DeepEquilibrium(cell, TIGHT))
    z = network(x).value
    assert [leaf.shape for leaf in z] == [(2, 2, 4, 4), (2, 2, 2, 2), (2, 4, 1, 1)]
    # A pixel of the input moves all three, and each of them acts on the two others.
    moved = network(x.at[0, 0, 2, 2].add(1.0)).value
    assert all(jnp.max(jnp.abs(a[0] - b[0])) > 1e-3 for a, b in zip(z, moved))
    first = jax.tree.map(lambda leaf: leaf[0], z)
    # At a random point: at the equilibrium of so small a network some rectifiers let nothing through.
    draw = lambda leaf: 0.5 * jax.random.normal(jax.random.key(2), leaf.shape)
    J = jax.jit(jax.jacrev(cell))(jax.tree.map(draw, first), cell.inject(x[0]))
    assert all(jnp.linalg.norm(J[i][j]) > 1e-5 for i in range(3) for j in range(3))


@pytest.mark.slow
def test_two_layers_tied_in_one_are_the_two_stacked():
    """z = g(f(z)) and (a, b) = (f(b), g(a)) have one solution and one gradient."""
    W, V = (0.4 * jax.random.normal(k, (6, 6)) / 6**0.5 for k in jax.random.split(KEY))
    x = jax.random.normal(jax.random.key(3), (6,))
    first = lambda z, W: jnp.tanh(W @ z + x)
    second = lambda z, V: jnp.sin(V @ z - x)
    one = lambda p: FixedPoint(lambda z, p: second(first(z, p[0]), p[1]), TIGHT)(p, jnp.zeros(6)).value
    pair = FixedPoint(lambda z, p: (first(z[1], p[0]), second(z[0], p[1])), TIGHT)
    both = lambda p: pair(p, (jnp.zeros(6), jnp.zeros(6))).value[1]
    weights = jnp.arange(6.0)
    loss = lambda f: lambda p: (lambda z: (weights @ z**2, z))(f(p))
    found, tied = (jax.jit(jax.grad(loss(f), has_aux=True))((W, V)) for f in (one, both))
    np.testing.assert_allclose(found[1], tied[1], atol=1e-10)
    for a, b in zip(found[0], tied[0]):
        np.testing.assert_allclose(a, b, atol=1e-9)
        assert jnp.linalg.norm(a) > 1e-2


def temporary_bytes(method, adjoint):
    """Memory that a compiled gradient needs beside its inputs and outputs."""
    W, x, z = jnp.eye(32) * 0.5, jnp.ones((16, 32)), jnp.zeros((16, 32))

    def loss(W):
        return jnp.sum(FixedPoint(lambda z, x: jnp.tanh(z @ W + x), method, adjoint, throw=False)(x, z).value)

    return jax.jit(jax.grad(loss)).lower(W).compile().memory_analysis().temp_size_in_bytes


@pytest.mark.slow
def test_memory_does_not_grow_with_the_number_of_steps():
    steps = (10, 1_000)
    implicit = [temporary_bytes(Anderson(max_steps=n), None) for n in steps]
    # But for 8 bytes a step of the history.
    assert implicit[1] - implicit[0] < 20_000 and implicit[0] > 16 * 32 * 8
    unrolled = [temporary_bytes(Anderson(max_steps=n), Unrolled(checkpoints=n)) for n in steps]
    state = 16 * 32 * 8
    assert unrolled[1] - unrolled[0] > 0.9 * state * (steps[1] - steps[0])


def test_penalty_is_an_unbiased_estimate_of_the_frobenius_norm():
    cell, x = CELLS["dense"]
    u, z = jax.vmap(cell.inject)(x), jax.random.normal(KEY, (2, 7))
    f = jax.vmap(cell)
    J = jax.jacfwd(lambda z: f(z, u))(z).reshape(14, 14)
    draws = jax.jit(jax.vmap(lambda k: jacobian_penalty(f, z, u, k)))(jax.random.split(KEY, 4_000))
    spread = jnp.std(draws) / 4_000**0.5
    exact = jnp.sum(J**2) / 14
    assert abs(jnp.mean(draws) - exact) < 4 * spread and spread < 0.02 * exact
    many = jacobian_penalty(f, z, u, KEY, samples=4_000)
    np.testing.assert_allclose(many, exact, rtol=0.05)


def test_penalty_is_differentiable_and_lowers_the_spectral_radius():
    cell, x = CELLS["dense"]
    cell = eqx.tree_at(lambda c: c.recurrent, cell, 3 * cell.recurrent)
    u, z = jax.vmap(cell.inject)(x), jnp.zeros((2, 7))
    penalty = lambda W, k: jacobian_penalty(jax.vmap(eqx.tree_at(lambda c: c.recurrent, cell, W)), z, u, k)
    W = cell.recurrent
    slope = jax.jit(jax.grad(penalty))
    for k in jax.random.split(KEY, 30):
        W = W - slope(W, k)
    radius = lambda W: spectral_radius(jax.vmap(eqx.tree_at(lambda c: c.recurrent, cell, W)), z, u)
    assert radius(W) < 0.7 * radius(cell.recurrent)


@pytest.mark.parametrize("blocks", [[[0.9]], [[0.0, -0.7], [0.7, 0.0]], [[-0.8]]])
def test_spectral_radius_of_a_known_spectrum(blocks):
    """Real, negative, and a pair of complex eigenvalues above smaller ones, in a basis that is not orthogonal."""
    block = np.asarray(blocks)
    A = np.diag(np.linspace(-0.4, 0.4, 8))
    A[: len(block), : len(block)] = block
    basis = np.random.default_rng(0).standard_normal((8, 8)) + 3 * np.eye(8)
    A = jnp.asarray(basis @ A @ np.linalg.inv(basis))
    found = spectral_radius(lambda z, _: A @ z, jnp.zeros(8), steps=100)
    np.testing.assert_allclose(found, np.max(np.abs(np.linalg.eigvals(A))), rtol=0.01)
    assert spectral_radius(lambda z, x: x, jnp.zeros(3), jnp.ones(3)) == 0


@pytest.mark.slow
def test_training_with_warm_starts_and_its_summary():
    """A network learns a small regression; each solve starts from the last z, and certificates are summed up."""
    cell, x = CELLS["dense"]
    wanted = jnp.sin(3 * jnp.arange(14.0)).reshape(2, 7) * 0.5
    optimiser = optax.adam(3e-2)

    @eqx.filter_jit
    def step(cell, state, guess):
        def loss(cell):
            solution = DeepEquilibrium(cell)(x, guess)
            return jnp.mean((solution.value - wanted) ** 2), solution

        (value, solution), gradient, certificate = value_and_grad(loss, has_aux=True)(cell)
        with jax.numpy_dtype_promotion("standard"):
            change, state = optimiser.update(gradient, state)
        return eqx.apply_updates(cell, change), state, value, solution, certificate

    counts = {}
    for warm in (True, False):
        net, state, guess, solutions, certificates = (
            cell,
            optimiser.init(eqx.filter(cell, eqx.is_inexact_array)),
            None,
            [],
            [],
        )
        guess = cold = jnp.zeros((2, 7))
        values = []
        for _ in range(40):
            net, state, value, solution, certificate = step(net, state, guess)
            guess = solution.value if warm else cold
            values.append(float(value))
            solutions.append(brief(solution))
            certificates.append(certificate)
        assert values[-1] < 0.05 * values[0]
        counts[warm] = summary = summarise(solutions, certificates)
        assert summary.solves == summary.gradients == 40 and summary.converged == 1 and not summary.failures
        assert 0 < summary.worst_residual <= 1e-5 and summary.bad_gradients == 0
        assert 0 < summary.worst_error < 1e-3
        assert "40 solves, 100 % converged" in str(summary)
    assert counts[True].mean_steps < 0.9 * counts[False].mean_steps


@pytest.mark.slow
def test_summary_counts_failures_of_lanes():
    layer = FixedPoint(lambda z, x: x * z + 1.0, Damped(), throw=False)
    x = jnp.array([[0.5], [3.0], [-0.2], [2.0]])
    solution = jax.vmap(layer)(x, jnp.zeros((4, 1)))
    loss = lambda x: jnp.sum(jax.vmap(lambda x: layer(x, jnp.zeros(1)).value)(x))
    _, _, certificate = value_and_grad(loss)(x)
    summary = summarise([brief(solution), layer(x[0], jnp.zeros(1))], [certificate])
    assert summary.solves == 5 and summary.converged == 3 / 5 and summary.failures == {"diverged": 2}
    assert summary.worst_converged < 1e-7 < summary.worst_residual
    assert "2 × diverged" in str(summary)
    with pytest.raises(ValueError, match="no solutions"):
        summarise([])


@pytest.mark.slow
def test_newton_krylov_and_loose_adjoints_serve_networks_too():
    cell, x = CELLS["conv"]
    a = eqx.filter_jit(DeepEquilibrium(cell, newton_krylov(1e-9)))(x)
    b = eqx.filter_jit(DeepEquilibrium(cell, TIGHT, Implicit(rtol=1e-2)))(x)
    assert a.result == b.result == RESULTS.successful
    np.testing.assert_allclose(a.value, b.value, atol=1e-7)


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda: ConvCell(1, 5, groups=2, key=KEY), "`groups` must divide"),
        (lambda: MultiscaleCell(1, (4, 4), key=KEY), "three numbers"),
        (lambda: DeepEquilibrium(CELLS["multiscale"][0])(jnp.zeros((1, 1, 6, 8))), "multiples of 4"),
        (lambda: spectral_radius(lambda z, x: z, jnp.zeros(2), steps=1), "`steps` must be 2"),
    ],
)
def test_misuse_of_networks_is_told(call, words):
    with pytest.raises(ValueError, match=words):
        call()
