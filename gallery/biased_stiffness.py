# %% [markdown]
# # A stiffness that a coarse mesh gets wrong
#
# A beam is calibrated on a coarse mesh: data agree, and the answer is far off. The fit says by how much.
#
#     min |u(E) − û|²/σ²;   shift of E by the mesh from the residual on a richer space

# %%
import jax
import matplotlib.pyplot as plt
import numpy as np

import simphys as sp
from simphys import inverse


jax.config.update("jax_enable_x64", True)


def beam(cells, degree, E):
    space = sp.fem.FunctionSpace(sp.fem.rectangle(cells, (4.0, 1.0)), degree, components=2)
    law = sp.materials.PlaneStress(sp.materials.LinearElastic(E=E, nu=0.3))
    return sp.physics.Solid(space, law, sp.fem.Dirichlet("left", 0.0), sp.physics.Traction("right", (0.0, -1e-3)))


draw, fine = np.random.default_rng(0), beam((32, 16), 2, 1.0)
points = np.stack([draw.uniform(0.2, 4, 40), draw.uniform(0, 1, 40)], axis=1)
exact = np.asarray(fine.space.evaluate(sp.solve(fine).value, points))
noise = 0.01 * np.abs(exact).max()
coarse = beam((12, 6), 1, 1.5)
camera = inverse.PointValues(coarse.space, points, exact + noise * draw.standard_normal(exact.shape), noise)
experiment = inverse.LoadSteps(coarse, lambda body: body.loads[0].value, np.array([[0.0, -1e-3]]), [camera])
E = inverse.Parameter("E", lambda body: body.material.material.E, transform=inverse.Positive())
fit = inverse.fit(experiment, [E])

# %%
bars = (fit.values[0], fit.uncertainty.interval95[0]), (fit.mesh.corrected[0], fit.mesh.interval95[0])
for place, (value, (low, high)) in enumerate(bars):
    plt.errorbar(value, place, xerr=[[value - low], [high - value]], fmt="o", capsize=6)
plt.axvline(1.0, color="gray", ls="--")
plt.yticks([0, 1], ["as fitted", "corrected"])
plt.gca().set(xlabel="Young's modulus (the truth is 1)", ylim=(-0.5, 1.5))

# %% [markdown]
# The corrected modulus, against that which the data were made with.

# %%
computed, reference, allowed = float(fit.mesh.corrected[0]), 1.0, 0.01
