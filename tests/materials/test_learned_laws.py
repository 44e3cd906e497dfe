"""Networks that have been trained: what they know of their data, and of bodies they were not trained on."""

import pathlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from _examples import example

import simphys as sp
import simphys.materials as sm


ROOT = pathlib.Path(__file__).parents[2]


def sheet_law():
    """As examples/rubber_from_a_field.py found it."""
    like = sm.NeuralHyperelastic(mu=1.0, kappa=1.0, network=sm.ConvexNetwork(2, 1, width=3))
    return sp.io.load_weights(ROOT / "tests" / "data" / "sheet_law.npz", like)


@pytest.mark.slow
def test_treloar_s_rubber():
    """Mean relative errors below those of Ogden's law with three terms, 4.3, 4.6 and 5.7 %."""
    tests = example("rubber_from_tests")
    scene = sp.scene.load(ROOT / "scenes" / "learned_rubber")
    given = scene.data.solid.material.__pydantic_extra__
    network = sp.io.load_weights(scene.path_of(given["weights"]), sm.ConvexNetwork(2, 1, width=4))
    law = sm.NeuralHyperelastic(mu=given["mu"], kappa=given["kappa"], network=network)
    errors = tests.relative_errors(law, tests.measured())
    assert errors["uniaxial"] < 0.030 and errors["equibiaxial"] < 0.046 and errors["pure_shear"] < 0.046
    untrained = tests.relative_errors(sm.NeuralHyperelastic(mu=0.4, kappa=1.0), tests.measured())
    assert min(untrained.values()) > 0.05


@pytest.mark.slow
def test_the_sheet_s_law_at_the_material_point():
    """Moduli of the law that the sheet was made of, 2 (c10 + c01) and κ, were never shown to the network."""
    law, known = sheet_law(), example("rubber_from_a_field").KNOWN
    np.testing.assert_allclose(law.mu, 2 * (known.c10 + known.c01), rtol=0.02)
    np.testing.assert_allclose(law.bulk_modulus(), known.kappa, rtol=0.1)
    stretch = jnp.asarray([1.1, 1.3, 1.5])
    pulled = [sm.nominal_stress(one, sm.Uniaxial(), stretch) for one in (law, known)]
    np.testing.assert_allclose(*pulled, rtol=0.05)


@pytest.mark.slow
def test_the_sheet_s_law_in_another_body():
    field = example("rubber_from_a_field")
    displacement, force = field.transfer(sheet_law(), field.KNOWN)
    assert displacement < 0.015 and force < 0.06
    other = sm.NeuralHyperelastic(mu=0.3, kappa=3.0, network=sm.ConvexNetwork(2, 1, width=3))
    assert field.transfer(other, field.KNOWN)[1] > 0.15


@pytest.mark.slow
def test_an_encoder_learns_from_displacements():
    """A short training: displacements of plates not seen are twice as near, and so is the stiffness it was never told."""
    plate = example("plate_encoder")
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        model, encoder = plate.Plate(), plate.Encoder(0)
        simulate = jax.jit(lambda fields: jax.vmap(model)(jnp.exp(fields)))
        seen, unseen = plate.plates(48, 1), plate.plates(8, 2)
        measured = simulate(seen[1]), simulate(unseen[1])
        before = plate.errors(encoder, model, *unseen, measured[1])
        encoder, losses = plate.train(encoder, model, seen[0], measured[0], 40, 8)
        after = plate.errors(encoder, model, *unseen, measured[1])
    assert after[0] < before[0] / 1.8 and after[1] < 0.8 * before[1]
    assert np.mean(losses[-5:]) < losses[0] / 3


def test_a_flax_module_with_a_solve_inside():
    pytest.importorskip("flax")
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        losses, off = example("flax_rod").main(steps=60, count=4)
    assert losses[-1] < losses[0] / 30 and off < 0.5
