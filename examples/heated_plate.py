"""A steel plate that is heated at a spot of its edge: thermal stress, and the heat that deformation takes.

Displacement and temperature are solved for together. Draws the temperature and the axial stress.

    python examples/heated_plate.py [folder]
"""

import pathlib
import sys

import jax
import jax.numpy as jnp

import simphys as sp
from simphys.fem import CellField, Dirichlet, FunctionSpace, NodalField
from simphys.materials import IsotropicConduction, LinearElastic, PlaneStress, Thermoelastic
from simphys.physics import Convection, Flux, ThermoSolid
from simphys.stepping import SDIRK2, march


jax.config.update("jax_enable_x64", True)


def main(folder=".", cells=(18, 8), steps=20):
    mesh = sp.fem.rectangle(cells, (60.0, 20.0))  # mm
    spaces = FunctionSpace(mesh, 2, components=2), FunctionSpace(mesh, 1)
    # MPa, mm, s, °C: energy in mJ, power in mW, so k = 50 mW/(mm K) and c = 3.6 mJ/(mm³ K).
    steel = Thermoelastic(
        PlaneStress(LinearElastic(E=210e3, nu=0.3)), expansion=1.2e-5, capacity=3.6, reference=20.0, zero=-273.15
    )
    held = [Dirichlet("bottom", 0.0)]
    spot = spaces[1].interpolate(lambda x: -4000.0 * jnp.exp(-(((x[0] - 20.0) / 6.0) ** 2)))  # mW/mm²
    loads = [Flux("top", NodalField(spot)), Convection("bottom", h=5.0, ambient=20.0)]
    plate = ThermoSolid(spaces, steel, IsotropicConduction(k=50.0), held, loads)
    top = lambda t, value, plate: jnp.max(value[1])
    found = march(SDIRK2(), plate, (0.0, 20.0), jnp.linspace(0.0, 10.0, steps + 1), observe=top, save=None)
    stress = plate.stress(found.final.u)[:, 0, 0]
    print(f"hottest after 10 s: {float(found.observed[-1]):.1f} °C, axial stress down to {float(stress.min()):.0f} MPa")
    folder = pathlib.Path(folder)
    return [
        sp.viz.field(spaces[1], found.final.u[1], folder / "plate_temperature.png", label="temperature", unit="°C"),
        sp.viz.field(spaces[0], CellField(stress), folder / "plate_stress.png", label="axial stress", unit="MPa"),
    ]


if __name__ == "__main__":
    main(*sys.argv[1:])
