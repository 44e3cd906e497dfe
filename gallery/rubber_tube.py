# %% [markdown]
# # A rubber tube that is blown up
#
# A long tube of incompressible rubber between radii 1 and 2, with a pressure inside that follows its wall.
#
#     W = μ/2 (Ī₁ − 3),   det F = 1,   p = ∫ μ (λ² − λ⁻²)/r dr,   λ = r/R

# %%
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from scipy.integrate import quad
from scipy.optimize import brentq

import simphys as sp


jax.config.update("jax_enable_x64", True)
mesh = sp.fem.rectangle((4, 6), degree=2)
s, t = mesh.points.T
quarter = jnp.stack([(1 + s) * jnp.cos(jnp.pi * t / 2), (1 + s) * jnp.sin(jnp.pi * t / 2)], axis=1)
spaces = sp.fem.taylor_hood(eqx.tree_at(lambda m: m.points, mesh, quarter))
law = sp.materials.PlaneStrain(sp.materials.IsochoricNeoHooke(mu=1.0, kappa=1e6))
held = [sp.fem.Dirichlet("bottom", [None, 0.0]), sp.fem.Dirichlet("top", [0.0, None])]
body = sp.physics.MixedSolid(spaces, law, held, sp.physics.Pressure("left", 0.5, follower=True))
u, p = sp.solve(body).value

# %%
sp.viz.deformed(spaces[0], u, label="displacement", unit="")

# %% [markdown]
# The inner radius, from the closed form of an incompressible neo-Hookean tube.


# %%
def pressure(a):
    stress = lambda R: (lambda r: ((r / R) ** 2 - (R / r) ** 2) / r * R / r)(np.sqrt(R**2 + a**2 - 1))
    return quad(stress, 1, 2)[0]


radius = brentq(lambda a: pressure(a) - 0.5, 1.0, 3.0)
computed, reference, allowed = 1 + float(u[spaces[0].nodes_on("left"), 0].max()), radius, 1e-3
