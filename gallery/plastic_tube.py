# %% [markdown]
# # A tube that yields from within
#
# The inner wall of a thick tube between radii 1 and 2 is pushed outwards; the metal does not harden.
#
#     σ = C : (ε − εᵖ),   √(3/2) |dev σ| ≤ σ_y,   plane strain along the axis

# %%
import equinox as eqx
import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np

import simphys as sp
from simphys.fem import Dirichlet
from simphys.stepping import Equilibrium, march


jax.config.update("jax_enable_x64", True)
flat = sp.fem.rectangle((8, 1), (1.0, 0.2))
tube = sp.fem.Mesh(flat.points + np.array([[1.0, 0.0]]), flat.cells, "quadrilateral", facet_groups=flat.facet_groups)
space = sp.fem.FunctionSpace(tube, degree=2, components=2)
metal = sp.materials.Axisymmetric(sp.materials.J2Plasticity(E=200.0, nu=0.3, yield_stress=0.2))
held = [Dirichlet("bottom", [None, 0.0]), Dirichlet("top", [None, 0.0]), Dirichlet("left", [0.0, None])]
body, way = sp.physics.Solid(space, metal, held), jnp.linspace(0.0, 8e-3, 17)
push = lambda body, t: eqx.tree_at(lambda b: b.constraints[2].value, body, t[None])
pressure = lambda t, u, body: body.resultant(u, "left")[0] / (2 * jnp.pi * 0.2)
found = march(Equilibrium(), body, 0.0, way, drive=push, observe=pressure, save=None)

# %%
limit = 2 / 3**0.5 * 0.2 * np.log(2)
plt.plot(way, found.observed, "o-", label="computed")
plt.axhline(limit, color="gray", label="plastic limit")
plt.gca().set(xlabel="displacement of the inner wall", ylabel="pressure within")
plt.legend()

# %% [markdown]
# The pressure that it cannot exceed, 2/√3 σ_y ln(b/a) (R. Hill, 1950).

# %%
computed, reference, allowed = float(found.observed[-1]), limit, 0.01
