# %% [markdown]
# # A plate cooled by air
#
# A plate of 0.6 m by 1 m is kept at 100 °C below, and loses heat to air of 0 °C on the right and above (NAFEMS T4).
#
#     −∇·(k ∇T) = 0,   −k ∂T/∂n = h (T − T_air)

# %%
import jax
import numpy as np

import simphys as sp


jax.config.update("jax_enable_x64", True)
space = sp.fem.FunctionSpace(sp.fem.rectangle((24, 40), (0.6, 1.0)), degree=2)
air = {side: sp.physics.Convection(side, h=750.0, ambient=0.0) for side in ("right", "top")}
plate = sp.physics.Heat(space, sp.materials.IsotropicConduction(k=52.0), sp.fem.Dirichlet("bottom", 100.0), air)
T = sp.solve(plate).value
print(sp.solve(plate))

# %%
sp.viz.field(space, T, label="temperature", unit="°C", length_unit="m", mesh_lines=False)

# %% [markdown]
# The temperature at (0.6, 0.2): 18.25 °C (NAFEMS, The Standard NAFEMS Benchmarks, test T4, 1990).

# %%
computed, reference, allowed = float(space.evaluate(T, np.array([[0.6, 0.2]]))[0]), 18.25, 5e-3
