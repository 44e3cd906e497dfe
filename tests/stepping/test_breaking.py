"""Bars that break: a band whose width is that of the length, whatever the mesh."""

import functools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from _taylor import check_gradient, program

from simphys.fem import CellField, Dirichlet, FunctionSpace, rectangle, taylor_hood
from simphys.materials import IsotropicDamage, LinearElastic, PlaneStrain
from simphys.physics import GradientDamage, Solid
from simphys.stepping import Equilibrium, StepFailed, march


def bar(n=25, length=2.0, rate=200.0, weak=5.0, half=50.0, local=False):
    """Half of a bar of 100 mm in tension, 10 % weaker in its middle; ν = 0, so that it is in uniaxial stress."""
    mesh = rectangle((n, 1), (half, 1.0))
    middle = jnp.asarray(np.asarray(mesh.points)[np.asarray(mesh.cells)].mean(axis=1)[:, 0])
    threshold = CellField(jnp.where(middle < weak, 0.9e-4, 1e-4))
    law = PlaneStrain(IsotropicDamage(E=20e3, nu=0.0, threshold=threshold, rate=rate, ratio=1.0))
    held = [
        Dirichlet("left", 0.0, components=0),
        Dirichlet("bottom", 0.0, components=1),
        Dirichlet("right", 0.0, components=0),
    ]
    space = FunctionSpace(mesh, 1, 2)
    return Solid(space, law, held) if local else GradientDamage((space, FunctionSpace(mesh, 1)), law, length, held)


def drive(body, t):
    return eqx.tree_at(lambda b: b.constraints[2].value, body, t)


def pull(body, times, **options):
    right = body.spaces[0].nodes_on("right")
    force = lambda t, u, now: now.resultant(u, right)[0]
    state = (0.0, 0.0) if len(body.spaces) == 2 else 0.0
    return march(Equilibrium(), body, state, times, drive=drive, observe=force, save=None, **options)


def damage(body, found):
    """Damage of the cells, and where they are."""
    now = eqx.tree_at(lambda b: b.state, body, found.history)
    mesh = body.spaces[0].mesh
    return now.damage(found.final.u), mesh.points[mesh.cells].mean(axis=1)[:, 0]


@functools.cache
def half(local=False):
    return bar(10, local=True) if local else bar(50)


PATH = jnp.linspace(0.0, 0.05, 51)


@functools.partial(jax.jit, static_argnums=0)
def _broken(local, points, threshold, length, times):
    body = eqx.tree_at(lambda b: b.material.material.threshold.values, half(local), threshold)
    body = body if local else eqx.tree_at(lambda b: b.length, body, length)
    body = eqx.tree_at(lambda b: [space.mesh.points for space in b.spaces], body, [points] * len(body.spaces))
    found = pull(body, times)
    return found.observed, () if local else damage(body, found)


def broken(size, weak, length=2.0, times=PATH, until=20.0, local=False):
    """Forces, and damage of the cells in the end and where they are: one program for bars of as many cells.

    They are of one size up to a place, and weak up to another.
    """
    mesh = half(local).spaces[0].mesh
    points, n = np.asarray(mesh.points), mesh.n_cells
    first = round(until / size)
    x = np.concatenate([size * np.arange(first), np.linspace(until, 50.0, n - first + 1)])
    moved = np.stack([np.interp(points[:, 0], np.linspace(0, 50.0, n + 1), x), points[:, 1]], axis=1)
    middle = moved[np.asarray(mesh.cells)].mean(axis=1)[:, 0]
    return _broken(local, jnp.asarray(moved), jnp.where(middle < weak, 0.9e-4, 1e-4), jnp.asarray(length), times)


@pytest.mark.slow
def test_homogeneous_strain_is_that_of_the_local_law():
    """Without a weak part ē = ε_eq = u/L, and σ = (1 − ω(u/L)) E u/L."""
    times = 1e-3 * jnp.linspace(0.0, 1.0, 51)
    force, _ = broken(1.0, 0.0, times=50 * times)
    kappa = np.maximum(np.asarray(times), 1e-4)
    left = 1e-4 / kappa * (0.01 + 0.99 * np.exp(-200 * (kappa - 1e-4)))
    np.testing.assert_allclose(force, 20e3 * np.asarray(times) * left, rtol=1e-8, atol=1e-12)


