"""A user's own equation by parts: what points see, fields of every kind, and its solution."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import simphys as sp
from simphys.distributed import Parts
from simphys.fem import CellField, Dirichlet, DomainField, Energy, FunctionSpace, NodalField, QuadratureField
from simphys.physics import Balance
from simphys.stepping import Newmark, march


SPACE = FunctionSpace(sp.fem.rectangle((4, 3), (2.0, 1.0)), degree=2)


def bulk(u, at, p):
    """A density that looks at everything a point sees."""
    steep = jnp.sqrt(1 + p["stiff"] * jnp.sum(u.gradient**2))
    return steep + at.size * p["given"] * u.value**2 + at.position[0] * p["load"] * u.value


def edge(u, at, p):
    """Of the boundary: what its normals and the numbers of its own points say."""
    return (at.normal[0] + 2) * p * u.value**2 / 2


def equation(held=()):
    cells = np.arange(12.0)
    points = sp.fem.cells_of(SPACE, degree=4).geometry(SPACE.mesh).measure.shape[1]
    fields = {
        "stiff": CellField(1 + cells / 12),
        "given": NodalField(1 + 0.1 * np.arange(SPACE.n_nodes)),
        "load": QuadratureField(np.cos(np.arange(12 * points)).reshape(12, points)),
    }
    facets = len(SPACE.mesh.facets("right"))
    sides = sp.fem.facets_of(SPACE, "right", degree=4).geometry(SPACE.mesh).measure.shape[1]
    ends = DomainField(1 + np.arange(float(facets * sides)).reshape(facets, sides))
    return Balance(SPACE, [Energy(bulk, fields, degree=4), Energy(edge, ends, where="right", degree=4)], held)


def test_points_of_parts_see_what_those_of_the_whole_see():
    body = equation()
    parts = Parts(body, 1, parts=3)
    u = jnp.sin(jnp.arange(float(SPACE.n_nodes)))
    mine = eqx.filter_jit(lambda d, u: d.evaluate(d.unknowns(u)))(parts.divide(body), u)
    whole = eqx.filter_jit(lambda b, u: b.evaluate(b.unknowns(u)))(body, u)
    np.testing.assert_allclose(parts.whole(mine.residual), whole.residual, rtol=1e-12, atol=1e-13)
    assert float(mine.energy) == pytest.approx(float(whole.energy), rel=1e-12)
    assert float(mine.scale) == pytest.approx(float(whole.scale), rel=1e-12)


@pytest.mark.slow
def test_its_solution_and_gradient_are_those_of_the_whole():
    body = equation([Dirichlet("left", 0.5)])
    parts = Parts(body, 1, parts=3)
    tight = sp.Newton(rtol=1e-12)

    @eqx.filter_jit
    @sp.value_and_grad
    def squares(body, parts):
        posed = body if parts is None else parts.divide(body)
        value = sp.solve(posed, method=tight).value
        return jnp.sum((value if parts is None else parts.whole(value)) ** 2)

    value, gradient, certificate = squares(body, parts)
    expected, reference, _ = squares(body, None)
    assert float(value) == pytest.approx(float(expected), rel=1e-11) and int(certificate.failures) == 0
    for number in (0, 1):
        mine, other = gradient.forms[number].parameters, reference.forms[number].parameters
        for a, b in zip(jax.tree.leaves(mine), jax.tree.leaves(other), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-8, atol=1e-9 * float(jnp.max(jnp.abs(b))))


@pytest.mark.slow
def test_a_wave_of_a_users_own_runs_through_parts():
    """ü = c² Δu on the unit square, held all round: the lowest mode comes back after its period, 2π/ω, ω = √2 π c."""
    space = FunctionSpace(sp.fem.rectangle((6, 6)), degree=1)
    stored = Energy(lambda u, at, p: u.value**2 / 2, linear=True)
    stretched = Energy(lambda u, at, c: c**2 * jnp.sum(u.gradient**2) / 2, jnp.array(2.0), linear=True)
    wave = Balance(space, [stretched], [Dirichlet("all", 0.0)], stored=stored, order=2)
    x = np.asarray(space.nodes())
    mode = jnp.asarray(np.sin(np.pi * x[:, 0]) * np.sin(np.pi * x[:, 1]))
    period = 2 / (np.sqrt(2) * 2.0)
    times = np.linspace(0.0, period, 33)
    parts = Parts(wave, 1, parts=3)
    options = dict(method=sp.Newton(rtol=1e-12, least_steps=1))
    found = march(Newmark(), wave, (mode, 0.0), times, parts=parts, **options)
    alone = march(Newmark(), wave, (mode, 0.0), times, **options)
    np.testing.assert_allclose(parts.whole(found.values), alone.values, rtol=0, atol=1e-10)
    # It has lost what the mesh's stiffness, 1 % too high here, makes of its phase.
    assert 0.8 < float(jnp.max(parts.whole(found.values)[-1])) < 1.0
