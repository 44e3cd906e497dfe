"""Divided bodies in time: what they store, how they go on, and that parts change nothing."""

import pathlib

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from _processes import outputs, started

import simphys as sp
from simphys.distributed import DividedConjugateGradients, PartField, Parts
from simphys.stepping import (
    BackwardEuler,
    DividedBody,
    Semidiscrete,
    StepFailed,
    march,
    march_adaptively,
    march_resumably,
)


PROGRAM = (pathlib.Path(__file__).parent / "data" / "divided_march.py").read_text()


def plate(held=(), cells=(4, 3), **more):
    mesh = sp.fem.rectangle(cells)
    law = sp.materials.IsotropicConduction(k=sp.fem.CellField(jnp.linspace(1.0, 3.0, mesh.n_cells)))
    heated = {"heater": sp.physics.Flux("right", 2.0)}
    return sp.physics.Heat(sp.fem.FunctionSpace(mesh, degree=1), law, held, heated, capacity=2.0, **more)


def test_a_divided_body_stores_and_conducts_what_the_whole_does():
    body = plate()
    parts = Parts(body, 1, parts=3)
    divided, whole = DividedBody(parts, body), Semidiscrete(body)
    u, t = jnp.sin(jnp.arange(20.0)), jnp.zeros(())
    own = divided.consistent(u, t)
    for name in ("stored", "flow"):
        both = eqx.filter_jit(lambda evolution, u, name=name: getattr(evolution, name)(u, t))
        np.testing.assert_allclose(parts.whole(both(divided, own)), both(whole, u), rtol=1e-12, atol=1e-13)
    # A stage is the sum of both, and what it is judged by that of the whole.
    known = jnp.cos(jnp.arange(20.0))
    stages = divided.stage(t, jnp.asarray(3.0), parts.split(known)), whole.stage(t, jnp.asarray(3.0), known)
    mine, other = (eqx.filter_jit(lambda s, y: s.evaluate(y))(s, y) for s, y in zip(stages, (own, u), strict=True))
    np.testing.assert_allclose(parts.whole(mine.residual), other.residual, rtol=1e-12, atol=1e-13)
    assert float(mine.scale) == pytest.approx(float(other.scale), rel=1e-12)
    assert float(mine.energy) == pytest.approx(float(other.energy), rel=1e-12)
    # The mean of squares over places of which some are empty.
    judged = divided.judged(own)
    assert float(jnp.mean(judged**2)) == pytest.approx(float(jnp.mean(u**2)), rel=1e-12)


def test_fields_of_the_whole_and_of_parts_are_told_apart_by_shape():
    body = plate([sp.fem.Dirichlet("left", 1.0)])
    parts = Parts(body, 1, parts=3)
    fields = jnp.sin(jnp.arange(40.0)).reshape(2, 20)
    own = jnp.stack([parts.split(field) for field in fields])
    np.testing.assert_array_equal(parts.whole(own), fields)
    divided = DividedBody(parts, body)
    assert divided.like().shape == (20,)
    state = divided.consistent(0.5, jnp.zeros(()))
    expected = np.where(np.asarray(body.space.marked("left")), 1.0, 0.5)
    np.testing.assert_array_equal(parts.whole(state), expected)
    np.testing.assert_array_equal(divided.consistent(state, jnp.zeros(())), state)
    rates = divided.spread(2.0, state)
    np.testing.assert_array_equal(parts.whole(rates), np.full(20, 2.0))


def solid(law, **more):
    space = sp.fem.FunctionSpace(sp.fem.rectangle((4, 2), (2.0, 1.0)), degree=1, components=2)
    pull = {"pull": sp.physics.Traction("right", (0.2, 0.1))}
    return sp.physics.Solid(space, sp.materials.PlaneStrain(law), [sp.fem.Dirichlet("left", 0.0)], pull, **more)


PLASTIC = sp.materials.J2Plasticity(E=10.0, nu=0.3, yield_stress=0.15, hardening=1.0)


def test_what_parts_remember_is_what_the_whole_remembers():
    body = solid(PLASTIC)
    parts = Parts(body, 1, parts=3)
    divided, whole = DividedBody(parts, body), Semidiscrete(body)
    x = np.asarray(body.space.nodes())
    u, t = jnp.asarray(0.1 * np.stack([x[:, 0], -x[:, 0] * x[:, 1]], axis=1)), jnp.zeros(())
    assert all(isinstance(f, PartField) for f in jax.tree.leaves(divided.history(), is_leaf=_is_part))
    after = divided.remembering(eqx.filter_jit(lambda d: d.remembered(parts.split(u), t))(divided), jnp.zeros(()))
    expected = whole.remembered(u, t)
    found = after.gathered(after.history())
    assert jax.tree.structure(found) == jax.tree.structure(expected)
    assert float(jnp.max(expected.accumulated.values)) > 0.1
    for mine, other in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-12, atol=1e-14)
    again = after.divided((found, parts.whole(parts.split(u))), (after.history(), parts.split(u)))
    np.testing.assert_array_equal(after.gathered(again[0]).plastic.values, found.plastic.values)
    np.testing.assert_array_equal(again[1], parts.split(u))
    np.testing.assert_array_equal(after.undivided.state.plastic.values, found.plastic.values)


