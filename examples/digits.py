"""Handwritten digits: a network whose one layer is applied until nothing changes any more.

The layer is a residual block of convolutions, z = f(z, u(x)), and z its fixed point; a linear map of z tells the digit. It
is compared with the explicit network that has the very same parameters and applies the block once. Every solve of the
training is certified, and so is every gradient. Two thirds of scikit-learn's 1,797 digits are for training, a third is held
out.

    pip install "simphys[examples]"
    python examples/digits.py [folder]
"""

import pathlib
import sys
import time

import equinox as eqx
import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import optax
from sklearn.datasets import load_digits

import simphys as sp
from simphys.layers import Anderson, ConvCell, DeepEquilibrium, brief, jacobian_penalty, summarise


CHANNELS, GROUPS = 16, 4
EPOCHS, BATCH, RATE = 12, 100, 6e-3
PENALTY = 0.5
"""Weight of the Jacobian penalty, without which the network learns to contract less and less."""
TOLERANCE = 1e-3
"""Of the fixed points: relative residual in training. Its effect on the gradient is reported with the certificates."""


class Classifier(eqx.Module):
    """Digit from the equilibrium of a residual block, or from one pass of it."""

    network: DeepEquilibrium
    head: eqx.nn.Linear
    deep: bool = eqx.field(static=True)

    def __init__(self, deep, key):
        one, two = jax.random.split(key)
        cell = ConvCell(1, CHANNELS, groups=GROUPS, key=one)
        self.network = DeepEquilibrium(cell, Anderson(rtol=TOLERANCE, memory=6), throw=False)
        self.head = eqx.nn.Linear(16 * CHANNELS, 10, key=two)
        self.deep = deep

    def __call__(self, x, guess):
        """Return ten scores for each picture, and the solution (or one pass from zero)."""
        if self.deep:
            solution = self.network(x, guess)
            z = solution.value
        else:
            solution, cell = None, self.network.cell
            z = jax.vmap(lambda x, z: cell(z, cell.inject(x)))(x, jnp.zeros_like(guess))
        pooled = z.reshape(len(x), CHANNELS, 4, 2, 4, 2).mean((3, 5)).reshape(len(x), -1)
        return jax.vmap(self.head)(pooled), solution


def loss(model, x, digit, guess, key):
    scores, solution = model(x, guess)
    value = optax.softmax_cross_entropy_with_integer_labels(scores, digit).mean()
    if model.deep:
        cell = model.network.cell
        value += PENALTY * jacobian_penalty(jax.vmap(cell), solution.value, jax.vmap(cell.inject)(x), key)
    return value, solution


def train(model, data, seed=0):
    """Train; return the model, its accuracy on held-out digits after every epoch, solutions and certificates."""
    x, digit, x_held, digit_held = data
    optimiser = optax.adamw(optax.cosine_decay_schedule(RATE, EPOCHS * (len(x) // BATCH)), weight_decay=1e-2)
    # A gradient that is refused is NaN, and moves nothing.
    optimiser = optax.apply_if_finite(optimiser, max_consecutive_errors=5)
    state = optimiser.init(eqx.filter(model, eqx.is_inexact_array))

    @eqx.filter_jit
    def step(model, state, x, digit, guess, key):
        (_, solution), gradient, certificate = sp.value_and_grad(loss, has_aux=True)(model, x, digit, guess, key)
        change, state = optimiser.update(gradient, state, eqx.filter(model, eqx.is_inexact_array))
        return eqx.apply_updates(model, change), state, solution, certificate

    scores = eqx.filter_jit(lambda model, x: model(x, jnp.zeros((len(x), CHANNELS, 8, 8), x.dtype))[0])
    random = np.random.default_rng(seed)
    # The last equilibrium of every picture: where its next solve starts.
    last = np.zeros((len(x), CHANNELS, 8, 8), np.float32)
    accuracy, solutions, certificates = [], [], []
    for _ in range(EPOCHS):
        for batch in random.permutation(len(x))[: BATCH * (len(x) // BATCH)].reshape(-1, BATCH):
            key = jax.random.key(random.integers(2**31))
            model, state, solution, certificate = step(model, state, x[batch], digit[batch], last[batch], key)
            if solution is not None:
                last[batch] = solution.value
                solutions.append(brief(solution))
                certificates.append(certificate)
        accuracy.append(float(jnp.mean(jnp.argmax(scores(model, x_held), axis=1) == digit_held)))
    return model, accuracy, solutions, certificates


def digits(seed=0):
    """Pictures with entries in (0, 1), (n, 1, 8, 8), and digits: those to learn from, and the third that is held out."""
    found = load_digits()
    order = np.random.default_rng(seed).permutation(len(found.target))
    x, digit = (found.images[order, None] / 16).astype(np.float32), found.target[order].astype(np.int32)
    held = len(x) // 3
    return x[held:], digit[held:], x[:held], digit[:held]


def draw(path, histories, solutions):
    """Accuracy after every epoch; residual of every solve, and its steps."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.5), layout="constrained")
    for name, accuracy in histories.items():
        left.plot(np.arange(1, len(accuracy) + 1), 100 * np.asarray(accuracy), marker=".", label=name)
    left.axhline(97.5, color="0.6", lw=0.8, ls=":")
    left.set(xlabel="epoch", ylabel="held-out digits told right (%)", ylim=(88, 100))
    left.legend(loc="lower right")
    residuals = [float(s.certificate.residual) for s in solutions]
    right.semilogy(residuals, ".", ms=3, color="C0")
    right.axhline(TOLERANCE, color="0.6", lw=0.8, ls=":")
    right.set(xlabel="solve", ylabel="relative residual", title="")
    steps = right.twinx()
    steps.plot([int(s.stats.newton_steps) for s in solutions], color="C1", lw=0.8)
    steps.set_ylabel("steps", color="C1")
    steps.set_ylim(0)
    figure.savefig(path, dpi=110)
    plt.close(figure)
    return path


def main(folder="."):
    data = digits()
    histories, count = {}, None
    for deep in (True, False):
        begin, cpu = time.perf_counter(), time.process_time()
        model = Classifier(deep, jax.random.key(0))
        model, accuracy, solutions, certificates = train(model, data)
        name = "deep equilibrium" if deep else "explicit network"
        histories[name] = accuracy
        count = sum(leaf.size for leaf in jax.tree.leaves(eqx.filter(model, eqx.is_inexact_array)))
        print(f"{name}: {100 * accuracy[-1]:.2f} % of {len(data[3])} held-out digits, {count:,} parameters")
        print(f"  {time.perf_counter() - begin:.0f} s, {time.process_time() - cpu:.0f} s of processor time")
        if deep:
            summary, kept = summarise(solutions, certificates), solutions
            print(f"  {summary}")
    return draw(pathlib.Path(folder) / "digits.png", histories, kept), histories, summary


if __name__ == "__main__":
    main(*sys.argv[1:])
