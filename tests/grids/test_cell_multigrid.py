"""Multigrid in the cells of a grid: what it inverts, how many iterations it takes, cells that take no part."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from _taylor import check_gradient

import simphys as sp
from simphys import grids
from simphys.grids._cell_multigrid import Balance, CellMultigrid, coarser, longer_by


def box(shape, sides=None, **options):
    grid = grids.Grid.uniform(shape)
    held = {name: grids.Neumann(0.0) for pair in grid.sides for name in pair} | {"left": grids.Dirichlet(1.0)}
    return grids.Diffusion(grid, options.pop("kappa", 1.0), held if sides is None else sides, **options)


def blocks(n, dimension=2):
    """A chequerboard of 5 blocks a side, which no pairs of cells fit, of 1 and 1e6."""
    x = np.meshgrid(*[np.floor(5 * (np.arange(n) + 0.5) / n)] * dimension, indexing="ij")
    return 10.0 ** (6 * (sum(x) % 2))


def holes(n):
    x, y = np.meshgrid(*[(np.arange(n) + 0.5) / n] * 2, indexing="ij")
    centres = [(0.3, 0.3), (0.62, 0.41), (0.35, 0.72), (0.77, 0.8)]
    return np.all([(x - a) ** 2 + (y - b) ** 2 > 0.12**2 for a, b in centres], axis=0)


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(7, 4), (3, 4, 5)])
def test_couplings_are_those_of_the_balance(shape):
    """Also where an axis is periodic, and of coarse grids: constants over pairs."""
    rng = np.random.default_rng(0)
    grid = grids.Grid(tuple(jnp.asarray(rng.uniform(0.5, 2, n)) for n in shape))
    names = [name for pair in grid.sides for name in pair]
    sides = dict.fromkeys(names, grids.Neumann(0.3)) | {names[0]: grids.Dirichlet(1.0), names[1]: grids.Robin(2.0)}
    if len(shape) > 1:
        sides |= {names[2]: grids.Periodic(), names[3]: grids.Periodic()}
    kappa = jnp.asarray(rng.uniform(0.1, 10, shape))
    active = rng.random(shape) > 0.2
    space = grids.CellSpace(grid, sides)
    balance = Balance(*space.couplings(kappa, jnp.asarray(active)))
    u = jnp.where(active, jnp.asarray(rng.standard_normal(shape)), 0)
    wanted = space.diffusion(0 * u, kappa, jnp.asarray(active))[0] - space.diffusion(u, kappa, jnp.asarray(active))[0]
    np.testing.assert_allclose(balance.product(u), wanted, atol=1e-12)
    if shape == (3, 4, 5):
        coarse = coarser(balance, (1, 2))
        e = jnp.asarray(rng.standard_normal(coarse.own.shape))
        fine = jnp.repeat(jnp.repeat(e, 2, 1), 2, 2)[:, :, :5]
        r = jnp.pad(balance.product(fine), [(0, 0), (0, 0), (0, 1)])
        summed = r[:, 0::2] + r[:, 1::2]
        np.testing.assert_allclose(coarse.product(e), summed[..., 0::2] + summed[..., 1::2], atol=1e-12)


@pytest.mark.slow
def test_it_is_symmetric_and_definite():
    space, active = box((13, 8)).space, jnp.asarray(holes(13)[:, :8])
    balance = Balance(*space.couplings(jnp.asarray(blocks(13)[:, :8]), active))
    inverse = CellMultigrid(balance, None, None, jnp.where(active, 0.0, 1.0), (0, 0))
    matrix = eqx.filter_jit(jax.vmap(lambda r: inverse.apply(inverse.prepare(None), r)))(jnp.eye(13 * 8))
    np.testing.assert_allclose(matrix, matrix.T, atol=1e-9 * np.max(np.abs(matrix)))
    # Scaled by the diagonal: contrasts alone make eigenvalues of any size.
    scale = np.sqrt(np.diag(matrix))
    assert np.linalg.eigvalsh(matrix / scale[:, None] / scale[None]).min() > 0
    assert longer_by(grids.Grid.uniform((8, 8), upper=(4.0, 1.0)).spacings) == (2, 0)


def steps(problem):
    found = sp.solve(problem)
    return int(found.stats.linear_steps) / int(found.stats.newton_steps), found


@pytest.mark.slow
def test_iterations_do_not_grow():
    """With jumps and holes."""
    source = lambda n: np.random.default_rng(1).standard_normal((n, n))
    few, many = (steps(box((n, n), source=source(n), kappa=blocks(n), active=holes(n)))[0] for n in (64, 256))
    assert 5 < few < 60 and many <= 1.3 * few, (few, many)


@pytest.mark.slow
def test_cells_that_take_no_part():
    """A box of active cells is as a grid of its own, in steady states and in time; of mean 0 where nothing holds it."""
    inner = np.zeros((12, 9), bool)
    inner[2:10, 3:8] = True
    source = np.random.default_rng(2).standard_normal((12, 9))
    source -= np.mean(source[inner])
    small, large = grids.Grid.uniform((8, 5), upper=(8.0, 5.0)), grids.Grid.uniform((12, 9), upper=(12.0, 9.0))
    own = grids.Diffusion(small, 2.0, grids.Neumann(0.0), source[2:10, 3:8])
    part = grids.Diffusion(large, 2.0, grids.Neumann(0.0), source, active=inner)
    alone, within = sp.solve(own).value.values, sp.solve(part).value.values
    np.testing.assert_allclose(within[2:10, 3:8], alone, atol=1e-9)
    assert not np.any(within[~inner])
    march = lambda p, u: sp.stepping.march(sp.stepping.SDIRK2(), p, u, jnp.linspace(0.0, 1.0, 4)).final.u.values
    start = jnp.where(inner, 1.0 + large.points()[0], 5.0)
    after = march(part, start)
    np.testing.assert_allclose(after[2:10, 3:8], march(own, start[2:10, 3:8]), atol=1e-9)
    assert not np.any(after[~inner])


@pytest.mark.slow
def test_derivatives_through_it():
    """Of what enters, by the conductivity of a part, with holes."""
    kappa, active = jnp.asarray(blocks(20)), holes(20)
    grid = grids.Grid.uniform((20, 20))
    sides = dict(
        left=grids.Dirichlet(1.0), right=grids.Dirichlet(0.0), bottom=grids.Neumann(0.0), top=grids.Neumann(0.0)
    )

    def enters(x):
        problem = grids.Diffusion(grid, jnp.where(kappa > 1, 30 * x, 1.0), sides, active=active)
        return problem.entering(sp.solve(problem).value, "left")

    assert check_gradient(enters, jnp.asarray(1.0), direction=jnp.asarray(0.5), verbose=False).passed


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="booleans of shape"):
        box((4, 4), active=np.ones((4, 3), bool))
    with pytest.raises(ValueError, match="no cell over"):
        box((4, 4), active=np.zeros((4, 4), bool))
    wind = grids.FaceSpace(grids.Grid.uniform((4, 4)), grids.Outflow()).field((1.0, 0.0))
    with pytest.raises(ValueError, match="passes all cells"):
        box((4, 4), active=np.ones((4, 4), bool), velocity=wind)
