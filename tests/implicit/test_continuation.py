"""Paths of solutions: snap-through in closed form, Bratu's fold, branch points, a beam bent far beyond buckling."""

import equinox as eqx
import jax
import jax.numpy as jnp
import lineax as lx
import numpy as np
import pytest

import simphys as sp
from simphys.fem import Dirichlet, Energy, FunctionSpace, line, rectangle
from simphys.implicit._bordered import solve_bordered
from simphys.materials import PlaneStrain, StVenantKirchhoff
from simphys.physics import Balance, Solid, Traction


RISE = 0.5
LENGTH = np.hypot(1.0, RISE)


def truss(stiffness, y, load):
    """Two bars from (±1, 0) to an apex at height 0.5, pressed down by y: F = 2 k (l₀/l − 1)(h − y) − λ / 10."""
    w = RISE - y
    return 2 * stiffness * (LENGTH / jnp.sqrt(1 + w**2) - 1) * w - load / 10


def load_of_truss(y):
    w = RISE - y
    return 20 * (LENGTH / np.sqrt(1 + w**2) - 1) * w


TRUSS = sp.RootProblem(jax.tree_util.Partial(truss, jnp.ones(1)), guess=jnp.zeros(1))
first = lambda problem, y: y[0]


@pytest.fixture(scope="module")
def snapped():
    return sp.follow(TRUSS, until=2.0, observe=first)


@pytest.mark.slow
def test_a_truss_snaps_through_its_limit_points(snapped):
    """dλ/dy = 0 where l³ = l₀ (and the bars' base is 1)."""
    w = np.sqrt(LENGTH ** (2 / 3) - 1)
    exact = np.array([RISE - w, RISE + w])
    found = np.array([point.observed for point in snapped.limit_points])
    np.testing.assert_allclose(found, exact, atol=1e-7)
    np.testing.assert_allclose([p.load for p in snapped.limit_points], load_of_truss(exact), atol=1e-10)
    np.testing.assert_allclose(snapped.loads, load_of_truss(np.asarray(snapped.observed)), atol=1e-8)
    assert not snapped.branch_points
    assert np.all(np.diff(snapped.observed) > 0) and np.all(np.diff(snapped.lengths) > 0)
    signs = np.sign(snapped.rates)
    assert list(signs[np.flatnonzero(np.diff(signs, prepend=0))]) == [1, -1, 1]
    np.testing.assert_array_equal(snapped.negative, signs < 0)


@pytest.mark.slow
def test_a_path_ends_by_a_plain_solve_that_has_a_derivative(snapped):
    assert snapped.load == 2.0 and snapped.loads[-1] == 2.0
    assert snapped.solution.result == sp.RESULTS.successful
    np.testing.assert_array_equal(snapped.value, snapped.solution.value)
    assert int(snapped.stats.newton_steps) < 100

    def end(k):
        problem = sp.RootProblem(jax.tree_util.Partial(truss, k))
        return sp.solve(problem, snapped.value, jnp.array(snapped.load)).value[0]

    k, y = jnp.ones(1), snapped.value
    by_rule = -jax.jacobian(truss, 0)(k, y, 2.0) / jax.jacobian(truss, 1)(k, y, 2.0)
    np.testing.assert_allclose(jax.grad(end)(k), by_rule[0], rtol=1e-9)


def test_one_program_serves_a_path_and_those_of_other_parameters():
    traced = []

    def residual(k, y, load):
        traced.append(1)
        return truss(k, y, load)

    path = lambda k: sp.follow(
        sp.RootProblem(jax.tree_util.Partial(residual, jnp.array([k])), guess=jnp.zeros(1)),
        until=None,
        observe=lambda problem, y: y[0],
        stop=lambda step: step.limit_points == 2,
    )
    path(1.0)
    before = len(traced)
    again = path(1.1)
    assert len(traced) <= before + 1  # (for the shapes of the Jacobian, of which the stats tell)
    assert again.solution is None and len(again.limit_points) == 2
    np.testing.assert_allclose(again.limit_points[0].load, 1.1 * path(1.0).limit_points[0].load, rtol=1e-9)


