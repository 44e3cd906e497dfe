"""What implicit, unrolled and one-step gradients cost, and how wrong they are: the pictures of docs/which_gradient.md.

The layer is z = tanh(W z + x), 64 unknowns in a batch of 16, whose W has the spectral radius 0.9.

    python examples/which_gradient.py [folder]
"""

import pathlib
import sys

import equinox as eqx
import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np

import simphys as sp
from simphys.layers import Anderson, Damped, FixedPoint, Iterated, Relaxation, spectral_radius


jax.config.update("jax_enable_x64", True)

SIZE, BATCH, RADIUS = 64, 16, 0.9
TOLERANCES = (1e-1, 1e-2, 1e-4, 1e-6)
STEPS = (10, 100, 1_000)


def implicit(rtol, steps):
    return sp.Implicit(Iterated(Anderson(max(0.1 * rtol, 1e-13))), rtol=rtol)


def phantom(k):
    return lambda rtol, steps: sp.OneStep(k, linear_solver=Relaxation())


POLICIES = {
    "implicit": implicit,
    "unrolled": lambda rtol, steps: sp.Unrolled(checkpoints=steps),
    "unrolled, checkpointed": lambda rtol, steps: sp.Unrolled(),
    "one step": phantom(1),
    "five steps": phantom(5),
}
STYLES = {
    "implicit": "C0o-",
    "unrolled": "C1s-",
    "unrolled, checkpointed": "C1s:",
    "one step": "C2^-",
    "five steps": "C3v-",
}


def network(z, x_and_W):
    x, W = x_and_W
    return jnp.tanh(z @ W.T + x)


def data():
    random = np.random.default_rng(0)
    W = random.standard_normal((SIZE, SIZE))
    W *= RADIUS / np.max(np.abs(np.linalg.eigvals(W)))
    return jnp.asarray(W), jnp.asarray(0.3 * random.standard_normal((BATCH, SIZE)))


def loss(W, x, method, adjoint):
    z = FixedPoint(network, method, adjoint)((x, W), jnp.zeros_like(x)).value
    return jnp.mean(jnp.cos(z) ** 2)


def gradient(W, x, method, adjoint):
    return eqx.filter_jit(eqx.filter_grad(lambda W: loss(W, x, method, adjoint)))(W)


def errors(W, x):
    """Relative error of each gradient where the forward iteration stops at each tolerance."""
    exact = gradient(W, x, Anderson(1e-13, max_steps=2_000), implicit(1e-11, None))
    found = {}
    for name in ("implicit", "unrolled", "one step", "five steps"):
        each = [gradient(W, x, Damped(rtol), POLICIES[name](rtol, 200)) for rtol in TOLERANCES]
        found[name] = [float(jnp.linalg.norm(g - exact) / jnp.linalg.norm(exact)) for g in each]
    return found


def memory(W, x):
    """Bytes that a compiled gradient needs beside inputs and outputs, by the number of steps it is ready to take."""

    def needed(name, steps):
        run = lambda W: loss(W, x, Damped(1e-8, max_steps=steps), POLICIES[name](1e-8, steps))
        return jax.jit(jax.grad(run)).lower(W).compile().memory_analysis().temp_size_in_bytes

    return {name: [needed(name, n) for n in STEPS] for name in POLICIES if name != "five steps"}


def draw(path, horizontal, curves, xlabel, ylabel, *, falling=False):
    figure, axis = plt.subplots(figsize=(4.6, 3.4), layout="constrained")
    for name, values in curves.items():
        axis.loglog(horizontal, values, STYLES[name], label=name, ms=4, lw=1.2)
    if falling:
        axis.invert_xaxis()
    axis.set(xlabel=xlabel, ylabel=ylabel)
    axis.grid(True, color="#e4e4e4", lw=0.6)
    axis.legend(frameon=False, fontsize=8)
    figure.savefig(path, dpi=100)
    plt.close(figure)


def main(folder="."):
    folder, (W, x) = pathlib.Path(folder), data()
    z = FixedPoint(network)((x, W), jnp.zeros_like(x)).value
    print(f"spectral radius {float(spectral_radius(network, z, (x, W))):.3f}")
    wrong, bytes_needed = errors(W, x), memory(W, x)
    for name, values in wrong.items():
        print(f"error, {name}: " + " ".join(f"{v:.1e}" for v in values))
    for name, values in bytes_needed.items():
        print(f"memory, {name}: " + " ".join(f"{v / 1024:.0f} kB" for v in values))
    label = "forward relative residual"
    draw(folder / "gradient_error.png", TOLERANCES, wrong, label, "relative error of the gradient", falling=True)
    kilobytes = {name: [v / 1024 for v in values] for name, values in bytes_needed.items()}
    draw(folder / "gradient_memory.png", STEPS, kilobytes, "steps allowed", "temporary memory (kB)")
    return wrong, bytes_needed


if __name__ == "__main__":
    main(*sys.argv[1:])
