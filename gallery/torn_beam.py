# %% [markdown]
# # A glued beam is torn apart
#
# Two arms on each other are pulled apart at their ends, and the glue between them breaks: a double cantilever beam.
#
#     t = (1 − d) K ⟦u⟧,   d = max over time of λ_f (λ − λ₀)/(λ (λ_f − λ₀)),   λ₀ = σ/K,   λ_f = 2G/σ

# %%
import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np

import simphys as sp
from simphys.fem import Dirichlet, Mesh
from simphys.materials import LinearElastic, PlaneStress
from simphys.physics import CohesiveZone, Solid
from simphys.stepping import Equilibrium, march


jax.config.update("jax_enable_x64", True)
E, G, sigma, crack = 1e3, 0.01, 1.0, 8.0
arm = sp.fem.rectangle((60, 1), (20.0, 1.0))
lower = Mesh(arm.points - jnp.array([[0.0, 1.0]]), arm.cells, "quadrilateral", facet_groups=arm.facet_groups)
glued = lambda x: (np.abs(x[1]) < 1e-9) & (x[0] > crack - 1e-9)
mesh = sp.fem.join({"lower": lower.with_facet_group("glued", glued), "upper": arm.with_facet_group("glued", glued)})
ends = {"down": Dirichlet("lower_left", (None, 0.0)), "up": Dirichlet("upper_left", (None, 0.0))}
ends |= {"end": Dirichlet("lower_right", 0.0), "other": Dirichlet("upper_right", (0.0, None))}
glue = CohesiveZone(("lower_glued", "upper_glued"), strength=sigma, energy=G, stiffness=2e3)
law = PlaneStress(LinearElastic(E=E, nu=0.0))
beam = Solid(sp.fem.FunctionSpace(mesh, 2, 2), law, ends, {"glue": glue})
spread = lambda body, t: body.replace("up", value=t[None] / 2).replace("down", value=-t[None] / 2)
pull = lambda t, u, body: body.resultant(u, "upper_left")[1]
apart = jnp.linspace(0.0, 1.2, 41)
torn = march(Equilibrium(), beam, 0.0, apart, drive=spread, observe=pull)
force = np.asarray(torn.observed)

# %%
_, (left, right) = plt.subplots(1, 2, figsize=(9, 3.0), width_ratios=(1.6, 1))
corners = np.asarray(beam.space.nodes() + 3 * torn.final.u)[np.asarray(beam.space.cells)[:, :4]]
for own in corners:
    left.fill(*own[[0, 1, 3, 2]].T, fc="C0", ec="white", lw=0.3)
left.set(aspect="equal", xlabel="x", ylabel="y", title="displacements × 3")
bend, a = E / 12, np.linspace(5.0, 13.0)
right.plot(apart, force, "o-", ms=3, label="computed")
right.plot(2 * a**2 / 3 * np.sqrt(G / bend), np.sqrt(bend * G) / a, "k--", label="slender beams that tear")
right.set(xlabel="distance of the ends", ylabel="force", ylim=(0, 0.13))
right.legend()

# %% [markdown]
# The mean force while it tears, that of slender beams at G_I: P² a² = E I G, δ = 2 P a³/(3 E I).

# %%
tearing = np.sqrt(bend * G) / np.sqrt(1.5 * np.asarray(apart[25:]) * np.sqrt(bend / G))
computed, reference, allowed = force[25:].mean(), tearing.mean(), 0.01
