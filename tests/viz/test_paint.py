"""Pixels are the means of their samples, whether one triangle covers them or several."""

import numpy as np
import pytest

from simphys.viz._paint import painted


@pytest.mark.parametrize("finer", [1, 2])
@pytest.mark.parametrize("lines", [False, True])
def test_pixels_are_means_of_their_samples(finer, lines):
    """Of colours that are linear within each triangle; alpha is how much is covered."""
    rng = np.random.default_rng(0)
    triangle = np.kron(rng.integers(-1, 2, (5, 4)), np.ones((3, 3), int))[: 12 // finer * finer, : 10 // finer * finer]
    drawn = (rng.random(triangle.shape) < 0.2) & (triangle >= 0) if lines else None
    paint = lambda number, x, y: np.stack([0.1 + 0.3 * number, 0.01 * x, 0.02 * y + 0.001 * x], axis=1)
    image = painted(triangle, finer, paint, drawn, (0.0, 0.5, 1.0))
    for row, column in np.ndindex(image.shape[:2]):
        there = [
            (i, j) for i in range(row * finer, (row + 1) * finer) for j in range(column * finer, (column + 1) * finer)
        ]
        there = [(i, j) for i, j in there if triangle[i, j] >= 0]
        colours = [
            (0.0, 0.5, 1.0)
            if lines and drawn[i, j]
            else paint(triangle[i : i + 1, j], np.array([j + 0.5]), np.array([i + 0.5]))[0]
            for i, j in there
        ]
        expected = [*np.mean(colours, axis=0), len(there) / finer**2] if there else np.zeros(4)
        np.testing.assert_allclose(image[row, column], expected, atol=1e-6)