def test_a_path_has_no_derivative_and_says_what_has():
    path = lambda k: sp.follow(sp.RootProblem(jax.tree_util.Partial(truss, k), guess=jnp.zeros(1))).value[0]
    with pytest.raises(ValueError, match="solve"):
        jax.grad(path)(jnp.ones(1))
    with pytest.raises(ValueError, match="host"):
        jax.jit(lambda k: sp.follow(sp.RootProblem(lambda y, load: truss(k, y, load), guess=jnp.zeros(1))).value)(
            jnp.ones(1)
        )


def chebyshev(n):
    """Second derivatives on [0, 1] at the interior ones of n + 1 Chebyshev points, for functions that are 0 at the ends."""
    k = np.arange(n + 1)
    x, c = np.cos(np.pi * k / n), np.where((k == 0) | (k == n), 2.0, 1.0) * (-1.0) ** k
    D = np.outer(c, 1 / c) / (x[:, None] - x[None] + np.eye(n + 1))
    D -= np.diag(D.sum(axis=1))
    return jnp.asarray(4 * (D @ D)[1:-1, 1:-1])


highest = lambda problem, u: jnp.max(u)
beyond = dict(until=None, stop=lambda step: step.observed > 2, observe=highest, method=sp.ArcLength(first=0.5))


@pytest.mark.breadth
@pytest.mark.parametrize(("n", "dim", "fold", "digits"), [(18, 1, 3.513830719, 1e-9), (14, 2, 6.808124423, 1e-7)])
def test_the_fold_of_bratu_by_collocation(n, dim, fold, digits):
    """∇²u + λ eᵘ = 0. Reference: A. Mohsen, Comput. Math. Appl. 67 (2014) 26."""
    A = chebyshev(n)
    laplace = (lambda u: A @ u) if dim == 1 else (lambda u: A @ u + u @ A.T)
    problem = sp.RootProblem(lambda u, load: laplace(u) + load * jnp.exp(u), guess=jnp.zeros((n - 1,) * dim))
    path = sp.follow(problem, **beyond)
    (limit,) = path.limit_points
    np.testing.assert_allclose(limit.load, fold, atol=digits)
    assert not path.branch_points and path.loads[-1] < fold
    np.testing.assert_allclose(jnp.max(limit.mode), 1.0, rtol=1e-12)


@pytest.mark.slow
def test_the_fold_of_bratu_by_finite_elements():
    """The load factor is a parameter of a balance law; sparse tangents and a direct solver."""
    bratu = Energy(lambda u, at, load: jnp.sum(u.gradient**2) / 2 - load * jnp.exp(u.value), jnp.array(0.0), degree=18)
    pde = Balance(FunctionSpace(line(4, 1.0), 6), [bratu], [Dirichlet("all", 0.0)])
    path = sp.follow(lambda load: eqx.tree_at(lambda p: p.forms[0].parameters, pde, load), **beyond)
    np.testing.assert_allclose(path.limit_points[0].load, 3.513830719, atol=1e-9)
    assert list(path.negative[-2:]) == [1, 1] and "direct" in path.stats.solver


def fork(y, load):
    """a (λ − 1 − a²) = 0, b (λ − 1.2 − b²) = 0, c = λ: two pitchforks, at λ = 1 and 1.2."""
    a, b, c = y
    return jnp.stack([a * (load - 1 - a**2), b * (load - 1.2 - b**2), c - load])


FORK = sp.RootProblem(fork, guess=jnp.zeros(3))


