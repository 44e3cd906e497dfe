"""A solver inside a network: from the picture of a plate to its stiffness, learned from displacements alone.

An encoder, a small convolutional network, looks at the picture of a plate with soft and stiff spots and answers with
Young's modulus in each of 16 x 16 elements. The finite-element solver, a module like any other, makes displacements of it,
and the loss compares those with measured ones: no one tells the network what a stiffness is. Trained by Optax, batched by
`vmap`, with one adjoint solve for each plate and step.

    python examples/plate_encoder.py [folder]
"""

import dataclasses
import pathlib
import sys
import time

import equinox as eqx
import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import optax

import simphys as sp
from simphys.fem import CellField, Dirichlet, FunctionSpace
from simphys.materials import LinearElastic, PlaneStress


jax.config.update("jax_enable_x64", True)
CELLS = 16


class Plate(eqx.Module):
    """The simulator as a module: Young's modulus of each element, (cell,) → displacements of the nodes, (node, 2)."""

    solid: sp.physics.Solid

    def __init__(self):
        space = FunctionSpace(sp.fem.rectangle((CELLS, CELLS)), components=2)
        law = PlaneStress(LinearElastic(E=CellField(jnp.ones(CELLS * CELLS)), nu=0.3))
        pull = [sp.physics.Traction("right", (0.1, 0.04))]
        self.solid = sp.physics.Solid(space, law, [Dirichlet("left", 0.0)], pull)

    def __call__(self, stiffness):
        return sp.solve(eqx.tree_at(lambda solid: solid.material.material.E.values, self.solid, stiffness)).value


class Encoder(eqx.Module):
    """A picture (1, 2 CELLS, 2 CELLS) → ln E of each element, row by row."""

    layers: tuple[eqx.nn.Conv2d, ...]

    def __init__(self, seed, width=12):
        keys = jax.random.split(jax.random.PRNGKey(seed), 4)
        # Zeros around the picture would be seen as a frame of soft material.
        conv = lambda key, a, b, size, **options: eqx.nn.Conv2d(
            a, b, size, key=key, dtype=float, padding_mode="REPLICATE", **options
        )
        self.layers = (
            conv(keys[0], 1, width, 4, stride=2, padding=1),
            conv(keys[1], width, width, 3, padding=1),
            conv(keys[2], width, width, 3, padding=1),
            conv(keys[3], width, 1, 1),
        )

    def __call__(self, picture):
        for layer in self.layers[:-1]:
            picture = jax.nn.gelu(layer(picture))
        return self.layers[-1](picture).ravel()


def plates(count, seed):
    """Draw plates: pictures (count, 1, pixel, pixel) and ln E, (count, cell).

    Brightness is a crooked function of stiffness, unevenly lit, with noise of 2 %.
    """
    draw = np.random.default_rng(seed)
    axis = lambda n: (np.arange(n) + 0.5) / n

    def spots(n, centre, size, height):
        x, y = np.meshgrid(axis(n), axis(n))
        near = ((x - centre[:, 0, None, None]) ** 2 + (y - centre[:, 1, None, None]) ** 2) / size[:, None, None] ** 2
        return np.sum(height[:, None, None] * np.exp(-near / 2), axis=0)

    pictures, fields = [], []
    for _ in range(count):
        number = draw.integers(2, 5)
        shape = draw.uniform(0.15, 0.85, (number, 2)), draw.uniform(0.08, 0.2, number), draw.uniform(-1.3, 1.3, number)
        fine, (light, x) = spots(2 * CELLS, *shape), (draw.uniform(-0.05, 0.05, 2), axis(2 * CELLS) - 0.5)
        bright = 1 / (1 + np.exp(-1.5 * fine)) + light[0] * x[:, None] + light[1] * x[None, :]
        pictures.append(bright + 0.02 * draw.standard_normal(bright.shape))
        fields.append(spots(CELLS, *shape).ravel())
    return jnp.asarray(np.stack(pictures))[:, None] - 0.5, jnp.asarray(np.stack(fields))


@dataclasses.dataclass
class Result:
    """Errors on plates never seen, by the trained and by the untrained encoder, and how long training took."""

    displacement: float
    stiffness: float
    displacement_before: float
    stiffness_before: float
    losses: np.ndarray
    seconds: float
    pictures: list


def displacement_loss(encoder, plate, pictures, measured):
    """Mean over plates of |u − u*|²/|u*|²."""
    found = jax.vmap(lambda picture: plate(jnp.exp(encoder(picture))))(pictures)
    square = lambda u: jnp.sum(u * u, axis=(1, 2))
    return jnp.mean(square(found - measured) / square(measured))


