# %% [markdown]
# # How wrong is this number
#
# The tip of a coarse cantilever, with an estimate of what the mesh does to it, and of where that comes from.
#
#     J(u) − J(u_h) ≈ J(P u_h) − J(u_h) − ⟨z, R(P u_h)⟩ on a space of one degree more

# %%
import jax

import simphys as sp


jax.config.update("jax_enable_x64", True)


def beam(cells, degree):
    space = sp.fem.FunctionSpace(sp.fem.rectangle(cells, (4.0, 1.0)), degree, components=2)
    law = sp.materials.PlaneStress(sp.materials.LinearElastic(E=1.0, nu=0.3))
    return sp.physics.Solid(space, law, sp.fem.Dirichlet("left", 0.0), sp.physics.Traction("right", (0.0, -1e-3)))


coarse, fine = beam((16, 8), 1), beam((48, 24), 2)
tip = sp.errors.PointValue((4.0, 0.5), component=1)
found = sp.estimate_error(tip)(coarse)
print(found)

# %%
share = sp.fem.CellField(abs(found.indicators))
sp.viz.field(coarse.space, share, label="share of the error", length_unit="", colormap="magma")

# %% [markdown]
# The corrected value, against that of a mesh nine times as fine with quadratic elements.

# %%
exact = float(tip.placed(fine)(fine, sp.solve(fine).value))
computed, reference, allowed = float(found.corrected), exact, 2e-3
