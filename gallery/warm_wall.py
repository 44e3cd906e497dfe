# %% [markdown]
# # A wall that conducts better where it is warm
#
# Heat passes a wall of 1 whose sides are kept at 0 and 1, and whose conductivity grows with temperature.
#
#     −(k(T) T′)′ = 0,   k = 1 + 3 T

# %%
import jax
import matplotlib.pyplot as plt
import numpy as np

import simphys as sp


jax.config.update("jax_enable_x64", True)
space = sp.fem.FunctionSpace(sp.fem.line(8), degree=2)
law = sp.materials.IsotropicConduction(k=sp.materials.Polynomial([1.0, 3.0]))
wall = sp.physics.Heat(space, law, {"cold": sp.fem.Dirichlet("left", 0.0), "warm": sp.fem.Dirichlet("right", 1.0)})
T = sp.solve(wall).value
x = space.nodes()[:, 0]
exact = (np.sqrt(1 + 15 * x) - 1) / 3
print(f"largest error at a node: {abs(T - exact).max():.1e}")

# %%
order = np.argsort(x)
plt.plot(x[order], exact[order], label="exact")
plt.plot(x, T, "o", label="computed")
plt.gca().set(xlabel="x", ylabel="temperature")
plt.legend()

# %% [markdown]
# The temperature in the middle, by Kirchhoff's transformation (√8.5 − 1)/3.

# %%
computed, reference, allowed = float(space.evaluate(T, np.array([[0.5]]))[0]), (8.5**0.5 - 1) / 3, 1e-4
