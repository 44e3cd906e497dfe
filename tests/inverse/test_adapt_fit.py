"""Meshes that refine themselves for fitted parameters: where their shifts come from, until noise is what limits them."""

import _tiled
import jax.numpy as jnp
import numpy as np
import pytest
from _manufactured import root

from simphys import fem, inverse, materials, physics
from simphys.inverse.fits._shift_indicators import shift_parts


RNG = np.random.default_rng(0)
PLACES = RNG.uniform(0.1, 1.9, (60, 2))
PLACES = PLACES[(PLACES[:, 0] < 0.95) | (PLACES[:, 1] > 1.05)][:24]
UNKNOWN = [
    inverse.Parameter("k", lambda b: b.material.k.value, transform=inverse.Positive()),
    inverse.Parameter("hot", lambda b: b.constraints[1].value),
]


def l_shaped(n):
    """2 × 2 without its lower right quarter; the right end is an inlet of heat."""
    mesh = _tiled.l_shaped(n)
    cold = lambda x: (jnp.minimum(x[0], x[1]) < 1e-9) | (x[1] > 2 - 1e-9) | ((x[0] > 1 - 1e-9) & (x[1] < 1 + 1e-9))
    return mesh.with_facet_group("inlet", lambda x: x[0] > 2 - 1e-9).with_facet_group("walls", cold)


def plate(mesh, k=1.3, hot=0.1, degree=1):
    law, ends = materials.IsotropicConduction(k=k), [fem.Dirichlet("walls", 0.0), fem.Dirichlet("inlet", hot)]
    return physics.Heat(fem.FunctionSpace(mesh, degree), law, ends, [physics.Source(1.0)])


def cells_at_the_corner(mesh, reach):
    return np.linalg.norm(np.asarray(mesh.points)[np.asarray(mesh.cells)].mean(axis=1) - 1, axis=1) < reach


def measured(share):
    """Temperatures of a far finer mesh with k = 1 and an inlet of .2, with noise."""
    mesh = l_shaped(6)
    for reach in (0.4, 0.2, 0.1, 0.05):
        mesh = mesh.refined(cells_at_the_corner(mesh, reach))
    fine = plate(mesh, 1.0, 0.2, 2)
    read = np.asarray(fine.space.evaluate(root(fine), PLACES))
    noise = share * np.abs(read).max()
    return read + noise * np.random.default_rng(1).standard_normal(len(read)), noise


def experiment(mesh, data, noise):
    body = plate(mesh)
    seen = inverse.PointValues(body.space, PLACES, data, noise)
    return inverse.LoadSteps(body, lambda b: b.loads[0].value, jnp.array([1.0]), [seen])


@pytest.mark.slow
def test_cells_are_cut_where_the_shifts_come_from():
    data, noise = measured(0.03)
    told, coarse = [], l_shaped(3)
    options = dict(tolerance=0.3, max_rounds=2, progress=told.append)
    found = inverse.adapt_fit(lambda mesh: experiment(mesh, data, noise), coarse, UNKNOWN, **options)
    first, last = found.history
    assert np.abs(first.relative).max() > 10 and np.abs(last.relative).max() < 0.6 * np.abs(first.relative).max()
    assert last.unknowns < 3 * first.unknowns and found.mesh.n_cells == last.cells == 104
    assert not found.reached and "2 meshes were made" in found.message and "the largest shift is" in found.message
    assert any("where the mesh's error is" in line for line in told)
    # The intervals of noise alone hold neither.
    low, high = found.fit.uncertainty.interval95.T
    assert not ((low < [1.0, 0.2]) & (high > [1.0, 0.2])).any()
    low, high = found.fit.mesh.interval95.T
    assert (low < [1.0, 0.2]).all() and (high > [1.0, 0.2]).all()
    assert "the mesh shifts k" in str(found)
    # What the cells owe to each shift sums up to it, but for what the ends of the inlet do, where the temperature jumps.
    fit = inverse.fit(experiment(coarse, data, noise), UNKNOWN)
    parts = shift_parts(fit.local, np.array([0, 1]))
    np.testing.assert_allclose(parts.sum(axis=1), fit.mesh.relative, rtol=0.15)
    assert parts.shape == (2, coarse.n_cells)


def test_bad_input():
    data = np.zeros(24)
    make = lambda mesh: experiment(mesh, data, 1.0)
    for options, words in ((dict(tolerance=0.0), "`tolerance`"), (dict(share=1.5), "`share`")):
        with pytest.raises(ValueError, match=words):
            inverse.adapt_fit(make, l_shaped(1), UNKNOWN, **options)
    with pytest.raises(ValueError, match="`make` must return `LoadSteps`, got Joint"):
        inverse.adapt_fit(lambda mesh: inverse.Joint([make(mesh)]), l_shaped(2), UNKNOWN)
