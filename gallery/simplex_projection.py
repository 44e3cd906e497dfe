# %% [markdown]
# # The nearest shares
#
# A quadratic program as a layer: the point of the simplex nearest to x, and its derivative at the active constraints.
#
#     min |z − x|²/2  subject to  Σ z = 1,  z ≥ 0

# %%
import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt

from simphys.layers import QP


jax.config.update("jax_enable_x64", True)
layer = QP(jnp.eye(3), jnp.zeros(3), jnp.ones((1, 3)), jnp.ones(1), -jnp.eye(3), jnp.zeros(3))
third = lambda s: layer(q=-jnp.stack([0.5, 0.2, s]), throw=False).value[2]
way = jnp.linspace(-1.0, 1.5, 51)
share, slope = jax.jit(jax.vmap(jax.value_and_grad(third)))(way)

# %%
plt.plot(way, share, label="z₃")
plt.plot(way, slope, ".", label="∂z₃/∂x₃")
plt.gca().set(xlabel="x₃, with x₁ = 0.5 and x₂ = 0.2")
plt.legend()

# %% [markdown]
# ∂z₃/∂x₃ where all three shares are free, 1 − 1/3.

# %%
computed, reference, allowed = float(slope[26]), 2 / 3, 1e-9
