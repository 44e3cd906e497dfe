"""What the scripts here share: the random densities of simp, and their stiffness."""

import numpy as np


def densities(size: int) -> np.ndarray:
    """Densities by element along x, y and z, (2N, N, N); drawn with x fastest, as `simphys.fem.box` numbers elements."""
    drawn = np.clip(0.5 + 0.3 * np.random.default_rng(0).standard_normal(2 * size**3), 0.05, 0.95)
    return np.ascontiguousarray(drawn.reshape((2 * size, size, size), order="F"))


def young(rho):
    """E(ρ)."""
    return 7e4 * (1e-3 + (1 - 1e-3) * rho**3)
