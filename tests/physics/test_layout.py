"""A matrix is laid out for the terms and constraints of its problem: others are refused, by name."""

import equinox as eqx
import jax
import jax.numpy as jnp
import pytest
from _manufactured import root

import simphys as sp
from simphys import assembly, fem, physics
from simphys.fem import CellField, Dirichlet, Integral, cells_of
from simphys.materials import IsotropicConduction, LinearElastic, Polynomial
from simphys.physics import BodyForce, Convection, ElasticSupport, Flux, Heat, Solid, Source, Traction
from simphys.physics._terms import build
from simphys.stepping import BackwardEuler, march


def heat(*loads, **options):
    space = fem.FunctionSpace(fem.line(8, 1.0), 1)
    return Heat(space, IsotropicConduction(k=2.0), [Dirichlet("left", 1.0)], loads, **options)


def with_loads(problem, *loads):
    return eqx.tree_at(lambda p: p.loads, problem, loads)


def test_a_load_that_needs_another_layout_is_refused():
    """Seen before: the right value, ∂(mean T)/∂h off by half, and a clean certificate."""
    changed = with_loads(heat(Flux("right", 1.0)), Convection("right", 1.0, 0.0))
    with pytest.raises(ValueError, match="`Convection` over facets 'right'.*no such term"):
        sp.solve(changed)
    with pytest.raises(ValueError, match="`Convection` over facets 'right'"):
        sp.value_and_grad(lambda p: jnp.mean(sp.solve(p).value))(changed)


@pytest.mark.slow
def test_what_keeps_the_layout_may_be_replaced():
    """Other values, other dead loads, and exchange of another kind on the same facets."""
    problem = heat(Convection("right", 1.0, 0.0), Flux("left", 1.0))
    for loads in ((Convection("right", 3.0, 1.0), Source(2.0)), (Convection("right", 3.0, 1.0),)):
        replaced, made = root(with_loads(problem, *loads)), root(heat(*loads))
        assert jnp.allclose(replaced, made, rtol=1e-12)


@pytest.mark.parametrize(
    ("loads", "message"),
    [
        ((), "missing; .*`Convection` over facets 'right'"),
        (
            (Convection("left", 1.0, 0.0),),
            "`Convection` over facets 'left'.*laid out for `Convection` over facets 'right'",
        ),
        ((Convection("right", 1.0, 0.0), Convection("left", 1.0, 0.0)), "Term 3 .*over facets 'left'.*no such term"),
        ((physics.Closure(lambda local, point: local.value, degree=2),), "`Closure` over all cells"),
    ],
)
def test_number_and_domain_of_terms(loads, message):
    with pytest.raises(ValueError, match=message):
        sp.solve(with_loads(heat(Convection("right", 1.0, 0.0)), *loads))


def test_symmetry_of_terms():
    """A pattern of symmetric matrices knows no transposition: the adjoint of k(T) in it would be another's."""
    changed = eqx.tree_at(lambda p: p.material, heat(), IsotropicConduction(k=Polynomial([1.0, 0.5])))
    with pytest.raises(ValueError, match="not symmetric.*laid out for"):
        sp.solve(changed)


def test_groups_of_equal_size_are_told_apart():
    mesh = fem.rectangle((3, 3)).with_facet_group("top half", lambda x: x[1] > 1 - 1e-9)
    space = fem.FunctionSpace(mesh, 1, 2)
    solid = lambda where: Solid(
        space, sp.materials.PlaneStrain(LinearElastic(E=1.0, nu=0.3)), [], [ElasticSupport(where, 1.0)], density=1.0
    )
    with pytest.raises(ValueError, match="`ElasticSupport` over facets 'right'"):
        sp.solve(with_loads(solid("top"), ElasticSupport("right", 1.0)))


@pytest.mark.slow
def test_constraints_that_are_replaced_by_others_are_refused():
    """Values may change; nodes, components and kinds may not: they would be prescribed where the old ones stood."""
    problem = heat(Flux("right", 1.0))
    space = problem.space
    other = eqx.tree_at(lambda p: p.constraints[0].value, problem, jnp.asarray(3.0))
    assert float(sp.solve(other).value[0]) == 3.0
    for constraints, message in (
        ((Dirichlet("right", 1.0).resolved(space),), "Constraint 1 is a `Dirichlet`, values of 'right'"),
        (
            (*problem.constraints, Dirichlet("right", 1.0).resolved(space)),
            "Constraint 2 is a `Dirichlet`, values of 'right'",
        ),
        ((), "Constraint 1 is missing"),
    ):
        with pytest.raises(ValueError, match=message):
            sp.solve(eqx.tree_at(lambda p: p.constraints, problem, constraints))


class Own(physics.AbstractBalance):
    """A law of a user's own; `complete` tells whether its layout has the term that is stored."""

    space: fem.FunctionSpace
    constraints: tuple
    loads: tuple
    system: assembly.System
    k: jax.Array
    degree: int = eqx.field(static=True)

    def __init__(self, space, complete=True, degree=2):
        self.space, self.loads, self.k, self.degree = space, (), jnp.asarray(2.0), degree
        terms = self.terms() if complete else physics.Terms(self.terms().flow)
        self.constraints, self.system = build((space,), (Dirichlet("left", 1.0),), terms)

    def terms(self):
        flow = Integral(cells_of(self.space), _flow, self.k, slots=("gradient",), linear=True)
        where = cells_of(self.space, degree=self.degree)
        return physics.Terms((flow,), Integral(where, _kept, None, slots=("value",), linear=True))


def _flow(fields, point, k):
    return ((None, k * fields[0].gradient),)


def _kept(fields, point, _):
    return ((fields[0].value, None),)


@pytest.mark.slow
def test_a_law_in_time_without_room_for_what_it_stores_is_refused():
    """Seen before: 21 % off, the storage term being left out of the matrix."""
    space = fem.FunctionSpace(fem.line(8, 1.0), 1)
    times = jnp.linspace(0.0, 0.1, 3)
    march(BackwardEuler(), Own(space), 0.0, times)
    with pytest.raises(ValueError, match="over all cells"):
        march(BackwardEuler(), Own(space, complete=False), 0.0, times)
    with pytest.raises(ValueError, match="over all cells"):
        sp.solve(Own(space, complete=False))


def test_storage_that_is_integrated_too_coarsely_is_refused():
    space = fem.FunctionSpace(fem.rectangle((2, 2), cell_type="triangle"), 1)
    with pytest.raises(ValueError, match="degree 1, but products of values need 2.*mass_degree"):
        march(BackwardEuler(), Own(space, degree=1), 0.0, jnp.linspace(0.0, 0.1, 3))


@pytest.mark.slow
def test_parameters_of_any_kind_keep_the_layout():
    """A field in place of a number, a load of another magnitude: leaves change, terms do not."""
    problem = heat(Convection("right", 1.0, 0.0))
    varied = eqx.tree_at(lambda p: p.material.k.value, problem, CellField(jnp.full(8, 2.0)))
    assert jnp.allclose(root(varied), root(problem), rtol=1e-12)


@pytest.mark.slow
def test_loads_of_bodies():
    space = fem.FunctionSpace(fem.rectangle((2, 2)), 1, 2)
    law = sp.materials.PlaneStrain(LinearElastic(E=1.0, nu=0.3))
    solid = Solid(space, law, [Dirichlet("left", 0.0)], [Traction("right", (0.0, 1.0))])
    root(with_loads(solid, BodyForce((0.0, 1.0))))
    with pytest.raises(ValueError, match="`ElasticSupport` over facets 'right'"):
        sp.solve(with_loads(solid, ElasticSupport("right", 1.0)))
