"""The small Newton inside material points."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from simphys.implicit._local import affine_local_root, local_root


def cube_root(theta):
    return local_root(lambda y, a: y**3 - a, 1.0 + 0 * theta, theta)


def pair(theta):
    """Roots y₀ = √θ₀ and y₁ = θ₁ / y₀, from an asymmetric system with badly scaled rows."""

    def fn(y, a):
        return jnp.stack([1e9 * (y[0] ** 2 - a[0]), 1e-7 * (y[0] * y[1] - a[1])])

    return local_root(fn, jnp.ones(2), theta)


def test_scalar_root_and_three_derivatives():
    value = 5.0
    expected = [
        value ** (1 / 3),
        value ** (-2 / 3) / 3,
        -2 / 9 * value ** (-5 / 3),
        10 / 27 * value ** (-8 / 3),
    ]
    function = cube_root
    for number in expected:
        np.testing.assert_allclose(function(value * jnp.ones(())), number, rtol=1e-13)
        function = jax.grad(function)


@pytest.mark.slow
def test_both_modes_and_second_order_of_a_system():
    theta = jnp.array([2.0, 3.0])
    np.testing.assert_allclose(pair(theta), [2**0.5, 3 / 2**0.5], rtol=1e-14)

    def exact(t):
        return jnp.stack([jnp.sqrt(t[0]), t[1] / jnp.sqrt(t[0])])

    ways = (jax.jacfwd, jax.jacrev, jax.hessian, lambda f: jax.jacfwd(jax.hessian(f)))
    of = lambda f: jax.jit(lambda t: [way(f)(t) for way in ways])(theta)
    for found, wanted, rtol in zip(of(pair), of(exact), (1e-12, 1e-12, 1e-11, 1e-10), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=rtol, atol=1e-13)


@pytest.mark.slow
def test_vmap_and_jit_agree_with_a_loop():
    theta = jnp.asarray(np.random.default_rng(0).uniform(0.1, 9, (7, 2)))
    together = jax.jit(jax.vmap(jax.jacrev(pair)))(theta)
    alone = jax.jit(jax.jacrev(pair))
    np.testing.assert_allclose(together, jnp.stack([alone(t) for t in theta]), rtol=1e-13)


def test_closed_over_tracers_are_differentiated():
    def function(b):
        return local_root(lambda y, _: y**2 - jnp.sin(b), jnp.ones(()))

    np.testing.assert_allclose(jax.grad(function)(0.7), np.cos(0.7) / 2 / np.sqrt(np.sin(0.7)), rtol=1e-13)


def test_three_unknowns_and_four():
    rng = np.random.default_rng(1)
    for n in (3, 4):
        matrix = jnp.asarray(rng.standard_normal((n, n)) + 3 * np.eye(n))
        y = local_root(lambda y, a: a[0] @ y + 0.1 * y**3 - a[1], jnp.zeros(n), (matrix, jnp.arange(1.0, n + 1)))
        np.testing.assert_allclose(matrix @ y + 0.1 * y**3, np.arange(1.0, n + 1), rtol=1e-13)


def test_halving_reaches_the_root_where_full_steps_diverge():
    for start in (2.0, 20.0):
        np.testing.assert_allclose(local_root(lambda y, a: jnp.arctan(y - a), jnp.asarray(start), 0.25), 0.25)
    # The full step from 3 lands at a negative number, where the logarithm is NaN.
    np.testing.assert_allclose(local_root(lambda y, _: jnp.log(y), jnp.asarray(3.0)), 1.0)


@pytest.mark.breadth
@pytest.mark.parametrize(
    "fn, guess, steps",
    [
        (lambda y, a: y**2 + a, 1.0, 60),
        (lambda y, a: jnp.sqrt(-a - y**2), 1.0, 60),
        (lambda y, a: y**3 - 1e6 * a, 1.0, 3),
        (lambda y, a: 0 * y + a, 1.0, 60),
        (lambda y, a: y - a + jnp.nan, 1.0, 60),
    ],
    ids=["no root", "undefined", "too few steps", "singular", "nan"],
)
def test_failure_is_nan_and_so_are_its_derivatives(fn, guess, steps):
    def function(a):
        return local_root(fn, jnp.asarray(guess), a, max_steps=steps)

    ways = jax.jit(lambda a: (function(a), jax.grad(function)(a), jax.jvp(function, (a,), (a,))[1]))
    assert np.all(np.isnan(ways(1.0)))


def test_one_failed_lane_leaves_the_others():
    roots = jax.vmap(lambda a: local_root(lambda y, a: y**2 - a, jnp.ones(()), a))(jnp.array([4.0, -1.0, 9.0]))
    np.testing.assert_allclose(roots, [2.0, np.nan, 3.0])


def test_units_do_not_matter():
    for unit in (1e-12, 1.0, 1e12):
        y = local_root(lambda y, a: (y / a[0]) ** 3 - a[1], jnp.asarray(2 * unit), (unit, 5.0))
        np.testing.assert_allclose(y, unit * 5 ** (1 / 3), rtol=1e-13)


def test_root_at_the_guess_and_at_zero():
    np.testing.assert_array_equal(local_root(lambda y, _: y - y**3, jnp.zeros(3)), 0)
    np.testing.assert_allclose(local_root(lambda y, _: y + y**3, jnp.ones(())), 0, atol=1e-13)


def test_float32():
    root = local_root(lambda y, a: y**3 - a, jnp.float32(1), jnp.float32(5))
    assert root.dtype == jnp.float32
    np.testing.assert_allclose(root, 5 ** (1 / 3), rtol=1e-6)


def test_misuse_raises():
    with pytest.raises(ValueError, match="one axis"):
        local_root(lambda y, _: y, jnp.ones((2, 2)))
    with pytest.raises(ValueError, match="shape"):
        local_root(lambda y, _: y[:1], jnp.ones(2))
    with pytest.raises(ValueError, match="floating"):
        local_root(lambda y, _: y, jnp.ones(2, int))
    with pytest.raises(ValueError, match="max_steps"):
        local_root(lambda y, _: y, jnp.ones(2), max_steps=0)


def test_affine_systems_need_no_loop():
    matrix = jnp.array([[4.0, 1.0, 0.5], [1.0, 3.0, 0.2], [0.5, 0.2, 2.0]])
    fn = lambda y, b: matrix @ y - b**2
    b = jnp.array([1.0, 2.0, 3.0])
    found = affine_local_root(fn, jnp.ones(3), b)
    np.testing.assert_allclose(found, np.linalg.solve(matrix, b**2), rtol=1e-14)
    slope = jax.jacobian(lambda b: affine_local_root(fn, jnp.zeros(3), b))(b)
    np.testing.assert_allclose(slope, np.linalg.solve(matrix, np.diag(2 * b)), rtol=1e-14)
    singular = affine_local_root(lambda y, b: 0 * y - b, jnp.zeros(3), b)
    assert not np.any(np.isfinite(singular))
