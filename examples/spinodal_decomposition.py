"""A mixture that separates: the Cahn–Hilliard equation.

The energy falls in every step, and what there is of each component is kept. Draws c at four times.

    python examples/spinodal_decomposition.py [folder]
"""

import pathlib
import sys

import jax
import jax.numpy as jnp
import numpy as np

import simphys as sp
from simphys.fem import Periodic
from simphys.stepping import ConvexSplitting, march


jax.config.update("jax_enable_x64", True)

WIDTH = 0.025
"""ε: interfaces are some 4 ε wide."""
TIMES = (0.02, 0.1, 0.5, 5.0)


def main(folder="."):
    space = sp.fem.FunctionSpace(sp.fem.rectangle((40, 40)))
    ties = [Periodic(*pair, field=f) for pair in (("left", "right"), ("bottom", "top")) for f in (0, 1)]
    mixture = sp.physics.CahnHilliard(space, sp.materials.DoubleWell(), ties, gradient_energy=WIDTH**2)
    c = jnp.asarray(0.05 * np.random.default_rng(0).standard_normal(space.shape))
    # Fine steps while it separates, ever longer ones while it coarsens.
    times = jnp.concatenate([jnp.linspace(0.0, 0.1, 26), jnp.geomspace(0.1, 5.0, 40)[1:]])
    both = lambda t, value, problem: (problem.energy(value), problem.content(value))
    found = march(ConvexSplitting(), mixture, (c, 0.0), times, observe=both)
    energy, content = map(np.asarray, found.observed)
    print(f"energy from {energy[0]:.4f} to {energy[-1]:.4f}, falls in every step: {bool(np.all(np.diff(energy) < 0))}")
    print(f"content changes by {np.ptp(content):.1e}")
    paths = []
    for number, t in enumerate(TIMES):
        i = int(jnp.argmin(jnp.abs(times - t)))
        path = pathlib.Path(folder) / f"spinodal_{number}.png"
        title = f"t = {float(times[i]):.2f}"
        options = dict(label="concentration", limits=(-1.0, 1.0), length_unit="", mesh_lines=False, title=title)
        paths.append(sp.viz.field(space, found.values[0][i], path, **options))
    return paths


if __name__ == "__main__":
    main(*sys.argv[1:])
