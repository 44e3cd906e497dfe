# %% [markdown]
# # Rubber that relaxes
#
# A bar is stretched a little and held; the parts of its stress that flow vanish, each in its own time.
#
#     S = g_∞ S₀ + Σ Hᵢ,   Ḣᵢ + Hᵢ/τᵢ = gᵢ Ṡ₀

# %%
import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt

import simphys as sp


jax.config.update("jax_enable_x64", True)
rubber = sp.materials.IsochoricNeoHooke(mu=1.0, kappa=2000.0)
law = sp.materials.Viscoelastic(rubber, shares=[0.3, 0.4], times=[1.0, 10.0])
t = jnp.concatenate([jnp.array([0.0, 1e-6]), jnp.linspace(0.2, 20.0, 100)])
strain = jnp.where(t > 0, 1e-3, 0.0)
stress = sp.materials.uniaxial(law, strain, t)

# %%
exact = 0.3 + 0.3 * jnp.exp(-t) + 0.4 * jnp.exp(-t / 10)
plt.plot(t[1:], exact[1:], label="Prony series")
plt.plot(t[1::6], stress[1::6] / stress[1], "o", label="computed")
plt.gca().set(xlabel="time", ylabel="share of the first stress", ylim=(0, 1.05))
plt.legend()

# %% [markdown]
# What is left of the stress at t = 20.

# %%
computed, reference, allowed = float(stress[-1] / stress[1]), float(exact[-1]), 2e-3
