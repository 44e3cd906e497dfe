# %% [markdown]
# # A conductivity from a few thermometers
#
# Heat flows through a rod whose conductivity varies; 14 noisy temperatures and a smooth prior tell it, with its posterior.
#
#     min ½ |T(k) − T̂|²/σ² + ½ |ln k|²_{H¹} ,   then Laplace's approximation

# %%
import equinox as eqx
import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np

import simphys as sp
from simphys import inverse


jax.config.update("jax_enable_x64", True)


class Rod(eqx.Module):
    k: sp.fem.NodalField


def temperatures(rod):
    resistance = 2 / (rod.k.values[1:] + rod.k.values[:-1]) / 40
    return jnp.cumsum(resistance[::-1])[::-1][::3]


x, space = np.linspace(0.0, 1.0, 41), sp.fem.FunctionSpace(sp.fem.line(40))
truth = np.exp(0.8 * np.exp(-((x - 0.4) ** 2) / 0.02))
noise, exact = 0.003, temperatures(Rod(sp.fem.NodalField(jnp.asarray(truth))))
measured = exact + noise * np.random.default_rng(0).standard_normal(14)
experiment = inverse.Model(Rod(sp.fem.NodalField(jnp.ones(41))), temperatures, measured, noise)
smooth = inverse.H1("k", deviation=0.5, length=0.2, mean=1.0, space=space)
k = inverse.Parameter("k", lambda rod: rod.k, transform=inverse.Positive())
posterior = inverse.laplace(inverse.fit(experiment, [k], priors=[smooth]))

# %%
plt.plot(x, truth, color="black", label="truth")
plt.plot(x, posterior.values, label="found")
low, high = posterior.values - 2 * posterior.std, posterior.values + 2 * posterior.std
plt.fill_between(x, low, high, alpha=0.3, label="± 2σ")
plt.gca().set(xlabel="x", ylabel="conductivity")
plt.legend()

# %% [markdown]
# The conductivity at its peak, e^{.8}, which lies within the band.

# %%
assert low[16] < truth[16] < high[16]
computed, reference, allowed = float(posterior.values[16]), float(np.exp(0.8)), 0.06
