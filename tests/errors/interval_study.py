"""How often intervals of fitted parameters hold the truth, with and without the mesh's part: 200 fits on coarse meshes.

    python tests/errors/interval_study.py [--fits 200] [--seed 0]

Three problems, three coarse meshes of each, data from far finer meshes with noise; the noise (and nothing else) differs
from fit to fit. Printed: per problem and in all how many nominal 95 % intervals hold the truth, and the shifts.
"""

import argparse

import jax
import jax.numpy as jnp
import numpy as np

import simphys as sp
from simphys import fem, inverse, materials, physics


def cantilever(mesh, degree, truth):
    space, law = fem.FunctionSpace(mesh, degree, 2), materials.LinearElastic(E=truth[0], nu=0.3)
    held = [fem.Dirichlet("left", 0.0)]
    return physics.Solid(space, materials.PlaneStress(law), held, [physics.Traction("right", (0.0, -1e-3))])


def layers(mesh, degree, truth):
    """Two conductivities, one above the other, heated in the middle of the top."""
    mesh = mesh.with_cell_group("upper", lambda x: x[1] > 0.5 - 1e-9)
    space = fem.FunctionSpace(mesh, degree)
    upper = np.zeros(mesh.n_cells)
    upper[np.asarray(mesh.cells_in("upper"))] = 1
    form = lambda u, at, p: p[0] ** (1 - p[2]) * p[1] ** p[2] * jnp.sum(u.gradient**2) / 2 - 5 * u.value * p[2]
    parameters = (jnp.asarray(truth[0]), jnp.asarray(truth[1]), fem.CellField(upper))
    return physics.Balance(space, [fem.Energy(form, parameters, linear=True)], [fem.Dirichlet("bottom", 0.0)])


def sheet(mesh, degree, truth):
    """Rubber, pulled by a third of its length."""
    law = materials.PlaneStrain(materials.NeoHooke(mu=truth[0], lam=truth[1]))
    held = [fem.Dirichlet("left", 0.0), fem.Dirichlet("right", (0.6, 0.0))]
    return physics.Solid(fem.FunctionSpace(mesh, degree, 2), law, held)


def seek(name, where):
    return inverse.Parameter(name, where, transform=inverse.Positive())


PROBLEMS = {
    "cantilever": (
        cantilever, (1.0,), lambda n: fem.rectangle((4 * n, n), (4.0, 1.0)), (8, 12, 16), 0.01, False,
        [seek("E", lambda p: p.material.material.E)], (4.0, 1.0),
    ),
    "layers": (
        layers, (1.0, 3.0), lambda n: fem.rectangle((2 * n, 2 * n), cell_type="triangle"), (2, 4, 8), 0.003, False,
        [seek("lower", lambda p: p.forms[0].parameters[0]), seek("upper", lambda p: p.forms[0].parameters[1])], (1.0, 1.0),
    ),
    "sheet": (
        sheet, (1.0, 2.0), lambda n: fem.rectangle((2 * n, n), (2.0, 1.0)), (4, 6, 8), 0.003, True,
        [seek("mu", lambda p: p.material.material.mu), seek("lam", lambda p: p.material.material.lam)], (2.0, 1.0),
    ),
}  # fmt: skip


def study(name, fits, rng):
    """Rows (holds without, holds with, shift, true shift), one for each parameter of each fit."""
    make, truth, mesh, sizes, share, force, parameters, size = PROBLEMS[name]
    fine = make(mesh(4 * sizes[-1]), 2, truth)
    value = sp.solve(fine).value
    points = rng.uniform(0.05, 0.95, (60, 2)) * size
    read, pulled = np.asarray(fine.spaces[0].evaluate(value, points)), None
    noise = share * np.abs(read).max()
    if force:
        pulled = float(fine.resultant(value, "right")[0])
    rows = []
    for k, n in enumerate(sizes):
        coarse = make(mesh(n), 1, [0.8 * t for t in truth])
        for _ in range(fits // len(sizes) + (k < fits % len(sizes))):
            data = read + noise * rng.standard_normal(read.shape)
            seen = [inverse.PointValues(coarse.spaces[0], points, data, noise)]
            if force:
                blurred = pulled * (1 + share * rng.standard_normal())
                seen.append(inverse.Resultant(coarse.spaces[0], "right", blurred, abs(share * pulled), component=0))
            vary = (lambda p: p.rest[0][:1]) if name == "layers" else (lambda p: p.thickness)
            steps = jnp.ones(1) if name != "layers" else None
            experiment = (
                inverse.LoadSteps(coarse, vary, steps, seen) if steps is not None else
                inverse.LoadSteps(coarse, lambda p: p.forms[0].parameters[2].values, upper_of(coarse), seen)
            )  # fmt: skip
            found = inverse.fit(experiment, parameters)
            assert found.successful, found
            within = lambda bounds: (bounds[:, 0] <= truth) & (truth <= bounds[:, 1])
            std = found.uncertainty.std
            rows += zip(within(found.uncertainty.interval95), within(found.mesh.interval95), found.mesh.relative,
                        (np.asarray(truth) - found.values) / std, strict=True)  # fmt: skip
        print(f"{name}, {coarse.spaces[0].mesh.n_cells} cells: {told(rows[-3:])}", flush=True)
    return rows


def upper_of(problem):
    return problem.forms[0].parameters[2].values[None]


def told(rows):
    without, with_, shift, true = (np.asarray(column, float) for column in zip(*rows, strict=True))
    return (
        f"{len(rows)} intervals hold in {without.mean():.1%} without the mesh, in {with_.mean():.1%} with it; "
        f"shifts predicted {np.round(shift[-3:], 1)}, true with noise {np.round(true[-3:], 1)}"
    )


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--fits", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    jax.config.update("jax_enable_x64", True)
    rng, every = np.random.default_rng(given.seed), []
    for k, name in enumerate(PROBLEMS):
        rows = study(name, given.fits // 3 + (k < given.fits % 3), rng)
        print(f"{name}: {told(rows)}")
        every += rows
    print(f"all: {told(every)}")


if __name__ == "__main__":
    main()
