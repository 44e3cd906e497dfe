"""A rubber's energy, learned from the full-field displacements of a stretched sheet, through its finite elements.

The law of `scenes/perforated_sheet` is replaced by a polyconvex network, first taught to be about neo-Hookean. Its weights
are then fitted to the displacements and forces that were measured; a body of another shape, under another load, shows
whether what was learned is a law.

    python examples/rubber_from_a_field.py [folder]
"""

import pathlib
import sys
import time

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

import simphys as sp
from simphys import inverse
from simphys.materials import ConvexNetwork, MooneyRivlin, NeoHooke, NeuralHyperelastic


jax.config.update("jax_enable_x64", True)
ROOT = pathlib.Path(__file__).parent.parent
# MPa: what `simphys fit scenes/perforated_sheet` finds, the mesh's error taken out.
KNOWN = MooneyRivlin(c10=0.1818, c01=0.0186, kappa=4.02)


def deformations(count, size=0.15, seed=0):
    """Deformation gradients about I, (count, 3, 3)."""
    draw = np.random.default_rng(seed)
    found = np.eye(3) + size * draw.standard_normal((4 * count, 3, 3))
    return jnp.asarray(found[np.linalg.det(found) > 0.5][:count])


def taught(law, known, count=24):
    """Return a law with the weights that give it about the stress of a known one."""
    F = deformations(count)
    stresses = jax.vmap(known.first_piola)(F)
    residuals = lambda law, F: (jax.vmap(law.first_piola)(F) - stresses) / jnp.std(stresses)
    return inverse.train(residuals, law, F, max_iterations=25, tolerance=1e-2).model


def weights_of(law):
    """Return the parameters of a fit: every array of a law, moduli by their logarithms."""
    where = {"mu": lambda p: p.base.material.mu, "kappa": lambda p: p.base.material.kappa}
    found = [inverse.Parameter(name, at, None, inverse.Positive()) for name, at in where.items()]
    for kind in ("rising", "free", "through", "bias"):
        for i in range(len(getattr(law.network, kind))):
            at = lambda p, kind=kind, i=i: getattr(p.base.material.network, kind)[i]
            found.append(inverse.Parameter(f"{kind}{i}", at))
    return found


def block(law, cells=(4, 3, 3), shear=1.0):
    """A block of 3 x 2 x 2 mm, clamped at one end, the other pulled by 1 mm and sheared: displacement and force."""
    space = sp.fem.FunctionSpace(sp.fem.box(cells, (3.0, 2.0, 2.0)), components=3)
    ends = [sp.fem.Dirichlet("left", 0.0), sp.fem.Dirichlet("right", (1.0, shear, 0.0))]
    solid = sp.physics.Solid(space, law, ends)
    value = sp.solve(solid).value
    return value, solid.resultant(value, "right")


def transfer(law, known, **options):
    """Return the relative differences of displacement and force in the block, of a learned and a known law."""
    (u, f), (v, g) = block(law, **options), block(known, **options)
    return float(jnp.linalg.norm(u - v) / jnp.linalg.norm(v)), float(jnp.linalg.norm(f - g) / jnp.linalg.norm(g))


def of_steps(experiment, steps):
    """Return the experiment with some of its load steps only."""
    at = jnp.asarray(steps)

    def thinned(o):
        o = eqx.tree_at(lambda o: (o.measured, o.noise), o, (o.measured[at], o.noise[at]))
        moving = isinstance(o, inverse.PointValues) and o.moving
        return eqx.tree_at(lambda o: o.sensors, o, jax.tree.map(lambda a: a[at], o.sensors)) if moving else o

    return eqx.tree_at(
        lambda e: (e.values, e.observations),
        experiment,
        (tuple(v[at] for v in experiment.values), tuple(map(thinned, experiment.observations))),
    )


def train(experiment, parameters, iterations, tell=print, damping=1e-2):
    """Levenberg and Marquardt's method, damped in directions that the data do not see; each solve starts from the last.

    The Jacobian comes from tangent solves that share a factor; at the end the gradient is checked by adjoint solves.
    """
    phi = parameters.start
    best = experiment.evaluate(parameters, phi, None, lambda text: None)
    tell(f"start: χ² per datum {mean_square(best):.4g}")
    for number in range(iterations):
        normal, slope = best.jacobian.T @ best.jacobian, best.jacobian.T @ best.residuals
        size = jnp.diag(normal) + 1e-4 * jnp.max(jnp.diag(normal))
        trial = phi - jnp.linalg.solve(normal + damping * jnp.diag(size), slope)
        found = experiment.evaluate(parameters, trial, best.memory, lambda text: None)
        better = found.jacobian is not None and mean_square(found) < mean_square(best)
        tell(f"step {number + 1}: χ² per datum {mean_square(found):.4g}" + ("" if better else ", refused"))
        damping = damping / 5 if better else 8 * damping
        gain = mean_square(best) / mean_square(found) if better else np.inf
        if better:
            phi, best = trial, found
        if gain < 1.01:
            break
    gradient, _ = experiment.certify(parameters, phi, best, lambda text: None)
    columns = jnp.linalg.norm(best.jacobian, axis=0) * jnp.linalg.norm(best.residuals)
    return phi, best, float(jnp.max(jnp.abs(gradient - best.jacobian.T @ best.residuals) / columns))


def mean_square(evaluation):
    """χ² per datum; not finite where a solve failed."""
    return float(jnp.mean(evaluation.residuals**2)) if evaluation.jacobian is not None else float("inf")


def learn(experiment, start, seen, unseen, iterations, tell=print):
    """Train a law on some load steps; return it, χ² per datum of both kinds of steps, and how well gradients agree."""
    # No number of the scene is sought: the law stands in the place of its own.
    experiment = eqx.tree_at(lambda e: (e.problem.base.material, e.problem.values), experiment, (start, {}))
    parameters = inverse.Parametrisation(weights_of(start), experiment.problem)
    phi, found, agreement = train(of_steps(experiment, seen), parameters, iterations, tell)
    other = of_steps(experiment, unseen).evaluate(parameters, phi, None, lambda text: None)
    return parameters.apply(experiment.problem, phi).base.material, mean_square(found), mean_square(other), agreement


def main(folder=".", iterations=8, width=3):
    start = NeuralHyperelastic(mu=0.3, kappa=3.0, network=ConvexNetwork(2, 1, width=width))
    start = taught(start, NeoHooke(mu=0.3, lam=2.5))
    experiment = sp.scene.build_calibration(sp.scene.load(ROOT / "scenes" / "perforated_sheet").build()).experiment
    begun = time.perf_counter()
    tell = lambda text: print(f"{time.perf_counter() - begun:6.0f} s  {text}", flush=True)
    law, seen, unseen, agreement = learn(experiment, start, (2, 5), (0, 4), iterations, tell)
    path = sp.io.save_weights(pathlib.Path(folder) / "sheet_law.npz", law)
    print(f"χ² per datum: steps 3 and 6 {seen:.4f}, steps 1 and 5, not trained on, {unseen:.4f}; gradients by adjoint and "
          f"tangent solves agree within {agreement:.1e}; weights in {path}")  # fmt: skip
    for name, one in (("before", start), ("after", law)):
        u, f = transfer(one, KNOWN)
        print(f"{name} training, against the known law in a sheared block: displacement {u:.2%}, force {f:.2%}")
    return law


if __name__ == "__main__":
    main(*sys.argv[1:])
