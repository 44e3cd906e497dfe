# %% [markdown]
# # Two springs that snap through
#
# Two springs meet in a high apex, which is pressed down: the path passes limit points, and points where it branches.
#
#     E(u) = Σ (ℓᵢ(u) − ℓ₀)²/2 + λ u_y   is stationary

# %%
import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt

import simphys as sp


jax.config.update("jax_enable_x64", True)
feet, apex = jnp.array([[-1.0, 0.0], [1.0, 0.0]]), jnp.array([[0.0, 3.0]])


def springs(u, load):
    length = jnp.linalg.norm(apex + u[None] - feet, axis=1)
    return jnp.sum((length - jnp.sqrt(10.0)) ** 2) / 2 + load * u[1]


truss = sp.RootProblem(energy=springs, guess=jnp.zeros(2))
path = sp.follow(truss, until=4.0, observe=lambda problem, u: u[1])

# %%
plt.plot(-path.observed, path.loads, ".-", label="straight path")
for kind, marker in ((path.limit_points, "o"), (path.branch_points, "x")):
    label = "limit points" if marker == "o" else "branch points"
    plt.plot([-float(p.point.y[1]) for p in kind], [float(p.load) for p in kind], marker, ms=9, label=label)
plt.gca().set(xlabel="way down", ylabel="load")
plt.legend()

# %% [markdown]
# The first limit load, 2 (√10/ℓ − 1) √(ℓ² − 1) with ℓ = 10^{1/6}.

# %%
length = 10 ** (1 / 6)
limit = 2 * (10**0.5 / length - 1) * (length**2 - 1) ** 0.5
computed, reference, allowed = float(path.limit_points[0].load), limit, 1e-5
