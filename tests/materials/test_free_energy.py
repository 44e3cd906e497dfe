"""Free energies of mixing: their parts are convex and concave, their wells where they should be."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from simphys.materials import ConcavePart, ConvexPart, DoubleWell, FloryHuggins, FreeEnergy


LAWS = {
    "double well": DoubleWell(2.0),
    "shifted wells": DoubleWell(0.5, (0.1, 0.9)),
    "Flory-Huggins": FloryHuggins(2.5, lengths=(1.0, 3.0)),
    "given": FreeEnergy(lambda c: jnp.cos(3 * c), curvature=9.0),
}


@pytest.mark.parametrize("law", LAWS.values(), ids=LAWS.keys())
def test_parts(law):
    c = jnp.linspace(0.02, 0.98, 33)
    second = lambda part: jax.vmap(jax.grad(jax.grad(part.energy)))(c)
    assert law.splits and float(second(ConvexPart(law)).min()) >= -1e-12
    assert float(second(ConcavePart(law)).max()) <= 1e-12
    whole = jax.vmap(ConvexPart(law).energy)(c) + jax.vmap(ConcavePart(law).energy)(c)
    np.testing.assert_allclose(whole, jax.vmap(law.energy)(c), rtol=1e-12, atol=1e-12)


def test_double_well_has_its_phases_at_the_bottom():
    law = DoubleWell(0.7, (0.2, 1.0))
    for c in (0.2, 1.0):
        np.testing.assert_allclose([law.energy(c), law.potential(c)], 0.0, atol=1e-14)
    np.testing.assert_allclose(law.energy(0.6), 0.7 / 4)


def test_flory_huggins_against_its_formula():
    law, c = FloryHuggins(2.0, height=3.0, lengths=(2.0, 1.0)), 0.3
    expected = 3 * (c * np.log(c) / 2 + (1 - c) * np.log(1 - c) + 2 * c * (1 - c))
    np.testing.assert_allclose(law.energy(jnp.asarray(c)), expected, rtol=1e-14)
    assert np.isnan(law.energy(jnp.asarray(-0.01))) and np.isnan(law.potential(jnp.asarray(1.01)))


def test_misuse():
    for make, text in (
        (lambda: DoubleWell(-1.0), "height"),
        (lambda: DoubleWell(1.0, (1.0, 0.0)), "phases"),
        (lambda: FloryHuggins(-1.0), "chi"),
        (lambda: FreeEnergy(3.0), "function"),
    ):
        with pytest.raises(ValueError, match=text):
            make()
