# %% [markdown]
# # A front that travels
#
# Of two phases one is favoured: the front between them runs through the other one with a constant speed.
#
#     ċ = κ c″ − 100 c (1 − c) (¼ − c)

# %%
import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np

import simphys as sp


jax.config.update("jax_enable_x64", True)
space = sp.fem.FunctionSpace(sp.fem.line(60, 2.0), degree=2)
law = sp.materials.FreeEnergy(lambda c: 25 * c**4 - 125 / 3 * c**3 + 12.5 * c**2)
phases = sp.physics.AllenCahn(space, law, gradient_energy=0.02)
start = space.interpolate(lambda x: 1 / (1 + jnp.exp((x[0] - 0.4) / 0.02)))
found = sp.stepping.march(sp.stepping.SDIRK2(), phases, start, jnp.linspace(0.0, 2.0, 101), save=25)
x, order = np.asarray(space.nodes()[:, 0]), np.argsort(space.nodes()[:, 0])
front = [np.interp(-0.5, -np.asarray(c)[order], x[order]) for c in found.values]

# %%
for t, c in zip(found.times, found.values, strict=True):
    plt.plot(x[order], c[order], label=f"t = {float(t):g}")
plt.gca().set(xlabel="x", ylabel="c")
plt.legend()

# %% [markdown]
# The speed of the front, √(r κ/2) (1 − 2 · ¼) with r = 100 (J. Nagumo et al., 1962).

# %%
computed, reference, allowed = float(front[-1] - front[1]) / 1.5, 0.5, 0.02
