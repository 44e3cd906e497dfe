"""Multigrid on meshes: how many steps it takes where, and that it changes no answer and no gradient."""

import equinox as eqx
import jax
import jax.numpy as jnp
import lineax as lx
import numpy as np
import pytest
from _manufactured import newton_step
from scipy.sparse import diags_array
from scipy.sparse.linalg import eigsh, splu

import simphys as sp
from simphys.fem import CellField, Dirichlet, FunctionSpace, Periodic, box
from simphys.linalg import ConjugateGradients, to_scipy


def body(mesh, E=1000.0, degree=1, constraints=None):
    constraints = [Dirichlet("left", 0.0)] if constraints is None else constraints
    space = FunctionSpace(mesh, degree=degree, components=3)
    return sp.physics.Solid(
        space, sp.materials.LinearElastic(E=E, nu=0.3), constraints, [sp.physics.Traction("right", (0.1, 0.0, 1.0))]
    )


@eqx.filter_jit
def _solve(problem, y, rtol):
    operator = problem.jacobian(y)
    solver = ConjugateGradients(rtol=rtol, max_steps=200)
    x, result, stats = solver.compute(solver.init(operator, {}), problem.residual(y), {})
    return x, result, stats["num_steps"]


def steps(problem, rtol=1e-10):
    problem = problem.with_multigrid()
    _, result, count = _solve(problem, problem.unknowns(None), rtol)
    assert result == lx.RESULTS.successful
    return int(count)


@eqx.filter_jit
def _linearised(problem, y):
    return problem.residual(y), problem.jacobian(y)


@eqx.filter_jit
def _pulled(problem, y, goal, pick, adjoint):
    """The goal, its slope by the unknowns, and λᵀ ∂F/∂p."""
    value, rise = jax.value_and_grad(lambda y: goal(problem.value(y)))(y)
    forces = lambda p: eqx.tree_at(pick, problem, p).residual(y)
    return value, rise, jax.vjp(forces, pick(problem))[1](adjoint)[0]


def by_factorisation(problem, y, goal, pick):
    """The goal after one of Newton's steps from y, and its slopes by what is picked: SciPy's."""
    residual, jacobian = _linearised(problem, y)
    matrix = splu(to_scipy(jacobian).tocsc())
    y = y - jnp.asarray(matrix.solve(np.asarray(residual)))
    value, rise, _ = _pulled(problem, y, goal, pick, y)
    adjoint = jnp.asarray(matrix.solve(np.asarray(rise), trans="T"))
    return value, -_pulled(problem, y, goal, pick, adjoint)[2]


def blocks(mesh, size):
    """A 1e4 contrast in a chequerboard of cubes."""
    centres = np.asarray(mesh.points)[np.asarray(mesh.cells)].mean(axis=1)
    hard = np.floor(centres / size).sum(axis=1) % 2
    return CellField(jnp.asarray(np.where(hard > 0, 1000.0, 0.1)))


@pytest.mark.slow
def test_steps_hardly_grow_with_refinement():
    few, more = steps(body(box((7, 7, 7)))), steps(body(box((15, 15, 15))))
    assert few <= 20
    assert more <= 1.4 * few


@pytest.mark.slow
@pytest.mark.breadth
@pytest.mark.parametrize("lengths", [(10.0, 1.0, 1.0), (1.0, 1.0, 0.1)], ids=["long cells", "flat cells"])
def test_stretched_cells(lengths):
    assert steps(body(box((12, 12, 12), lengths))) <= 45


@pytest.mark.slow
def test_contrast_in_stiffness():
    mesh = box((12, 12, 12))
    assert steps(body(mesh, blocks(mesh, 0.25))) <= 45


@pytest.mark.slow
def test_quadratic_cells():
    assert steps(body(box((5, 5, 5)), degree=2)) <= 35


@pytest.mark.slow
def test_quadratic_tetrahedra():
    assert steps(body(box((6, 6, 6), cell_type="tetrahedron"), degree=2)) <= 45


