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
    """Energy, stress, tangent and the tangent's derivative at many points; one program for all numbers of a law."""
    stress = jax.grad(energy)
    tangent = jax.jacfwd(stress)
    return jax.vmap(lambda F: (energy(F), stress(F), tangent(F), jax.jacfwd(tangent)(F)))(F)


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
    for order, (found, expected) in enumerate(pairs):
        for point in range(len(F)):
            tolerance = 1e-13 * 10**order * max(1.0, np.abs(expected[point]).max())
            np.testing.assert_allclose(found[point], expected[point], rtol=0, atol=tolerance)


@pytest.mark.breadth
@pytest.mark.parametrize("stretches", STRETCHES.values(), ids=STRETCHES)
@pytest.mark.parametrize("power", [-0.35, 1.5, -3.0, 4.0, 1e-4])
def test_divided_differences_to_sixty_digits(stretches, power):
    getcontext().prec = 60
    x = sorted(float(s) ** 2 for s in stretches)
    singles, pairs, triples = _differences(jnp.asarray(x), jnp.asarray([power]))
    nodes, b = [Decimal(v) for v in x], Decimal(power)

    def difference(points):
        # Equal nodes are moved apart by 1e-20, far below the tolerance and far above the precision.
        points = [p * (1 + i * Decimal("1e-20")) for i, p in enumerate(points)]
        table = [p**b for p in points]
        for level in range(1, len(points)):
            table = [(table[i + 1] - table[i]) / (points[i + level] - points[i]) for i in range(len(table) - 1)]
        return float(table[0])

    for found, index in [(pairs, _PAIRS), (triples, _TRIPLES)]:
        expected = [difference([nodes[i] for i in indices]) for indices in index]
        np.testing.assert_allclose(found[:, 0], expected, rtol=1e-11)
    np.testing.assert_allclose(singles[:, 0], np.asarray(x) ** power, rtol=1e-14)


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

    for _ in range(3):
        found, expected = jax.jit(law)(jnp.asarray(1.7)), jax.jit(closed)(jnp.asarray(1.7))
        np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-13)
        law, closed = jax.jacfwd(law), jax.jacfwd(closed)


@pytest.mark.slow
def test_fourth_derivative_is_nan_not_wrong():
    law = Ogden(mu=[1.0], alpha=[3.0], kappa=KAPPA)
    function = lambda t: law.energy(jnp.eye(3) + t * jnp.ones((3, 3)))
    for _ in range(3):
        function = jax.jacfwd(function)
    assert np.isfinite(jax.jit(function)(0.05))
    assert np.isnan(jax.jit(jax.jacfwd(function))(0.05))
