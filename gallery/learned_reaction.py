# %% [markdown]
# # A law that a network learns through the solver
#
# How fast heat is lost is not known; a small network stands for it, and is fitted to temperatures of two experiments.
#
#     −u″ + g_w(u) = s,   min over w of |u(w) − û|²

# %%
import equinox as eqx
import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt

import simphys as sp
from simphys import inverse
from simphys.fem import Dirichlet, FunctionSpace, Weak


jax.config.update("jax_enable_x64", True)


class Loss(eqx.Module):
    law: eqx.Module

    def __call__(self, u, at, source):
        return self.law(u.value) - source, u.gradient


class Cubic(eqx.Module):
    def __call__(self, u):
        return 3 * u + 20 * u**3


class Network(eqx.Module):
    net: sp.materials.Perceptron

    def __call__(self, u):
        return u * (1 + self.net(jnp.atleast_1d(2 * u)))


space, x = FunctionSpace(sp.fem.line(10), 2), jnp.linspace(0.05, 0.5, 8)[:, None]
rod = lambda law, s: sp.physics.Balance(space, Weak(Loss(law), jnp.array(s)), Dirichlet("all", 0.0))
data = jnp.stack([space.evaluate(sp.solve(rod(Cubic(), s)).value, x) for s in (4.0, 10.0)])
camera = inverse.PointValues(space, x, data, 1e-4)
source = lambda p: p.forms[0].parameters
unknown = rod(Network(sp.materials.Perceptron(1, width=4)), 4.0)
experiment = inverse.LoadSteps(unknown, source, [4.0, 10.0], [camera], independent=True)
weights = inverse.Parameter("w", lambda p: p.forms[0].function.law.net)
found = inverse.fit(experiment, [weights], priors=[inverse.Gaussian("w", 0.0, 10.0)], max_iterations=200)
learned = found.problem.forms[0].function.law

# %%
u = jnp.linspace(0.0, float(data.max()), 50)
plt.plot(u, jax.vmap(Cubic())(u), label="truth, 3u + 20u³")
plt.plot(u[::4], jax.vmap(learned)(u[::4]), "o", label="learned")
plt.gca().set(xlabel="u", ylabel="loss")
plt.legend()

# %% [markdown]
# The loss at u = .4, which the network was never told, 3 · .4 + 20 · .4³.

# %%
computed, reference, allowed = float(learned(jnp.array(0.4))), 3 * 0.4 + 20 * 0.4**3, 0.03