def errors(encoder, plate, pictures, fields, measured):
    """Root mean square errors: of displacements over their size, of ln E over its standard deviation."""
    displacement = jnp.sqrt(eqx.filter_jit(displacement_loss)(encoder, plate, pictures, measured))
    found = jax.vmap(encoder)(pictures)
    return float(displacement), float(jnp.sqrt(jnp.mean((found - fields) ** 2)) / jnp.std(fields))


def train(encoder, plate, pictures, measured, steps, batch, seed=0):
    """Train by Adam with a rate that rises and falls; return the encoder and the losses.

    Every batch has new noise of 1 % in its pictures: what is learned must not hang on single pixels.
    """
    rate = optax.warmup_cosine_decay_schedule(1e-3, 8e-3, steps // 10, steps)
    optimiser = optax.chain(optax.clip_by_global_norm(1.0), optax.adam(rate))

    @eqx.filter_jit
    def step(encoder, memory, plate, pictures, measured):
        loss, gradient = eqx.filter_value_and_grad(displacement_loss)(encoder, plate, pictures, measured)
        change, memory = optimiser.update(gradient, memory, encoder)
        return eqx.apply_updates(encoder, change), memory, loss

    memory, losses = optimiser.init(eqx.filter(encoder, eqx.is_array)), []
    draw = np.random.default_rng(seed)
    for _ in range(steps):
        chosen = draw.choice(len(pictures), batch, replace=False)
        seen = pictures[chosen] + 0.01 * draw.standard_normal((batch, *pictures.shape[1:]))
        encoder, memory, loss = step(encoder, memory, plate, seen, measured[chosen])
        losses.append(float(loss))
    return encoder, np.asarray(losses)


def draw_plates(encoder, plate, pictures, fields, measured, path):
    """Draw three held-out plates: picture, true and found stiffness, and what is left of the displacements."""
    figure, axes = plt.subplots(3, 4, figsize=(11, 8), constrained_layout=True)
    titles = ("picture", "true ln E", "found ln E", "displacement error, %")
    for axis, title in zip(axes[0], titles):
        axis.set_title(title)
    for row, picture, field, u in zip(axes, pictures, fields, measured):
        found = encoder(picture)
        error = jnp.linalg.norm(plate(jnp.exp(found)) - u, axis=1) / jnp.max(jnp.linalg.norm(u, axis=1))
        nodes, width = plate.solid.space.nodes(), float(jnp.max(jnp.abs(field)))
        square = lambda values: np.asarray(values).reshape(CELLS, CELLS)
        shown = row[0].imshow(np.asarray(picture[0]), cmap="gray", origin="lower", extent=(0, 1, 0, 1))
        for axis, values in zip(row[1:3], (field, found)):
            shown = axis.imshow(
                square(values), cmap="RdBu_r", vmin=-width, vmax=width, origin="lower", extent=(0, 1, 0, 1)
            )
        figure.colorbar(shown, ax=row[1:3])
        figure.colorbar(row[3].tricontourf(nodes[:, 0], nodes[:, 1], 100 * error, 12), ax=row[3])
        for axis in row:
            axis.set(xticks=[], yticks=[], aspect="equal")
    figure.savefig(path, dpi=110)
    plt.close(figure)
    return path


def main(folder=".", steps=450, count=768, batch=16):
    plate, encoder = Plate(), Encoder(0)
    simulate = eqx.filter_jit(lambda plate, fields: jax.vmap(plate)(jnp.exp(fields)))
    seen, unseen = plates(count, 1), plates(32, 2)
    measured = [simulate(plate, fields) for _, fields in (seen, unseen)]
    before = errors(encoder, plate, *unseen, measured[1])
    begun = time.perf_counter()
    encoder, losses = train(encoder, plate, seen[0], measured[0], steps, batch)
    seconds = time.perf_counter() - begun
    after = errors(encoder, plate, *unseen, measured[1])
    print(f"held out: displacements {after[0]:.2%} off (untrained {before[0]:.0%}), ln E {after[1]:.1%} of its standard "
          f"deviation ({before[1]:.0%}); {steps} steps in {seconds:.0f} s")  # fmt: skip
    path = pathlib.Path(folder) / "plate_encoder.png"
    drawn = draw_plates(encoder, plate, *(part[:3] for part in (*unseen, measured[1])), path)
    return Result(*after, *before, losses, seconds, [drawn])


if __name__ == "__main__":
    main(*sys.argv[1:])
