"""Terms stated item by item: springs, circuits, Lagrange multipliers, and values that follow others."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from _manufactured import root
from _taylor import check_gradient, program

import simphys as sp
from simphys.assembly import Gathered, ItemField
from simphys.fem import Dirichlet, Energy, FunctionSpace, MultiPoint, Weak, line, rectangle
from simphys.physics import Balance


def chain(stiffness, law):
    """Masses 0 … 3 in a row on springs, the first held, the last pulled with force 2."""
    space = FunctionSpace(line(3, 3.0), 1)
    springs = Gathered(law, np.array([[0, 1], [1, 2], [2, 3]]), ItemField(stiffness))
    pull = Gathered(lambda u, p: -p * u[0], np.array([[3]]), jnp.asarray(2.0), linear=True)
    return Balance(space, [springs, pull], [Dirichlet([0], 0.0)])


@pytest.mark.slow
def test_springs_in_a_row():
    k = jnp.array([1.0, 2.0, 4.0])
    u = root(chain(k, lambda u, k: k * (u[1] - u[0]) ** 2 / 2))
    np.testing.assert_allclose(u, [0.0, 2.0, 3.0, 3.5], atol=1e-12)


@pytest.mark.slow
def test_springs_that_stiffen_and_their_gradient():
    law = lambda u, k: k * ((u[1] - u[0]) ** 2 / 2 + (u[1] - u[0]) ** 4 / 4)
    end = lambda k: sp.solve(chain(k, law)).value[-1]
    k = jnp.array([1.0, 2.0, 4.0])
    elongation = [np.real(r[np.isreal(r)][0]) for r in (np.roots([1, 0, 1, -2.0 / float(a)]) for a in k)]
    np.testing.assert_allclose(program(end)(k)[0], np.sum(elongation), rtol=1e-9)
    assert check_gradient(end, k).passed


@pytest.mark.slow
def test_a_mean_value_held_by_a_multiplier():
    """−u″ = cos πx on a line with free ends, ∫ u = ½: u = cos(πx)/π² + ½."""
    mesh = line(16, 1.0)
    spaces = FunctionSpace(mesh, 2), FunctionSpace(mesh, "real")
    assert spaces[1].shape == (1,)
    flow = Energy(lambda f, at, p: jnp.sum(f[0].gradient ** 2) / 2 - jnp.cos(jnp.pi * at.position[0]) * f[0].value)
    mean = Energy(lambda f, at, m: f[1].value * (f[0].value - m), jnp.asarray(0.5))
    problem = Balance(spaces, [flow, mean])
    u, multiplier = root(problem)
    x = spaces[0].nodes()[:, 0]
    np.testing.assert_allclose(u, jnp.cos(jnp.pi * x) / jnp.pi**2 + 0.5, atol=1e-6)
    assert abs(float(multiplier[0])) < 1e-9


@pytest.mark.slow
def test_a_circuit_coupled_to_a_field():
    """A rod of conductance 1 heated at its end by a resistor of 2 Ω on a source of 3 V with 1 Ω: I = 1, heat R I² = 2."""
    mesh = line(4, 1.0)
    spaces = FunctionSpace(mesh, 1), FunctionSpace(mesh, "real")

    def circuit(u, p):
        (T,), (current,) = u
        volt, inner, load = p
        del T
        return jnp.stack([-load * current**2]), jnp.stack([volt - (inner + load) * current])

    def problem(p):
        conduct = Weak(lambda f, at, k: ((None, k * f[0].gradient), None), jnp.asarray(1.0))
        wires = Gathered(circuit, (np.array([[4]]), np.array([[0]])), p, weak=True)
        return Balance(spaces, [conduct, wires], [Dirichlet("left", 0.0)])

    T, current = root(problem(jnp.array([3.0, 1.0, 2.0])))
    np.testing.assert_allclose([T[-1], current[0]], [2.0, 1.0], rtol=1e-9)
    assert check_gradient(lambda p: sp.solve(problem(p)).value[0][-1], jnp.array([3.0, 1.0, 2.0])).passed


@pytest.mark.slow
def test_values_that_follow_weighted_sums_of_others():
    """The right end of one bar hangs on a lever between two others; statics of the lever in closed form."""
    space = FunctionSpace(line(3, 3.0), 1)
    held = Gathered(lambda u, k: k * u[0] ** 2 / 2, np.array([[0], [1], [3]]), ItemField(jnp.array([1.0, 2.0, 5.0])))
    pull = Gathered(lambda u, p: -p * u[0], np.array([[2]]), jnp.asarray(1.0))

    def value(w):
        lever = MultiPoint([2], [[0, 1]], w)
        return sp.solve(Balance(space, [held, pull], [lever])).value

    u = value(jnp.array([[0.25, 0.75]]))
    np.testing.assert_allclose(u, [0.25, 0.375, 0.25 * 0.25 + 0.75 * 0.375, 0.0], atol=1e-12)
    assert check_gradient(lambda w: value(w)[2], jnp.array([[0.25, 0.75]])).passed


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda s: Gathered(1, np.array([[0]])), "`function` must be callable"),
        (lambda s: Gathered(len, np.array([0])), r"`nodes` must be whole numbers, 0 or more, of shape \(item, local\)"),
        (lambda s: Gathered(len, (np.array([[0]]), np.array([[0], [1]]))), "as many items for each field"),
        (
            lambda s: Balance(s, [Gathered(lambda u, p: u[0], np.array([[99]]))]),
            "gathers node 99 of field 0, which has 7",
        ),
        (lambda s: Balance(s, [Gathered(lambda u, p: u, np.array([[0]]))]), "must return a real scalar"),
        (lambda s: Balance(s, [Gathered(lambda u, p: u[0], np.array([[0]]), weak=True)]), r"must have shape \(1,\)"),
        (
            lambda s: Balance(s, [Gathered(lambda u, p: p * u[0], np.array([[0]]), ItemField(jnp.ones(2)))]),
            "needs 1 values, got 2",
        ),
        (lambda s: MultiPoint([0], [[1, 2]], jnp.ones((1, 3))), r"must have shapes \(n, 2\), \(n, k, 2\) and \(n, k\)"),
        (lambda s: MultiPoint([0], [[1]], jnp.ones((1, 1)), [1.0, 2.0]), r"`constants` must be a number or have shape"),
        (lambda s: MultiPoint([77], [[1]], jnp.ones((1, 1))).resolved(s), r"a value beyond \(6, 0\)"),
    ],
)
def test_misuse(make, message):
    with pytest.raises(ValueError, match=message):
        make(FunctionSpace(line(6, 1.0), 1))


def test_a_value_that_is_prescribed_follows_nothing():
    space = FunctionSpace(rectangle((2, 2)), 1, 2)
    rod = Energy(lambda u, at, p: jnp.sum(u.gradient**2) / 2)
    follow = MultiPoint([[0, 1]], [[[8, 1]]], jnp.ones((1, 1)))
    with pytest.raises(ValueError, match="by the multi-point condition on 1 values are prescribed, those others not"):
        Balance(space, [rod], [Dirichlet("left", 0.0), follow])


def test_other_items_need_another_layout():
    problem = chain(jnp.ones(3), lambda u, k: k * (u[1] - u[0]) ** 2 / 2)
    other = Gathered(
        lambda u, k: k * (u[1] - u[0]) ** 2 / 2, np.array([[0, 1], [0, 2], [0, 3]]), ItemField(jnp.ones(3))
    )
    with pytest.raises(ValueError, match="matrix was laid out for"):
        sp.solve(eqx.tree_at(lambda p: p.forms[0], problem, other))


@pytest.mark.slow
def test_lanes():
    law = lambda u, k: k * (u[1] - u[0]) ** 2 / 2
    k = jnp.array([[1.0, 2.0, 4.0], [2.0, 2.0, 2.0]])
    found = jax.vmap(lambda k: sp.solve(chain(k, law)).value[-1])(k)
    np.testing.assert_allclose(found, [3.5, 3.0], rtol=1e-12)
