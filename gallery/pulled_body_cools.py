# %% [markdown]
# # What is pulled becomes cold
#
# A steel strip is pulled to and fro, too fast for heat to flow: its temperature follows its stress.
#
#     σ = C : (ε − α θ I),   η = α tr σ + c θ/T₀ stays

# %%
import equinox as eqx
import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt

import simphys as sp
from simphys.fem import Dirichlet, FunctionSpace


jax.config.update("jax_enable_x64", True)
mesh = sp.fem.rectangle((2, 1))
spaces = FunctionSpace(mesh, 2, components=2), FunctionSpace(mesh, 1)
hooke = sp.materials.PlaneStrain(sp.materials.LinearElastic(E=210e3, nu=0.3))
steel = sp.materials.Thermoelastic(hooke, expansion=1.2e-5, capacity=3.6, reference=293.15, linearised=True)
held = [Dirichlet("left", [0.0, None]), Dirichlet("bottom", [None, 0.0])]
pull = sp.physics.Traction("right", [0.0, 0.0])
strip = sp.physics.ThermoSolid(spaces, steel, sp.materials.IsotropicConduction(k=50.0), held, pull)
stress = lambda t: 200.0 * jnp.sin(2 * jnp.pi * t)
drive = lambda strip, t: eqx.tree_at(lambda s: s.loads[0].value, strip, jnp.stack([stress(t), 0.0]))
warmth = lambda t, value, strip: value[1][0] - 293.15
times = jnp.linspace(0.0, 1.0, 25)
found = sp.stepping.march(sp.stepping.BackwardEuler(), strip, (0.0, 293.15), times, drive=drive, observe=warmth)

# %%
plt.plot(times, found.observed, "o-")
plt.gca().set(xlabel="time (s)", ylabel="change of temperature (K)")

# %% [markdown]
# The coldest it gets, −α T₀ tr σ/c with tr σ = (1 + ν) 200 MPa (Lord Kelvin, 1853).

# %%
computed, reference, allowed = float(found.observed.min()), -1.2e-5 * 293.15 * 260 / 3.6, 5e-3
