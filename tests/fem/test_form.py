"""Functions of a user's own integrals: what they may return, be and hold, and what is refused by name."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from simphys.fem import CellField, Dirichlet, Energy, FunctionSpace, Weak, line, rectangle
from simphys.materials import IsotropicConduction
from simphys.physics import Balance, Closure, Heat, NodalForces


SPACE = FunctionSpace(line(2, 1.0))
HELD = (Dirichlet("left", 0.0),)
VALUE = jnp.array([0.0, 0.5, 1.0])


def density(u):
    return jnp.sum(u.gradient**2) / 2 + u.value**4


def residual(term, space=SPACE):
    problem = Balance(space, [term], HELD)
    return problem.residual(problem.unknowns(VALUE.astype(space.mesh.points.dtype)))


class Scaled(eqx.Module):
    """A module whose number may be anything."""

    factor: object

    def __call__(self, u, at, p):
        return self.factor * density(u)


def pair(slope):
    return slope.value, slope.gradient


TERMS = [
    Weak(lambda u, at, p: pair(eqx.filter_grad(density)(u))),
    Energy(lambda u, at, p: density(jax.tree.map(lambda x: 1.0 * x, u))),
    Energy(lambda u, at, p: density(eqx.tree_at(lambda u: u.value, u, 1.0 * u.value))),
    Energy(lambda u, at, p: sum(map(jnp.sum, jax.tree.leaves(eqx.filter(u, eqx.is_array)))) * 0.0 + density(u)),
    Weak(lambda u, at, p: (np.float32(4.0) * u.value.astype(jnp.float32) ** 3, [u.gradient[0]])),
    Energy(lambda u, at, p: density(u).astype(jnp.float32)),
    Energy(lambda u, at, p: density(u) + 0.0 * len(repr(u))),
    Energy(Scaled(np.array(1.0))),
    Energy(Scaled(1)),
    Energy(Scaled(CellField([1, 1]))),
    Energy(lambda u, at, p: p["a"][0] * density(u), dict(a=np.ones(1), b="name", c=None)),
]


def test_what_a_function_may_be_and_return():
    found = jax.jit(lambda: [residual(term) for term in (Energy(lambda u, at, p: density(u)), *TERMS)])()
    for number, other in enumerate(found[1:]):
        np.testing.assert_allclose(other, found[0], rtol=1e-6, err_msg=str(number))


def test_double_numbers_on_a_mesh_of_single_ones():
    with jax.enable_x64(False):
        mesh = line(2, 1.0)
    for factor in (jnp.asarray(2.0), np.array(2.0), CellField([2.0, 2.0])):
        found = residual(Energy(Scaled(factor)), FunctionSpace(mesh))
        assert found.dtype == jnp.float32
        np.testing.assert_allclose(found, 2 * residual(Energy(lambda u, at, p: density(u))), rtol=1e-6)


def test_refusals_of_forms():
    for make, message in (
        (lambda: Weak(density, "left"), "`parameters` is 'left': a group is named by `where='left'`"),
        (lambda: Weak(density, where=np.array([0])), "`where` must be None or the name"),
        (lambda: Energy(density, side=1), "`side` must be None or the name"),
        (lambda: Energy(density, degree=-1), "`degree` must be None or a whole number, 0 or more, got -1"),
        (lambda: Energy(density, degree=1.5), "`degree` .* got 1.5"),
        (lambda: residual(Weak(lambda u, at, p: (at.normal[0], None))), "no `normal` within cells"),
        (lambda: residual(Weak(lambda u, at, p: (1j, None))), "`f0` of `Weak.*` must be real numbers, got complex"),
        (lambda: residual(Weak(lambda u, at, p: ("1", None))), "`f0` of `Weak.*` must be real numbers, got '1'"),
        (lambda: residual(Energy(lambda u, at, p: (u.value > 0).astype(int))), "real scalar, got shape .* of int"),
        (lambda: residual(Energy(lambda u, at, p: None)), "must be real numbers, got None"),
        (lambda: Closure(density, degree=-1).integral(SPACE).domain.geometry(SPACE.mesh), "degree of a quadrature"),
    ):
        with pytest.raises(ValueError, match=message):
            make()


def test_refusals_of_lists():
    term, other = Energy(lambda u, at, p: density(u)), Energy(lambda u, at, p: density(u[0]) + density(u[1]))
    for make, message in (
        (lambda: Balance(SPACE, [term], [3]), "`constraints` must be `Dirichlet`.*got 3"),
        (lambda: Heat(SPACE, IsotropicConduction(k=1.0), "left"), "`constraints` must be `Dirichlet`.*got 'left'"),
        (lambda: Balance(SPACE, [term], (), 3), "`loads` must be loads.*got 3"),
        (lambda: Balance((SPACE, SPACE), [other], [Dirichlet("left", 0.0, field=2)]), "`field` .* below 2, got 2"),
        (lambda: Balance((SPACE, SPACE), [other], loads=[NodalForces(VALUE, 2)]), "`field` .* below 2, got 2"),
    ):
        with pytest.raises(ValueError, match=message):
            make()


def test_another_function_in_a_problem_that_was_made():
    """What it looks at and enters is known when a problem is made: more would be left away."""
    one = lambda function, p=None: Balance(SPACE, [Weak(function, p), Energy(lambda u, at, p: density(u))], HELD)
    constant, flagged = lambda u, at, p: (-1.0, None), lambda u, at, p: (u.value, u.gradient if p else None)
    apart = lambda u, at, p: ((None, u[0].gradient), None)
    two = Balance((SPACE, SPACE), [Weak(apart), Weak(lambda u, at, p: (None, pair(u[1])))], HELD)
    function, parameters = (lambda p: p.forms[0].function), (lambda p: p.forms[0].parameters)
    for problem, message in (
        (eqx.tree_at(function, one(constant), lambda u, at, p: (u.value, None)), "looks at a value"),
        (eqx.tree_at(function, one(constant), lambda u, at, p: (-1.0, jnp.ones(1))), "returns f1"),
        (eqx.tree_at(parameters, one(flagged, False), True), "looks at a gradient"),
        (eqx.tree_at(function, two, lambda u, at, p: ((None, u[1].gradient), None)), "looks at a gradient"),
        (eqx.tree_at(function, two, lambda u, at, p: (apart(u, at, p)[0], (-1.0, None))), "enters equation 1"),
    ):
        with pytest.raises(ValueError, match=message):
            problem.residual(problem.unknowns(None))


def test_claims_of_symmetry_unit_by_unit():
    """A field of large units does not cover what another lacks."""
    coupled = lambda u, at, back: (
        (None, 1e9 * u[0].gradient + u[1].value * jnp.ones(1)),
        (back * u[0].gradient[0], u[1].gradient),
    )
    make = lambda back: Balance((SPACE, SPACE), [Weak(coupled, jnp.array(back), symmetric=True)])
    make(1.0)
    with pytest.raises(ValueError, match="not symmetric"):
        make(0.0)


def test_a_claim_of_symmetry_about_hidden_values():
    """It is not tried where the numbers are not known yet, and what is hidden is differentiated."""

    def total(k):
        term = Weak(lambda u, at, p: (k * u.value, u.gradient), symmetric=True)
        return jnp.sum(residual(term))

    np.testing.assert_allclose(jax.jit(jax.grad(total))(2.0), jax.grad(total)(2.0), rtol=1e-12)
    assert abs(jax.grad(total)(2.0)) > 0.1


@pytest.mark.slow
def test_facets_seen_twice_and_groups_of_cells():
    """Two terms on one group are one term of their sum, cells of two groups are all cells."""
    halves = rectangle((2, 1)).with_cell_group("a", lambda x: x[0] < 0.6).with_cell_group("b", lambda x: x[0] > 0.4)
    space = FunctionSpace(halves)
    robin = lambda u, at, h: (h * u.value * at.normal[0], None)
    bulk = lambda u, at, k: k * density(u)
    apart = Balance(
        space, [Energy(bulk, 2.0, "a"), Energy(bulk, 2.0, "b"), Weak(robin, 1.0, "right"), Weak(robin, 2.0, "right")]
    )
    whole = Balance(space, [Energy(bulk, 2.0), Weak(robin, 3.0, "right")])
    y = jnp.linspace(0.0, 1.0, space.n_nodes)
    np.testing.assert_allclose(apart.residual(y), whole.residual(y), rtol=1e-12)
    np.testing.assert_allclose(apart.jacobian(y).as_matrix(), whole.jacobian(y).as_matrix(), rtol=1e-12, atol=1e-15)
