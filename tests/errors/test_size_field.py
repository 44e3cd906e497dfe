"""Sizes of cells for a wanted error, and meshes that are made anew for them."""

import numpy as np
import pytest
from test_estimate import poisson

from simphys import errors, fem


def estimate(parts, error=None):
    parts = np.asarray(parts, float)
    return errors.Estimate(0.0, parts.sum() if error is None else error, 0.0, 1.0, parts, 0.0, 2, 0.0)


def test_where_all_cells_owe_the_same_all_are_cut_alike():
    """An error that goes with h² is a quarter for cells of half the size."""
    problem = poisson(fem.rectangle((4, 4), cell_type="triangle"), 1)
    edges = (0.25 + 0.25 + 0.25 * 2**0.5) / 3
    found = errors.size_field(problem, estimate(np.full(32, 1e-3)), 8e-3)
    np.testing.assert_allclose(found.sizes, edges / 2, rtol=1e-12)
    # Parts of both signs, whose sum is half as large: they are to shrink as it does.
    found = errors.size_field(problem, estimate(np.r_[np.full(24, 1e-3), np.full(8, -1e-3)]), 4e-3)
    np.testing.assert_allclose(found.sizes, edges / 2, rtol=1e-12)
    # Of degree 2 an error is taken to go with h³.
    problem = poisson(fem.rectangle((4, 4), cell_type="triangle"), 2)
    found = errors.size_field(problem, estimate(np.full(32, 1e-3)), 4e-3)
    np.testing.assert_allclose(found.sizes, edges / 2, rtol=1e-12)


def test_sizes_make_the_wanted_error_with_the_fewest_cells():
    """Of all sizes with the same error, those found need the fewest cells."""
    problem = poisson(fem.rectangle((4, 4), cell_type="triangle"), 1)
    parts = 1e-3 * (1 + np.random.default_rng(0).uniform(0, 3, 32))
    from simphys.errors._sizes import ratios

    found = ratios(problem, parts, parts.sum(), 0.2 * parts.sum())
    left, cells = (parts * found**2).sum(), lambda r: (r**-2).sum()
    assert left == pytest.approx(0.2 * parts.sum(), rel=1e-12)
    for seed in range(5):
        other = found * (1 + 0.1 * np.random.default_rng(seed).standard_normal(32))
        other *= (left / (parts * other**2).sum()) ** 0.5
        assert cells(other) > cells(found)
    assert errors.size_field(problem, estimate(np.r_[1.0, np.zeros(31)]), 1e-9).sizes.max() < 0.6
    with pytest.raises(ValueError, match="`error` must be above 0"):
        errors.size_field(problem, estimate(parts), 0.0)


@pytest.mark.slow
def test_a_mesh_made_anew():
    """What `remesh` returns is the next mesh; the sizes it is given ask for no more than that error."""
    mesh, asked = fem.rectangle((4, 4), cell_type="triangle"), []

    def anew(size):
        asked.append(size)
        return size.mesh.refined()

    make = lambda mesh: poisson(mesh, 1)
    goal = errors.PointValue((0.4, 0.4))
    found = errors.adapt(make, goal, 1e-9, mesh=mesh, remesh=anew, max_rounds=2)
    assert [r.cells for r in found.history] == [32, 128] and len(asked) == 1
    assert not found.reached and "within 2 meshes" in found.message
    assert asked[0].sizes.max() < 0.3
    with pytest.raises(ValueError, match="must be a function of the mesh"):
        errors.adapt(make(mesh), goal, 1e-9, remesh=anew)
