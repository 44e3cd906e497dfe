# %% [markdown]
# # A cylinder pressed into a half space
#
# A rigid cylinder of radius 50 touches an elastic body along a line; a symmetric half is computed.
#
#     Π(u) = ∫ ψ(ε) dV + ∫ κ ⟨−d(x + u)⟩²/(2δ) dA,   d the distance from the cylinder

# %%
import equinox as eqx
import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np

import simphys as sp
from simphys.fem import Dirichlet
from simphys.physics import Obstacle, Sphere


jax.config.update("jax_enable_x64", True)
mesh = sp.fem.rectangle((14, 14))
x, y = mesh.points.T
graded = 60 * jnp.stack([x**2.5, 1 - (1 - y) ** 2.5], axis=1)
space = sp.fem.FunctionSpace(eqx.tree_at(lambda m: m.points, mesh, graded), 2, components=2)
law = sp.materials.PlaneStrain(sp.materials.LinearElastic(E=200.0, nu=0.3))
roller = Obstacle("top", Sphere((0.0, 110.0 - 0.1), 50.0), stiffness=20.0, reach=2e-3, law="penalty")
body = sp.physics.Solid(space, law, [Dirichlet("bottom", 0.0), Dirichlet("left", [0.0, None])], roller)
away = eqx.tree_at(lambda b: b.loads[0].shape.centre, body, jnp.array([0.0, 110.01]))
touch = sp.physics.contact(body, sp.solve(body, jnp.zeros(space.shape), start=away).value)
force = -2 * float(touch.force[1])
half_width = np.sqrt(4 * force * 50 * (1 - 0.3**2) / (np.pi * 200))
peak = 2 * force / (np.pi * half_width)

# %%
at, pressure = np.ravel(touch.position[..., 0]), np.ravel(touch.pressure)
s = np.linspace(0, half_width, 100)
plt.plot(s, peak * np.sqrt(1 - (s / half_width) ** 2), label="Hertz")
plt.plot(at[at < 3 * half_width], pressure[at < 3 * half_width], "o", ms=4, label="computed")
plt.gca().set(xlabel="distance from the middle", ylabel="pressure")
plt.legend()

# %% [markdown]
# The largest pressure, 2F/(πa) with a = √(4 F R (1 − ν²)/(π E)) (H. Hertz, 1882).

# %%
computed, reference, allowed = float(pressure.max()), peak, 0.03
