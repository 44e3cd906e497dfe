# %% [markdown]
# # A network of infinitely many layers
#
# A layer is repeated until nothing changes; its derivative is that of the fixed point, whatever the number of repetitions.
#
#     z = tanh(W z + x),   dz/dx = (1 − D W)⁻¹ D,   D = diag(1 − z²)

# %%
import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np

import simphys as sp
from simphys.layers import Anderson, FixedPoint


jax.config.update("jax_enable_x64", True)
W = 0.9 * np.linalg.qr(np.random.default_rng(0).standard_normal((30, 30)))[0]
x = jnp.linspace(-1.0, 1.0, 30)
layer = FixedPoint(lambda z, x: jnp.tanh(W @ z + x), Anderson(rtol=1e-10))
found = layer(x, jnp.zeros(30))
value, slope, certificate = sp.value_and_grad(lambda x: jnp.sum(layer(x, jnp.zeros(30)).value))(x)
D = np.diag(1 - np.asarray(found.value) ** 2)
exact = D @ np.linalg.solve((np.eye(30) - D @ W).T, np.ones(30))

# %%
plt.plot(exact, label="exact")
plt.plot(slope, "o", label="of the layer")
plt.gca().set(xlabel="entry of x", ylabel="∂ Σz / ∂x")
plt.legend()

# %% [markdown]
# The length of the gradient, against that of a dense solve.

# %%
computed, reference, allowed = float(jnp.linalg.norm(slope)), float(np.linalg.norm(exact)), 1e-6