def _is_part(leaf):
    return isinstance(leaf, PartField)


def test_what_is_not_led_by_parts_is_named():
    body = plate()
    parts, times = Parts(body, 1, parts=2), [0.0, 1.0]
    with pytest.raises(ValueError, match=r"`parts` must be a `distributed.Parts` of the problem, got a `int`"):
        march(BackwardEuler(), body, 0.0, times, parts=2)
    with pytest.raises(ValueError, match="A balance law on a mesh is divided .* got a `ODE`"):
        march(BackwardEuler(), sp.stepping.ODE(lambda t, u, args: -u), 1.0, times, parts=parts)
    with pytest.raises(ValueError, match="another mesh or of other terms"):
        march(BackwardEuler(), plate(cells=(5, 3)), 0.0, times, parts=parts)
    with pytest.raises(ValueError, match=r"`state` must have shape \(20,\), got \(2, 10, 1\)"):
        march(BackwardEuler(), body, parts.split(jnp.zeros(20)), times, parts=parts)
    with pytest.raises(ValueError, match="`Newmark` is for problems of the second order in time"):
        march(sp.stepping.Newmark(), body, 0.0, times, parts=parts)
    mesh = sp.fem.rectangle((4, 3))
    phase = sp.physics.AllenCahn(sp.fem.FunctionSpace(mesh, degree=1), sp.materials.DoubleWell(), gradient_energy=0.1)
    with pytest.raises(ValueError, match="`ConvexSplitting` is not divided among devices"):
        march(sp.stepping.ConvexSplitting(), phase, 0.1, times, parts=Parts(phase, 1, parts=2))


@pytest.mark.slow
def test_a_march_on_devices_has_the_gradient_of_the_undivided_one(tmp_path):
    with started(PROGRAM, [["0", "4"]], tmp_path, "--xla_force_host_platform_device_count=4") as running:
        (text,) = outputs(running, tmp_path, 400)
    found = [np.array(line.split()[1:], float) for line in text.splitlines() if line.startswith("FOUND")]
    assert [row[0] for row in found] == [0, 4]
    for row in found[1:]:
        np.testing.assert_allclose(row[1:], found[0][1:], rtol=1e-10, atol=1e-12)


@pytest.mark.slow
def test_a_march_of_three_parts_goes_on_with_two(tmp_path):
    body, times = plate([sp.fem.Dirichlet("left", 1.0)]), np.linspace(0.0, 1.0, 5)
    file = tmp_path / "march.npz"
    options = dict(every=2, method=sp.Newton(rtol=1e-12, least_steps=1), observe=_warmth, name="test")

    def stop(done, count):
        raise KeyboardInterrupt

    lead = lambda parts, **more: march_resumably(
        sp.stepping.BDF2(), body, 0.0, times, file=file, parts=parts, **options, **more
    )
    with pytest.raises(KeyboardInterrupt):
        lead(Parts(body, 1, parts=3), on_iteration=stop)
    assert file.exists()
    counted = []
    found = lead(Parts(body, 1, parts=2), on_iteration=lambda done, count: counted.append(done))
    assert counted == [4]
    file.unlink()
    expected = lead(None)
    assert found.values.shape == expected.values.shape == (5, 20)
    np.testing.assert_allclose(found.values, expected.values, rtol=1e-10)
    np.testing.assert_allclose(found.observed, expected.observed, rtol=1e-10)


@pytest.mark.slow
def test_steps_are_chosen_as_without_parts_and_a_failure_is_told():
    body = plate([sp.fem.Dirichlet("left", 1.0)])
    parts = Parts(body, 1, parts=3)
    lead = lambda **more: march_adaptively(BackwardEuler(), body, 0.5, (0.0, 0.3), rtol=0.02, max_steps=60, **more)
    found, expected = lead(parts=parts), lead()
    assert 4 < int(expected.steps) == int(found.steps)
    np.testing.assert_allclose(found.times, expected.times, rtol=1e-10)
    np.testing.assert_allclose(parts.whole(found.values), expected.values, rtol=1e-10)
    method = sp.Newton(rtol=2e-14, max_steps=1, linear_solver=DividedConjugateGradients(max_steps=1))
    with pytest.raises(StepFailed, match="Step 0 from t = 0 to 1 failed, "):
        march(BackwardEuler(), body, 0.5, [0.0, 1.0], parts=parts, method=method)


def _warmth(t, u, problem):
    return jnp.sum(u)