@pytest.mark.slow
def test_unknowns_that_follow_others():
    problem = body(box((8, 8, 8)), constraints=[Dirichlet("left", 0.0), Periodic("front", "back")])
    assert steps(problem) <= 30


@pytest.mark.slow
def test_heat_in_three_dimensions():
    mesh = box((10, 10, 10))
    heat = sp.physics.Heat(
        FunctionSpace(mesh),
        sp.materials.IsotropicConduction(k=2.0),
        [Dirichlet("left", 0.0)],
        [sp.physics.Flux("right", 1.0)],
    )
    plain, fast = newton_step(heat.with_direct()), sp.solve(heat.with_multigrid())
    assert "multigrid" in fast.stats.solver
    assert int(fast.stats.linear_steps) <= 15
    np.testing.assert_allclose(fast.value, plain, atol=1e-8 * float(jnp.max(jnp.abs(plain))))


@pytest.mark.slow
def test_a_large_linear_body_takes_one_newton_step_solved_to_no_more_than_it_needs(monkeypatch):
    """By multigrid, where size decides. Loaded from 0 everywhere the scale of the residual grows, and the solve may be
    five times as loose."""
    monkeypatch.setattr("simphys.linalg._choice.LARGEST_FACTORISED", 500)
    monkeypatch.setattr("simphys.linalg._choice.LARGEST_SEPARATOR", 100)
    problem = body(box((6, 6, 6)))
    found = sp.solve(problem, method=sp.Newton(rtol=1e-10))
    assert found.stats.solver.startswith("conjugate gradients with algebraic multigrid")
    assert int(found.stats.newton_steps) == 1
    assert 1e-15 < float(found.certificate.residual) <= 1e-10
    assert int(found.stats.linear_steps) < steps(problem, rtol=1e-13)


@pytest.fixture(scope="module")
def twisted():
    """A cube turned by 30° and stretched: several Newton steps."""
    mesh = box((5, 5, 5))
    space = FunctionSpace(mesh, components=3)
    right = np.asarray(mesh.points)[space.nodes_on("right")] - np.array([1.0, 0.5, 0.5])
    c, s = np.cos(np.pi / 6), np.sin(np.pi / 6)
    moved = right @ np.array([[1, 0, 0], [0, c, s], [0, -s, c]]) - right + np.array([0.1, 0, 0])
    mu = CellField(jnp.full(mesh.n_cells, 3.8))
    law = sp.materials.NeoHooke(mu=mu, lam=5.8)
    return sp.physics.Solid(space, law, [Dirichlet("left", 0.0), Dirichlet("right", moved)])


@pytest.mark.slow
def test_the_answer_and_the_gradient_are_those_of_the_factorisation(twisted):
    """A hierarchy is kept, few digits are asked for, and the results are the same from run to run."""
    pick, goal = lambda problem: problem.material.mu.values, lambda u: jnp.mean(u**2)

    @eqx.filter_jit
    def loss(problem, mu):
        def value(mu):
            solution = sp.solve(eqx.tree_at(pick, problem, mu))
            return goal(solution.value), solution

        return jax.value_and_grad(value, has_aux=True)(mu)

    problem = twisted.with_multigrid()
    (value, solution), slopes = loss(problem, pick(problem))
    assert float(solution.certificate.residual) < 1e-9
    # Were every system solved to 1e-6, each Newton step would take some ten steps.
    assert int(solution.stats.linear_steps) < 9 * int(solution.stats.newton_steps)
    expected, rates = by_factorisation(problem, problem.unknowns(solution.value), goal, pick)
    np.testing.assert_allclose(value, expected, rtol=1e-9)
    np.testing.assert_allclose(slopes, rates, atol=1e-7 * float(jnp.linalg.norm(rates)))
    (_, again), same = loss(problem, pick(problem))
    assert np.array_equal(again.value, solution.value) and np.array_equal(same, slopes)


