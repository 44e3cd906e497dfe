"""A periodic cell that grows wider when it is pulled: a network draws the layout, homogenisation judges it.

The density is ρ(x) = 1/(1 + exp(−(network(x) + b))), periodic and square-symmetric by the functions of x that the network
sees. b is the root of mean ρ(b) = V, so that the volume holds at every step and its derivative comes by the implicit rule.
No filter is needed: the network's smoothness is one. Minimises Poisson's ratio, with a penalty on cells softer than wanted.

    python examples/auxetic_cell.py [folder]

Reference: S. Hoyer, J. Sohl-Dickstein, S. Greydanus, arXiv:1909.04240 (neural reparametrisation).
"""

import pathlib
import sys

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax

import simphys as sp
from simphys.design import PeriodicCell, engineering_constants
from simphys.fem import CellField, FunctionSpace, rectangle
from simphys.materials import LinearElastic, PlaneStress


jax.config.update("jax_enable_x64", True)


class Layout(eqx.Module):
    """ρ(x) with the symmetries of the square and a given mean."""

    network: eqx.nn.MLP
    fraction: float = eqx.field(static=True)

    def __call__(self, x):
        waves = jnp.cos(2 * jnp.pi * x[:, None, :] * jnp.arange(1, 4)[:, None])  # (point, wave, dim)
        first, second = waves[..., 0], waves[..., 1]
        seen = jnp.concatenate([first + second, first * second], axis=1)
        logits = 4 * jax.vmap(self.network)(seen)[:, 0]
        excess = lambda b, logits: jnp.mean(jax.nn.sigmoid(logits + b)) - self.fraction
        # b = −logits is the middle of one point's density: between these the mean takes every value.
        guess = jnp.log(self.fraction / (1 - self.fraction)) - jnp.mean(logits)
        b = sp.solve(sp.RootProblem(excess), guess, logits).value
        return jax.nn.sigmoid(logits + b)


def main(folder=".", cells=40, iterations=120, fraction=0.4, least=0.03):
    mesh = rectangle((cells, cells))
    space = FunctionSpace(mesh, 1, components=2)
    centre = jnp.mean(mesh.points[mesh.cells], axis=1)

    full = PeriodicCell(space, PlaneStress(LinearElastic(E=CellField(jnp.ones(len(centre))), nu=0.3)))

    def stiffness(layout):
        E = 1e-4 + (1 - 1e-4) * layout(centre) ** 4
        return eqx.tree_at(lambda cell: cell.body.material.material.E.values, full, E).stiffness()

    def loss(layout):
        constants = engineering_constants(stiffness(layout))
        too_soft = jax.nn.relu(1 - constants["E1"] / least)
        return constants["nu12"] + 5 * too_soft**2, constants

    layout = Layout(eqx.nn.MLP(6, 1, 24, 2, jnp.tanh, key=jax.random.key(0)), fraction)
    optimiser = optax.chain(optax.clip_by_global_norm(1.0), optax.adam(0.02))
    state = optimiser.init(eqx.filter(layout, eqx.is_inexact_array))

    @eqx.filter_jit
    def step(layout, state):
        (_, constants), slope = eqx.filter_value_and_grad(loss, has_aux=True)(layout)
        change, state = optimiser.update(slope, state)
        return eqx.apply_updates(layout, change), state, constants["nu12"]

    history = []
    for _ in range(iterations):
        layout, state, ratio = step(layout, state)
        history.append(float(ratio))
    density = layout(centre)
    constants = engineering_constants(stiffness(layout))
    grey = float(jnp.mean(4 * density * (1 - density)))
    print(f"Poisson's ratio {float(constants['nu12']):.2f}, E {float(constants['E1']):.4f} of the solid's,", end=" ")
    print(f"volume {float(jnp.mean(density)):.4f}, grey {grey:.2f}")
    folder = pathlib.Path(folder)
    tiled = rectangle((3 * cells, 3 * cells), (3.0, 3.0))
    middle = jnp.mean(tiled.points[tiled.cells], axis=1)
    return [
        sp.viz.field(FunctionSpace(tiled, 1), CellField(layout(middle)), folder / "auxetic_cells.png", label="density",
                     length_unit="cell", colormap="Greys", limits=(0, 1), mesh_lines=False),
        sp.viz.convergence({"Poisson's ratio": np.array(history)}, folder / "auxetic_history.png"),
    ]  # fmt: skip


if __name__ == "__main__":
    main(*sys.argv[1:])
