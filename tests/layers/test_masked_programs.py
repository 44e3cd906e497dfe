"""Layers of which one member of a batch has no solution."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from simphys.layers import QP, FixedPoint


# min ½ z² − 3 z with 1 ≤ z ≤ h: z = h; nothing is feasible for h < 1.
H = jnp.array([2.0, 1.5, 0.5])
GOOD = np.array([True, True, False])


def program(h, throw=False):
    G = jnp.array([[1.0], [-1.0]])
    return QP(jnp.eye(1), jnp.array([-3.0]), None, None, G, jnp.stack([h, -1.0]))(throw=throw)


@pytest.mark.slow
def test_a_masked_infeasible_program():
    total = lambda part: lambda h: jnp.sum(jnp.where(GOOD, jax.vmap(lambda h: part(program(h)))(h), 0.0))
    value, slack = (lambda s: s.value[0]), (lambda s: s.slack[1])
    for part in (value, slack):
        np.testing.assert_allclose(jax.jit(jax.grad(total(part)))(H), [1.0, 1.0, 0.0], rtol=1e-7)
    each = jax.jit(jax.vmap(jax.grad(lambda h: program(h).duals[0])))(H)
    np.testing.assert_allclose(each, [-1.0, -1.0, np.nan], rtol=1e-7)


@pytest.mark.slow
def test_an_infeasible_program_is_named_by_its_lane():
    with pytest.raises(eqx.EquinoxRuntimeError, match=r"satisfies the constraints.* lane 2\."):
        jax.vmap(lambda h: program(h, throw=True).value)(H)


def test_a_masked_fixed_point():
    layer = FixedPoint(lambda z, x: 0.5 * z * z + x, throw=False)
    x = jnp.array([0.1, 0.2, 3.0])
    one = lambda x: layer(x, jnp.zeros(())).value
    total = lambda x: jnp.sum(jnp.where(GOOD, jax.vmap(one)(x), 0.0))
    np.testing.assert_allclose(jax.jit(jax.grad(total))(x), [*(1 / np.sqrt(1 - 2 * x[:2])), 0.0], rtol=1e-6)