@pytest.mark.slow
def test_size_decides(monkeypatch):
    from simphys.linalg import _choice

    monkeypatch.setattr(_choice, "LARGEST_FACTORISED", 500)
    monkeypatch.setattr(_choice, "LARGEST_SEPARATOR", 100)
    assert body(box((4, 4, 4))).system.preconditioner is None
    assert body(box((40, 3, 3))).system.preconditioner is None, "a rod is cheap to factorise"
    large = body(box((6, 6, 6)))
    assert large.system.preconditioner is not None
    assert large.with_direct().system.preconditioner is None


@pytest.mark.slow
def test_no_eigenvalue_lies_beyond_the_smoother_s_interval():
    """Where stiffness jumps from cell to cell they belong to few cells; beyond the interval a cycle is indefinite."""
    jumps = CellField(jnp.asarray(10.0 ** np.random.default_rng(0).choice([-1.0, 3.0], 5488)))
    problem = body(box((28, 14, 14), (2.0, 1.0, 1.0)), jumps).with_multigrid()
    operator = eqx.filter_jit(lambda p: p.jacobian(p.unknowns(None)))(problem)
    levels, _ = eqx.filter_jit(lambda p, a: p.prepare(a))(operator.preconditioner, operator)
    root = diags_array(1 / np.sqrt(operator.data[operator.pattern.diagonal]))
    largest = eigsh(root @ to_scipy(operator) @ root, 1, which="LA", return_eigenvectors=False, tol=1e-4)[0]
    assert largest < float(levels[0][2]) < 1.2 * largest


def nearly_incompressible(nu):
    space = FunctionSpace(box((5, 5, 5)), components=3)
    law, pull = sp.materials.LinearElastic(E=1000.0, nu=nu), sp.physics.Traction("right", (0.1, 0.0, 1.0))
    return sp.physics.Solid(space, law, [Dirichlet("left", 0.0)], [pull])


@pytest.mark.slow
def test_what_takes_too_many_steps_is_factorised():
    """ν = 0.49999: value and gradient are those of a factorisation; ν = 0.3 beside it in one batch iterates."""

    @jax.jit
    @jax.vmap
    def work(nu):
        def tip(nu):
            solution = sp.solve(nearly_incompressible(nu).with_multigrid())
            return jnp.sum(solution.value[:, 2]), solution.stats

        return jax.value_and_grad(tip, has_aux=True)(nu)

    nus = jnp.array([0.3, 0.49999])
    (found, stats), slopes = work(nus)
    assert "factorised beyond 120 steps" in stats.solver
    assert stats.factorisations.tolist() == [0, 1] and max(stats.linear_steps) < 40, stats
    tip, pick = lambda u: jnp.sum(u[:, 2]), lambda problem: problem.material.nu
    bodies = [nearly_incompressible(nu).with_direct() for nu in nus]
    pairs = [by_factorisation(body, body.unknowns(None), tip, pick) for body in bodies]
    expected, rates = zip(*pairs, strict=True)
    np.testing.assert_allclose(found, expected, rtol=1e-7)
    np.testing.assert_allclose(slopes, rates, rtol=1e-5)


@pytest.mark.slow
def test_nothing_on_the_way_goes_back_to_the_host(twisted, monkeypatch):
    """On a GPU a callback inside a loop would cost more than the loop."""
    monkeypatch.setattr("simphys.linalg._auto.accelerated", lambda: True)
    jax.clear_caches()  # what has been traced for a CPU factorises where conjugate gradients are slow
    problem = twisted.with_multigrid()
    arrays, static = eqx.partition(problem, eqx.is_array)

    def run(arrays):
        solution = sp.solve(eqx.combine(arrays, static), throw=False)
        return jnp.sum(solution.value)

    def gradient(arrays):
        free, rest = eqx.partition(arrays, eqx.is_inexact_array)
        return jax.grad(lambda free: run(eqx.combine(free, rest)))(free)

    factorised = lambda arrays: sp.solve(eqx.combine(arrays, static).with_direct(), throw=False).value
    # Primitives hide their insides from a jaxpr; the lowered program shows them.
    program = lambda f: jax.jit(f).lower(arrays).as_text()
    on_host = lambda text: "callback" in text or "simphys_direct_solve" in text
    assert on_host(program(factorised))
    assert not on_host(program(gradient))
    jax.clear_caches()
