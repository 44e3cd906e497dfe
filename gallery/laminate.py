# %% [markdown]
# # The stiffness of a layered material
#
# A periodic cell of stiff and soft layers stands for the whole: its effective stiffness has a closed form.
#
#     C_ij = ∫ (e_i + ε(u_i)) : C : e_j dV,   u_i periodic

# %%
import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np

import simphys as sp


jax.config.update("jax_enable_x64", True)
mesh = sp.fem.rectangle((2, 8))
height = np.asarray(mesh.points)[np.asarray(mesh.cells)].mean(axis=1)[:, 1]


@jax.jit
def stiffness(ratio):
    E = sp.fem.CellField(jnp.where(height < 0.25, ratio, 1.0))
    law = sp.materials.PlaneStress(sp.materials.LinearElastic(E=E, nu=0.0))
    return sp.design.PeriodicCell(sp.fem.FunctionSpace(mesh, 1, components=2), law).stiffness()


ratios = np.geomspace(1, 100, 9)
C = np.array([stiffness(r) for r in ratios])

# %%
plt.loglog(ratios, 0.25 * ratios + 0.75, label="along, ⟨E⟩")
plt.loglog(ratios, 1 / (0.25 / ratios + 0.75), label="across, 1/⟨1/E⟩")
plt.loglog(ratios, C[:, 0, 0], "o", ratios, C[:, 1, 1], "o")
plt.gca().set(xlabel="stiffness of a quarter of it", ylabel="effective stiffness")
plt.legend()

# %% [markdown]
# The stiffness across the layers where a quarter is 100 times as stiff, 1/(.25/100 + .75).

# %%
computed, reference, allowed = float(C[-1, 1, 1]), 1 / (0.25 / 100 + 0.75), 1e-9
