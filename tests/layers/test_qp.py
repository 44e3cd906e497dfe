"""Quadratic and second-order cone programs: exact answers, derivatives, and proofs that there is no answer."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from _programs import active_set_solution, random_qp

import simphys as sp
from simphys._result import name_of
from simphys.layers import QP, InteriorPoint


NAMES = ("Q", "q", "A", "b", "G", "h")
DATA = dict(zip(NAMES, map(jnp.asarray, random_qp())))
WEIGHTS = jnp.asarray(np.random.default_rng(5).standard_normal(6))


@eqx.filter_jit
def solved(data, **options):
    return QP(**data, **options)(throw=False)


@pytest.mark.slow
def test_against_every_active_set():
    for seed in range(4):
        data = random_qp(seed=seed)
        z, y, active, w = active_set_solution(*data)
        found = solved(dict(zip(NAMES, map(jnp.asarray, data))))
        assert found.result == sp.RESULTS.successful and found.certificate.residual < 1e-12
        np.testing.assert_allclose(found.value, z, atol=1e-11)
        np.testing.assert_allclose(found.equality_duals, y, atol=1e-10)
        np.testing.assert_allclose(found.duals[jnp.asarray(active, int)], w, atol=1e-10)
        np.testing.assert_allclose(jnp.sum(found.duals), np.sum(w), atol=1e-10)
        np.testing.assert_allclose(found.slack, data[5] - data[4] @ z, atol=1e-11)


def number(data, adjoint=None):
    """A number that depends on z, y and w."""
    found = QP(**data, adjoint=sp.Implicit() if adjoint is None else adjoint)(throw=False)
    return WEIGHTS @ found.value + jnp.sum(found.equality_duals) + 0.3 * jnp.sum(found.duals**2)


measured = eqx.filter_jit(sp.value_and_grad(number))


@pytest.mark.slow
def test_every_datum_has_its_derivative():
    """Reverse and forward mode of z, y and w with respect to all data at once, against central differences."""
    r = np.random.default_rng(1)
    d = {k: jnp.asarray(r.standard_normal(v.shape)) for k, v in DATA.items()}
    moved = lambda h: {k: v + h * d[k] for k, v in DATA.items()}
    step = 1e-5
    expected = (measured(moved(step))[0] - measured(moved(-step))[0]) / (2 * step)
    _, gradient, certificate = measured(DATA)
    assert certificate.solves == 1 and certificate.failures == 0 and certificate.residual < 1e-12
    np.testing.assert_allclose(sum(jnp.vdot(gradient[k], d[k]) for k in d), expected, rtol=1e-7)
    np.testing.assert_allclose(jax.jit(lambda data: jax.jvp(number, (data,), (d,))[1])(DATA), expected, rtol=1e-7)


@pytest.mark.slow
def test_one_newton_step_at_the_solution_has_the_same_gradient():
    (_, implicit, _), (_, last, _) = measured(DATA), measured(DATA, sp.OneStep())
    for name in NAMES:
        np.testing.assert_allclose(last[name], implicit[name], atol=1e-9)


@pytest.mark.slow
def test_second_derivatives():
    f = lambda q: jnp.sum(QP(**(DATA | dict(q=q)))(throw=False).value ** 2)
    d = jnp.ones(6)
    along = jax.jit(lambda q: jax.jvp(jax.grad(f), (q,), (d,)))
    _, curved = along(DATA["q"])
    step = 1e-4
    differences = (along(DATA["q"] + step * d)[0] - along(DATA["q"] - step * d)[0]) / (2 * step)
    np.testing.assert_allclose(curved, differences, atol=1e-7)


@pytest.mark.slow
def test_lanes_have_their_own_status():
    """The fourth program is infeasible: its value is NaN, and what a mask throws away has no gradient."""
    r = np.random.default_rng(1)
    q, h = jnp.asarray(r.standard_normal((5, 2))), jnp.full((5, 2), 0.25).at[3].set(-1.0)
    G = jnp.asarray([[1.0, 0.0], [-1.0, 0.0]])
    layer = QP(jnp.eye(2), jnp.zeros(2), G=G, h=jnp.ones(2))

    @eqx.filter_jit
    def pulled(weights):
        each = jax.vmap(lambda q, h: (lambda found: (found.value, found))(layer(q=q, h=h, throw=False)))
        _, pull, found = jax.vjp(lambda q: each(q, h), q, has_aux=True)
        return found, pull(weights)[0]

    good = jnp.asarray([0, 1, 2, 4])
    found, gradient = pulled(jnp.ones((5, 2)).at[3].set(0.0))
    names = [name_of(jax.tree.map(lambda x: x[i], found.result)) for i in range(5)]
    assert names == ["successful"] * 3 + ["infeasible", "successful"]
    expected = (-q).at[:, 0].set(jnp.clip(-q[:, 0], -0.25, 0.25))
    np.testing.assert_allclose(found.value[good], expected[good], atol=1e-12)
    assert np.all(np.isnan(found.value[3])) and np.all(gradient[3] == 0) and np.all(np.isfinite(gradient[good]))
    _, unmasked = pulled(jnp.ones((5, 2)))
    assert np.all(np.isnan(unmasked[3])) and np.all(np.isfinite(unmasked[good]))
    inside = jnp.where(jnp.abs(q[:, 0]) < 0.25, -1.0, 0.0)
    np.testing.assert_allclose(gradient[good, 0], inside[good], atol=1e-9)


# (Of one shape, as are the next two: one program serves them all.)
@pytest.mark.slow
def test_contradictory_inequalities_are_proved_so():
    G, h = jnp.asarray([[1.0, 1.0], [-1.0, -1.0], [1.0, 0.0]]), jnp.asarray([-1.0, -1.0, 3.0])
    found = solved(dict(Q=jnp.eye(2), q=jnp.ones(2), G=G, h=h))
    y, w = found.farkas
    assert found.result == sp.RESULTS.infeasible and np.all(np.isnan(found.value))
    assert np.all(w >= 0) and np.linalg.norm(w @ G) < 1e-8
    np.testing.assert_allclose(h @ w, -1.0)


@pytest.mark.slow
def test_endless_descent_is_proved_so():
    """Q is singular, and q points along its null space, into the open."""
    Q, q, G = jnp.diag(jnp.asarray([1.0, 0.0])), jnp.asarray([0.0, -1.0]), jnp.asarray([[1.0, 0], [0, -1.0], [-1.0, 0]])
    found = solved(dict(Q=Q, q=q, G=G, h=jnp.ones(3)))
    assert found.result == sp.RESULTS.unbounded and np.all(np.isnan(found.value))
    np.testing.assert_allclose(q @ found.ray, -1.0)
    assert np.linalg.norm(Q @ found.ray) < 1e-8 and np.all(G @ found.ray < 1e-8)


@pytest.mark.slow
def test_not_convex():
    G = jnp.asarray([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    found = solved(dict(Q=jnp.diag(jnp.asarray([1.0, -1.0])), q=jnp.zeros(2), G=G, h=jnp.ones(3)))
    assert found.result == sp.RESULTS.not_convex and np.all(np.isnan(found.value))


@pytest.mark.slow
def test_contradictory_equalities_are_proved_so():
    A, b = jnp.asarray([[1.0, 1.0], [1.0, 1.0]]), jnp.asarray([0.0, 1.0])
    found = solved(dict(Q=jnp.eye(2), q=jnp.ones(2), A=A, b=b, G=jnp.asarray([[1.0, 0.0]]), h=jnp.ones(1)))
    y, w = found.farkas
    assert found.result == sp.RESULTS.infeasible
    assert np.linalg.norm(y @ A) < 1e-8 and np.all(w >= 0)
    np.testing.assert_allclose(b @ y + w[0], -1.0)


@pytest.mark.slow
def test_redundant_constraints():
    """The same equality twice and an active inequality three times: gradients as if each stood there once."""
    Q, a = np.diag([2.0, 1.0, 0.5]), np.ones(3)
    w, e = np.array([1.0, 2.0, 3.0]), np.array([0.0, 1.0, -1.0])

    def f(q, t):
        found = QP(Q, q, np.stack([e, e]), jnp.zeros(2), np.stack([a, a, a]), jnp.stack([t, t, t]))()
        return w @ found.value

    value, (of_q, of_t) = jax.jit(jax.value_and_grad(f, (0, 1)))(jnp.zeros(3), jnp.asarray(-1.0))
    # One row of each, in closed form.
    inverse = np.linalg.inv(np.block([[Q, np.stack([e, a], axis=1)], [np.stack([e, a]), np.zeros((2, 2))]]))[:3]
    np.testing.assert_allclose(value, -w @ inverse[:, 4], atol=1e-9)
    np.testing.assert_allclose(of_q, -w @ inverse[:, :3], atol=1e-9)
    np.testing.assert_allclose(of_t, w @ inverse[:, 4], atol=1e-9)


@pytest.mark.slow
def test_smallest_multipliers_of_redundant_equalities():
    """A change that makes them contradict one another has no tangent."""
    f = lambda b: jnp.sum(QP(jnp.eye(2), jnp.zeros(2), jnp.ones((2, 2)), b)(throw=False).value)
    np.testing.assert_allclose(jax.jit(jax.grad(f))(jnp.ones(2)), [0.5, 0.5], atol=1e-10)
    assert np.isnan(jax.jit(lambda b, d: jax.jvp(f, (b,), (d,))[1])(jnp.ones(2), jnp.asarray([1.0, 0.0])))


@pytest.mark.slow
def test_a_kink_is_flagged():
    """min ½|z|² + z₂, z₁ ≥ 0: at z₁ = 0 without a multiplier any slope from −1 to 0 is a derivative."""
    f = lambda q: QP(jnp.eye(2), q, G=jnp.asarray([[-1.0, 0.0]]), h=jnp.zeros(1))()
    with pytest.warns(UserWarning, match="1 constraints are active without a multiplier"):
        found = f(jnp.asarray([0.0, 1.0]))
    assert found.weakly_active == 1
    np.testing.assert_allclose(found.value, [0.0, -1.0], atol=1e-12)
    assert f(jnp.asarray([1e-3, 1.0])).weakly_active == 0 and f(jnp.asarray([-1e-3, 1.0])).weakly_active == 0


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:1 constraints are active")
def test_one_of_the_derivatives_on_either_side_of_a_kink_is_returned():
    """min ½|z|² + q·z, z₁ − 0.3 z₂ ≥ 0, where the multiplier vanishes; both sides by differences."""

    def value(t):
        return QP(jnp.eye(2), jnp.stack([t, 0 * t]), G=-jnp.asarray([[1.0, -0.3]]), h=jnp.zeros(1))(throw=False).value

    run = jax.jit(lambda t: (jax.jvp(value, (t,), (jnp.ones(()),)), jax.jacrev(value)(t)))
    h = 1e-6
    (at, got), reverse = run(jnp.asarray(0.0))
    left, right = ((run(jnp.asarray(side * h))[0][0] - at) / (side * h) for side in (-1, 1))
    assert float(jnp.linalg.norm(left - right)) > 0.1
    assert min(float(jnp.linalg.norm(got - side)) for side in (left, right)) < 1e-5, (got, left, right)
    np.testing.assert_allclose(reverse, got, atol=1e-9)


@pytest.mark.slow
def test_linear_program():
    """max x + y on x + 2y ≤ 4, 3x + y ≤ 6, x, y ≥ 0: the vertex (8/5, 6/5); ∂z/∂h from its two active rows."""
    G = jnp.asarray([[1.0, 2.0], [3.0, 1.0], [-1.0, 0.0], [0.0, -1.0]])
    f = lambda h: QP(None, -jnp.ones(2), G=G, h=h)().value
    h = jnp.asarray([4.0, 6.0, 0.0, 0.0])
    value, slopes = jax.jit(lambda h: (f(h), jax.jacrev(f)(h)))(h)
    np.testing.assert_allclose(value, [1.6, 1.2], atol=1e-10)
    expected = np.zeros((2, 4))
    expected[:, :2] = np.linalg.inv(G[:2])
    np.testing.assert_allclose(slopes, expected, atol=1e-9)


@pytest.mark.slow
def test_units_do_not_matter():
    """The same program in other units of z, of the objective and of each constraint."""
    found = solved(DATA)
    r = np.random.default_rng(3)
    rows, length = 10.0 ** r.uniform(-4, 4, 6), 1e5
    other = dict(
        Q=1e7 * DATA["Q"] / length**2,
        q=1e7 * DATA["q"] / length,
        A=DATA["A"] / length,
        b=DATA["b"],
        G=rows[:, None] * DATA["G"] / length,
        h=rows * DATA["h"],
    )
    same = solved(other)
    assert same.result == sp.RESULTS.successful
    np.testing.assert_allclose(same.value / length, found.value, atol=1e-9)


@pytest.mark.slow
def test_projection_onto_a_second_order_cone():
    """min ½|z − x|² over ‖z₁‖ ≤ z₀: the projection and its derivative, in closed form."""
    x = jnp.asarray([0.3, 1.0, -0.5, 0.2])

    def project(x):
        return QP(jnp.eye(4), -x, G=-jnp.eye(4), h=jnp.zeros(4), second_order=(4,))(throw=False).value

    def closed(x):
        size = jnp.linalg.norm(x[1:])
        return (x[0] + size) / 2 * jnp.concatenate([jnp.ones(1), x[1:] / size])

    pulled = jax.jit(lambda x, w: (lambda value, pull: (value, pull(w)[0]))(*jax.vjp(project, x)))
    J = jax.jacrev(closed)(x)
    for w in jnp.eye(4):
        value, found = pulled(x, w)
        np.testing.assert_allclose(value, closed(x), atol=1e-11)
        np.testing.assert_allclose(found, w @ J, atol=1e-9)
    np.testing.assert_allclose(pulled(x.at[0].set(3.0), w)[0], x.at[0].set(3.0), atol=1e-11)
    np.testing.assert_allclose(pulled(x.at[0].set(-3.0), w)[0], jnp.zeros(4), atol=1e-9)


@pytest.mark.slow
def test_second_order_cones_beside_inequalities():
    """Derivatives with respect to G and h, against central differences; complementary slacks and multipliers.

    And, by the same program, a proof that ‖(z₁, z₂)‖ ≤ 1 and z₁ ≥ 2 contradict one another.
    """
    r = np.random.default_rng(2)
    G, q = jnp.asarray(r.standard_normal((8, 4))), jnp.asarray(r.standard_normal(4))
    z = r.standard_normal(4)
    inside = np.r_[r.uniform(0, 1, 2), 1.5, 0.3, 0.4, 1.2, -0.2, 0.5]
    h = jnp.asarray(np.asarray(G) @ z + inside)

    def f(G, h):
        found = QP(0.01 * jnp.eye(4), q, G=G, h=h, second_order=(3, 3))(throw=False)
        return jnp.arange(1.0, 5.0) @ found.value, found

    both = jax.jit(jax.value_and_grad(f, (0, 1), has_aux=True))
    (_, found), gradient = both(G, h)
    assert found.result == sp.RESULTS.successful and found.certificate.residual < 1e-9
    np.testing.assert_allclose(found.slack @ found.duals, 0.0, atol=1e-10)
    assert np.any(found.duals[2:] > 1e-3)
    dG, dh = jnp.asarray(r.standard_normal((8, 4))), jnp.asarray(r.standard_normal(8))
    step = 1e-5
    at = lambda t: both(G + t * dG, h + t * dh)[0][0]
    expected = (at(step) - at(-step)) / (2 * step)
    np.testing.assert_allclose(jnp.vdot(gradient[0], dG) + jnp.vdot(gradient[1], dh), expected, rtol=1e-6)
    E, none = np.eye(4), np.zeros(4)
    G = jnp.asarray(np.stack([-E[0], none, none, -E[0], -E[1], none, -E[2], -E[3]]))
    (_, found), _ = both(G, jnp.asarray([-2.0, 1.0, 1.0, 0.0, 0.0, 1.0, 0.0, 0.0]))
    w = found.farkas[1]
    assert found.result == sp.RESULTS.infeasible and np.all(w[:2] >= 0) and np.linalg.norm(w @ G) < 1e-8
    assert all(np.linalg.norm(w[k + 1 : k + 3]) <= w[k] + 1e-12 for k in (2, 5))


@pytest.mark.slow
def test_single_precision():
    data = {k: v.astype(jnp.float32) for k, v in DATA.items()}
    found, exact = solved(data), solved(DATA)
    assert found.result == sp.RESULTS.successful and found.value.dtype == jnp.float32
    np.testing.assert_allclose(found.value, exact.value, atol=1e-4)


@pytest.mark.slow
def test_too_few_steps_have_a_name_and_no_gradient():
    """A linear program in a box: one interior-point step is not near enough for the active set to be guessed."""
    _, q, A, b, G, h = random_qp(n=10, m=40, p=2)
    G, h = np.concatenate([G, np.eye(10), -np.eye(10)]), np.concatenate([h, 50 * np.ones(20)])
    layer = QP(None, q, A, b, G, h, method=InteriorPoint(max_steps=1))
    f = lambda q, throw: jnp.sum(layer(q=q, throw=throw).value)
    assert np.all(np.isnan(jax.jit(jax.grad(f), static_argnums=1)(layer.q, False)))
    with pytest.raises(sp.NotConverged) as caught:
        layer()
    assert caught.value.solution.result == sp.RESULTS.nonlinear_max_steps_reached


@pytest.mark.parametrize(
    "change, match",
    [
        (dict(Q=jnp.eye(3)), "`Q` must be of shape"),
        (dict(G=None), "go together"),
        (dict(b=jnp.ones(3)), "`b` must have 2 entries"),
        (dict(q=jnp.ones((2, 6))), "one axis"),
        (dict(second_order=(7,)), "`second_order`"),
        (dict(adjoint=sp.Unrolled()), "`adjoint`"),
    ],
)
def test_misuse(change, match):
    with pytest.raises(ValueError, match=match):
        QP(**(DATA | change))


def test_a_tolerance_out_of_reach():
    with pytest.raises(ValueError, match="out of reach in float64"):
        QP(**DATA, method=InteriorPoint(rtol=1e-17))()
