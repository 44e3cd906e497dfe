"""A user's own equations: manufactured solutions, the same equations as built in, gradients, refusals."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from _manufactured import root

import simphys as sp
from simphys import RESULTS
from simphys.fem import CellField, Dirichlet, Energy, FunctionSpace, Weak, line, rectangle
from simphys.materials import IsotropicConduction
from simphys.physics import Balance, Convection, Flux, Heat, NodalForces
from simphys.stepping import BackwardEuler, Newmark, march


def exact(x):
    return jnp.sin(jnp.pi * x[0]) * jnp.sin(jnp.pi * x[1])


def flux(x):
    return (1 + exact(x) ** 2) * jax.grad(exact)(x)


def poisson(u, at, strength):
    source = -jnp.trace(jax.jacfwd(flux)(at.position))
    return -strength * source, (1 + u.value**2) * u.gradient


def manufactured(n, degree=2):
    space = FunctionSpace(rectangle((n, n)), degree)
    return Balance(space, [Weak(poisson, jnp.array(1.0))], [Dirichlet("all", 0.0)])


@pytest.mark.slow
def test_nonlinear_poisson_at_its_order():
    errors = []
    for n in (4, 8):
        pde = manufactured(n)
        errors.append(jnp.max(jnp.abs(root(pde) - jax.vmap(exact)(pde.space.nodes()))))
    assert 2.8 < np.log2(errors[0] / errors[1]) < 4.2 and errors[1] < 5e-5


@pytest.mark.slow
def test_its_gradient_passes_a_taylor_test():
    pde = manufactured(3, 1)
    strength = lambda pde: pde.forms[0].parameters
    total = lambda s: jnp.sum(sp.solve(eqx.tree_at(strength, pde, s), method=sp.Newton(rtol=1e-13)).value ** 2)
    both = jax.jit(jax.value_and_grad(total))
    at, slope = both(1.0)
    rest = [abs(both(1.0 + h)[0] - at - h * slope) for h in (1e-2, 5e-3)]
    assert 3.8 < rest[0] / rest[1] < 4.2


def conducting(k):
    """Heat as a built-in law and as a user's own: an energy, a Robin condition on a side, a flux through another."""
    mesh = rectangle((3, 2), (2.0, 1.0))
    space = FunctionSpace(mesh)
    law = IsotropicConduction(k=k)
    known = Heat(space, law, loads=[Convection("right", 3.0, 1.0), Flux("left", 0.5)], capacity=2.0)
    inner = Energy(lambda u, at, k: k * jnp.vdot(u.gradient, u.gradient) / 2, k, linear=True)
    outer = Weak(lambda u, at, h: (h * (u.value - 1.0), None), jnp.array(3.0), "right", symmetric=True, linear=True)
    drained = Weak(lambda u, at, q: (q, None), jnp.array(0.5), "left")
    stored = Energy(lambda u, at, c: c * u.value**2 / 2, jnp.array(2.0), linear=True)
    return known, Balance(space, [inner, outer, drained], stored=stored)


@pytest.mark.slow
def test_the_same_as_a_built_in_law():
    known, own = conducting(CellField(jnp.linspace(1.0, 2.0, 6)))
    assert own.linear and [sight.slots for sight in own.sights] == [("gradient",), ("value",), ("value",)]

    @eqx.filter_jit
    @eqx.filter_value_and_grad(has_aux=True)
    def of(problem):
        solution = sp.solve(problem)
        return jnp.sum(solution.value), solution

    ((_, b), mine), ((_, a), theirs) = of(own), of(known)
    np.testing.assert_allclose(b.value, a.value, rtol=1e-12)
    assert b.stats.newton_steps == 1
    np.testing.assert_allclose(mine.forms[0].parameters.values, theirs.material.k.value.values, rtol=1e-9)
    np.testing.assert_allclose(mine.forms[1].parameters, theirs.loads[0].h, rtol=1e-9)


@pytest.mark.slow
def test_a_module_with_weights_in_every_mode():
    """−u'' + w u = 1 for several w at once, and the derivative by w."""

    class Reaction(eqx.Module):
        weight: jax.Array

        def __call__(self, u, at, _):
            return self.weight * u.value - 1.0, u.gradient

    space = FunctionSpace(line(20, 1.0), 2)
    pde = Balance(space, [Weak(Reaction(jnp.array(1.0)))], [Dirichlet("all", 0.0)])
    at = int(np.flatnonzero(space.nodes()[:, 0] == 0.5)[0])
    middle = lambda w: sp.solve(eqx.tree_at(lambda p: p.forms[0].function.weight, pde, w)).value[at]
    weights = jnp.array([1.0, 4.0])
    closed = lambda w: (1 - 1 / jnp.cosh(jnp.sqrt(w) / 2)) / w
    values, slopes = jax.jit(jax.vmap(jax.value_and_grad(middle)))(weights)
    np.testing.assert_allclose(values, closed(weights), rtol=1e-6)
    np.testing.assert_allclose(slopes, jax.vmap(jax.grad(closed))(weights), rtol=1e-5)


@pytest.mark.slow
def test_inertia_by_a_weak_form():
    """Accelerations begin at 0, where nothing is stored yet; a form has no energy that could guard the first step."""
    space, pull = FunctionSpace(line(2, 1.0)), Weak(lambda u, at, _: (u.value**3 - 1.0, u.gradient))
    forms = Weak(lambda u, at, _: (1.3 * u.value, None)), Energy(lambda u, at, _: 0.65 * u.value**2)
    laws = [Balance(space, [pull], [Dirichlet("left", 0.0)], stored=form, order=2) for form in forms]
    found = [march(Newmark(), law, (0.1, 0.0), jnp.linspace(0.0, 0.1, 3)).final.u for law in laws]
    np.testing.assert_allclose(found[0], found[1], rtol=1e-9)


