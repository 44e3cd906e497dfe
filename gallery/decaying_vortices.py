# %% [markdown]
# # Vortices that come to rest
#
# Four vortices in a periodic box, on a grid of cells: their pattern stays, viscosity takes their energy.
#
#     ∂v/∂t + (∇v) v + ∇p = ν Δv,   div v = 0

# %%
import jax
import jax.numpy as jnp

import simphys as sp
from simphys import grids


jax.config.update("jax_enable_x64", True)
box = grids.Grid.uniform((32, 32), upper=2 * jnp.pi)
flow = grids.NavierStokes(box, 0.05, grids.Periodic())
start = flow.space.field((lambda x, y: jnp.cos(x) * jnp.sin(y), lambda x, y: -jnp.sin(x) * jnp.cos(y)))
energy = lambda t, now, flow: flow.kinetic_energy(now)
times = jnp.linspace(0.0, 1.0, 21)
found = sp.stepping.march(sp.stepping.RK3(), flow, start, times, observe=energy, save=None)

# %%
sp.viz.grid_field(box, found.final.u, label="speed at t = 1")

# %% [markdown]
# The share of energy that is left, e^{−4νt} (G. I. Taylor, A. E. Green, 1937).

# %%
computed, reference, allowed = float(found.observed[-1] / found.observed[0]), float(jnp.exp(-0.2)), 2e-3
