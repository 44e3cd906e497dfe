"""Strains beside which the positions that a law of finite strain sees are rounding in all their digits but a few."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import simphys as sp


LAW = sp.materials.NeoHooke(mu=1.0, lam=2.0)
SMALL = sp.materials.LinearElastic(E=1.0 * (3 * 2.0 + 2 * 1.0) / 3.0, nu=2.0 / 6.0)


def body(law, load, mixed=False):
    mesh = sp.fem.box((2, 1, 1), (2.0, 1.0, 1.0))
    space = sp.fem.FunctionSpace(mesh, degree=2 if mixed else 1, components=3)
    made = sp.physics.MixedSolid if mixed else sp.physics.Solid
    spaces = (space, sp.fem.FunctionSpace(mesh, degree=1)) if mixed else space
    return made(
        spaces, law, [sp.fem.Dirichlet("left", 0.0)], [sp.physics.Traction("right", jnp.array([load, 0.0, 0.0]))]
    )


@eqx.filter_jit
def solved(problem):
    return sp.solve(problem, throw=False)


@pytest.fixture(scope="module")
def slope():
    """What a small strain law says for a load of 1."""
    return solved(body(SMALL, 1.0)).value


@pytest.mark.parametrize("load, digits", [(1e-8, 1e-6), (1e-10, 1e-5), (1e-12, 1e-3)])
def test_small_loads_are_carried_as_exactly_as_positions_allow(load, digits, slope):
    found = solved(body(LAW, load))
    assert found.result == sp.RESULTS.successful
    np.testing.assert_allclose(found.value / load, slope, atol=digits * float(jnp.abs(slope).max()))
    assert found.certificate.residual > found.certificate.tolerance  # said, not hidden


def test_what_is_all_rounding_is_named():
    found = solved(body(LAW, 1e-16))
    assert found.result == sp.RESULTS.lost_in_rounding and jnp.all(jnp.isnan(found.value))
    assert solved(body(SMALL, 1e-16)).result == sp.RESULTS.successful


def test_single_precision(slope):
    small = lambda tree: jax.tree.map(lambda a: a.astype(jnp.float32) if eqx.is_inexact_array(a) else a, tree)
    found = solved(small(body(LAW, 1e-4)))
    assert found.result == sp.RESULTS.successful and found.value.dtype == jnp.float32
    np.testing.assert_allclose(found.value / 1e-4, slope, atol=1e-2 * float(jnp.abs(slope).max()))
    assert solved(small(body(LAW, 1e-7))).result == sp.RESULTS.lost_in_rounding


@pytest.mark.slow
def test_mixed_bodies_and_gradients():
    """Derivatives are those of the root that was found."""
    tip = lambda law, load, **how: sp.solve(body(law, load, **how)).value
    (u, p), (want, pressure) = (tip(LAW, load, mixed=True) for load in (1e-9, 1e-5))
    np.testing.assert_allclose(u / 1e-9, want / 1e-5, atol=1e-4 * float(jnp.abs(want).max()) / 1e-5)
    np.testing.assert_allclose(p / 1e-9, pressure / 1e-5, atol=1e-4 * float(jnp.abs(pressure).max()) / 1e-5)
    far = lambda load: jnp.sum(tip(LAW, load)[:, 0])
    assert float(jax.grad(far)(1e-9)) == pytest.approx(float(far(1e-9)) / 1e-9, rel=1e-5)


def test_a_step_in_time_from_rest():
    march = lambda law: sp.stepping.march(
        sp.stepping.Newmark(), sp.physics.Solid(*parts(law), density=1.0), (0.0, 0.0), jnp.linspace(0.0, 0.2, 3)
    )

    def parts(law):
        made = body(law, 1e-10)
        return made.space, law, [sp.fem.Dirichlet("left", 0.0)], list(made.loads)

    found, want = march(LAW).final.u, march(SMALL).final.u
    np.testing.assert_allclose(found, want, atol=1e-5 * float(jnp.abs(want).max()))
