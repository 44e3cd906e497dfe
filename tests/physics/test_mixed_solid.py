"""Bodies that hardly change their volume: no locking, smooth pressures, and the laws' own answers where they do."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from _manufactured import grid, newton_step, root
from _mixed import cook, exact, linear_steps
from _taylor import check_gradient

import simphys as sp
from simphys.fem import CellField, Dirichlet, FunctionSpace, box, rectangle, taylor_hood
from simphys.linalg import Minres
from simphys.materials import (
    IsochoricNeoHooke,
    LinearElastic,
    NeoHooke,
    PlaneStrain,
    PlaneStress,
    StVenantKirchhoff,
)
from simphys.physics import MixedSolid, Pressure, Solid, Traction


E, NU = 70.0, 0.49999
CLAMP = (Dirichlet("left", 0.0),)
PULL = (Traction("right", jnp.array([0.0, 100 / 16])),)
RUBBER = PlaneStrain(LinearElastic(E=E, nu=NU))
TIP = np.array([[48.0, 60.0]])


def membrane(n, law=RUBBER, **options):
    return MixedSolid(taylor_hood(cook(n)), law, CLAMP, PULL, **options)


def tip(space, u):
    return float(space.evaluate(u, TIP)[0, 1])


def roughness(problem, p):
    """The largest difference of p from the mean of its four neighbours on the grid, relative to its spread.

    At 8 < x < 40: at the clamped corners the stress is unbounded, and the load ends abruptly at the others.
    """
    n = int(np.sqrt(problem.space[1].n_nodes))
    x = np.asarray(problem.space[1].nodes())[:, 0].reshape(n, n)
    p = np.asarray(p).reshape(n, n)
    inner = p[1:-1, 1:-1]
    off = np.abs(inner - (p[2:, 1:-1] + p[:-2, 1:-1] + p[1:-1, 2:] + p[1:-1, :-2]) / 4)
    return float(np.max(off[((x > 8) & (x < 40))[1:-1, 1:-1]]) / np.ptp(inner))


@pytest.mark.slow
def test_cook_s_membrane_does_not_lock():
    """Corner displacement: 27.726 by cubic-quadratic elements, 24 × 24. Plain linear elements reach 7.5 (and CoFEA's
    codes, in their nearly incompressible case, 7.6 with linear and 26.0 to 27.6 with quadratic elements, rising:
    https://cofea.readthedocs.io/en/latest/benchmarks/002-cook-membrane/results.html)."""
    found = {n: newton_step(membrane(n)) for n in (8, 16)}
    tips = [tip(membrane(n).space[0], found[n][0]) for n in found]
    mesh = cook(16)
    plain = FunctionSpace(mesh, 1, 2)
    locked = tip(plain, newton_step(Solid(plain, RUBBER, CLAMP, PULL)))
    print(f"tip {np.round(tips, 3)}, plain linear {locked:.2f}")
    assert abs(tips[0] / 27.726 - 1) < 0.01
    assert abs(tips[1] / 27.726 - 1) < 0.001
    assert tips[0] < tips[1]
    assert locked < 0.3 * tips[1]
    rough = [roughness(membrane(n), found[n][1]) for n in found]
    print(f"pressure off its neighbours' mean by {np.round(rough, 4)} of its spread")
    assert rough[1] < 0.01 and rough[1] < 0.6 * rough[0]


@pytest.mark.slow
def test_the_limit_is_regular():
    """ν = ½ gives what ν = 0.49999 gives, to the difference of the bodies, solved to rounding; so is its slope."""
    limit = membrane(4, law=PlaneStrain(LinearElastic(E=E, nu=0.5)))

    @jax.jit
    @jax.value_and_grad
    def size(nu):
        found = sp.solve(eqx.tree_at(lambda p: p.material.material.nu, limit, nu))
        return jnp.mean(found.value[0] ** 2)

    (value, slope), (before, _) = size(0.5), size(0.5 - 1e-6)
    np.testing.assert_allclose(slope, (value - before) / 1e-6, rtol=1e-4)
    at_last, near = newton_step(limit), newton_step(membrane(4))
    np.testing.assert_allclose(jnp.mean(at_last[0] ** 2), value, rtol=1e-9)
    np.testing.assert_allclose(at_last[0], near[0], atol=2e-4 * 27)


@pytest.mark.slow
def test_at_moderate_compressibility_it_is_the_plain_solid():
    nu = 0.3
    law = PlaneStrain(LinearElastic(E=E, nu=nu))
    mixed = membrane(8, law=law)
    space = FunctionSpace(cook(8), 3, 2)
    u, p = newton_step(mixed)
    plain = newton_step(Solid(space, law, CLAMP, PULL))
    assert abs(tip(mixed.space[0], u) / tip(space, plain) - 1) < 3e-3
    # p = −κ tr ε, here against the mean of the plain solid's stresses in space: κ tr ε = (1 + ν) tr σ₂ / 3.
    stress = np.trace(Solid(space, law, CLAMP, PULL).stress(plain), axis1=1, axis2=2) * (1 + nu) / 3
    mean = np.asarray(p)[np.asarray(mixed.space[1].cells)].mean(axis=1)
    assert np.linalg.norm(mean + stress) < 0.05 * np.linalg.norm(stress)


@pytest.mark.slow
def test_finite_strain_agrees_with_the_plain_solid():
    """A block between rough plates, compressed by a quarter, by both forms: resultants and displacements. (What other
    laws are at a point is in tests/materials/test_split.py.)"""
    law, mesh = NeoHooke(mu=1.0, lam=2.0), grid("quadrilateral", 4)
    press = [Dirichlet("bottom", 0.0), Dirichlet("top", (0.0, -0.25))]
    mixed = MixedSolid(taylor_hood(mesh), PlaneStrain(law), press)
    plain = Solid(FunctionSpace(mesh, 2, 2), PlaneStrain(law), press)
    start = plain.space.interpolate(lambda x: jnp.stack([0 * x[0], -0.25 * x[1]]))
    of_mixed, of_plain = root(mixed, (start, mixed.space[1].zeros())), root(plain, start)
    force = [problem.resultant(value, "top")[1] for problem, value in ((mixed, of_mixed), (plain, of_plain))]
    print(f"forces {force}")
    np.testing.assert_allclose(force[0], force[1], rtol=0.02)
    assert np.abs(of_mixed[0] - of_plain).max() < 0.01


@pytest.mark.slow
def test_homogeneous_compression():
    """Smooth plates, sides free: F = diag(λ₁, λ₂, 1) is in the space, and p is that of the law at F."""
    law = IsochoricNeoHooke(mu=1.0, kappa=1e4)
    sides = [Dirichlet("left", (0.0, None)), Dirichlet("bottom", (None, 0.0)), Dirichlet("top", (None, -0.2))]
    problem = MixedSolid(taylor_hood(grid("quadrilateral", 2)), PlaneStrain(law), sides)
    solution = sp.solve(problem)
    u, p = solution.value
    F = jnp.diag(jnp.array([1 + jnp.max(u[:, 0]), 0.8]))
    P = PlaneStrain(law).first_piola(F)
    np.testing.assert_allclose(P[0, 0], 0, atol=1e-6)
    np.testing.assert_allclose(p, -1e4 * (jnp.linalg.det(F) - 1), rtol=1e-6)
    np.testing.assert_allclose(problem.resultant(solution.value, "top")[1], P[1, 1], rtol=1e-8)
    np.testing.assert_allclose(problem.stress(solution.value)[:, 1, 1], P[1, 1], rtol=1e-8)


@pytest.mark.slow
def test_gradients_in_the_nearly_incompressible_range():
    """Taylor tests of the tip displacement with respect to E and 1 − 2ν, and second derivatives by forward over reverse."""
    base = membrane(2)
    sensors = base.space[0].locate(TIP)

    def corner(parameters):
        E, gap = parameters
        law = PlaneStrain(eqx.tree_at(lambda m: (m.E, m.nu), base.material.material, (E, (1 - gap) / 2)))
        problem = eqx.tree_at(lambda s: s.material, base, law)
        return problem.space[0].evaluate(sp.solve(problem).value[0], sensors)[0, 1]

    for gap in (2e-5, 0.1):
        assert check_gradient(corner, (jnp.asarray(E), jnp.asarray(gap))).order > 1.9


@pytest.mark.slow
def test_iterations_do_not_grow():
    found = [linear_steps(membrane(n, primal=exact), Minres(rtol=1e-8)) for n in (6, 12)]
    print(f"MINRES steps {found}")
    assert found[1] <= found[0] + 2 <= 60
    # Two materials in one body.
    law = PlaneStrain(LinearElastic(E=CellField(jnp.where(jnp.arange(36) < 18, 1e3, 1.0)), nu=NU))
    mixture = linear_steps(membrane(6, law=law, primal=exact), Minres(rtol=1e-8))
    print(f"two materials: {mixture}")
    assert mixture <= 70


@pytest.mark.slow
def test_large_bodies_are_solved_by_multigrid_in_a_triangular_block_preconditioner(monkeypatch):
    """What is chosen above 30,000 unknowns, on a small body: value and gradient are those of the direct solver."""
    space = taylor_hood(box((2, 2, 2)))
    parts = ([Dirichlet("left", 0.0)], [Traction("right", jnp.array([0.0, 0.0, 1e-3]))])
    direct = MixedSolid(space, LinearElastic(E=1.0, nu=0.4999), *parts)
    monkeypatch.setattr("simphys.linalg._choice.LARGEST_SADDLE", 200)
    large = MixedSolid(space, LinearElastic(E=1.0, nu=0.4999), *parts)

    @eqx.filter_jit
    @eqx.filter_value_and_grad(has_aux=True)
    def work(traction, problem):
        problem = eqx.tree_at(lambda p: p.loads[0].value, problem, traction)
        solution = sp.solve(problem)
        return jnp.sum(solution.value[0] ** 2), solution.stats

    pull = parts[1][0].value
    (value, stats), gradient = work(pull, large)
    # Quadratic in the traction: differences are exact.
    at = lambda pull: np.sum(newton_step(eqx.tree_at(lambda p: p.loads[0].value, direct, pull))[0] ** 2)
    expected, way = at(pull), 1e-3 * jnp.array([0.3, -0.5, 0.8])
    slope = (at(pull + way) - at(pull - way)) / 2
    assert "flexible GMRES with block-triangular" in stats.solver
    assert int(stats.linear_steps) <= 100
    np.testing.assert_allclose(value, expected, rtol=1e-7)
    np.testing.assert_allclose(jnp.vdot(gradient, way), slope, rtol=1e-6)


def test_misuse_raises():
    mesh = rectangle((2, 2))
    space = taylor_hood(mesh)
    with pytest.raises(ValueError, match="no mixed form"):
        MixedSolid(space, PlaneStress(LinearElastic(E=1.0, nu=0.3)), CLAMP)
    with pytest.raises(ValueError, match="no mixed form"):
        MixedSolid(space, PlaneStrain(StVenantKirchhoff(E=1.0, nu=0.3)), CLAMP)
    with pytest.raises(ValueError, match="PlaneStrain"):
        MixedSolid(space, LinearElastic(E=1.0, nu=0.3), CLAMP)
    with pytest.raises(ValueError, match="taylor_hood"):
        MixedSolid(space[0], RUBBER, CLAMP)
    with pytest.raises(ValueError, match="follower"):
        MixedSolid(space, RUBBER, CLAMP, [Pressure("right", 1.0, follower=True)])
    with pytest.raises(ValueError, match="not held against"):
        MixedSolid(space, RUBBER, [Dirichlet("left", (0.0, None))])
