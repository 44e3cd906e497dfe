"""Channels of least friction between two inlets and two outlets: creeping flow through a box, a third of it free.

Where it is solid a resistance stops the fluid. Straight channels would be the obvious answer; in a box of 1.5 × 1 the
best ones join, run as one, and part again. T. Borrvall and J. Petersson (Int. J. Numer. Methods Fluids 41
(2003) 77) posed the problem; half of the dissipated power is their power function. Of the design found the functional of
dolfin-adjoint's page on the problem is printed, too, ½ ∫ α v² + ∫ μ |∇v|², beside what it has there, on 100 × 100 squares.

    python examples/double_pipe.py [folder] [cells across] [iterations]
"""

import pathlib
import sys

import jax
import jax.numpy as jnp
import numpy as np

import simphys as sp
from simphys import design
from simphys.fem import CellField, Dirichlet, rectangle, taylor_hood


jax.config.update("jax_enable_x64", True)

LENGTH, OPENING, SOLID = 1.5, 1 / 6, 2.5e4


def inflow(x):
    """Two parabolas of greatest speed 1."""
    across = lambda middle: jnp.maximum(1 - (2 * (x[1] - middle) / OPENING) ** 2, 0)
    return jnp.array([across(0.25) + across(0.75), 0.0])


def main(folder=".", across=36, iterations=90):
    folder, n, iterations = pathlib.Path(folder), int(across), int(iterations)
    mesh = rectangle((3 * n // 2, n), (LENGTH, 1.0))
    space = taylor_hood(mesh)
    held = [Dirichlet("left", inflow), Dirichlet("right", inflow), Dirichlet("bottom", 0.0), Dirichlet("top", 0.0)]
    flow = sp.physics.NavierStokes(space, 1.0, 1e-9, held)
    power = design.Dissipation(flow, SOLID)
    found = design.optimise(
        design.Layout(mesh),
        power,
        [design.AtMost(design.Volume(), 1 / 3)],
        optimiser=design.OptimalityCriteria(),
        stages=[design.Stage(iterations // 3, penalty=100.0), design.Stage(iterations, penalty=10.0)],
        max_iterations=iterations,
        tolerance=1e-3,
    )
    best = power.flow(found.density)
    value = sp.solve(best).value
    # That of the same velocities without a resistance.
    friction = flow.dissipation(value)
    print(f"half of the dissipated power {found.objective / 2:.2f}")
    print(f"twice friction's share of it and resistance's {float(friction + best.dissipation(value)) / 2:.2f}; 45.94")
    x, y = np.abs(np.asarray(mesh.points)[np.asarray(mesh.cells)].mean(axis=1) - [LENGTH / 2, 0.5]).T
    joined = found.density[(x < 0.6 / n) & (y < 0.05)].mean()
    print(f"in the middle {100 * joined:.0f} % is fluid")
    fluid = CellField(found.density)
    return [sp.viz.field(space[0], fluid, folder / "double_pipe.png", label="fluid", mesh_lines=False)]


if __name__ == "__main__":
    main(*sys.argv[1:])
