# %% [markdown]
# # Reactions nine decades apart
#
# Robertson's three reactions, the classic test of solvers for stiff equations, with steps chosen by their error.
#
#     ȧ = −.04 a + 1e4 b c,   ḃ = .04 a − 1e4 b c − 3e7 b²,   ċ = 3e7 b²

# %%
import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt

from simphys.stepping import ODE, SDIRK3, march_adaptively


jax.config.update("jax_enable_x64", True)


def reactions(t, y, args):
    a, b, c = y["a"], y["b"], y["c"]
    slow, fast, back = 0.04 * a, 3e7 * b * b, 1e4 * b * c
    return {"a": back - slow, "b": slow - back - fast, "c": fast}


start = {"a": jnp.array(1.0), "b": jnp.array(0.0), "c": jnp.array(0.0)}
found = march_adaptively(SDIRK3(), ODE(reactions), start, (0.0, 40.0), first_step=1e-6, rtol=1e-5, atol=1e-12)

# %%
steps = slice(1, int(found.steps) + 1)
for name, factor in (("a", 1), ("b", 1e4), ("c", 1)):
    label = name if factor == 1 else "10⁴ b"
    plt.semilogx(found.times[steps], factor * found.values[name][steps], label=label)
plt.gca().set(xlabel="time", ylabel="concentration")
plt.legend()

# %% [markdown]
# What is left of a at t = 40, .7158270688 (E. Hairer, G. Wanner).

# %%
computed, reference, allowed = float(found.final.u["a"]), 0.7158270688, 1e-5
