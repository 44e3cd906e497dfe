"""One program evaluates F for Newton's steps and for what is found of the point where they ended."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import simphys as sp


def _bar(load=-0.05, law=None, cells=(4, 2)):
    space = sp.fem.FunctionSpace(sp.fem.rectangle(cells, (2.0, 1.0)), components=2)
    law = sp.materials.PlaneStrain(sp.materials.NeoHooke(mu=1.0, lam=4.0) if law is None else law)
    return sp.physics.Solid(space, law, [sp.fem.Dirichlet("left", 0.0)], [sp.physics.Traction("right", (0.0, load))])


def _linear():
    return _bar(law=sp.materials.LinearElastic(E=10.0, nu=0.3))


def _times_assembled(problem, monkeypatch):
    """How often F is in the program of a solve."""
    seen = []
    monkeypatch.setattr(type(problem), "evaluate", _noting(type(problem).evaluate, seen))
    jax.eval_shape(lambda: sp.solve(problem, throw=False).value)
    return len(seen)


def _noting(evaluate, seen):
    def noted(self, y, args):
        seen.append(None)
        return evaluate(self, y, args)

    return noted


@pytest.mark.parametrize("make", [_bar, _linear])
def test_f_is_compiled_once(make, monkeypatch):
    """Shapes are asked for once more, which compiles nothing."""
    assert _times_assembled(make(), monkeypatch) == 2


@pytest.mark.parametrize("make", [_bar, _linear])
def test_what_is_reported_is_found_at_the_returned_point(make):
    solid = make()
    solution = sp.solve(solid)
    y = solid.unknowns(solution.value)
    found = solid.evaluate(y, None)
    size = float(jnp.linalg.norm(found.residual) / found.scale)
    assert float(solution.certificate.residual) == pytest.approx(size, rel=1e-3, abs=1e-14)
    assert 0 <= float(solution.certificate.tangent_defect) < 1e-6


@pytest.mark.slow
def test_too_few_steps_are_judged_where_they_ended():
    solid = _bar(-0.2)
    solution = sp.solve(solid, method=sp.Newton(max_steps=3), throw=False)
    assert solution.result != sp.RESULTS.successful and not bool(solution.certificate.converged)
    assert np.isfinite(float(solution.certificate.residual))


@pytest.mark.slow
def test_a_guess_that_is_no_number_has_no_residual():
    solid = _bar()
    guess = jnp.full(solid.space.n_nodes * 2, jnp.nan).reshape(-1, 2)
    solution = sp.solve(solid, guess, throw=False)
    assert not bool(solution.certificate.converged) and np.isnan(float(solution.certificate.residual))


@pytest.mark.slow
def test_members_of_an_ensemble_end_when_they_do():
    """One that takes few steps waits, and is judged, while others go on; each gives what it gives alone."""
    base = _bar()
    loads = jnp.array([-0.001, -0.1, -0.25])
    traction = lambda load: _bar(load)
    together = jax.vmap(lambda load: sp.solve(traction(load), throw=False).value)(loads)
    for load, found in zip(loads, together, strict=True):
        np.testing.assert_allclose(found, sp.solve(traction(load)).value, atol=1e-10)
    assert base.space.n_nodes == together.shape[1]
