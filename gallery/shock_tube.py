# %% [markdown]
# # A shock tube
#
# A membrane parts gas of high and of low pressure, and bursts: a shock, a contact and a fan run through the tube.
#
#     ∂U/∂t + ∂F(U)/∂x = 0,   U = (ρ, ρv, E)

# %%
import jax
import jax.numpy as jnp

import simphys as sp
from simphys import grids


jax.config.update("jax_enable_x64", True)
line = grids.Grid.uniform((200,))
tube = grids.ConservationLaw(line, grids.Euler(1.4), grids.Outflow(), grids.MUSCL(), grids.HLLC())
high_low = lambda high, low: lambda x: jnp.where(x < 0.5, high, low)
start = tube.state(high_low(1.0, 0.125), 0.0, high_low(1.0, 0.1))
found = sp.stepping.march(sp.stepping.SSPRK3(), tube, start, jnp.linspace(0.0, 0.2, 201), save=None)
gas = tube.primitives(found.final.u)

# %%
sp.viz.grid_field(line, gas, label="at t = 0.2")

# %% [markdown]
# The velocity between fan and shock, .92745 by the exact solution (G. A. Sod, 1978).

# %%
computed, reference, allowed = float(gas["velocity_x"].values[150]), 0.9274526, 2e-3
