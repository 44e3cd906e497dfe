"""Ogden's law where stretches meet, against exact polynomials and sixty-digit divided differences."""

from decimal import Decimal, getcontext

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from simphys.materials import Ogden
from simphys.materials._spectral import _PAIRS, _TRIPLES, _differences
from simphys.materials._tensors import determinant


KAPPA = 3.0
STRETCHES = {
    "unit": (1.0, 1.0, 1.0),
    "two equal": (1.3, 0.9, 0.9),
    "nearly equal": (1.3, 0.9, 0.9 + 1e-9),
    "all nearly equal": (1.0, 1 + 1e-7, 1 - 3e-5),
    "near the switch": (1.0, 1.05, 1.1),
    "apart": (0.4, 1.1, 6.0),
}


class Polynomial(eqx.Module):
    """The same law from polynomial traces of C, for exponents 2, 4 and −2, each with its weight."""

    weights: jax.Array

    def energy(self, F):
        J = determinant(F)
        C = J ** (-2 / 3) * (F.T @ F)
        traces = jnp.stack([jnp.trace(C), jnp.trace(C @ C), (jnp.trace(C) ** 2 - jnp.trace(C @ C)) / 2])
        return self.weights @ (traces - 3) + KAPPA / 2 * (J - 1) ** 2


@eqx.filter_jit
def derivatives(energy, F):
    """The tangent's derivative, tangent, stress, energy at many points; one program for all numbers of a law."""
    stress = lambda F: jax.value_and_grad(energy)(F)[::-1]
    return jax.vmap(_and_before(_and_before(stress)))(F)


def _and_before(function):
    """F ↦ the derivative of what a function returns first, and then all that it returns."""
    return lambda F: _flat(jax.jacfwd(lambda F: (lambda found: (found[0], found))(function(F)), has_aux=True)(F))


def _flat(pair):
    return pair[0], *pair[1]


@pytest.mark.slow
@pytest.mark.parametrize("alpha", [2, 4, -2])
def test_three_derivatives_match_polynomial_laws(alpha):
    rng = np.random.default_rng(5)
    left, right = (np.linalg.qr(rng.standard_normal((3, 3)))[0] for _ in range(2))
    right = right * np.linalg.det(right)
    aligned = [np.diag(stretches) for stretches in STRETCHES.values()]
    F = jnp.asarray(np.stack(aligned + [left @ stretch @ left.T @ right for stretch in aligned]))
    law = Ogden(mu=[float(np.sign(alpha))], alpha=[float(alpha)], kappa=KAPPA)
    exact = Polynomial(jnp.asarray([(each == alpha) / abs(alpha) for each in (2, 4, -2)]))
    pairs = zip(derivatives(law.energy, F), derivatives(exact.energy, F))
    for order, (found, expected) in zip((3, 2, 1, 0), pairs, strict=True):
        for point in range(len(F)):
            tolerance = 1e-13 * 10**order * max(1.0, np.abs(expected[point]).max())
            np.testing.assert_allclose(found[point], expected[point], rtol=0, atol=tolerance)


def divided(points, power):
    """A divided difference to sixty digits."""
    # Equal nodes are moved apart by 1e-20, far below the tolerance and far above the precision.
    points = [p * (1 + i * Decimal("1e-20")) for i, p in enumerate(points)]
    table = [p**power for p in points]
    for level in range(1, len(points)):
        table = [(table[i + 1] - table[i]) / (points[i + level] - points[i]) for i in range(len(table) - 1)]
    return float(table[0])


def test_divided_differences_to_sixty_digits():
    getcontext().prec = 60
    powers, differences = [-0.35, 1.5, -3.0, 4.0, 1e-4], jax.jit(_differences)
    for name, stretches in STRETCHES.items():
        x = sorted(float(s) ** 2 for s in stretches)
        singles, *found = differences(jnp.asarray(x), jnp.asarray(powers))
        nodes = [Decimal(v) for v in x]
        for number, power in enumerate(powers):
            for values, index in zip(found, (_PAIRS, _TRIPLES), strict=True):
                expected = [divided([nodes[i] for i in indices], Decimal(power)) for indices in index]
                np.testing.assert_allclose(values[:, number], expected, rtol=1e-11, err_msg=f"{name}, {power}")
            np.testing.assert_allclose(singles[:, number], np.asarray(x) ** power, rtol=1e-14)


@pytest.mark.slow
def test_exponents_and_their_mixed_derivatives():
    """At a repeated stretch, ∂P/∂α along the axes against the closed form in the stretches."""
    F = jnp.diag(jnp.array([1.3, 0.9, 0.9]))

    def closed(alpha):
        def energy(stretches):
            unimodular = stretches / jnp.prod(stretches) ** (1 / 3)
            return jnp.sum(unimodular**alpha - 1) / alpha + KAPPA / 2 * (jnp.prod(stretches) - 1) ** 2

        return jax.grad(energy)(jnp.diagonal(F))

    def law(alpha):
        return jnp.diagonal(Ogden(mu=jnp.ones(1), alpha=alpha[None], kappa=KAPPA).first_piola(F))

    three = lambda f: jax.jit(_and_before(_and_before(lambda alpha: (f(alpha),))))(jnp.asarray(1.7))
    for found, expected in zip(three(law), three(closed), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-13)


@pytest.mark.slow
def test_fourth_derivative_is_nan_not_wrong():
    law = Ogden(mu=[1.0], alpha=[3.0], kappa=KAPPA)
    function = lambda t: law.energy(jnp.eye(3) + t * jnp.ones((3, 3)))
    for _ in range(3):
        function = jax.jacfwd(function)
    third, fourth = jax.jit(lambda t: jax.jvp(function, (t,), (jnp.ones_like(t),)))(jnp.asarray(0.05))
    assert np.isfinite(third) and np.isnan(fourth)
