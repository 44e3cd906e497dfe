"""Parameters out of range: refused by name when they are known, a named failure of the solve where they are not."""

import pathlib
import sys

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from _manufactured import root

import simphys as sp
from simphys._ranges import Ranged, _fields, _parts, admissible, inadmissible
from simphys.fem import CellField, Dirichlet, FunctionSpace
from simphys.materials import (
    IsotropicConduction,
    LinearElastic,
    PlaneStrain,
    Polynomial,
    Table,
)
from simphys.physics import Convection, ElasticSupport, Heat, Radiation, Solid, Traction
from simphys.stepping import BackwardEuler, march


sys.path.append(str(pathlib.Path(__file__).parents[1] / "materials"))
from _every_law import examples


@pytest.mark.breadth
@pytest.mark.parametrize("name", list(examples(1.0)))
def test_every_law_knows_its_ranges(name):
    law = examples(3.0)[name]()
    assert admissible(law) and not inadmissible(law)
    seen = 0
    for number, part in enumerate(_parts(law)):
        for field, value, interval in _fields(part):
            if value is None:
                continue
            at = lambda law, number=number, field=field: getattr(list(_parts(law))[number], field)
            worse = eqx.tree_at(
                at, law, jax.tree.map(lambda leaf, low=interval.low: jnp.full_like(leaf, low - 0.1), at(law))
            )
            assert not admissible(worse)
            assert inadmissible(worse)[0] == f"{type(part).__name__}.{field}"
            seen += 1
    assert seen or name in ("AnisotropicConduction", "OrthotropicElastic")


@pytest.mark.parametrize(
    "name, field, value",
    [
        ("LinearElastic", "nu", 0.7),
        ("NeoHooke", "lam", -5.0),
        ("MooneyRivlin", "c10", -5.0),
        ("Ogden", "mu", jnp.asarray([-1.0, 0.1, 0.1])),
        ("OrthotropicElastic", "nu12", 4.0),
        ("OrthotropicElastic", "nu23", 1.3),
        ("AnisotropicElastic", "stiffness", -jnp.ones((3, 3, 3, 3))),
        ("Viscoelastic", "shares", jnp.asarray([0.7, 0.4])),
        ("Thermoelastic", "reference", -3.0),
        ("DoubleWell", "phases", jnp.asarray([1.0, -1.0])),
        ("IsotropicConduction", "k.values", jnp.asarray([1.0, -1.0, 2.0])),
        ("IsotropicConduction", "k.temperatures", jnp.asarray([1.0, 1.0, 2.0])),
        ("AnisotropicConduction", "k.value", jnp.diag(jnp.asarray([1.0, -1.0, 1.0]))),
        ("AnisotropicConduction", "k.value", jnp.eye(3).at[0, 1].set(0.3)),
    ],
)
def test_relations(name, field, value):
    def at(law):
        for part in field.split("."):
            law = getattr(law, part)
        return law

    law = examples(3.0)[name]()
    assert not admissible(eqx.tree_at(at, law, jax.tree.map(lambda leaf: jnp.asarray(value, leaf.dtype), at(law))))


def test_what_has_no_range_costs_nothing():
    assert admissible((jnp.ones(3), lambda x: x)) is None


def test_a_module_of_ones_own():
    class Spring(Ranged):
        stiffness: jax.Array = sp.materials.positive()

        def __init__(self, stiffness):
            self.stiffness = jnp.asarray(stiffness)

    with pytest.raises(ValueError, match="`stiffness` must be positive"):
        Spring(-1.0)
    problem = sp.RootProblem(
        jax.tree_util.Partial(lambda k, y, args: k.stiffness * y - 1, Spring(2.0)), guess=jnp.ones(())
    )
    worse = eqx.tree_at(lambda p: p.function.args[0].stiffness, problem, jnp.asarray(-2.0))
    with pytest.raises(sp.NotConverged, match=r"These are: Spring\.stiffness\."):
        sp.solve(worse)


def plate(E=1.0, nu=0.3):
    space = FunctionSpace(sp.fem.rectangle((2, 1)), 1, components=2)
    return Solid(
        space, PlaneStrain(LinearElastic(E=E, nu=nu)), [Dirichlet("left", 0.0)], [Traction("right", [1.0, 0.0])]
    )


PLATE = plate()


@pytest.mark.slow
def test_under_jit_and_vmap():
    """Each lane by itself; and no gradient where there is no number."""
    E, nu = jnp.asarray([1.0, -1.0, 1.0, 2.0]), jnp.asarray([0.3, 0.3, 0.7, 0.2])
    law = lambda p: (p.material.material.E, p.material.material.nu)

    def size(E, nu):
        found = sp.solve(eqx.tree_at(law, PLATE, (E, nu)), throw=False)
        wrong = found.result == sp.RESULTS.parameters_inadmissible
        return jnp.sum(found.value**2), (wrong, found.certificate.converged)

    (_, (bad, converged)), slopes = jax.jit(jax.vmap(jax.value_and_grad(size, has_aux=True)))(E, nu)
    np.testing.assert_array_equal(bad, [False, True, True, False])
    np.testing.assert_array_equal(converged, ~bad)
    np.testing.assert_array_equal(np.isnan(slopes), bad)


@pytest.mark.slow
def test_by_name():
    with pytest.raises(sp.NotConverged, match=r"range in which its law.*LinearElastic\.nu\.") as caught:
        sp.solve(eqx.tree_at(lambda p: p.material.material.nu, PLATE, jnp.asarray(0.7)))
    assert caught.value.solution.result == sp.RESULTS.parameters_inadmissible
    with pytest.raises(ValueError, match="`nu` must lie between -1 and 0.5"):
        plate(nu=0.7)


