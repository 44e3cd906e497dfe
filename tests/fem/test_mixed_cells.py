"""Meshes of several cell types, and of prisms and pyramids: patch tests, orders, loads, gradients, fields per cell."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from _manufactured import newton_step
from _mixed import CENTRE, CUBE, SIDES, bar, square, tiled

import simphys as sp
from simphys.fem import (
    Dirichlet,
    FunctionSpace,
    Integral,
    Weak,
    cells_of,
    density_at_points,
)


def linear(dim):
    """A linear displacement with a constant stress."""
    slope = np.random.default_rng(1).uniform(-1, 1, (dim, dim))
    return lambda x: jnp.asarray(slope) @ x + 0.3


def prisms(n, moved=0.0):
    """The unit cube in prisms."""
    at = np.stack(np.meshgrid(*[range(n)] * 3), -1).reshape(-1, 1, 3).astype(float)
    return tiled(
        {"prism": np.concatenate([at + CUBE[[0, 2, 6, 1, 3, 7]], at + CUBE[[0, 6, 4, 1, 7, 5]]])}, n, 1, moved, 0
    )


def pyramids(n, moved=0.0, degree=1):
    """The unit cube in blocks of six pyramids."""
    at = np.stack(np.meshgrid(*[range(n)] * 3), -1).reshape(-1, 1, 3).astype(float)
    parts = [at + np.concatenate([CUBE[list(side)], CENTRE]) for side in SIDES]
    return tiled({"pyramid": np.concatenate(parts)}, n, degree, moved, 0)


PATCHES = {
    "square 1": lambda: (square(4, 1, 0.2), 1),
    "square 2": lambda: (square(4, 2, 0.2, 0.02), 2),
    "square 3 on 1": lambda: (square(4, 1, 0.2), 3),
    "bar 1": lambda: (bar(3, 1, 0.15), 1),
    "bar 2": lambda: (bar(3, 2, 0.15), 2),
    "bar 2 on 1": lambda: (bar(3, 1, 0.15), 2),
    "prisms": lambda: (prisms(2, 0.2), 1),
    "pyramids": lambda: (pyramids(2, 0.2), 1),
    "pyramids 2": lambda: (pyramids(1, 0.0, 2), 2),
}


@pytest.mark.parametrize("name", PATCHES)
def test_a_constant_stress_is_exact_on_distorted_cells(name):
    mesh, degree = PATCHES[name]()
    space = FunctionSpace(mesh, degree, mesh.dim)
    law = sp.materials.LinearElastic(E=1.0, nu=0.3)
    law = sp.materials.PlaneStrain(law) if mesh.dim == 2 else law
    solid = sp.physics.Solid(space, law, [Dirichlet("all", linear(mesh.dim))])
    u = newton_step(solid)
    assert jnp.abs(u - jax.vmap(linear(mesh.dim))(space.nodes())).max() < 1e-12
    stress = np.asarray(solid.stress(u))
    assert stress.shape[0] == mesh.n_cells and np.ptp(stress, axis=0).max() < 1e-11


def wave(x):
    return jnp.sin(2 * x[0] + 1) * jnp.cos(1.5 * x[1]) * (1 + (x[2] ** 2 if x.shape[0] == 3 else 0))


def _distance(fields, point, parameters):
    return (fields[0].value - wave(point.position)) ** 2


def distance(space, u):
    term = Integral(cells_of(space, degree=2 * space.degree + 4), _distance, None, _distance, slots=("value",))
    squares, measure = density_at_points(term, (space,), (u,))
    return float(jnp.sqrt(jnp.sum(squares * measure)))


@pytest.mark.parametrize(
    ("make", "degree", "sizes"), [(square, 1, (4, 8)), (square, 2, (4, 8)), (bar, 1, (3, 6)), (bar, 2, (2, 4))]
)
def test_order_of_convergence(make, degree, sizes):
    found = []
    for n in sizes:
        space = FunctionSpace(make(n, 1, 0.1 if make is square else 0.0), degree)
        pde = sp.physics.Balance(
            space,
            [Weak(lambda u, at, p: (jnp.trace(jax.hessian(wave)(at.position)), u.gradient), degree=2 * degree + 2)],
            [Dirichlet("all", wave)],
        )
        found.append(distance(space, newton_step(pde)))
    assert np.log2(found[0] / found[1]) > degree + 0.8
