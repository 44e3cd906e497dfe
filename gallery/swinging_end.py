# %% [markdown]
# # A bar whose end swings in temperature
#
# One end of a bar of 0.1 m is kept at 0 °C, the other one follows a sine for 32 s (NAFEMS T3).
#
#     c ∂T/∂t = k ∂²T/∂x²,   T(0.1 m, t) = 100 °C sin(π t / 40 s)

# %%
import equinox as eqx
import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt

import simphys as sp


jax.config.update("jax_enable_x64", True)
space = sp.fem.FunctionSpace(sp.fem.line(10, 0.1), degree=2)
ends = [sp.fem.Dirichlet("left", 0.0), sp.fem.Dirichlet("right", 0.0)]
bar = sp.physics.Heat(space, sp.materials.IsotropicConduction(k=35.0), ends, capacity=7200 * 440.5)
swing = lambda bar, t: eqx.tree_at(lambda b: b.constraints[1].value, bar, 100 * jnp.sin(jnp.pi * t / 40))
probes = jnp.array([[0.04], [0.06], [0.08], [0.1]])
seen = lambda t, T, bar: space.evaluate(T, probes)
found = sp.stepping.march(
    sp.stepping.SDIRK2(), bar, 0.0, jnp.linspace(0.0, 32.0, 33), drive=swing, observe=seen, save=None
)

# %%
for x, curve in zip(probes[:, 0], found.observed.T, strict=True):
    plt.plot(jnp.linspace(0.0, 32.0, 33), curve, label=f"x = {x:.2f} m")
plt.gca().set(xlabel="t (s)", ylabel="temperature (°C)")
plt.legend()

# %% [markdown]
# The temperature at x = 0.08 m after 32 s: 36.60 °C (NAFEMS, The Standard NAFEMS Benchmarks, test T3, 1990).

# %%
computed, reference, allowed = float(found.observed[-1, 2]), 36.60, 5e-3