def rod(**options):
    loads = [Convection("right", 2.0, 1.0)]
    return Heat(FunctionSpace(sp.fem.line(3)), IsotropicConduction(k=1.0), [Dirichlet("left", 0.0)], loads, **options)


@pytest.mark.parametrize(
    "where, name",
    [
        (lambda p: p.material.k.value, "IsotropicConduction.k"),
        (lambda p: p.loads[0].h, "Convection.h"),
        (lambda p: p.thickness, "Heat.thickness"),
        (lambda p: p.capacity.c.value, "HeatCapacity.c"),
    ],
)
def test_all_parts_of_a_problem(where, name):
    problem = rod(capacity=1.0)
    assert inadmissible(eqx.tree_at(where, problem, jnp.asarray(-1.0))) == [name]
    assert inadmissible(problem) == []


def test_fields_loads_and_density():
    space = FunctionSpace(sp.fem.rectangle((2, 1)), 1, components=2)
    law = PlaneStrain(LinearElastic(E=CellField([1.0, 2.0]), nu=0.3))
    body = Solid(space, law, [], [ElasticSupport("left", 1.0)], density=1.0)
    assert admissible(body)
    for where, bad, name in (
        (lambda p: p.material.material.E.values, [1.0, -1.0], "LinearElastic.E"),
        (lambda p: p.loads[0].stiffness, -1.0, "ElasticSupport.stiffness"),
        (lambda p: p.density, 0.0, "Solid.density"),
    ):
        assert inadmissible(eqx.tree_at(where, body, jnp.asarray(bad))) == [name]
    for make in (
        lambda: Convection("right", -1.0, 0.0),
        lambda: Convection("right", Table([0.0, 1.0], [1.0, -1.0]), 0.0),
        lambda: Radiation("right", -0.1, 300.0),
        lambda: ElasticSupport("left", -1.0),
    ):
        with pytest.raises(ValueError, match="0 or more"):
            make()
    assert Convection("right", Polynomial([1.0, -1.0]), 0.0).h.coefficients[1] == -1.0


@pytest.mark.slow
def test_a_march_ends_by_name():
    body = rod(capacity=1.0)
    cool = lambda k: march(
        BackwardEuler(),
        eqx.tree_at(lambda p: p.material.k.value, body, k),
        1.0,
        jnp.linspace(0.0, 1.0, 3),
        throw=False,
    )
    found = jax.jit(lambda k: (lambda f: (f.result, f.failed_step))(cool(k)))(jnp.asarray(-1.0))
    assert found[0] == sp.RESULTS.parameters_inadmissible and found[1] == 0


@pytest.mark.slow
@pytest.mark.parametrize("bad, k, load", [
    ("K", Polynomial([np.eye(1), -np.eye(1)]), Convection("right", 1.0, 2.0)),
    ("h", 1.0, Convection("right", Polynomial([1.0, -1.0]), 2.0)),
])  # fmt: skip
def test_a_coefficient_that_leaves_its_range_at_the_solution(bad, k, load):
    """T = 2 throughout is a root whatever k and h are, and they are −1 there."""
    law = sp.materials.AnisotropicConduction(k=k) if bad == "K" else IsotropicConduction(k=k)
    body = Heat(FunctionSpace(sp.fem.line(2)), law, [Dirichlet("left", 2.0)], [load])
    with pytest.raises(sp.NotConverged, match="depends on the solution") as caught:
        sp.solve(body, 2 * jnp.ones(3))
    assert caught.value.solution.result == sp.RESULTS.parameters_inadmissible
    cold = [Dirichlet("left", 0.5)]
    mild = Heat(body.space, law, cold, [Convection("right", load.h, 0.5)])
    np.testing.assert_allclose(root(mild), 0.5, rtol=1e-8)


@pytest.mark.slow
@pytest.mark.parametrize("capacity, start", [(Polynomial([1.0, -1.0]), 2.0), (Polynomial([1.0, 1.0]), 0.5)])
def test_a_capacity_that_leaves_its_range_at_the_solution(capacity, start):
    """Nothing flows: T stays as it is, a root whatever the capacity is, and that of the first is −1 there."""
    body = Heat(FunctionSpace(sp.fem.line(2)), IsotropicConduction(k=1.0), capacity=capacity)
    found = march(BackwardEuler(), body, start, jnp.linspace(0.0, 1.0, 2), throw=False)
    good = capacity(start) > 0
    assert found.result == (sp.RESULTS.successful if good else sp.RESULTS.parameters_inadmissible)
    np.testing.assert_allclose(found.values[-1], start if good else np.nan)


@pytest.mark.slow
@pytest.mark.parametrize("start", [2.0, 0.5])
def test_a_mobility_that_leaves_its_range_at_the_solution(start):
    """A uniform c stays as it is, whatever the mobility; 1 − c² is −3 at the first."""
    mixture = sp.physics.CahnHilliard(
        FunctionSpace(sp.fem.line(2)),
        sp.materials.DoubleWell(),
        gradient_energy=0.1,
        mobility=Polynomial([1.0, 0.0, -1.0]),
    )
    found = march(BackwardEuler(), mixture, (start, 0.0), jnp.array([0.0, 0.1]), throw=False)
    # The potential that belongs to the first state is solved for before the first step, which then has none to begin with.
    assert found.result == (sp.RESULTS.successful if start < 1 else sp.RESULTS.nonfinite)


def test_hardening():
    steel = dict(E=1.0, nu=0.3, yield_stress=1.0)
    for law in (sp.materials.J2Plasticity, sp.materials.FinitePlasticity):
        for name in ("hardening", "rate", "kinematic", "recovery"):
            with pytest.raises(ValueError, match=f"`{name}` must be 0 or more"):
                law(**steel, **{name: -0.1})
        assert law(**steel, saturation=-0.1, rate=1.0).symmetric
