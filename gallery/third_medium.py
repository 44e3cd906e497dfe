# %% [markdown]
# # A C that closes through a third medium
#
# Between its arms lies stuff of a millionth of its stiffness: pressed flat, it bears what they do to each other.
#
#     Π(u) = ∫ γ ψ(F) dV + ½ ∫ k ∇²u ⋮ ∇²u dV over the medium,   γ = 1 in the body, 1e-6 in the medium

# %%
import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np

import simphys as sp
from simphys.fem import CellField, Dirichlet
from simphys.materials import IsochoricNeoHooke, PlaneStrain, ThirdMedium
from simphys.physics import CurvatureEnergy, Solid


jax.config.update("jax_enable_x64", True)
mesh = sp.fem.rectangle((11, 5), (1.1, 0.5))
middle = np.asarray(mesh.points)[np.asarray(mesh.cells)].mean(axis=1)
void = ((middle[:, 0] > 0.1) & (np.abs(middle[:, 1] - 0.25) < 0.15)) | (middle[:, 0] > 1.0)
mesh = mesh.with_cell_group("mouth", lambda x: ((x[0] > 0.099) & (np.abs(x[1] - 0.25) < 0.151)) | (x[0] > 0.999))
mesh = mesh.with_point_group("pulled", lambda x: (np.abs(x[0] - 1.0) < 1e-6) & (x[1] > 0.499))
rubber = IsochoricNeoHooke(mu=5 / 14, kappa=5 / 3)
law = PlaneStrain(ThirdMedium(rubber, CellField(jnp.where(jnp.asarray(void), 1e-6, 1.0))))
ends = {"wall": Dirichlet("left", 0.0), "pull": Dirichlet("pulled", (None, 0.0))}
before = Solid(sp.fem.FunctionSpace(mesh, 1, 2), law, ends, CurvatureEnergy("mouth", 1e-6 * 5 / 3))
u, down, forces = before.space.zeros(), 0.4 * np.arange(1, 16) / 15, []
for d in down:
    body = before.replace("pull", value=-d)
    u = sp.solve(body, u, start=before).value
    forces.append(-1e6 * float(body.resultant(u, "pulled")[1]))
    before = body

# %%
_, (left, right) = plt.subplots(1, 2, figsize=(9, 3.2))
corners = np.asarray(mesh.points + u)[np.asarray(mesh.cells)]
for own, kind in zip(corners, void, strict=True):
    left.fill(*own[:, :][[0, 1, 3, 2]].T, fc="none" if kind else "C0", ec="0.8" if kind else "white", lw=0.5)
left.set(aspect="equal", xlabel="x", ylabel="y")
right.plot(down, forces, "o-", ms=4, label="computed")
right.plot(0.34667, 294.321, "kx", ms=9, label="FElupe")
right.set(xlabel="displacement", ylabel="force × 1e6")
right.legend()

# %% [markdown]
# The force at a displacement of .34667: FElupe's, of the same mesh and law (G. L. Bluhm and others, 2021).

# %%
computed, reference, allowed = forces[12], 294.321143, 1e-6
