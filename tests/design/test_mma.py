"""Optimisers on problems with known optima."""

import numpy as np
import pytest
from scipy.optimize import minimize

from simphys.design import MMA, OptimalityCriteria
from simphys.design._mma import _Subproblem


def test_two_constraints_of_a_published_problem():
    """Svanberg's three-variable problem: min x·x in [0, 5]³ between two spheres; optimum (2.0175, 1.7800, 1.2375).

    Reference: K. Svanberg, MMA and GCMMA (2007), section on the toy problem.
    """
    centres = np.array([[5.0, 2.0, 1.0], [3.0, 4.0, 3.0]])
    x, optimiser = np.array([4.0, 3.0, 2.0]) / 5, MMA(move=0.3)
    memory = optimiser.begin(x, 2)
    for _ in range(40):
        real = 5 * x
        g = np.sum((real - centres) ** 2, axis=1) - 9
        x, memory = optimiser.step(memory, x, real @ real, 10 * real, g, 10 * (real - centres))
    np.testing.assert_allclose(5 * x, [2.0175, 1.7800, 1.2375], atol=2e-4)


def cantilever_of_five(t):
    """Weight and tip condition of Svanberg's five-segment cantilever, sides 10 t."""
    x, c = 10 * t, np.array([61.0, 37.0, 19.0, 7.0, 1.0])
    return 0.0624 * x.sum(), np.full(5, 0.624), np.array([c @ x**-3.0 - 1]), (-30 * c * x**-4.0)[None]


def test_cantilever_of_five_segments():
    """Optimal weight 1.3400 (Svanberg 1987, section 5.1)."""
    x, optimiser = np.full(5, 0.5), MMA()
    memory = optimiser.begin(x, 1)
    for _ in range(40):
        x, memory = optimiser.step(memory, x, *cantilever_of_five(x))
    value, _, g, _ = cantilever_of_five(x)
    np.testing.assert_allclose(value, 1.33996, atol=1e-4)
    np.testing.assert_allclose(10 * x, [6.016, 5.309, 4.494, 3.502, 2.153], atol=2e-3)
    assert g[0] < 1e-6


def test_subproblem_against_a_general_solver():
    random = np.random.default_rng(3)
    n, m = 12, 3
    p, q = random.uniform(0, 1, (2, m + 1, n))
    x = random.uniform(0.2, 0.8, n)
    low, high = x - 0.5, x + 0.5
    alpha, beta = np.maximum(0, x - 0.2), np.minimum(1, x + 0.2)
    each = lambda z: np.sum(p / (high - z) + q / (z - low), axis=1)
    offset = -each(x)[1:] - 0.05
    found = _Subproblem(p, q, offset, low, high, alpha, beta, 1000.0).solve()
    inequality = {"type": "ineq", "fun": lambda z: -(each(z)[1:] + offset)}
    options = {"ftol": 1e-14, "maxiter": 500}
    best = minimize(lambda z: each(z)[0], x, bounds=list(zip(alpha, beta)), constraints=inequality, options=options)
    assert best.success
    np.testing.assert_allclose(each(found)[0], best.fun, rtol=1e-7)
    assert np.all(each(found)[1:] + offset < 1e-6)


def test_constraints_that_exclude_one_another_are_missed_evenly():
    x, optimiser = np.full(1, 0.2), MMA()
    memory = optimiser.begin(x, 2)
    for _ in range(60):
        g = np.array([x[0] - 0.4, 0.6 - x[0]])
        x, memory = optimiser.step(memory, x, 1.0, np.zeros(1), g, np.array([[1.0], [-1.0]]))
    np.testing.assert_allclose(x, 0.5, atol=1e-3)


def test_optimality_criteria_fill_a_volume_exactly():
    """min Σ a/x, Σ x ≤ V: x ∝ √a."""
    a, x, optimiser = np.array([1.0, 4.0, 9.0]), np.full(3, 0.5), OptimalityCriteria()
    memory = optimiser.begin(x, 1)
    for _ in range(30):
        x, memory = optimiser.step(memory, x, 0.0, -a / x**2, np.array([x.sum() - 1.5]), np.ones((1, 3)))
    np.testing.assert_allclose(x, [0.25, 0.5, 0.75], rtol=1e-8)
    with pytest.raises(ValueError, match="one constraint, got 2"):
        optimiser.begin(x, 2)
    with pytest.raises(ValueError, match="grows with every variable"):
        optimiser.step((), x, 0.0, -a, np.zeros(1), -np.ones((1, 3)))


def test_optimality_criteria_come_to_rest_where_the_objective_bends_strongly():
    """min Σ a/x⁹ of mean 1/2: x ∝ a^(1/10). Full steps turn back, four times as long each time."""
    a, x, optimiser = np.array([1.0, 40.0, 900.0]), np.full(3, 0.5), OptimalityCriteria()
    memory = optimiser.begin(x, 1)
    for _ in range(60):
        x, memory = optimiser.step(memory, x, 0.0, -9 * a / x**10, np.array([x.mean() - 0.5]), np.full((1, 3), 1 / 3))
    want = a**0.1 / np.mean(a**0.1) / 2
    np.testing.assert_allclose(x, want, atol=1e-3)
