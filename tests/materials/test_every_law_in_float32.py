"""Every law in float32 and in any unit: its tangent and its derivatives by all parameters are those of float64."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from _every_law import answer, examples, known_laws
from _manufactured import newton_step
from jax.flatten_util import ravel_pytree

import simphys as sp
import simphys.materials as sm


PASCAL, MEGAPASCAL, ONE = 2e11, 2e5, 1.0


def test_no_law_is_left_out():
    assert known_laws() <= set(examples(1.0))


def joint(law):
    """What a law answers as a function of all its parameters and of the strain, in one array each."""
    parameters, rest = eqx.partition(law, eqx.is_inexact_array)
    at, unravel = ravel_pytree((parameters, answer(law)[1]))

    def function(x):
        parameters, strain = jax.tree.map(lambda leaf: leaf.astype(x.dtype), unravel(x.astype(at.dtype)))
        return answer(eqx.combine(parameters, rest))[0](strain)

    return function, at


LONG = "SmallPlaneStress of wood", "Ogden", "ErsatzFiniteStrain", "FinitePlaneStress"
LONG += "J2Plasticity", "FinitePlasticity", "Viscoelastic", "NeuralViscoelastic"
# (Those that are left out are parts of others here.)
PARTS = {"SmallPlaneStrain", "SmallPlaneStress", "FinitePlaneStrain", "OrthotropicElastic"}
CASES = [
    pytest.param(name, marks=pytest.mark.slow) if name in LONG else name for name in examples(1.0) if name not in PARTS
]


@pytest.mark.breadth
@pytest.mark.parametrize("name", CASES)
def test_derivatives(name):
    function, _ = joint(examples(ONE)[name]())

    @jax.jit
    def rough(x):
        value, pull = jax.vjp(lambda x: jnp.ravel(function(x)), x)
        return value, jax.vmap(lambda y: pull(y)[0])(jnp.eye(value.size, dtype=x.dtype))

    @jax.jit
    def exact(x):
        value, push = jax.linearize(lambda x: jnp.ravel(function(x)), x)
        return value, jax.vmap(push, out_axes=-1)(jnp.eye(x.size, dtype=x.dtype))

    for E in (PASCAL, MEGAPASCAL, ONE):
        x = joint(examples(E)[name]())[1].astype(jnp.float32)
        stress, wanted = map(np.asarray, exact(x.astype(jnp.float64)))
        found, jacobian = map(np.asarray, rough(x))
        size = np.max(np.abs(stress))
        np.testing.assert_allclose(found, stress, rtol=0, atol=2e-3 * size, err_msg=f"E = {E:g}")
        assert jacobian.dtype == np.float32
        # Entries of a column, the derivative by one parameter, are judged by the largest of them.
        columns = np.max(np.abs(wanted), axis=0) + 1e-3 * size / np.maximum(np.abs(np.asarray(x)), 1e-3)
        error = np.max(np.abs(jacobian - wanted) / columns, axis=0)
        assert np.all(error <= 5e-3), (E, np.flatnonzero(~(error <= 5e-3)), error)


@pytest.mark.slow
def test_through_a_solve():
    """The work of the loads on a linear body goes with 1/E, in Pa too; its slope by ν is that of float64."""
    space = sp.fem.FunctionSpace(sp.fem.rectangle((2, 1)), 1, components=2)
    law = sm.PlaneStress(sm.LinearElastic(E=PASCAL, nu=0.3))
    loads = [sp.physics.Traction("right", [1e6, 0.0])]
    body = sp.physics.Solid(space, law, [sp.fem.Dirichlet("left", 0.0)], loads)
    single = jax.tree.map(lambda a: a.astype(jnp.float32) if eqx.is_inexact_array(a) else a, body)
    constants = lambda body: (body.material.material.E, body.material.material.nu)
    work = lambda pair: jnp.sum(sp.solve(eqx.tree_at(constants, single, pair)).value[:, 0])
    value, slopes = jax.jit(jax.value_and_grad(work))(constants(single))
    by_E, by_nu = (float(p) * float(s / value) for p, s in zip((PASCAL, 0.3), slopes, strict=True))
    assert abs(by_E + 1) < 1e-3
    logarithm = lambda nu: np.log(
        newton_step(eqx.tree_at(constants, body, (jnp.asarray(PASCAL), jnp.asarray(nu))))[:, 0].sum()
    )
    np.testing.assert_allclose(by_nu, 0.3 * (logarithm(0.3001) - logarithm(0.2999)) / 2e-4, rtol=1e-2)
