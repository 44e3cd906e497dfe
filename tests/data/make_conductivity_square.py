"""Make the data of scenes/conductivity_square: another, finer mesh, a known conductivity, and noise.

python tests/data/make_conductivity_square.py > scenes/conductivity_square/temperature.csv
"""

import jax


jax.config.update("jax_enable_x64", True)

import equinox as eqx  # noqa: E402
import jax.numpy as jnp  # noqa: E402
import numpy as np  # noqa: E402

import simphys as sp  # noqa: E402


SIDES = ("left", "right", "bottom", "top")
NOISE = 0.001


def conductivity(x):
    """A bump and a dip."""
    bump = 0.92 * jnp.exp(-((x[0] - 0.3) ** 2 + (x[1] - 0.65) ** 2) / 0.02)
    return jnp.exp(bump - 0.8 * jnp.exp(-((x[0] - 0.7) ** 2 + (x[1] - 0.3) ** 2) / 0.03))


def sensors():
    """6 × 6 of them inside, 4 near the corners."""
    x = (np.arange(6) + 0.5) / 6
    inside = np.stack(np.meshgrid(x, x), axis=-1).reshape(-1, 2)
    return np.concatenate([inside, [[0.02, 0.02], [0.98, 0.02], [0.02, 0.98], [0.98, 0.98]]])


def temperatures(cells=48):
    """Temperatures of the four experiments at the sensors, without noise."""
    space = sp.fem.FunctionSpace(sp.fem.rectangle((cells, cells), cell_type="triangle", degree=2), 2)
    k = sp.fem.NodalField(jax.vmap(conductivity)(space.nodes()))
    flux = [sp.physics.Flux(side, 0.0) for side in SIDES]
    air = [sp.physics.Convection(side, 0.5, 0.0) for side in SIDES]
    plate = sp.physics.Heat(space, sp.materials.IsotropicConduction(k=k), loads=[*flux, *air])
    found = []
    for i in range(len(SIDES)):
        heated = eqx.tree_at(lambda p: p.loads[i].value, plate, jnp.array(-1.0))
        found.append(np.asarray(space.evaluate(sp.solve(heated).value, sensors())))
    return np.stack(found)


def main():
    exact, generator = temperatures(), np.random.default_rng(2026)
    measured = exact + NOISE * generator.standard_normal(exact.shape)
    print("experiment,x_m,y_m,temperature_K")
    for number, row in enumerate(measured):
        for (x, y), value in zip(sensors(), row):
            print(f"{number + 1},{x:.6f},{y:.6f},{value:.5f}")


if __name__ == "__main__":
    main()
