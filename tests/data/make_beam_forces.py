"""Make the data of scenes/beam_forces: another, finer mesh of quadratic triangles, a known pressure, and noise.

python tests/data/make_beam_forces.py > scenes/beam_forces/deflection.csv
"""

import jax


jax.config.update("jax_enable_x64", True)

import jax.numpy as jnp  # noqa: E402
import numpy as np  # noqa: E402

import simphys as sp  # noqa: E402


NOISE = 0.002


def load(x):
    """Force per area on the upper face, N/mm²: a patch around x = 600 on a light load everywhere."""
    return -0.05 - 0.25 * jnp.exp(-(((x[0] - 600.0) / 120.0) ** 2))


def main():
    space = sp.fem.FunctionSpace(sp.fem.rectangle((160, 10), (1000.0, 60.0), cell_type="triangle", degree=2), 2, 2)
    traction = jax.vmap(lambda x: jnp.stack([0.0 * x[0], load(x)]))(space.nodes())
    steel = sp.materials.PlaneStress(sp.materials.LinearElastic(E=210e3, nu=0.3))
    grips = [sp.fem.Dirichlet("left", 0.0)]
    beam = sp.physics.Solid(
        space, steel, grips, [sp.physics.Traction("top", sp.fem.NodalField(traction))], thickness=20.0
    )
    x = np.linspace(50.0, 990.0, 25)
    places = np.stack([x, np.full_like(x, 1.0)], axis=1)
    u = np.asarray(space.evaluate(sp.solve(beam).value, places))
    u = u + NOISE * np.random.default_rng(11).standard_normal(u.shape)
    print("x_mm,y_mm,ux_mm,uy_mm")
    for (a, b), (c, d) in zip(places, u):
        print(f"{a:.4f},{b:.4f},{c:.6f},{d:.6f}")


if __name__ == "__main__":
    main()
