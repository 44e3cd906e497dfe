"""Numbers whose squares are 0, and tolerances that anything meets."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import simphys as sp
from simphys import Newton, RootProblem, layers, linalg
from simphys._trees import norm
from simphys.implicit import Implicit, Unrolled, Verify, relative_norm
from simphys.implicit._local import local_root
from simphys.layers.convex._cone import Cone
from simphys.physics._blocks import pressure_floor


@pytest.mark.parametrize(("dtype", "size"), [(jnp.float64, 1e-170), (jnp.float32, 1e-24), (jnp.float64, 1e170)])
def test_norms_neither_underflow_nor_overflow(dtype, size):
    vector = jnp.asarray([3.0, 4.0], dtype) * jnp.asarray(size, dtype)
    assert float(norm(vector)) / size == pytest.approx(5.0, rel=1e-6)
    assert float(relative_norm(vector, jnp.asarray(size, dtype))) == pytest.approx(5.0, rel=1e-6)
    assert float(relative_norm(vector, jnp.zeros((), dtype))) > 1.0
    for beyond in (jnp.asarray(jnp.inf, dtype), jnp.full(vector.shape, jnp.inf, dtype), jnp.asarray(jnp.nan, dtype)):
        assert jnp.isnan(relative_norm(vector, beyond)), "beside a scale that has overflown everything would vanish"
    np.testing.assert_allclose(jax.grad(norm)(vector), [0.6, 0.8], rtol=1e-6)


@pytest.mark.parametrize("size", [0.0, 1e-170])
def test_norms_of_norms_compiled(size):
    """XLA makes x² c² of (x c)²: with a factor whose square overflows, 0 had the norm NaN, in compiled programs only."""
    twice = jax.jit(lambda x: norm([norm(x), norm(x * 0)]))
    assert float(twice(jnp.asarray(size))) == pytest.approx(size, abs=0.0) and not jnp.isnan(twice(jnp.zeros(2)))


def test_norms_at_the_edge():
    assert norm(jnp.zeros(3)) == 0 and norm(jnp.zeros(0)) == 0
    np.testing.assert_array_equal(jax.grad(norm)(jnp.zeros(2)), 0.0)
    assert not np.isfinite(norm(jnp.array([1.0, jnp.nan]))) and not np.isfinite(norm(jnp.array([1.0, jnp.inf])))


def rod(size):
    space = sp.fem.FunctionSpace(sp.fem.line(4, 1.0), 1)
    law = sp.materials.IsotropicConduction(k=2.0 * size)
    return sp.physics.Heat(space, law, [sp.fem.Dirichlet("left", 0.0)], [sp.physics.Flux("right", -1.0 * size)])


@pytest.mark.slow
def test_forces_whose_squares_are_zero():
    """T(1) = q / k whatever the unit, and its derivative; with a residual scale of 0 the guess would be the root."""

    def tip(k, heat):
        solution = sp.solve(eqx.tree_at(lambda p: p.material.k.value, heat, k))
        return solution.value[-1], solution

    both = eqx.filter_jit(jax.value_and_grad(tip, has_aux=True))
    for size in (1.0, 1e-170, 1e-250):
        heat = rod(size)
        k = jnp.asarray(2.0 * size)
        (value, solution), slope = both(k, heat)
        assert solution.stats.newton_steps == 1 and solution.certificate.residual < 1e-12
        assert value == pytest.approx(0.5, rel=1e-12)
        assert float(slope * k) == pytest.approx(-0.5, rel=1e-12)


def test_fixed_points_whose_squares_are_zero():
    """z = ½ z + 1e-170."""
    layer = layers.FixedPoint(lambda z, x: 0.5 * z + x, method=layers.Damped(rtol=1e-10))
    np.testing.assert_allclose(layer(jnp.full(2, 1e-170), jnp.zeros(2)).value / 1e-170, 2.0, rtol=1e-8)


@pytest.mark.parametrize(
    "make",
    [
        Newton,
        Verify,
        Implicit,
        Unrolled,
        layers.Damped,
        layers.Anderson,
        layers.Broyden,
        layers.InteriorPoint,
        layers.newton_krylov,
        linalg.Auto,
        linalg.Direct,
        linalg.ConjugateGradients,
        linalg.Minres,
        linalg.FGMRES,
        lambda rtol: layers.Argmin(lambda y, x: y**2, rtol=rtol),
        lambda rtol: linalg.FGMRES(accept=rtol),
        lambda rtol: local_root(lambda y, _: y, jnp.ones(()), rtol=rtol),
    ],
)
def test_relative_tolerances_lie_between_0_and_1(make):
    for wrong in (10.0, 1.0, 0.0, -1e-3, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="between 0 and 1"):
            make(rtol=wrong) if make.__name__ != "<lambda>" else make(wrong)


def test_foreign_methods_are_held_to_it_too():
    import optimistix as optx

    problem = RootProblem(lambda y, _: y**3 - 8, guess=jnp.array(1.0))
    with pytest.raises(ValueError, match="between 0 and 1"):
        sp.solve(problem, method=optx.Newton(rtol=10.0, atol=1e-8))


@pytest.mark.breadth
@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_cones_cells_and_pressures_of_any_size(dtype):
    """Numbers whose squares are none in their type."""
    small = 1e-30 if dtype == jnp.float32 else 1e-200
    v = jnp.asarray([0.0, 3.0, 4.0], dtype)
    for factor in (small, 1 / small):
        factor = jnp.asarray(factor, dtype)
        np.testing.assert_allclose(Cone(0, (3,)).project(v * factor) / factor, [2.5, 1.5, 2.0], rtol=1e-5)
        np.testing.assert_allclose(pressure_floor(v * factor, 0 * factor, jnp.ones((), dtype)) / factor, 5.0, rtol=1e-5)
        mesh = sp.fem.rectangle((2, 2), (1.0, 4.0))
        tiny = eqx.tree_at(lambda m: m.points, mesh, mesh.points.astype(dtype) * factor)
        np.testing.assert_allclose(sp.fem.cell_quality(tiny), sp.fem.cell_quality(mesh), rtol=1e-5)
