"""Setting a problem up happens on the host: nothing is compiled for each new mesh."""

import jax
import jax.numpy as jnp
import pytest
from _compilations import compilations

import simphys as sp


@pytest.fixture
def compiled():
    """Durations of the compilations so far."""
    with compilations() as seen:
        yield seen


def body(n):
    space = sp.fem.FunctionSpace(sp.fem.box(n), components=3)
    conditions = [sp.fem.Dirichlet("left", 0.0), sp.fem.Dirichlet("right", (0.1, None, None))]
    return sp.physics.Solid(space, sp.materials.LinearElastic(E=1.0, nu=0.3), conditions)


@pytest.mark.slow
def test_nothing_is_compiled_for_a_mesh(compiled):
    """A second body of another size compiles nothing; solving it, which has to, is seen."""
    body((2, 2, 2))
    before = len(compiled)
    solid = body((3, 2, 4))
    assert len(compiled) == before
    sp.solve(solid)
    assert len(compiled) > before


def test_what_is_called_outside_of_jit_is_one_program(compiled):
    """Geometry, basis functions, node positions, functionals and evaluation, of a mesh of no other test."""
    space = sp.fem.FunctionSpace(sp.fem.rectangle((5, 3), (1.0, 0.7)), ("N1curl", 2))
    mesh, domain, field = space.mesh, sp.fem.cells_of(space), jnp.zeros(space.shape)
    sensors = space.locate([[0.3, 0.2]])
    jnp.sin(jnp.ones((1, 2)))

    def programs(function):
        before = len(compiled)
        return function(), len(compiled) - before

    geometry, count = programs(lambda: domain.geometry(mesh))
    assert count == 1
    assert programs(lambda: domain.basis(space, geometry, "value+gradient"))[1] == 1
    assert programs(lambda: space.evaluate(field, sensors))[1] == 1
    assert programs(lambda: space.interpolate(lambda x: x))[1] <= 4
    assert programs(sp.fem.FunctionSpace(mesh, 3).nodes)[1] <= 2


@pytest.mark.slow
def test_a_law_is_traced_few_times():
    """Residuals and tangents are traced once each, wherever a solve and its gradient use them (a dozen times)."""
    calls = []

    class Counted(sp.materials.LinearElastic):
        def energy(self, strain):
            calls.append(1)
            return super().energy(strain)

    space = sp.fem.FunctionSpace(sp.fem.box((2, 2, 2)), components=3)

    def stretched(modulus):
        law = Counted(E=modulus, nu=0.3)
        solid = sp.physics.Solid(space, law, [sp.fem.Dirichlet("left", 0.0), sp.fem.Dirichlet("right", 0.1)])
        return jnp.sum(sp.solve(solid).value ** 2)

    jax.jit(jax.grad(stretched)).lower(1.0)
    assert 0 < len(calls) <= 6