@pytest.mark.slow
def test_a_band_breaks_whatever_the_mesh():
    """Work over the whole path: differences between meshes fall by 3.5 or more a halving; without a length, the work is
    that of the one weak row of elements, and halves with it."""
    work = lambda force: float(np.trapezoid(np.asarray(force), np.asarray(PATH)))
    smooth = [work(broken(size, 5.0)[0]) for size in (2.0, 1.0, 0.5)]
    local = [work(broken(size, size, until=size, local=True)[0]) for size in (5.0, 2.5, 1.25)]
    print("work", smooth, "local", local)
    assert abs(smooth[1] - smooth[2]) < 0.02 * smooth[2]
    assert abs(smooth[0] - smooth[1]) > 3 * abs(smooth[1] - smooth[2])
    assert local[1] < 0.8 * local[0] and local[2] < 0.8 * local[1]


@pytest.mark.slow
def test_the_length_sets_the_width():
    """Where damage exceeds one half, for lengths of 1.5 and 3."""
    widths = []
    for length in (1.5, 3.0):
        omega, x = map(np.asarray, broken(0.5, 1.0, length)[1])
        widths.append(float(x[omega > 0.5].max()))
    print("half widths", widths)
    assert 1.6 < widths[1] / widths[0] < 2.4


@pytest.mark.slow
def test_gradient_of_a_softening_bar():
    """Through the whole path, beyond the peak: with respect to the length, the threshold, the rate and E."""
    body = bar(8, length=4.0)
    times = jnp.linspace(0.0, 0.03, 9)

    def last(parameters):
        length, scale, rate, E = parameters
        law = body.material.material
        leaves = lambda b: (b.length, *(getattr(b.material.material, n) for n in ("rate", "E")))
        changed = eqx.tree_at(leaves, body, (length, rate, E))
        threshold = CellField(scale * law.threshold.values)
        return pull(eqx.tree_at(lambda b: b.material.material.threshold, changed, threshold), times).observed[-1]

    at = (jnp.asarray(4.0), jnp.asarray(1.0), jnp.asarray(200.0), jnp.asarray(20e3))
    assert check_gradient(last, at).order > 1.9
    assert all(abs(float(g)) > 0 for g in program(last)(at)[1])


@pytest.mark.slow
def test_snap_back_is_a_named_failure():
    """A bar that stores more energy than its band can take: displacements cannot lead it on; what came before stays."""
    body = bar(25, length=1.0, rate=3000.0, weak=2.0)
    times = jnp.linspace(0.0, 0.012, 25)
    with pytest.raises(StepFailed, match="Step .* failed") as caught:
        pull(body, times)
    found = caught.value.trajectory
    failed = int(found.failed_step)
    assert failed >= 7 and np.all(np.isfinite(found.observed[: failed + 1]))
    assert np.all(np.isnan(found.observed[failed + 1 :]))
    assert float(found.observed[failed]) > 1.5


def test_misuse_raises():
    mesh = rectangle((2, 2))
    law = PlaneStrain(IsotropicDamage(E=1.0, nu=0.2, threshold=1e-4, rate=100.0))
    held = [Dirichlet("left", 0.0)]
    with pytest.raises(ValueError, match="pair of spaces"):
        GradientDamage(FunctionSpace(mesh, 1, 2), law, 1.0, held)
    with pytest.raises(ValueError, match="an `IsotropicDamage`, got SmallPlaneStrain"):
        GradientDamage(taylor_hood(mesh), PlaneStrain(LinearElastic(E=1.0, nu=0.2)), 1.0, held)
    with pytest.raises(ValueError, match="`length`"):
        GradientDamage(taylor_hood(mesh), law, -1.0, held)
