"""Make the data of scenes/elastography: another, finer mesh, a known shear modulus, and noise.

python tests/data/make_elastography.py > scenes/elastography/displacement.csv
"""

import jax


jax.config.update("jax_enable_x64", True)

import jax.numpy as jnp  # noqa: E402
import numpy as np  # noqa: E402

import simphys as sp  # noqa: E402


NOISE = 0.002


def shear_modulus(x):
    """Tissue of 4 kPa with a lump of 12 kPa of 6 mm radius at (30, 28)."""
    distance = jnp.sqrt((x[0] - 30.0) ** 2 + (x[1] - 28.0) ** 2)
    return 4.0 + 8.0 / (1 + jnp.exp((distance - 6.0) / 0.5))


def main():
    space = sp.fem.FunctionSpace(sp.fem.rectangle((60, 60), (50.0, 50.0), cell_type="triangle", degree=2), 2, 2)
    mu = sp.fem.NodalField(jax.vmap(shear_modulus)(space.nodes()))
    law = sp.materials.PlaneStrain(sp.materials.NeoHooke(mu=mu, lam=200.0))
    held = [sp.fem.Dirichlet("bottom", 0.0), sp.fem.Dirichlet("top", (0.0, -0.5))]
    tissue = sp.physics.Solid(space, law, held)
    x = np.linspace(2.5, 47.5, 16)
    places = np.stack(np.meshgrid(x, x), axis=-1).reshape(-1, 2)
    solution = sp.solve(tissue).value
    u = np.asarray(space.evaluate(solution, places))
    u = u + NOISE * np.random.default_rng(5).standard_normal(u.shape)
    print("x_mm,y_mm,ux_mm,uy_mm")
    for (a, b), (c, d) in zip(places, u):
        print(f"{a:.4f},{b:.4f},{c:.6f},{d:.6f}")


if __name__ == "__main__":
    main()
