"""Synthetic thermocouples for the scene beside this: readings of a finer model, with noise.

    python make_data.py

The truth: a finer mesh of quadratic triangles, shorter steps of another stepper (BDF2), and noise of 1.5 °C. Nothing
here was measured.
"""

import pathlib

import jax
import jax.numpy as jnp
import numpy as np

import simphys as sp


jax.config.update("jax_enable_x64", True)
PLACES = {"edge": [18.5e-3, 1.0e-3], "corner": [17.0e-3, 17.0e-3], "middle": [10.0e-3, 1.0e-3], "core": [0.0, 0.0]}
TEMPERATURES = [20.0, 100.0, 200.0, 300.0, 400.0, 450.0, 500.0, 550.0, 600.0, 700.0, 850.0]
FOUND_AT = [100.0, 300.0, 450.0, 550.0, 700.0, 850.0]
COEFFICIENTS = np.interp(TEMPERATURES, FOUND_AT, [250.0, 700.0, 2100.0, 2600.0, 1100.0, 600.0])
NOISE = 1.5


def readings() -> tuple[np.ndarray, np.ndarray]:
    """Return times, (n,), and temperatures, (n, place)."""
    space = sp.fem.FunctionSpace(sp.fem.rectangle((16, 16), (0.02, 0.02), cell_type="triangle"), degree=2)
    h = sp.materials.Table(TEMPERATURES, COEFFICIENTS)
    oil = [sp.physics.Convection(side, h, 60.0) for side in ("right", "top")]
    steel = sp.materials.IsotropicConduction(
        k=sp.materials.Table([0.0, 400.0, 800.0, 1000.0], [51.0, 40.0, 27.0, 27.0])
    )
    heat = sp.materials.HeatCapacity(
        sp.materials.Table([0.0, 400.0, 600.0, 735.0, 850.0], [3.45e6, 4.75e6, 5.9e6, 8.0e6, 5.1e6])
    )
    bar = sp.physics.Heat(space, steel, [], oil, capacity=heat)
    sensors = space.locate(np.array(list(PLACES.values())))
    read = lambda t, T, bar: space.evaluate(T, sensors)
    times = jnp.linspace(0.0, 120.0, 961)
    found = sp.stepping.march(sp.stepping.BDF2(), bar, 850.0, times, observe=read, save=None)
    return np.asarray(times[8::8]), np.asarray(found.observed[8::8])


if __name__ == "__main__":
    times, exact = readings()
    noisy = exact + NOISE * np.random.default_rng(7).standard_normal(exact.shape)
    table = np.column_stack([times, noisy])
    header = ",".join(["time_s", *(f"{name}_C" for name in PLACES)])
    file = pathlib.Path(__file__).with_name("thermocouples.csv")
    np.savetxt(file, table, "%.5g", ",", header=header, comments="")