@pytest.mark.slow
def test_branch_points_are_found_with_their_modes_and_branches_followed():
    path = sp.follow(FORK, until=2.1)
    np.testing.assert_allclose([p.load for p in path.branch_points], [1.0, 1.2], atol=1e-6)
    np.testing.assert_allclose([jnp.abs(p.mode) for p in path.branch_points], np.eye(3)[:2], atol=1e-6)
    assert not path.limit_points and path.negative[-1] == path.negative[0] - 2
    np.testing.assert_allclose(path.value, [0, 0, 2.1], atol=1e-12)
    point = path.branch_points[0]
    for side in (-0.1, 0.1):
        branch = sp.follow(FORK, branch=point, perturbation=side * point.mode[0], until=2.0, observe=lambda _, y: y[0])
        np.testing.assert_allclose(branch.value, [np.sign(side), 0, 2], atol=1e-9)
        np.testing.assert_allclose(branch.observed**2, branch.loads - 1, atol=1e-8)


def test_a_sharp_corner_is_no_critical_point():
    """A pitchfork with an imperfection: the path turns by a right angle, and no tangent is singular."""
    problem = sp.RootProblem(lambda y, load: y * (load - 1 - y**2) + 1e-6, guess=jnp.zeros(1))
    path = sp.follow(problem, until=2.0)
    assert not path.limit_points and not path.branch_points and np.all(path.rates > 0)
    np.testing.assert_allclose(path.value, 1 + 5e-7, rtol=1e-9)


def test_a_point_at_which_two_branches_meet_is_passed_along_either():
    """y (λ − y) = 0: a transcritical point, at which eigenvalues of both branches pass 0."""
    problem = sp.RootProblem(lambda y, load: y * (load - y), guess=jnp.zeros(1))
    path = sp.follow(problem, begin=-1.0, until=1.0)
    (point,) = path.branch_points
    np.testing.assert_allclose(point.load, 0.0, atol=1e-9)
    other = sp.follow(problem, branch=point, perturbation=-0.1, until=-1.0)
    np.testing.assert_allclose(other.value, -1.0, rtol=1e-9)
    through = sp.follow(problem, -jnp.ones(1), begin=-1.0, until=1.0)
    np.testing.assert_allclose(through.value, 1.0, rtol=1e-9)
    assert len(through.branch_points) == 1


def test_an_inflection_is_no_limit_point():
    path = sp.follow(sp.RootProblem(lambda y, load: load - y**3, guess=-jnp.ones(1)), begin=-1.0, until=1.1)
    assert not path.limit_points and not path.branch_points
    np.testing.assert_allclose(path.value, 1.1 ** (1 / 3), rtol=1e-9)


def column(n, slenderness, loads):
    space = FunctionSpace(rectangle((n, 1), (1.0, slenderness)), degree=2, components=2)
    law = PlaneStrain(StVenantKirchhoff(E=12.0, nu=0.0))
    return Solid(space, law, [Dirichlet("left", 0.0)], [Traction("right", loads)])


@pytest.mark.slow
def test_a_column_buckles_and_its_branch_is_followed():
    """Euler's load π² E I / 4 l², beside which the column shortens and shears a little."""
    solid = column(4, 0.05, [-0.01, 0.0])
    tip = int(np.argmax(solid.space.nodes()[:, 0]))
    path = sp.follow(solid, until=3.0)
    (point,) = path.branch_points
    euler = np.pi**2 * 12 * 0.05**2 / 12 / 4 / 0.01
    np.testing.assert_allclose(point.load, euler, rtol=1e-2)
    np.testing.assert_allclose(np.abs(point.mode[tip]), [np.pi / 2 * 0.025, 1], atol=1e-3)  # (a corner)
    np.testing.assert_allclose(path.value[tip], [-0.01 * 3 / 12, 0], rtol=5e-3, atol=1e-9)
    branch = sp.follow(solid, branch=point, perturbation=0.01, until=1.02 * point.load, observe=lambda _, u: u[tip, 1])
    # A pitchfork: the load rises with the square of the deflection.
    rise = (branch.loads / point.load - 1) / branch.observed**2
    np.testing.assert_allclose(rise[2:], rise[-1], rtol=0.1)
    assert np.all(branch.negative == 0)


