"""Vortices that stretch one another in three dimensions, beside a spectral method; the balance of energy of a step."""

import jax.numpy as jnp
import numpy as np
import pytest

from simphys import grids
from simphys.stepping import RK3, ImplicitMidpoint, march


VORTICES = (
    lambda x, y, z: jnp.sin(x) * jnp.cos(y) * jnp.cos(z),
    lambda x, y, z: -jnp.cos(x) * jnp.sin(y) * jnp.cos(z),
    0.0,
)
"""G. I. Taylor, A. E. Green, Proc. R. Soc. A 158 (1937) 499."""


def flow(n, nu):
    return grids.NavierStokes(grids.Grid.uniform((n, n, n), upper=2 * np.pi), nu, grids.Periodic())


def energy(t, now, problem):
    """Per volume: 1/8 at first."""
    return problem.kinetic_energy(now) / (2 * jnp.pi) ** 3


def spectral(n, nu, end, steps):
    """Energies at all times: Fourier's series, dealiased by two thirds, fourth-order Runge–Kutta."""
    k = np.stack(np.meshgrid(*[np.fft.fftfreq(n, 1 / n)] * 3, indexing="ij"))
    square, keep = np.sum(k**2, axis=0), np.all(np.abs(k) < n / 3, axis=0)
    x = np.stack(np.meshgrid(*[2 * np.pi * np.arange(n) / n] * 3, indexing="ij"))
    over = np.where(square > 0, 1 / np.where(square > 0, square, 1), 0)
    u = np.fft.fftn([np.sin(x[0]) * np.cos(x[1]) * np.cos(x[2]), -np.cos(x[0]) * np.sin(x[1]) * np.cos(x[2]), 0 * x[0]],
                    axes=(1, 2, 3))  # fmt: skip

    def rate(u):
        there = np.fft.ifftn(u, axes=(1, 2, 3)).real
        vorticity = np.fft.ifftn(1j * np.cross(k, u, axis=0), axes=(1, 2, 3)).real
        pushed = keep * np.fft.fftn(np.cross(there, vorticity, axis=0), axes=(1, 2, 3))
        return pushed - k * over * np.sum(k * pushed, axis=0) - nu * square * u

    found, h = [], end / steps
    for _ in range(steps + 1):
        found.append(np.sum(np.abs(u) ** 2) / 2 / n**6)
        a = rate(u)
        b = rate(u + h / 2 * a)
        c = rate(u + h / 2 * b)
        u = u + h / 6 * (a + 2 * b + 2 * c + rate(u + h * c))
    return np.array(found)


@pytest.mark.slow
def test_energy_is_lost_as_by_a_spectral_method():
    """At a Reynolds number of 100 until the dissipation has risen by half: of order two in the width of cells."""
    end, steps, nu = 3.0, 40, 0.01
    exact, errors, times = spectral(24, nu, end, steps), [], np.linspace(0, end, steps + 1)
    lost = -np.diff(exact)
    assert lost[-1] > 1.4 * lost[0] and abs(exact[0] - 1 / 8) < 1e-14
    for n in (16, 32):
        found = march(RK3(), flow(n, nu), flow(n, nu).space.field(VORTICES), times, observe=energy, save=None)
        errors.append(np.max(np.abs(found.observed - exact)) / (exact[0] - exact[-1]))
    assert errors[1] < 0.025 and np.log2(errors[0] / errors[1]) > 1.7, errors


@pytest.mark.slow
def test_a_step_of_the_midpoint_rule_loses_what_friction_takes_in_its_middle():
    """E₁ − E₀ = −h ν ∫ |∇v|² of the mean of both velocities, to the tolerance of solves: advection takes nothing."""
    nu, times = 0.02, np.array([0.0, 0.4, 1.0, 1.2])
    problem = flow(6, nu)
    found = march(ImplicitMidpoint(), problem, problem.space.field(VORTICES), times)
    v = [np.asarray(c) for c in found.values.velocity.components]
    volume = (2 * np.pi / 6) ** 3
    for i, h in enumerate(np.diff(times)):
        middle = [(c[i] + c[i + 1]) / 2 for c in v]
        slopes = sum(np.sum((np.roll(c, 1, a) - c) ** 2) for c in middle for a in range(3)) / (2 * np.pi / 6) ** 2
        lost = sum(np.sum(c[i] ** 2 - c[i + 1] ** 2) for c in v) * volume / 2
        np.testing.assert_allclose(lost, h * nu * slopes * volume, rtol=1e-7)
    # The third component is 0 at first, and made by advection.
    assert np.max(np.abs(v[2][-1])) > 0.05
