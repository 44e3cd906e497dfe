# %% [markdown]
# # A traffic jam
#
# Cars drive the slower the denser they are, a flux of one's own: the tail of a jam at a red light runs backwards.
#
#     ∂u/∂t + ∂(u (1 − u))/∂x = 0

# %%
import jax
import jax.numpy as jnp

import simphys as sp
from simphys import grids


jax.config.update("jax_enable_x64", True)
road = grids.Grid.uniform((100,), upper=2.0)
flux = grids.FluxFunction(lambda u, axis: u * (1 - u), lambda u, axis: jnp.abs(1 - 2 * u[0]))
cars = grids.ConservationLaw(road, flux, dict(left=grids.Dirichlet(0.3), right=grids.Dirichlet(1.0)), grids.MUSCL())
start = cars.state(lambda x: jnp.where(x < 1.5, 0.3, 1.0))
found = sp.stepping.march(sp.stepping.SSPRK3(), cars, start, jnp.linspace(0.0, 2.0, 201), save=100)

# %%
density = {f"t = {float(t):g}": grids.CellField(u[0]) for t, u in zip(found.times, found.values.values, strict=True)}
sp.viz.grid_field(road, density, label="density")

# %% [markdown]
# How far the tail has moved, t (f(1) − f(.3))/(1 − .3) (M. J. Lighthill, G. B. Whitham, 1955).

# %%
cells = cars.content(found.final.u)[0] - cars.content(start)[0]
computed, reference, allowed = -float(cells) / 0.7, -0.3 * 2, 2e-3
