# %% [markdown]
# # Steel, pulled and pushed
#
# A bar is strained to and fro by 2 %. Its yield surface moves with the plastic strain, towards a limit.
#
#     |σ − α| ≤ σ_y,   α̇ = C ε̇ᵖ − γ α |ε̇ᵖ|

# %%
import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np

import simphys as sp


jax.config.update("jax_enable_x64", True)
law = sp.materials.J2Plasticity(E=200e3, nu=0.3, yield_stress=250.0, hardening=0.0, kinematic=40e3, recovery=400.0)
strain = jnp.asarray(np.interp(np.arange(201), [0, 40, 120, 200], [0, 0.02, -0.02, 0.02]))
stress = sp.materials.uniaxial(law, strain, jnp.arange(201.0))

# %%
plt.plot(100 * strain, stress)
plt.gca().set(xlabel="strain (%)", ylabel="stress (MPa)")

# %% [markdown]
# The stress it tends to, σ_y + C/γ (P. J. Armstrong, C. O. Frederick, 1966).

# %%
computed, reference, allowed = float(stress[-1]), 250 + 40e3 / 400, 2e-3
