"""A rubber's energy, learned from three tests at the material point, and used in a body.

A polyconvex network is fitted to Treloar's uniaxial, equibiaxial and pure-shear tests of vulcanised rubber, once more to
two of them to foretell the third, and then put into a twisted and stretched cube, beside Ogden's law.

    python examples/rubber_from_tests.py [folder]
"""

import pathlib
import sys

import jax
import jax.numpy as jnp
import numpy as np

import simphys as sp
from simphys import inverse, materials


jax.config.update("jax_enable_x64", True)
ROOT = pathlib.Path(__file__).parent.parent
TESTS = {
    "uniaxial": materials.Uniaxial(),
    "equibiaxial": materials.Equibiaxial(),
    "pure_shear": materials.PureShear(),
}
KAPPA = 20.0  # MPa; the tests, of an incompressible body, do not show it


def measured():
    """Return (stretch, nominal stress in MPa) of each test."""
    read = lambda name: np.loadtxt(ROOT / "scenes" / "treloar" / f"{name}.csv", delimiter=",", skiprows=1).T
    return {name: tuple(map(jnp.asarray, read(name))) for name in TESTS}


def relative_errors(law, data):
    """Return the mean relative error of each test."""
    off = lambda name: materials.nominal_stress(law, TESTS[name], data[name][0]) / data[name][1] - 1
    return {name: float(jnp.mean(jnp.abs(off(name)))) for name in data}


def learn(law, data, names, iterations=120):
    """Fit a law to some of the tests, all relative errors weighing alike."""
    tests = [(TESTS[name], data[name][0]) for name in names]
    stress = jnp.concatenate([data[name][1] for name in names])
    residuals = lambda law, stress: materials.nominal_stresses(law, tests) / stress - 1
    return inverse.train(residuals, law, stress, max_iterations=iterations, tolerance=1e-4)


def ogden():
    """Return Ogden's three-term law as `simphys fit scenes/treloar` finds it from the same tests."""
    return sp.scene.build_calibration(sp.scene.load(ROOT / "scenes" / "treloar").build()).run().problem


def twisted(material, cells=(3, 3, 3)):
    """The cube of `scenes/twisted_block`, pulled out to 1.5 times its length: displacement and force."""
    changes = {"mesh.cells": list(cells), "solid.material": material}
    pull = {"solid.constraints.twist.translation": [0.5, 0.0, 0.0], "steps.count": 1}
    cube = sp.scene.load(ROOT / "scenes" / "twisted_block", {**changes, **pull}).build().problem()
    value = sp.solve(cube).value
    return value, cube.resultant(value, "right")


def main(folder=".", width=4):
    data = measured()
    show = lambda errors: ", ".join(f"{name} {100 * error:.1f} %" for name, error in errors.items())
    start = materials.NeuralHyperelastic(mu=0.4, kappa=KAPPA, network=materials.ConvexNetwork(2, 1, width=width))
    found = learn(start, data, list(TESTS))
    steps = f"{len(found.errors) - 1} steps, {found.seconds:.0f} s"
    print(f"network, all tests ({steps}): {show(relative_errors(found.model, data))}")
    fewer = learn(start, data, ["uniaxial", "pure_shear"]).model
    print(f"without the equibiaxial test: {show(relative_errors(fewer, data))}")
    path = sp.io.save_weights(pathlib.Path(folder) / "treloar.npz", found.model.network)
    print(f"mu = {float(found.model.mu):.4f} MPa, weights in {path}")
    law = ogden()
    print(f"Ogden, all tests: {show(relative_errors(law, data))}")
    learned = dict(law="NeuralHyperelastic", mu=float(found.model.mu), kappa=KAPPA, weights=str(path.resolve()))
    known = dict(law="Ogden", mu=law.mu.tolist(), alpha=law.alpha.tolist(), kappa=KAPPA)
    (u, f), (v, g) = twisted(learned), twisted(known)
    off = [float(jnp.linalg.norm(a - b) / jnp.linalg.norm(b)) for a, b in ((u, v), (f, g))]
    print(f"in the twisted cube the two differ by {off[0]:.2%} in displacement, {off[1]:.2%} in force")
    return found.model, fewer, off


if __name__ == "__main__":
    main(*sys.argv[1:])
