# %% [markdown]
# # A clamped plate, written down as its energy
#
# A square plate is clamped all around and loaded evenly. Elements are continuous; kinks between them cost energy.
#
#     Π(w) = ∫ D |∇∇w|²/2 − q w dA + ∫ D (η/2h [∂w/∂n]² − {∂²w/∂n²} [∂w/∂n]) ds

# %%
import jax
import jax.numpy as jnp

import simphys as sp
from simphys.fem import Dirichlet, Energy, FunctionSpace


jax.config.update("jax_enable_x64", True)
bent = lambda w, at, D: D * jnp.sum(w.hessian**2) / 2 - w.value
kink = lambda turn, moment, at, D: D * (20 / at.size * turn**2 / 2 - (at.normal @ moment @ at.normal) * turn)
joint = lambda w, at, D: kink(w.jump_gradient @ at.normal, w.mean_hessian, at, D)
rim = lambda w, at, D: kink(w.gradient @ at.normal, w.hessian, at, D)
space = FunctionSpace(sp.fem.rectangle((8, 8), cell_type="triangle"), 3)
parts = ((bent, None), (joint, "interior"), (rim, "all"))
forms = [Energy(part, jnp.array(1.0), where, linear=True) for part, where in parts]
w = sp.solve(sp.physics.Balance(space, forms, Dirichlet("all", 0.0))).value

# %%
sp.viz.field(space, w, label="deflection", length_unit="")

# %% [markdown]
# The deflection of the middle, .00126532 q a⁴/D (S. Timoshenko, S. Woinowsky-Krieger).

# %%
computed, reference, allowed = float(w.max()), 0.00126532, 8e-3
