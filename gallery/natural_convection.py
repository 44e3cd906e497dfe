# %% [markdown]
# # Air that rises along a warm wall
#
# A square of air is warm at the left and cold at the right (Ra = 10⁴, Pr = .71): it turns, and carries heat across.
#
#     ρ (∇v) v − η Δv + ∇p = ρ β (T − T₀) g e_y,   v·∇T = κ ΔT,   div v = 0

# %%
import jax
import numpy as np

import simphys as sp
from simphys.fem import Dirichlet


jax.config.update("jax_enable_x64", True)
even = sp.fem.rectangle((12, 12))
points = 0.2 * np.asarray(even.points) + 0.4 * (1 - np.cos(np.pi * np.asarray(even.points)))
mesh = sp.fem.Mesh(points, even.cells, even.cell_type, 1, facet_groups=even.facet_groups)
walls = [Dirichlet(side, 0.0) for side in ("left", "right", "bottom", "top")]
warm, cold = Dirichlet("left", 1.0, field=2), Dirichlet("right", 0.0, field=2)
buoyancy = dict(expansion=0.71e4, gravity=[0.0, -1.0], reference=0.5)
air = sp.physics.Boussinesq(mesh, 0.71, 1.0, 1.0, 1.0, [*walls, warm, cold], **buoyancy)
v, p, T = value = sp.solve(air).value

# %%
sp.viz.field(air.space[2], T, label="temperature", length_unit="", mesh_lines=False, colormap="inferno")

# %% [markdown]
# The heat that passes, as a multiple of what conduction alone would pass: 2.243 (G. de Vahl Davis, 1983).

# %%
computed, reference, allowed = float(air.resultant(value, "left", field=2)), 2.243, 5e-3
