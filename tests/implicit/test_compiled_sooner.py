"""Solves that nothing but their caller waits for are compiled with less effort; all others are left alone."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import simphys as sp
from simphys.implicit import _compiled


@pytest.fixture
def counted(monkeypatch):
    """As where `XLA_FLAGS` says nothing: the options of the programs that were asked for."""
    monkeypatch.delenv("XLA_FLAGS", raising=False)
    _compiled._options.cache_clear()
    asked, make = [], _compiled._with_options

    def with_options(program, options):
        asked.append(dict(options))
        return make(program, options)

    monkeypatch.setattr(_compiled, "_with_options", with_options)
    yield asked
    _compiled._options.cache_clear()


def cubic(a):
    return sp.solve(sp.RootProblem(lambda y, a: y**3 + y - a), jnp.zeros(3), a).value


def test_one_solve_is_compiled_sooner_and_says_the_same(counted):
    a = jnp.array([2.0, 10.0, 30.0])
    np.testing.assert_allclose(cubic(a), [1.0, 2.0, 3.0], rtol=1e-9)
    assert len(counted) == 1 and counted[0]["xla_backend_optimization_level"] == 1


def test_within_a_program_a_derivative_or_a_batch_nothing_is_asked_for(counted):
    a = jnp.array([2.0, 10.0, 30.0])
    np.testing.assert_allclose(jax.jit(cubic)(a), [1.0, 2.0, 3.0], rtol=1e-9)
    np.testing.assert_allclose(jax.grad(lambda a: jnp.sum(cubic(a)))(a), [1 / 4, 1 / 13, 1 / 28], rtol=1e-8)
    np.testing.assert_allclose(jax.vmap(cubic)(a[None])[0], [1.0, 2.0, 3.0], rtol=1e-9)
    np.testing.assert_allclose(jax.jit(lambda: cubic(np.asarray(a)))(), [1.0, 2.0, 3.0], rtol=1e-9)
    assert not counted


def test_a_large_one_is_made_as_fast_as_it_can_be(counted, monkeypatch):
    monkeypatch.setattr(_compiled, "SMALL", 2)
    np.testing.assert_allclose(cubic(jnp.array([2.0, 10.0, 30.0])), [1.0, 2.0, 3.0], rtol=1e-9)
    assert all("xla_backend_optimization_level" not in options for options in counted)


def test_what_the_user_asks_of_the_compiler_stands(counted, monkeypatch):
    monkeypatch.setenv("XLA_FLAGS", "--xla_backend_optimization_level=2")
    _compiled._options.cache_clear()
    np.testing.assert_allclose(cubic(jnp.array([2.0, 10.0, 30.0])), [1.0, 2.0, 3.0], rtol=1e-9)
    assert not counted
