# %% [markdown]
# # How hot a reaction may become
#
# A slab makes heat the faster the hotter it is. Beyond a critical rate there is no steady state: the path turns back.
#
#     u″ + λ eᵘ = 0,   u = 0 at both sides

# %%
import equinox as eqx
import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt

import simphys as sp
from simphys.fem import Dirichlet, Energy, FunctionSpace


jax.config.update("jax_enable_x64", True)
heated = Energy(lambda u, at, rate: jnp.sum(u.gradient**2) / 2 - rate * jnp.exp(u.value), jnp.array(0.0), degree=18)
slab = sp.physics.Balance(FunctionSpace(sp.fem.line(4), 6), heated, Dirichlet("all", 0.0))
at_rate = lambda rate: eqx.tree_at(lambda p: p.forms[0].parameters, slab, rate)
hottest = lambda problem, u: jnp.max(u)
path = sp.follow(at_rate, until=None, observe=hottest, stop=lambda step: step.load < 1.0 and step.limit_points == 1)

# %%
plt.plot(path.loads, path.observed, ".-")
plt.plot(float(path.limit_points[0].load), float(path.limit_points[0].observed), "o", ms=9, label="fold")
plt.gca().set(xlabel="rate λ", ylabel="largest u")
plt.legend()

# %% [markdown]
# The rate at the fold, 3.513830719 (G. Bratu, 1914; A. Mohsen, 2014).

# %%
computed, reference, allowed = float(path.limit_points[0].load), 3.513830719, 1e-8
