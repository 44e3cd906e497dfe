# %% [markdown]
# # A split of Diffrax on a mesh
#
# Diffusion is taken implicitly and a reaction explicitly, by Diffrax's KenCarp4 with steps chosen by its controller.
#
#     ∂u/∂t = k Δu − r u

# %%
import diffrax
import jax
import jax.numpy as jnp

import simphys as sp
from simphys.stepping import SparseImplicit, diffrax_loads, diffrax_term


jax.config.update("jax_enable_x64", True)
space = sp.fem.FunctionSpace(sp.fem.rectangle((8, 8)), degree=2)
plate = sp.physics.Heat(space, sp.materials.IsotropicConduction(k=0.1), capacity=1.0)
term = diffrax_term(plate)
split = diffrax.MultiTerm(diffrax_loads(term, sp.physics.Closure(lambda local, point: -local.value)), term)
start = space.interpolate(lambda x: jnp.cos(jnp.pi * x[0]) * jnp.cos(jnp.pi * x[1]))
found = diffrax.diffeqsolve(
    split,
    SparseImplicit(diffrax.KenCarp4()),
    t0=0.0,
    t1=0.5,
    dt0=0.05,
    y0=term.state(start),
    stepsize_controller=diffrax.PIDController(rtol=1e-6, atol=1e-8),
)
u = term.field(0.5, found.ys[-1])
print(f"{int(found.stats['num_steps'])} steps")

# %%
sp.viz.field(space, u, label="u at t = 0.5", length_unit="", mesh_lines=False, colormap="coolwarm")

# %% [markdown]
# The largest value, e^{−(2π²k + r) t}.

# %%
computed, reference, allowed = float(u.max()), float(jnp.exp(-(0.2 * jnp.pi**2 + 1) * 0.5)), 1e-4
