# %% [markdown]
# # Water that freezes at a cold wall
#
# A melt at its melting point touches a wall that is colder by 1; a front of ice moves into it, slower and slower.
#
#     ∂H/∂t = k ∂²T/∂x²,   H = c T + L s(T),   s from 0 to 1 over a small range about T = 0

# %%
import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
from scipy.optimize import brentq
from scipy.special import erf

import simphys as sp


jax.config.update("jax_enable_x64", True)
space = sp.fem.FunctionSpace(sp.fem.line(100, 1.6))
melt = sp.materials.PhaseChange(1.0, latent=2.0, melting=0.0, width=0.04)
cold = sp.fem.Dirichlet("left", -1.0)
wall = sp.physics.Heat(space, sp.materials.IsotropicConduction(k=1.0), cold, capacity=melt)
found = sp.stepping.march(sp.stepping.BackwardEuler(), wall, 0.02, jnp.linspace(0.0, 0.5, 151))
x, order = np.asarray(space.nodes()[:, 0]), np.argsort(space.nodes()[:, 0])
front = [np.interp(0.0, np.asarray(T)[order], x[order]) for T in found.values[1:]]
root = brentq(lambda z: np.sqrt(np.pi) * z * np.exp(z * z) * erf(z) - 1 / 2.0, 1e-6, 3)

# %%
t = np.asarray(found.times[1:])
plt.plot(t, 2 * root * np.sqrt(t), label="exact, 2 λ √t")
plt.plot(t[4::8], front[4::8], "o", label="computed")
plt.gca().set(xlabel="time", ylabel="place of the front")
plt.legend()

# %% [markdown]
# Where the front is at t = 0.5, by Neumann's solution of the Stefan problem.

# %%
computed, reference, allowed = float(front[-1]), 2 * root * np.sqrt(0.5), 0.02
