# %% [markdown]
# # A dam that breaks
#
# Water of depth 1 stands behind a dam, dry ground before it; then there is no dam.
#
#     ∂h/∂t + ∂(hv)/∂x = 0,   ∂(hv)/∂t + ∂(hv² + g h²/2)/∂x = 0

# %%
import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np

import simphys as sp
from simphys import grids


jax.config.update("jax_enable_x64", True)
line = grids.Grid.uniform((200,), upper=10.0)
water = grids.ConservationLaw(line, grids.ShallowWater(1.0), grids.Wall(), grids.MUSCL(), grids.HLLC())
start = water.state(lambda x: jnp.where(x < 5, 1.0, 0.0), 0.0)
found = sp.stepping.march(sp.stepping.SSPRK3(), water, start, jnp.linspace(0.0, 2.0, 201), save=None)
depth = water.primitives(found.final.u)["depth"].values

# %%
x = np.asarray(line.points()[0])
s = np.clip((x - 5) / 2, -1, 2)
plt.plot(x, (2 - s) ** 2 / 9, label="exact")
plt.plot(x[::4], depth[::4], "o", ms=4, label="computed")
plt.gca().set(xlabel="x", ylabel="depth at t = 2")
plt.legend()

# %% [markdown]
# The depth where the dam was, 4/9 for ever (A. Ritter, 1892).

# %%
computed, reference, allowed = float(depth[99] + depth[100]) / 2, 4 / 9, 5e-3
