"""Estimates on richer spaces in 3-D without a matrix there."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import simphys as sp
from simphys import errors, fem, materials, physics
from simphys.errors import _estimate, _unassembled


LAME, SHEAR = 0.6, 0.4


@pytest.fixture(autouse=True)
def small_bodies_too(monkeypatch):
    monkeypatch.setattr("simphys.errors._unassembled.LARGEST_FACTORISED", 0)


def wave(x):
    return jnp.sin(jnp.pi * x[0]) * jnp.sin(jnp.pi * x[1]) * jnp.sin(jnp.pi * x[2])


def stretched(cell_type, n):
    """u = (sin πx sin πy sin πz, 0, 0) in an elastic cube with held surfaces."""

    def force(x):
        pushed = (LAME + SHEAR) * jax.hessian(wave)(x)[0]
        return -pushed - jnp.array([1.0, 0, 0]) * SHEAR * jnp.trace(jax.hessian(wave)(x))

    def form(u, at, p):
        strain = (u.gradient + u.gradient.T) / 2
        return -force(at.position), p * (2 * SHEAR * strain + LAME * jnp.trace(strain) * jnp.eye(3))

    space = fem.FunctionSpace(fem.box((n, n, n), cell_type=cell_type), 1, 3)
    term = fem.Weak(form, jnp.ones(()), degree=4, symmetric=True, linear=True)
    return physics.Balance(space, [term], [fem.Dirichlet("all", 0.0)])


@pytest.mark.slow
def test_estimates_are_the_true_error(cell_type="tetrahedron"):
    problem = stretched(cell_type, 5)
    at = np.array([0.31, 0.27, 0.4])
    solution = sp.solve(problem)
    enrichment = errors.enriched(problem)
    assert not enrichment.matrix
    found = errors.estimate_error(errors.PointValue(at, 0))(problem, solution, enrichment)
    effectivity = (float(wave(at)) - found.value) / found.error
    assert 1 / effectivity == pytest.approx(1.0, abs=0.2)
    assert np.sum(found.indicators) == pytest.approx(found.error, rel=0.2)
    assert found.degree == 2


def held(cell_type):
    """Bent rubber on springs: a state, moduli and a term over facets that are nowhere alike."""
    mesh = fem.box((5, 3, 3), (1.5, 1.0, 1.0), cell_type=cell_type)
    shift = 0.03 * np.random.default_rng(0).standard_normal(mesh.points.shape)
    mesh = eqx.tree_at(lambda m: m.points, mesh, mesh.points + shift)
    stiffness = fem.CellField(10.0 ** np.random.default_rng(1).uniform(0, 1, mesh.n_cells))
    law = materials.NeoHooke.from_young(E=stiffness, nu=0.3)
    loads = [physics.ElasticSupport("top", 3.0), physics.Traction("right", (0.1, 0.0, 0.1))]
    return physics.Solid(fem.FunctionSpace(mesh, 1, 3), law, [fem.Dirichlet("left", 0.0)], loads)


@pytest.mark.slow
def test_it_solves_what_a_factorisation_solves():
    body = held("hexahedron")
    solution = sp.solve(body)
    goal = errors.PointValue((1.45, 0.5, 0.5), 2)
    assert not errors.enriched(body).matrix
    found = errors.estimate_error(goal)(body, solution)
    exact = errors.estimate_error(goal)(body, solution, errors.Enrichment(body))
    assert found.error == pytest.approx(exact.error, rel=0.1)
    assert found.effectivity_hint == pytest.approx(exact.effectivity_hint, abs=0.1)
    assert found.algebraic == pytest.approx(exact.algebraic, abs=1e-3 * abs(exact.error))


def test_what_ends_too_early_gets_a_matrix(monkeypatch):
    body, seen = held("hexahedron"), []

    def compare(own, richer, enrichment, problem, value, *, stepped):
        seen.append(enrichment.matrix)
        return errors.Comparison(0.0, 0.0, 0.0, 0.0, 1.0, np.zeros(1), 0.0, np.array(enrichment.matrix))

    monkeypatch.setattr(_estimate, "compare", compare)
    bare = errors.enriched(body)
    found, enrichment = errors.compared(None, None, bare, body, None)
    assert seen == [False, True] and enrichment.matrix and found.solved
    monkeypatch.setattr(_estimate, "MOST_UNKNOWNS", {3: 10})
    found, enrichment = errors.compared(None, None, bare, body, None)
    assert seen == [False, True, False] and enrichment is bare and not found.solved
    monkeypatch.setattr(_unassembled, "MOST_UNASSEMBLED", 10)
    with pytest.raises(ValueError, match="1617 unknowns of the richer space are too many: more than 10"):
        errors.enriched(body, limited=True)


def test_conjugate_directions(monkeypatch):
    """A stiff chain, with every fourth of its functions for the mesh's own."""
    n = 64
    A = 2 * np.eye(n) - np.eye(n, k=1) - np.eye(n, k=-1)
    P = np.maximum(0, 1 - np.abs(np.arange(n)[:, None] - np.arange(3, n, 4)) / 4)
    correct = lambda r: jnp.asarray(P) @ jnp.linalg.solve(jnp.asarray(P.T @ A @ P), jnp.asarray(P.T) @ r)
    b = jnp.asarray(np.eye(n)[29])
    run = jax.jit(
        lambda A: _unassembled.conjugate_directions(lambda x: A @ x, (lambda r: r / 2, correct), b, correct(b))
    )
    x, good = run(jnp.asarray(A))
    exact = np.linalg.solve(A, b)
    energy = lambda e: e @ A @ e
    assert good
    assert energy(x - exact) < 0.01 * energy(exact - correct(b))
    # Neither a matrix that is not definite nor too few steps are taken for an answer.
    assert not run(jnp.asarray(A - 2 * np.eye(n)))[1]
    monkeypatch.setattr(_unassembled, "MOST", 4)
    assert not jax.jit(lambda: _unassembled.conjugate_directions(lambda x: jnp.asarray(A) @ x,
                       (lambda r: r / 2, correct), b, correct(b)))()[1]  # fmt: skip
