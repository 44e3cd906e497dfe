# %% [markdown]
# # The frequencies of a microwave cavity
#
# The electric field between perfect conductors, by Nédélec's elements: nothing but true resonances is found.
#
#     curl curl E = λ E,   n × E = 0 on the walls

# %%
import jax
import jax.numpy as jnp

import simphys as sp
from simphys.fem import Dirichlet, Energy, FunctionSpace


jax.config.update("jax_enable_x64", True)
space = FunctionSpace(sp.fem.rectangle((8, 6), (1.5, 1.0)), ("N1curl", 2))
stored = Energy(lambda E, at, p: jnp.sum(E.value**2) / 2)
turning = Energy(lambda E, at, p: jnp.sum(E.curl**2) / 2)
cavity = sp.physics.Balance(space, turning, Dirichlet("all", 0.0), stored=stored)
found = sp.physics.modes(cavity, 4, above=1.0)
print(found.values / jnp.pi**2)

# %%
sp.viz.field(space, found.fields[3], label="|E| of the fourth mode", length_unit="", mesh_lines=False)

# %% [markdown]
# The fourth of λ/π² = (m/1.5)² + n²: 4/9, 1, 13/9, 16/9.

# %%
computed, reference, allowed = float(found.values[3] / jnp.pi**2), 16 / 9, 1e-3
