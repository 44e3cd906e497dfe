"""Second derivatives follow our rules wherever JAX evaluates in part: in a scan, under `checkpoint`."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import simphys as sp
from simphys._rules import with_rule
from simphys.implicit import local_root


def rule(primals, tangents):
    (x,), (moved,) = primals, tangents
    return square(x), None if moved is None else 2 * x * moved


# Only its rule knows that it has a derivative.
square = with_rule("square", lambda x: jax.lax.stop_gradient(x) ** 2, rule)


def root(x):
    return sp.solve(sp.RootProblem(lambda y, x: y**0.5 - x, guess=jnp.ones_like(x)), args=x).value


def point(x):
    return local_root(lambda y, x: y - x**2, jnp.ones(1), x)[0]


def twice(f):
    return lambda x: jax.lax.scan(lambda y, _: (f(y), None), x, length=2)[0]


MODES = [(outer, inner) for outer in (jax.jacfwd, jax.jacrev) for inner in (jax.jacfwd, jax.jacrev)]


@pytest.mark.breadth
@pytest.mark.parametrize("function", [square, root, point], ids=lambda f: getattr(f, "__name__", "f"))
def test_second_derivatives_in_a_scan(function):
    """(x²)² has 12 x²."""
    once = jax.checkpoint(twice(function))
    ways = (twice(function), once) if function is square else (once,)
    second = jax.jit(lambda x: jnp.stack([outer(inner(f))(x) for f in ways for outer, inner in MODES]))
    np.testing.assert_allclose(second(1.3), np.full(4 * len(ways), 12 * 1.3**2), rtol=1e-7)


def test_a_function_with_a_rule_is_mapped():
    f = lambda x: twice(square)(x) * x
    expected = 4 * np.array([1.0, 1.3]) ** 3 * np.array([1.0, 1.3]) + np.array([1.0, 1.3]) ** 4
    np.testing.assert_allclose(jax.vmap(jax.grad(f))(jnp.array([1.0, 1.3])), expected, rtol=1e-12)
    np.testing.assert_allclose(jax.grad(lambda x: jnp.sum(jax.vmap(f)(x)))(jnp.array([1.0, 1.3])), expected, rtol=1e-12)


def test_a_function_with_a_rule_is_traced_once():
    """Its shapes are asked for in the context in which it is lowered: what it compiles is found again there."""
    traced = []
    inner = jax.jit(lambda x: traced.append(x) or x**2)
    once = with_rule("once", lambda x: inner(x), lambda primals, tangents: (inner(*primals), None))
    jax.jit(lambda x: once(x)).lower(1.0)
    assert len(traced) == 1
