"""Handwritten digits: a network whose one layer is applied until nothing changes any more.

A convolution sees the picture once, and its features u drive an equilibrium z = tanh(W z + u); a linear map of z tells the
digit. It is compared with the explicit network that has the very same parameters and applies the layer once. Every solve of
the training is certified, and so is every gradient. Two thirds of scikit-learn's 1,797 digits are for training, a third is
held out.

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
from simphys.layers import Anderson, DeepEquilibrium, DenseCell, brief, jacobian_penalty, summarise


CHANNELS, FEATURES = 16, 64
EPOCHS, BATCH, RATE = 70, 100, 8e-3
TOLERANCE = 5e-4
"""Of the fixed points: relative residual in training. Its effect on the gradient is reported with the certificates."""
PENALTY = 0.1
"""Weight of the Jacobian penalty, without which a network may learn to contract less and less."""


class Classifier(eqx.Module):
    """Digit from the equilibrium of a layer, or from one pass of it."""

    convolution: eqx.nn.Conv2d
    network: DeepEquilibrium
    head: eqx.nn.Linear
    deep: bool = eqx.field(static=True)

    def __init__(self, deep, key):
        one, two, three = jax.random.split(key, 3)
        self.convolution = eqx.nn.Conv2d(1, CHANNELS, 3, padding=1, key=one)
        cell = DenseCell(16 * CHANNELS, FEATURES, key=two)
        self.network = DeepEquilibrium(cell, Anderson(rtol=TOLERANCE, memory=5), throw=False)
        self.head = eqx.nn.Linear(FEATURES, 10, key=three)
        self.deep = deep

    def features(self, x):
        """Return what the equilibrium is driven by: the convolution, averaged over squares of 2 × 2."""
        seen = jax.nn.relu(jax.vmap(self.convolution)(x))
        return seen.reshape(len(x), CHANNELS, 4, 2, 4, 2).mean((3, 5)).reshape(len(x), -1)

    def __call__(self, x, guess):
        """Return ten scores for each picture; the solution, or None for one pass from zero; and the Jacobian's inputs."""
        seen, cell = self.features(x), self.network.cell
        solution = self.network(seen, guess) if self.deep else None
        u = jax.vmap(cell.inject)(seen)
        z = jax.vmap(cell)(jnp.zeros_like(u), u) if solution is None else solution.value
        return jax.vmap(self.head)(z), solution, (z, u)


def loss(model, x, digit, guess, key):
    scores, solution, (z, u) = model(x, guess)
    value = optax.softmax_cross_entropy_with_integer_labels(scores, digit).mean()
    if model.deep:
        value += PENALTY * jacobian_penalty(jax.vmap(model.network.cell), z, u, key)
    return value, solution


def train(model, data, seed=0):
    """Train; return the model, its accuracy on held-out digits after every epoch, solutions and certificates."""
    x, digit, x_held, digit_held = data
    optimiser = optax.adamw(optax.cosine_decay_schedule(RATE, EPOCHS * (len(x) // BATCH)), weight_decay=1e-2)
    # A gradient that is refused is NaN, and moves nothing.
    optimiser = optax.apply_if_finite(optimiser, max_consecutive_errors=10**6)
    state = optimiser.init(eqx.filter(model, eqx.is_inexact_array))

    @eqx.filter_jit
    def step(model, state, x, digit, guess, key):
        (_, solution), gradient, certificate = sp.value_and_grad(loss, has_aux=True)(model, x, digit, guess, key)
        change, state = optimiser.update(gradient, state, eqx.filter(model, eqx.is_inexact_array))
        return eqx.apply_updates(model, change), state, solution, certificate

    scores = eqx.filter_jit(lambda model, x: model(x, jnp.zeros((len(x), FEATURES), x.dtype))[0])
    random = np.random.default_rng(seed)
    # The last equilibrium of every picture: where its next solve starts.
    last = np.zeros((len(x), FEATURES), np.float32)
    accuracy, solutions, certificates = [], [], []
    for _ in range(EPOCHS):
        for batch in random.permutation(len(x))[: BATCH * (len(x) // BATCH)].reshape(-1, BATCH):
            seen = shifted(x[batch], random)
            key = jax.random.key(random.integers(2**31))
            model, state, solution, certificate = step(model, state, seen, digit[batch], last[batch], key)
            if solution is not None:
                last[batch] = np.where(np.isfinite(solution.value), solution.value, 0.0)  # a failed solve's are NaN
                solutions.append(brief(solution))
                certificates.append(certificate)
        accuracy.append(float(jnp.mean(jnp.argmax(scores(model, x_held), axis=1) == digit_held)))
    return model, accuracy, solutions, certificates


def shifted(x, random):
    """Move every picture by at most one pixel each way: more pictures to learn from."""
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    i, j = random.integers(0, 3, (2, len(x)))
    return np.stack([picture[:, a : a + 8, b : b + 8] for picture, a, b in zip(padded, i, j)])


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
    right.set(xlabel="solve", ylabel="relative residual", ylim=(0.1 * TOLERANCE, 2 * TOLERANCE))
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
