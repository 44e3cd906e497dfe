"""A rubber strap whose force follows a wanted curve: soft at first, then stiff.

A curved strap straightens before it stretches. Its shape, the centre line's waves and the width along it, is found by least
squares over the whole load path at finite strain; the derivatives go through every load step and the motion of the mesh.
A narrow strap begins softly, but never becomes as stiff as is wanted. So the search begins with a wide one that is much
curved, and may draw it in where it is to bend.

    python examples/rubber_strap.py [folder]
"""

import pathlib
import sys

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

import simphys as sp
from simphys.design import Morph
from simphys.fem import Dirichlet, FunctionSpace, cell_quality, rectangle
from simphys.inverse import train
from simphys.materials import NeoHooke, PlaneStrain
from simphys.physics import Solid
from simphys.stepping import Drive, Equilibrium, Tabulated, march


jax.config.update("jax_enable_x64", True)

LENGTH, WIDTH, PULL = 60.0, 4.0, 12.0  # mm
WANTED = np.array([0.08, 0.18, 0.32, 0.52, 0.80, 1.20])  # N per mm of depth, at sixths of the pull


def outline(positions, shape):
    """How the long sides move: `shape` is three waves of the centre line (mm), and three of the width's logarithm."""
    x, y = positions[:, 0], positions[:, 1]
    wave = lambda k: jnp.sin(k * jnp.pi * x / LENGTH)
    middle = shape[0] * wave(1) ** 2 + shape[1] * wave(2) + shape[2] * wave(3) * wave(1)
    width = jnp.exp(shape[3] + shape[4] * wave(1) ** 2 + shape[5] * wave(2) ** 2)
    return jnp.stack([jnp.zeros_like(x), middle + (width - 1) * (y - WIDTH / 2)], axis=1)


def main(folder=".", cells=(16, 2), wanted=WANTED, max_iterations=40):
    mesh = rectangle(cells, (LENGTH, WIDTH), degree=2)
    # The ends keep their places and change their width with the sides.
    morph = Morph(mesh, ("bottom", "top"), [Dirichlet("left", (0.0, None)), Dirichlet("right", (0.0, None))])
    space = FunctionSpace(mesh, 2, components=2)
    law = PlaneStrain(NeoHooke(mu=0.5, lam=5.0))  # MPa
    ends = [Dirichlet("left", 0.0), Dirichlet("right", (PULL, 0.0))]
    strap = Solid(space, law, ends)
    times = jnp.linspace(0.0, 1.0, len(wanted) + 1)
    pull = Drive((lambda s: s.constraints[1].value, Tabulated([0.0, 1.0], [0.0, 1.0])))
    pulled_end = space.nodes_on("right")
    force = lambda t, value, strap: strap.resultant(value, pulled_end)[0]

    @eqx.filter_jit
    def pulled(shape):
        points = morph(outline(morph.positions, shape)).points
        body = eqx.tree_at(lambda s: s.space.mesh.points, strap, points)
        return body, march(Equilibrium(), body, 0.0, times, drive=pull, observe=force, throw=False)

    def residuals(shape, wanted):
        _, path = pulled(shape)
        force = jnp.where(path.failed_step < 0, path.observed[1:], jnp.nan)
        return (force - wanted) / jnp.max(jnp.asarray(WANTED))

    start = jnp.array([10.0, 0.5, 0.0, 0.6, 0.0, 0.0])
    found = train(residuals, start, jnp.asarray(wanted), max_iterations=max_iterations)
    body, path = pulled(found.model)
    reached, first = path.observed, pulled(start)[1].observed
    off = np.abs(reached[1:] - wanted)
    quality = float(jnp.min(cell_quality(body.space.mesh)))
    print(f"root mean square error {found.errors[0]:.3f} → {found.errors[-1]:.4f} of the largest force,", end=" ")
    print(f"at most {off.max():.3f} N/mm off, at a pull of {PULL * float(times[1 + off.argmax()]):.0f} mm")
    print(f"least quality of a cell {quality:.2f}")
    folder, pulls = pathlib.Path(folder), PULL * times
    curves = (sp.viz.Curve(pulls, reached, "found"), sp.viz.Curve(pulls, first, "at the start"))
    points = sp.viz.Points(pulls[1:], wanted, None, "wanted")
    return [
        sp.viz.compare_curves(sp.viz.Panel(points, curves, "pull in mm", "force in N/mm"), folder / "strap_force.png"),
        sp.viz.deformed(body.space, path.final.u, folder / "strap.png"),
    ]


if __name__ == "__main__":
    main(*sys.argv[1:])
