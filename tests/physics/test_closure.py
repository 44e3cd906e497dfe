"""Closures: terms given by functions and networks, in any balance law."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from _manufactured import root
from _taylor import check_gradient

import simphys as sp
from simphys.inverse import train
from simphys.physics import BodyForce, Closure, Heat, Solid, Source
from simphys.stepping import BackwardEuler, march


def rod(closure, n=12, **options):
    space = sp.fem.FunctionSpace(sp.fem.line(n))
    ends = [sp.fem.Dirichlet("left", 0.0), sp.fem.Dirichlet("right", 1.0)]
    return Heat(space, sp.materials.IsotropicConduction(k=1.0), ends, [closure], **options)


def network(inputs=1, width=6, seed=0):
    return eqx.nn.MLP(inputs, "scalar", width, 1, jnp.tanh, key=jax.random.PRNGKey(seed), dtype=float)


class Reaction(eqx.Module):
    """A learned source s(T)."""

    net: eqx.nn.MLP

    def __call__(self, local, point):
        return self.net(jnp.atleast_1d(4 * local.value - 2))


@pytest.mark.slow
def test_a_constant_closure_is_a_body_force():
    space = sp.fem.FunctionSpace(sp.fem.rectangle((2, 2)), components=2)
    law = sp.materials.PlaneStrain(sp.materials.NeoHooke(mu=1.0, lam=2.0))
    body = lambda load: root(Solid(space, law, [sp.fem.Dirichlet("left", 0.0)], [load], thickness=0.5))
    force = jnp.array([0.0, -0.05])
    np.testing.assert_allclose(body(Closure(lambda local, point: force)), body(BodyForce(force)), rtol=1e-9, atol=1e-12)


@pytest.mark.slow
def test_a_flux_closure_is_conduction():
    """q = −∇T in a closure doubles the conductivity: half the rise that a source gives."""
    flux = Closure(lambda local, point: (jnp.asarray(8.0), -local.gradient))
    np.testing.assert_allclose(root(rod(flux)), root(rod(Source(4.0))), rtol=1e-9, atol=1e-12)


@pytest.mark.slow
def test_fisher_s_front_is_as_exact_as_its_mesh():
    """u'' + u(1 − u) c = f made for u = x + x(1 − x): order 2 in the mesh width."""
    exact = lambda x: x + x * (1 - x)
    source = lambda local, point: (
        5 * local.value * (1 - local.value) + 2 - 5 * exact(point.position[0]) * (1 - exact(point.position[0]))
    )
    errors = []
    for n in (8, 16):
        found = rod(Closure(source, degree=6), n)
        x = found.space.nodes()[:, 0]
        values = root(found)
        # Nodal values in 1-D are better than the field: the midpoints tell.
        middle = (values[jnp.argsort(x)][1:] + values[jnp.argsort(x)][:-1]) / 2
        points = (jnp.sort(x)[1:] + jnp.sort(x)[:-1]) / 2
        errors.append(float(jnp.max(jnp.abs(middle - exact(points)))))
    assert 1.8 < np.log2(errors[0] / errors[1]) < 2.2


@pytest.mark.slow
def test_gradient_of_a_march_with_respect_to_the_weights_of_a_closure():
    moving = rod(Closure(Reaction(network())), 4, capacity=1.0)
    put = lambda problem, net: eqx.tree_at(lambda p: p.loads[0].function.net, problem, net)
    times = jnp.linspace(0.0, 0.3, 4)
    loss = lambda net: jnp.sum(march(BackwardEuler(), put(moving, net), 0.0, times).values ** 2)
    assert check_gradient(loss, network()).order > 1.9


@pytest.mark.slow
def test_a_reaction_is_learned_from_temperatures():
    """s(T) = 6 T (1 − T) from four transients that pass through 0 … 1; right within 3 % of its maximum in 0.1 … 0.9."""
    truth = lambda T: 6 * T * (1 - T)
    exact = rod(Closure(lambda local, point: truth(local.value)), 8, capacity=1.0)
    starts = [0.1 * k for k in range(4)]
    times = jnp.linspace(0.0, 0.4, 9)
    run = lambda problem: jnp.stack([march(BackwardEuler(), problem, s, times).values for s in starts])
    measured = run(exact)
    learner = rod(Closure(Reaction(network(width=5))), 8, capacity=1.0)
    residuals = lambda net, base: run(eqx.tree_at(lambda p: p.loads[0].function.net, base, net)) - measured
    found = train(residuals, learner.loads[0].function.net, learner, max_iterations=40, tolerance=1e-3)
    T = jnp.linspace(0.1, 0.9, 17)
    learned = jax.vmap(lambda t: found.model(4 * t[None] - 2))(T)
    assert float(jnp.max(jnp.abs(learned - truth(T)))) < 0.03 * 1.5
    untrained = jax.vmap(lambda t: network(width=5)(4 * t[None] - 2))(T)
    assert float(jnp.max(jnp.abs(untrained - truth(T)))) > 0.5


@pytest.mark.slow
def test_continuation_starts_without_the_closure():
    closure = Closure(lambda local, point: jnp.asarray(1.0))
    assert float(closure.unloaded().scale) == 0.0
    np.testing.assert_allclose(root(rod(closure.unloaded())), rod(closure).space.nodes()[:, 0], atol=1e-12)


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="`function` must be callable.*got 3.0"):
        Closure(3.0)
    pair = sp.fem.taylor_hood(sp.fem.rectangle((1, 1)))
    with pytest.raises(ValueError, match="one field, this one has several"):
        Closure(lambda local, point: local.value).integral(pair)
