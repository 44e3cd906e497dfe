"""Grids, conditions and fields for tests."""

import itertools

import jax.numpy as jnp
import numpy as np

from simphys import grids


def kinds(axis, dim):
    """Homogeneous conditions of a side, one of each kind."""
    mixed = tuple(grids.Robin(2.0) if c == axis else grids.Dirichlet(0.0) for c in range(dim))
    slack = tuple(grids.Dirichlet(0.0) if c == axis else grids.Robin(3.0) for c in range(dim))
    return [grids.Wall(), grids.Slip(), grids.Symmetry(), grids.Inflow(0.0), grids.Outflow(), mixed, slack]


def sides_of_axis(axis, dim):
    """All pairs of conditions on the two sides of an axis."""
    return [(grids.Periodic(), grids.Periodic()), *itertools.product(kinds(axis, dim), repeat=2)]


def spacings(dim, seed=0):
    random = np.random.default_rng(seed)
    return tuple(jnp.asarray(random.uniform(0.5, 1.5, n)) for n in (5, 4, 3)[:dim])


def conditions(grid, pairs):
    return {
        name: side
        for names, pair in zip(grid.sides, pairs, strict=True)
        for name, side in zip(names, pair, strict=True)
    }


def random_field(space, seed):
    random = np.random.default_rng(seed)
    return space.field([random.normal(size=space.shape(c)) for c in range(space.grid.dimension)])
