"""Eigenvalues of balance laws."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from _taylor import check_gradient

from simphys.fem import Dirichlet, Energy, FunctionSpace, Weak, line
from simphys.materials import IsotropicConduction
from simphys.physics import Balance, Heat, modes


def string(tension, ends=("left", "right")):
    space = FunctionSpace(line(8, 2.0), 2)
    flow = Energy(lambda u, at, t: t * u.gradient[0] ** 2 / 2, tension)
    stored = Energy(lambda u, at, p: u.value**2 / 2)
    return Balance(space, [flow], [Dirichlet(end, 3.0) for end in ends], stored=stored)


def test_a_string():
    """λ = T (nπ/L)²; shapes are normalised and 0 at the ends, whatever is prescribed there."""
    found = modes(string(jnp.array(4.0)), 3)
    np.testing.assert_allclose(found.values, (np.pi * np.arange(1, 4)) ** 2, rtol=3e-3)
    assert found.fields.shape == (3, 17) and found.residual < 1e-10
    space = string(jnp.array(4.0)).space
    exact = np.sin(np.pi * np.asarray(space.nodes())[:, 0] / 2)
    np.testing.assert_allclose(np.abs(found.fields[0]), exact, atol=1e-3)


@pytest.mark.slow
def test_a_free_string_rests_too():
    """The shift leaves out what lies below it."""
    free = string(jnp.array(1.0), ())
    np.testing.assert_allclose(modes(free, 2, above=-1.0).values, [0, np.pi**2 / 4], atol=1e-4)
    np.testing.assert_allclose(modes(free, 1, above=1.0).values, [np.pi**2 / 4], atol=1e-4)


@pytest.mark.slow
def test_derivatives():
    loss = lambda tension: jnp.sum(jnp.sqrt(modes(string(tension), 2).values))
    assert check_gradient(loss, jnp.array(2.0)).order > 1.9
    assert jnp.isnan(jax.grad(jax.grad(loss))(2.0))


@pytest.mark.slow
def test_what_is_refused():
    space = FunctionSpace(line(4), 1)
    with pytest.raises(ValueError, match="`Heat` stores nothing"):
        modes(Heat(space, IsotropicConduction(k=1.0), [Dirichlet("left", 0.0)]), 1)
    drift = Weak(lambda u, at, p: (u.gradient[0], u.gradient))
    with pytest.raises(ValueError, match="not symmetric"):
        modes(Balance(space, [drift], stored=Energy(lambda u, at, p: u.value**2 / 2)), 1)
    with pytest.raises(ValueError, match="`count`"):
        modes(string(jnp.array(1.0)), 0)
    free = string(jnp.array(1.0), ())
    with pytest.raises(Exception, match="did not find eigenvectors"):
        modes(free, 2)
    assert np.isnan(modes(free, 2, throw=False).values).all()
