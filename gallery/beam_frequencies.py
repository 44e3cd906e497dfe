# %% [markdown]
# # How a cantilever sounds
#
# The modes of a slender beam that is clamped at one end.
#
#     K φ = ω² M φ

# %%
import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt

import simphys as sp


jax.config.update("jax_enable_x64", True)
mesh = sp.fem.rectangle((30, 2), (30.0, 1.0))
space = sp.fem.FunctionSpace(mesh, degree=2, components=2)
law = sp.materials.PlaneStress(sp.materials.LinearElastic(E=12.0, nu=0.0))
beam = sp.physics.Solid(space, law, sp.fem.Dirichlet("left", 0.0), density=1.0)
found = sp.physics.modes(beam, 3)
print(jnp.sqrt(found.values) * 30**2)

# %%
line = jnp.asarray(space.nodes_on("bottom"))
for number, shape in enumerate(found.fields):
    plt.plot(space.nodes()[line, 0], shape[line, 1] / abs(shape).max(), ".", label=f"mode {number + 1}")
plt.gca().set(xlabel="x", ylabel="deflection")
plt.legend()

# %% [markdown]
# The lowest frequency by Euler and Bernoulli, 3.51602 √(E I / (ρ A L⁴)).

# %%
computed, reference, allowed = float(found.values[0] ** 0.5), 3.51602 / 30**2, 3e-3
