# %% [markdown]
# # A thousand walls at once
#
# The conductivity of each half of a wall is uncertain; an ensemble is solved by one `vmap`.
#
#     T_middle = k₂/(k₁ + k₂),   k₁, k₂ from 1 to 2 at random

# %%
import equinox as eqx
import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np

import simphys as sp


jax.config.update("jax_enable_x64", True)
space = sp.fem.FunctionSpace(sp.fem.line(2))
law = sp.materials.IsotropicConduction(k=sp.fem.CellField(jnp.ones(2)))
ends = [sp.fem.Dirichlet("left", 0.0), sp.fem.Dirichlet("right", 1.0)]
wall = sp.physics.Heat(space, law, ends)
middle = int(np.flatnonzero(np.abs(np.asarray(space.nodes())[:, 0] - 0.5) < 1e-9)[0])


@jax.jit
@jax.vmap
def temperature(k):
    return sp.solve(eqx.tree_at(lambda w: w.material.k.value.values, wall, k)).value[middle]


k = np.random.default_rng(0).uniform(1, 2, (1000, 2))
T = np.asarray(temperature(jnp.asarray(k)))

# %%
plt.hist(T, bins=30, density=True)
plt.gca().set(xlabel="temperature in the middle", ylabel="density")

# %% [markdown]
# The standard deviation of k₂/(k₁ + k₂) over the same walls.

# %%
computed, reference, allowed = float(T.std()), float(np.std(k[:, 1] / k.sum(axis=1))), 1e-8