@pytest.mark.slow
def test_a_cantilever_is_bent_far_beyond_buckling():
    """3.2 × .1 × .1 m, E = 2.1e11, ν = 0, end load −3.844e6 along it and −3.844e3 across: 9.1 times Euler's load."""
    space = FunctionSpace(rectangle((32, 1), (3.2, 0.1)), degree=2, components=2)
    law = PlaneStrain(StVenantKirchhoff(E=2.1e11, nu=0.0))  # (without ν that is plane stress)
    beam = Solid(space, law, [Dirichlet("left", 0.0)], [Traction("right", [-3.844e8, -3.844e5])], thickness=0.1)
    tip = int(np.argmin(np.linalg.norm(space.nodes() - np.array([[3.2, 0.05]]), axis=1)))
    path = sp.follow(beam)
    assert int(path.stats.newton_steps) <= 120
    np.testing.assert_allclose(path.value[tip], [-5.0834, -1.3336], atol=2e-4)
    assert path.solution.certificate.load_factor == 1 and not path.limit_points and not path.branch_points


@pytest.mark.slow
def test_failures_are_named():
    with pytest.raises(sp.NotConverged, match="allowed") as failure:
        sp.follow(TRUSS, until=2.0, observe=first, steps=3)
    assert len(failure.value.solution.loads) == 4
    short = sp.follow(TRUSS, until=2.0, observe=first, steps=3, throw=False)
    assert short.result == sp.RESULTS.path_unfinished and short.solution is None
    ends = sp.RootProblem(lambda y, load: y - jnp.sqrt(0.5 - load), guess=jnp.ones(1))
    lost = sp.follow(ends, throw=False)
    assert lost.result == sp.RESULTS.path_lost and 0.45 < lost.load < 0.5
    loose = sp.follow(sp.RootProblem(lambda y, load: 0 * y + load, guess=jnp.ones(1)), throw=False)
    assert loose.result != sp.RESULTS.successful and len(loose.loads) == 1


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (dict(problem=3), "root problem"),
        (dict(steps=0), "steps"),
        (dict(until=np.inf), "until"),
        (dict(until=0.0), "begins"),
        (dict(perturbation=0.1), "belong together"),
        (dict(args=jnp.ones(2)), "args"),
        (dict(start=TRUSS), "guess"),
        (dict(method=dict(turn=2.0)), "turn"),
        (dict(method=dict(first=0.0)), "first"),
        (dict(method=dict(modes=-1)), "modes"),
    ],
)
def test_misuse_is_refused(options, said):
    with pytest.raises(ValueError, match=said):
        method = sp.ArcLength(**options.pop("method", {}))
        sp.follow(options.pop("problem", TRUSS), method=method, **options)


def test_bordered_systems_are_solved_near_singular_matrices():
    """As exactly as the bordered matrix is well conditioned, though J has a condition of 1e14."""
    rng = np.random.default_rng(0)
    left, right = (np.linalg.qr(rng.standard_normal((8, 8)))[0] for _ in range(2))
    J = left @ np.diag([*np.linspace(1, 2, 7), 1e-14]) @ right.T
    F, f, row = rng.standard_normal((3, 8))
    found = solve_bordered(
        lx.MatrixLinearOperator(jnp.asarray(J)),
        lx.LU(),
        *map(jnp.asarray, (F, f, row)),
        jnp.array(0.5),
        jnp.zeros((0, 8)),
    )
    exact = np.linalg.solve(np.block([[J, f[:, None]], [row[None], 0.5]]), np.append(-F, 0))
    np.testing.assert_allclose(np.append(found.step, found.load_step), exact, rtol=1e-9)
    assert found.error < 1e-8
