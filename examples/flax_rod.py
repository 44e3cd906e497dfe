"""A Flax (NNX) network with a simphys solve inside: a rod's conductivity from its features, learned from temperatures.

python examples/flax_rod.py
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from flax import nnx

import simphys as sp
from simphys.fem import CellField, Dirichlet, FunctionSpace
from simphys.materials import IsotropicConduction
from simphys.physics import Heat, Source


jax.config.update("jax_enable_x64", True)
CELLS = 8


def rod():
    """A rod between two temperatures, with heat produced in it."""
    space = FunctionSpace(sp.fem.line(CELLS))
    law = IsotropicConduction(k=CellField(jnp.ones(CELLS)))
    return Heat(space, law, [Dirichlet("left", 0.0), Dirichlet("right", 1.0)], [Source(4.0)])


class Rod(nnx.Module):
    """Porosity of each cell → conductivity, by a small network → temperatures, by a solve."""

    def __init__(self, rngs: nnx.Rngs):
        self.inner = nnx.Linear(1, 8, rngs=rngs, param_dtype=jnp.float64)
        self.outer = nnx.Linear(8, 1, rngs=rngs, param_dtype=jnp.float64)

    def conductivity(self, porosity):
        """The learned law, positive."""
        return jnp.exp(self.outer(jnp.tanh(self.inner(porosity[:, None])))[:, 0])

    def __call__(self, heat, porosity):
        known = eqx.tree_at(lambda h: h.material.k.value.values, heat, self.conductivity(porosity))
        return sp.solve(known).value


def truth(porosity):
    """What is to be found."""
    return 2.0 * (1 - porosity) ** 1.5


def main(steps=150, count=6):
    heat, model = rod(), Rod(nnx.Rngs(0))
    porosity = jax.random.uniform(jax.random.PRNGKey(1), (count, CELLS), jnp.float64, 0.05, 0.7)
    exact = lambda p: sp.solve(eqx.tree_at(lambda h: h.material.k.value.values, heat, truth(p))).value
    measured = jax.vmap(exact)(porosity)
    optimiser = nnx.Optimizer(model, optax.adam(2e-2), wrt=nnx.Param)

    def loss(model, heat, porosity, measured):
        found = jax.vmap(lambda p: model(heat, p))(porosity)
        return jnp.mean((found - measured) ** 2)

    @nnx.jit
    def step(model, optimiser, porosity, measured):
        value, gradient = nnx.value_and_grad(loss)(model, heat, porosity, measured)
        optimiser.update(model, gradient)
        return value

    losses = [float(step(model, optimiser, porosity, measured)) for _ in range(steps)]
    seen = jnp.linspace(0.1, 0.65, 12)
    off = float(jnp.max(jnp.abs(model.conductivity(seen) / truth(seen) - 1)))
    print(f"loss {losses[0]:.2e} → {losses[-1]:.2e}; conductivity within {off:.1%} where there was data")
    return losses, off


if __name__ == "__main__":
    main()