def mixture(u, at, k):
    c, mu = u
    return (c.value**3 - c.value - mu.value, k * c.gradient), (None, mu.gradient)


@pytest.mark.slow
def test_fields_that_nothing_stores():
    space = FunctionSpace(line(8, 1.0))
    stored = Weak(lambda u, at, _: (None, (u[0].value, None)), linear=True)
    own = Balance((space, space), [Weak(mixture, jnp.array(1e-2), degree=4)], stored=stored)
    known = sp.physics.CahnHilliard(space, lambda c: (c**2 - 1) ** 2 / 4, gradient_energy=1e-2)
    c0 = 0.3 * jnp.cos(2 * jnp.pi * space.nodes()[:, 0])
    start = (c0, jnp.zeros_like(c0)), jnp.linspace(0.0, 0.02, 5)
    found = [march(BackwardEuler(), problem, *start).values[0][-1] for problem in (known, own)]
    np.testing.assert_allclose(found[1], found[0], rtol=1e-7, atol=1e-12)


def test_refusals():
    space = FunctionSpace(rectangle((2, 2)), 1)
    fixed = [Dirichlet("all", 0.0)]
    transported = lambda u, at, a: (a @ u.gradient, u.gradient)
    speed = jnp.array([1.0, 0.0])
    for terms, message in (
        ([Weak(lambda u, at, p: (u.gradient, None))], r"`f0` .* shape of the field's value, \(\), got \(2,\)"),
        ([Weak(lambda u, at, p: (None, u.value))], r"`f1` .* gradient, \(2,\), got \(\)"),
        ([Weak(lambda u, at, p: u.value)], "pair"),
        ([Energy(lambda u, at, p: u.gradient)], "scalar"),
        ([Weak(lambda u, at, p: (u.value, None), where="nowhere")], "'nowhere'; there are 'bottom', 'left'"),
        ([Weak(lambda u, at, p: (None, None))], "neither looks at"),
        ([Weak(transported, speed, symmetric=True)], "not symmetric"),
        ([], "at least one"),
        ([lambda u: u], "must be `fem.Weak` or `fem.Energy`"),
    ):
        with pytest.raises(ValueError, match=message):
            Balance(space, terms, fixed)
    with pytest.raises(ValueError, match="`order`"):
        Balance(space, [Weak(transported, speed)], fixed, order=3)
    with pytest.raises(ValueError, match="`loads` must be loads.*got 'left'"):
        Balance(space, [Weak(transported, speed)], loads=["left"])
    with pytest.raises(ZeroDivisionError):
        Balance(space, [Weak(lambda u, at, p: (u.value, 1 / 0))], fixed)


@pytest.mark.slow
def test_a_claim_to_be_linear_that_is_not_true():
    space = FunctionSpace(line(4, 1.0))
    loads = [NodalForces(jnp.ones(5))]
    bent = Energy(lambda u, at, p: jnp.sum(u.gradient**2) / 2 + 1e-2 * u.value**4, linear=True)
    found = sp.solve(Balance(space, [bent], [Dirichlet("left", 0.0)], loads), throw=False)
    assert found.result == RESULTS.tangent_wrong and jnp.all(jnp.isnan(found.value))


@pytest.mark.slow
def test_sources_within_terms_grow_along_a_load_path():
    """The whole source at once throws Newton's first step far off; at rest, what pushes is held."""
    space = FunctionSpace(line(8, 1.0))
    steady = Weak(
        lambda u, at, k: (u.value * u.gradient[0] - 5.0 * jnp.sin(6 * at.position[0]), k * u.gradient), jnp.array(0.06)
    )
    problem = Balance(space, [steady], [Dirichlet("all", 0.0)])
    unloaded = problem.unloaded()
    np.testing.assert_allclose(unloaded.residual(unloaded.unknowns(None)), 0.0, atol=1e-15)
    found = sp.solve(problem)
    assert found.stats.cutbacks >= 1
    np.testing.assert_allclose(found.value, root(problem, found.value), rtol=1e-6, atol=1e-8)


@pytest.mark.slow
def test_loads_on_the_field_that_they_name():
    """Two fields that know nothing of each other: each feels its own load, as each alone would."""
    mesh = line(4, 1.0)
    spaces = FunctionSpace(mesh, 1), FunctionSpace(mesh, 2)
    conduct = lambda k, f: Energy(lambda u, at, p: k * jnp.sum(u[f].gradient ** 2) / 2, linear=True)
    held = [Dirichlet("left", 0.0), Dirichlet("left", 0.0, field=1)]
    loads = [sp.physics.Flux("right", -2.0), sp.physics.Source(3.0, field=1)]
    u, v = root(Balance(spaces, [conduct(1.0, 0), conduct(2.0, 1)], held, loads))
    x = spaces[1].nodes()[:, 0]
    np.testing.assert_allclose(u, 2.0 * spaces[0].nodes()[:, 0], atol=1e-12)
    np.testing.assert_allclose(v, 1.5 * (x - x**2 / 2), atol=1e-12)
    with pytest.raises(ValueError, match="`field` of a `Flux` must be below 2, got 2"):
        Balance(spaces, [conduct(1.0, 0), conduct(2.0, 1)], held, [sp.physics.Flux("right", -2.0, field=2)])
